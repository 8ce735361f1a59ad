//! What admin and guardian do to the platform.

use pixr::{
    errors::PixrError,
    state::{Role, Settings, shard::Capacities},
};

use super::{Model, Verdict, action::Actor, need, state::Shard};

const HOUR: u32 = 3_600;
const MONTH: u32 = 30 * 24 * HOUR;
const LARGEST_ACCOUNT_BYTES: u64 = 10 << 20;

/// The size of a shard's account.
pub fn shard_bytes(capacities: Capacities) -> u64 {
    let Capacities { creators, contents, lanes } = capacities;
    512 + 64 * u64::from(creators) + (56 + 8) * u64::from(contents) + 96 * u64::from(lanes)
}

fn check_settings(settings: &Settings) -> Verdict {
    let fees = u32::from(settings.platform_fee_bps) + u32::from(settings.processing_fee_bps);
    let bps = [settings.platform_fee_bps, settings.processing_fee_bps, settings.initial_quality];
    let window = HOUR..=MONTH;
    need((1..=1 << 38).contains(&settings.base_rate), PixrError::BaseRateOutOfBounds)?;
    need(settings.batch_cap > 0, PixrError::CapsOutOfBounds)?;
    need(settings.batch_cap <= settings.day_cap, PixrError::CapsOutOfBounds)?;
    need(settings.withdraw_limit > 0, PixrError::WithdrawLimitOutOfBounds)?;
    need(window.contains(&settings.withdraw_window_seconds), PixrError::WithdrawWindowOutOfBounds)?;
    need(window.contains(&settings.withdraw_delay_seconds), PixrError::WithdrawDelayOutOfBounds)?;
    need(bps.iter().all(|bps| *bps <= 10_000), PixrError::BpsTooHigh)?;
    need(settings.shares_bps_max <= 10_000, PixrError::BpsTooHigh)?;
    need(fees <= 3_000, PixrError::FeesTooHigh)?;
    let baseline = HOUR..=3 * MONTH;
    let within = baseline.contains(&settings.baseline_seconds_min);
    need(within, PixrError::BaselineSecondsOutOfBounds)
}

impl Model {
    fn require_admin(&self, by: Actor) -> Verdict {
        need(by == self.state.platform.admin, PixrError::NotAdmin)
    }

    pub(super) fn update_settings(&mut self, by: Actor, settings: &Settings) -> Verdict {
        self.require_admin(by)?;
        check_settings(settings)?;
        self.state.platform.settings = *settings;
        Ok(())
    }

    pub(super) fn set_role(&mut self, by: Actor, role: Role, holder: Option<Actor>) -> Verdict {
        self.require_admin(by)?;
        *self.state.platform.holder(role) = holder.ok_or(PixrError::RoleIsZero)?;
        Ok(())
    }

    pub(super) fn propose_admin(&mut self, by: Actor, proposed: Option<Actor>) -> Verdict {
        self.require_admin(by)?;
        self.state.platform.pending_admin = proposed;
        Ok(())
    }

    pub(super) fn accept_admin(&mut self, by: Actor) -> Verdict {
        let platform = &mut self.state.platform;
        need(platform.pending_admin == Some(by), PixrError::NotProposed)?;
        platform.admin = by;
        platform.pending_admin = None;
        Ok(())
    }

    pub(super) fn pause(&mut self, by: Actor) -> Verdict {
        let platform = &mut self.state.platform;
        need(by == platform.guardian || by == platform.admin, PixrError::NotGuardian)?;
        platform.paused = true;
        Ok(())
    }

    pub(super) fn unpause(&mut self, by: Actor) -> Verdict {
        self.require_admin(by)?;
        self.state.platform.paused = false;
        Ok(())
    }

    pub(super) fn open_shard(
        &mut self,
        by: Actor,
        capacities: Capacities,
        surplus: i64,
    ) -> Verdict {
        let Capacities { creators, contents, .. } = capacities;
        self.require_admin(by)?;
        need(creators > 0 && contents > 0, PixrError::ShardCapacityOutOfBounds)?;
        need(contents <= 1 << 24, PixrError::ShardCapacityOutOfBounds)?;
        let fits = shard_bytes(capacities) <= LARGEST_ACCOUNT_BYTES;
        need(fits, PixrError::ShardCapacityOutOfBounds)?;
        need(surplus == 0, PixrError::ShardSizeMismatch)?;
        let number = u32::try_from(self.state.shards.len()).expect("few shards");
        self.state.shards.push(Shard::new(number, capacities));
        Ok(())
    }
}
