//! What the program reported: events, read from the logs of a transaction.

mod value;

use std::fmt;

use anchor_lang::{AnchorDeserialize, Discriminator, prelude::Pubkey};
use base64::{Engine, prelude::BASE64_STANDARD};
use pixr::events::*;
use serde_json::{Map, Value as Json};

use self::value::Value;
pub use self::value::{round_kind, round_kind_name};
use super::ChainTransaction;

/// Makes the enum of all events from their names and fields. A field that is missing here does not
/// compile.
macro_rules! events {
    ($($event:ident { $($field:ident),* $(,)? })*) => {
        /// An event of the program.
        pub enum ProgramEvent {
            $(#[doc = concat!("See [`pixr::events::", stringify!($event), "`].")] $event($event),)*
        }

        impl ProgramEvent {
            /// The names of all events.
            pub const NAMES: &[&str] = &[$(stringify!($event)),*];

            /// The event's name, as in the IDL.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$event(_) => stringify!($event),)*
                }
            }

            /// Reads what the program logged; `None` where it is no event of this version.
            fn decode(data: &[u8]) -> Option<Self> {
                $(if let Some(fields) = data.strip_prefix($event::DISCRIMINATOR) {
                    return $event::try_from_slice(fields).ok().map(Self::$event);
                })*
                None
            }

            /// The fields, by name.
            fn fields(&self) -> Vec<(&'static str, &dyn Value)> {
                match self {
                    $(Self::$event($event { $($field),* }) => {
                        vec![$((stringify!($field), $field as &dyn Value)),*]
                    })*
                }
            }
        }
    };
}

events! {
    PlatformInitialized { platform, mint, admin, settings }
    SettingsChanged { platform, before, after }
    RoleChanged { platform, role, before, after }
    AdminProposed { platform, proposed }
    AdminChanged { platform, before, after }
    PauseChanged { platform, by, paused }
    ShardOpened { platform, shard, vault, number, creators, contents, lanes }
    BudgetFunded { shard, funder, amount, budget_before, budget_after }
    CreatorRegistered { shard, creator, authority, by }
    ContentRegistered { shard, content, creator, id, quality }
    QualityChanged { shard, content, before, after, next_sequence }
    BatchSettled {
        shard, sequence, views, credited, owed, base_rate, unix_seconds, budget_before,
        budget_after, balances_before, balances_after, owed_before, owed_after, hash,
    }
    ViewsReversed { shard, sequence, views, value, base_rate, hash }
    Tipped {
        shard, creator, patron, amount, platform_fee, processing_fee, balance_before,
        balance_after, memo,
    }
    FeesCollected { shard, platform_fees, processing_fees }
    Withdrawn { shard, creator, destination, amount, balance_before, balance_after }
    WithdrawalRequested {
        shard, creator, withdrawal, destination, amount, balance_before, balance_after,
        executable_at,
    }
    WithdrawalExecuted {
        shard, creator, withdrawal, destination, amount, delayed_before, delayed_after,
    }
    WithdrawalCancelled { shard, creator, withdrawal, amount, balance_before, balance_after }
    FreezeChanged { shard, withdrawal, by, frozen }
    AuthorityProposed { shard, creator, proposed }
    AuthorityProposalCancelled { shard, creator, proposed }
    AuthorityChanged { shard, creator, before, after }
    RoundOpened { shard, round, content, number, by, terms, earned_at_opening, unix_seconds }
    Invested { round, position, investor, amount, invested, raised_before, raised_after }
    RoundFunded { round, raised, deliver_until }
    RoundCancelled { round, by, raised }
    Refunded { round, position, owner, by, destination, amount, raised_before, raised_after }
    RoundDelivered {
        shard, round, destination, manifest_hash, content, lane, raised, baseline_earned,
        baseline_seconds, earned_at_delivery, unix_seconds,
    }
    RoundSupported { shard, round, creator, amount, balance_before, balance_after }
    Claimed {
        round, position, owner, by, destination, amount, claimed_before, claimed_after, closed,
    }
    LaneRetired { shard, round, content, lane, uplift_high, owed }
    RoundClosed { shard, round, opener, dust, budget_before, budget_after, stray }
    PositionTransferred { round, position, before, after }
    PriceChanged { round, position, owner, before, after }
    PositionSold { round, position, seller, buyer, price, amount, claimed }
}

