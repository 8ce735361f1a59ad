//! What happens to a shard, one step at a time, whether it comes from the chain or from the store.

use std::fmt::Display;

use anchor_lang::prelude::Pubkey;
use serde_json::Value;

use super::files::{Change, Digest, KindName, Outcome, Registered};
use crate::{
    chain::{ChainTransaction, batches::settle_entries, events::events},
    settle::Kind,
};

/// An event as far as it changes a shard's books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A content was registered.
    Registered(Registered),
    /// Something changed between batches.
    Changed(Change),
    /// A batch was settled, or views reversed.
    Batch(Outcome),
}

/// A step with all that the transaction says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SentStep {
    Registered(Registered),
    Changed(Change),
    /// With its packed entries.
    Batch(Outcome, Vec<u8>),
}

/// What a transaction did to the shard at `address`, in order. Among it is what it did to rounds of
/// which the events do not tell the shard.
pub fn sent_steps(
    transaction: &ChainTransaction,
    address: &Pubkey,
) -> Result<Vec<SentStep>, String> {
    let mut steps = Vec::new();
    for event in events(transaction).events {
        if event.shard().map_or(event.round().is_none(), |shard| shard != *address) {
            continue;
        }
        steps.extend(match Step::read(event.name(), &event.json())? {
            None => None,
            Some(Step::Registered(new)) => Some(SentStep::Registered(new)),
            Some(Step::Changed(change)) => Some(SentStep::Changed(change)),
            Some(Step::Batch(batch)) => {
                let entries = sent_entries(transaction, address, batch.sequence)?;
                Some(SentStep::Batch(batch, entries))
            }
        });
    }
    Ok(steps)
}

/// The packed entries of a batch, from the transaction that settled it.
pub fn sent_entries(
    transaction: &ChainTransaction,
    address: &Pubkey,
    sequence: u64,
) -> Result<Vec<u8>, String> {
    let batches = settle_entries(&transaction.bytes).map_err(|error| error.to_string())?;
    let batch = batches.into_iter().find(|it| it.shard == *address && it.sequence == sequence);
    batch.map(|batch| batch.entries).ok_or_else(|| {
        format!("transaction {} has no entries of batch {sequence}", transaction.signature)
    })
}

/// Names of the events that are steps.
pub const NAMES: [&str; 19] = [
    "ContentRegistered",
    "QualityChanged",
    "Tipped",
    "Withdrawn",
    "WithdrawalRequested",
    "WithdrawalExecuted",
    "WithdrawalCancelled",
    "BudgetFunded",
    "FeesCollected",
    "BatchSettled",
    "ViewsReversed",
    "RoundOpened",
    "Invested",
    "Refunded",
    "RoundDelivered",
    "RoundSupported",
    "Claimed",
    "LaneRetired",
    "RoundClosed",
];

impl Step {
    /// Reads an event's name and fields; `None` for events that change no books.
    pub fn read(name: &str, data: &Value) -> Result<Option<Self>, String> {
        let fields = Fields { name, data };
        let creator = || fields.number("creator");
        let amount = || fields.number("amount");
        Ok(Some(match name {
            "ContentRegistered" => Self::Registered(Registered {
                first: fields.number("content")?,
                count: 1,
                quality: fields.number("quality")?,
            }),
            "QualityChanged" => Self::Changed(Change::Quality {
                content: fields.number("content")?,
                before: fields.number("before")?,
                after: fields.number("after")?,
            }),
            "Tipped" => Self::Changed(fields.tip()?),
            "Withdrawn" => {
                Self::Changed(Change::Withdrawn { creator: creator()?, amount: amount()? })
            }
            "WithdrawalRequested" => {
                Self::Changed(Change::Requested { creator: creator()?, amount: amount()? })
            }
            "WithdrawalExecuted" => {
                Self::Changed(Change::Executed { creator: creator()?, amount: amount()? })
            }
            "WithdrawalCancelled" => {
                Self::Changed(Change::Cancelled { creator: creator()?, amount: amount()? })
            }
            "BudgetFunded" => Self::Changed(Change::Funded { amount: amount()? }),
            "FeesCollected" => Self::Changed(Change::FeesCollected {
                platform_fees: fields.number("platform_fees")?,
                processing_fees: fields.number("processing_fees")?,
            }),
            "BatchSettled" => Self::Batch(Outcome {
                owed: fields.number("owed")?,
                unix_seconds: Some(fields.number("unix_seconds")?),
                ..fields.batch(Kind::Views, "credited")?
            }),
            "ViewsReversed" => Self::Batch(fields.batch(Kind::Reversal, "value")?),
            _ => return Ok(fields.of_round()?.map(Self::Changed)),
        }))
    }
}

