//! Commands of admin and guardian.

use pixr::state::shard::Capacities;
use pixr_tests::model::{Action, Actor};

use super::View;
use crate::command::*;

/// Most shards of a platform here.
const SHARDS_MAX: usize = 3;

impl View<'_> {
    pub(super) fn of_platform(self, command: &Command) -> Option<Action> {
        let platform = &self.model.state.platform;
        let admin = |who: Who| self.who(who, platform.admin);
        let somebody = |index: Option<u8>| index.map(|index| self.actor(index));
        match command {
            Command::OpenShard { who, creators, contents, lanes, misfit } => {
                let capacities =
                    Capacities { creators: *creators, contents: *contents, lanes: *lanes };
                self.open_shard(admin(*who), capacities, *misfit)
            }
            Command::UpdateSettings { who, settings } => {
                Some(Action::UpdateSettings { by: admin(*who), settings: *settings })
            }
            Command::SetRole { who, role, holder } => {
                Some(Action::SetRole { by: admin(*who), role: *role, holder: somebody(*holder) })
            }
            Command::ProposeAdmin { who, proposed } => {
                Some(Action::ProposeAdmin { by: admin(*who), proposed: somebody(*proposed) })
            }
            Command::AcceptAdmin { who } => {
                let right = platform.pending_admin.unwrap_or(platform.admin);
                Some(Action::AcceptAdmin { by: self.who(*who, right) })
            }
            Command::Pause { who } => Some(Action::Pause { by: self.who(*who, platform.guardian) }),
            Command::Unpause { who } => Some(Action::Unpause { by: admin(*who) }),
            _ => None,
        }
    }

    /// Nothing when there are enough shards and nothing is wrong with this one.
    fn open_shard(
        self,
        by: Actor,
        capacities: Capacities,
        misfit: Option<Misfit>,
    ) -> Option<Action> {
        let (capacities, surplus) = match misfit {
            None => (capacities, 0),
            Some(Misfit::Larger) => (capacities, 8),
            Some(Misfit::Smaller) => (capacities, -8),
            Some(Misfit::NoCreators) => (Capacities { creators: 0, ..capacities }, 0),
            Some(Misfit::NoContents) => (Capacities { contents: 0, ..capacities }, 0),
            Some(Misfit::TooManyContents) => {
                (Capacities { contents: (1 << 24) + 1, ..capacities }, 0)
            }
            Some(Misfit::TooLarge) => (Capacities { contents: 170_000, ..capacities }, 0),
        };
        let room = self.model.state.shards.len() < SHARDS_MAX;
        (room || misfit.is_some()).then_some(Action::OpenShard { by, capacities, surplus })
    }
}