impl ProgramEvent {
    /// The fields as JSON. Integers of 64 bits are decimal texts, since many readers would round
    /// them; addresses are base58; hashes and ids are hexadecimal.
    pub fn json(&self) -> Json {
        let fields = self.fields().into_iter();
        Json::Object(
            fields.map(|(name, value)| (name.to_owned(), value.json())).collect::<Map<_, _>>(),
        )
    }

    /// The platform that the event names.
    pub fn platform(&self) -> Option<Pubkey> {
        self.field("platform")?.key()
    }

    /// The shard that the event is about.
    pub fn shard(&self) -> Option<Pubkey> {
        self.field("shard")?.key()
    }

    /// The index of the creator that the event is about.
    pub fn creator(&self) -> Option<u32> {
        self.field("creator")?.index()
    }

    /// The index of the content that the event is about.
    pub fn content(&self) -> Option<u32> {
        self.field("content")?.index()
    }

    /// The round that the event is about.
    pub fn round(&self) -> Option<Pubkey> {
        self.field("round")?.key()
    }

    /// The sequence of the batch that the event is about.
    pub fn sequence(&self) -> Option<u64> {
        self.field("sequence")?.number()
    }

    fn field(&self, name: &str) -> Option<&dyn Value> {
        self.fields().into_iter().find(|(other, _)| *other == name).map(|(_, value)| value)
    }
}

impl fmt::Debug for ProgramEvent {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} {}", self.name(), self.json())
    }
}

/// What a transaction's logs say.
#[derive(Debug, Default)]
pub struct Events {
    /// In the order in which they happened.
    pub events: Vec<ProgramEvent>,
    /// Whether the logs were too long for the cluster, so that events may be missing.
    pub truncated: bool,
}

/// The events of a transaction; none when it failed, since nothing of it happened.
pub fn events(transaction: &ChainTransaction) -> Events {
    if transaction.error.is_some() {
        return Events::default();
    }
    decode(&transaction.logs)
}

/// The events in logs. Only what the program itself logged counts: a line of data belongs to the
/// program that was invoked last and has not ended.
pub fn decode(logs: &[String]) -> Events {
    let mut found = Events::default();
    let mut invoked: Vec<&str> = Vec::new();
    let own = pixr::ID.to_string();
    for line in logs {
        if let Some(data) = line.strip_prefix("Program data: ") {
            if invoked.last() == Some(&own.as_str()) {
                // One field a call; the program logs an event as a whole.
                let data = BASE64_STANDARD.decode(data).ok();
                found.events.extend(data.and_then(|data| ProgramEvent::decode(&data)));
            }
        } else if line == "Log truncated" {
            found.truncated = true;
        } else if let Some(step) = step(line) {
            match step {
                Step::Invoked(program) => invoked.push(program),
                Step::Ended => {
                    invoked.pop();
                }
            }
        }
    }
    found
}

enum Step<'a> {
    Invoked(&'a str),
    Ended,
}

/// Reads `Program <address> invoke [<depth>]`, `Program <address> success` and
/// `Program <address> failed: <error>`. What programs log themselves starts with `Program log: `,
/// `Program data: ` or `Program return: `, whose second word is no address.
fn step(line: &str) -> Option<Step<'_>> {
    let (program, rest) = line.strip_prefix("Program ")?.split_once(' ')?;
    program.parse::<Pubkey>().ok()?;
    match rest {
        "success" => Some(Step::Ended),
        _ if rest.starts_with("invoke [") => Some(Step::Invoked(program)),
        _ if rest.starts_with("failed") => Some(Step::Ended),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