struct Fields<'a> {
    name: &'a str,
    data: &'a Value,
}

impl Fields<'_> {
    fn wrong(&self, field: &str, found: &impl Display) -> String {
        format!("event {}: field {field} is {found}", self.name)
    }

    /// A number, written as one or as text.
    fn number<T: TryFrom<u64>>(&self, field: &str) -> Result<T, String> {
        let value = &self.data[field];
        value
            .as_u64()
            .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| self.wrong(field, value))
    }

    fn address(&self, field: &str) -> Result<Pubkey, String> {
        let value = &self.data[field];
        let address = value.as_str().and_then(|text| text.parse().ok());
        address.ok_or_else(|| self.wrong(field, value))
    }

    fn digest(&self, field: &str) -> Result<Digest, String> {
        serde_json::from_value(self.data[field].clone())
            .map_err(|_| self.wrong(field, &self.data[field]))
    }

    fn tip(&self) -> Result<Change, String> {
        let (amount, platform_fee, processing_fee) = (
            self.number::<u64>("amount")?,
            self.number("platform_fee")?,
            self.number("processing_fee")?,
        );
        let net = amount
            .checked_sub(platform_fee)
            .and_then(|rest| rest.checked_sub(processing_fee))
            .ok_or_else(|| self.wrong("amount", &amount))?;
        Ok(Change::Tip { creator: self.number("creator")?, net, platform_fee, processing_fee })
    }

    fn batch(&self, kind: Kind, amount: &str) -> Result<Outcome, String> {
        Ok(Outcome {
            sequence: self.number("sequence")?,
            kind: KindName(kind),
            hash: self.digest("hash")?,
            base_rate: self.number("base_rate")?,
            views: self.number("views")?,
            amount: self.number(amount)?,
            owed: 0,
            unix_seconds: None,
        })
    }

    /// What happened to a round, if it changes books.
    fn of_round(&self) -> Result<Option<Change>, String> {
        let round = || self.address("round");
        let position = || self.address("position");
        let amount = || self.number("amount");
        Ok(Some(match self.name {
            "RoundOpened" => {
                let terms = Fields { name: self.name, data: &self.data["terms"] };
                Change::Opened {
                    round: round()?,
                    content: self.number("content")?,
                    number: self.number("number")?,
                    share_bps: terms.number("share_bps")?,
                    cap: terms.number("cap")?,
                    term_seconds: terms.number("term_seconds")?,
                    unix_seconds: self.number("unix_seconds")?,
                }
            }
            "Invested" => {
                Change::Invested { round: round()?, position: position()?, amount: amount()? }
            }
            "Refunded" => {
                Change::Refunded { round: round()?, position: position()?, amount: amount()? }
            }
            "RoundDelivered" => Change::Delivered {
                round: round()?,
                lane: self.number("lane")?,
                baseline_earned: self.number("baseline_earned")?,
                baseline_seconds: self.number("baseline_seconds")?,
                unix_seconds: self.number("unix_seconds")?,
            },
            "RoundSupported" => Change::Supported {
                round: round()?,
                creator: self.number("creator")?,
                amount: amount()?,
            },
            "Claimed" => {
                Change::Claimed { round: round()?, position: position()?, amount: amount()? }
            }
            "LaneRetired" => Change::Retired { round: round()?, owed: self.number("owed")? },
            "RoundClosed" => Change::Closed { round: round()?, dust: self.number("dust")? },
            _ => return Ok(None),
        }))
    }
}
