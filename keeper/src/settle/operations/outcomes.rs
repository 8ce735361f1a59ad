//! Finding out what became of operations.

use std::time::{Duration, Instant};

use super::{
    Landed, Operation, OperationError,
    engine::{Engine, Flight},
    rows,
};
use crate::{
    chain::{Chain, ChainError, Commitment, SignatureStatus},
    crash_point,
    settle::{
        confirm::{self, Evidence, Outcome, describe, judge},
        records::{EXPIRED, FAILED, LandedAttempt, Write},
        refusal::Refusal,
    },
};

/// How often a transaction that is not known to have landed is sent again.
const RESEND: Duration = Duration::from_secs(5);
/// How often it is looked which transactions have expired.
const EXPIRY_POLL: Duration = Duration::from_secs(2);

impl Flight {
    /// Whether its transaction should be sent.
    pub fn is_due(&self) -> bool {
        self.sent.is_none_or(|sent| sent.elapsed() >= RESEND)
    }
}

/// What became of an operation's transaction, for good.
enum Verdict {
    Landed(LandedAttempt),
    Refused(Refusal),
    Expired,
}

impl<I, R> Engine<'_, I, R>
where
    I: Iterator<Item = Operation> + Send,
    R: FnMut(&str, Result<Landed, OperationError>) + Send,
{
    /// Looks what became of everything that is under way, and sends again what may be lost.
    pub async fn look(&mut self) -> Result<(), OperationError> {
        let chain = &*self.app.chain;
        let due = Instant::now() >= self.expiry_due;
        // Before anything else: see `Evidence`.
        let height =
            if due { Some(chain.block_height(Commitment::Finalized).await?) } else { None };
        let attempts = self.flights.iter().map(|flight| &flight.attempt);
        let statuses = confirm::statuses(chain, attempts).await?;
        let mut verdicts = Vec::with_capacity(self.flights.len());
        for (flight, status) in self.flights.iter().zip(&statuses) {
            verdicts.push(verdict(chain, flight, height, status.as_ref()).await?);
        }
        let writes: Vec<Write> = self
            .flights
            .iter()
            .zip(&verdicts)
            .filter_map(|(flight, verdict)| Some(to_write(flight, verdict.as_ref()?)))
            .collect();
        if !writes.is_empty() {
            crash_point!("confirmed");
            rows::write(&self.app.store, &writes).await?;
        }
        if due {
            self.expiry_due = Instant::now() + EXPIRY_POLL;
        }
        for (flight, verdict) in std::mem::take(&mut self.flights).into_iter().zip(verdicts) {
            match verdict {
                None => self.flights.push(flight),
                Some(verdict) => self.end(flight, verdict),
            }
        }
        self.send_due().await
    }

    fn end(&mut self, flight: Flight, verdict: Verdict) {
        let Flight { operation, tries, .. } = flight;
        match verdict {
            Verdict::Landed(LandedAttempt { signature, slot, fee_lamports, .. }) => {
                let landed = Landed { signature, slot: slot.unwrap_or(0), fee_lamports };
                self.settled(&operation.key, Ok(landed));
            }
            Verdict::Refused(Refusal { message, code, .. }) => {
                self.settled(&operation.key, Err(OperationError::Refused { message, code }));
            }
            Verdict::Expired => self.again(operation, tries),
        }
    }
}

async fn verdict(
    chain: &dyn Chain,
    flight: &Flight,
    height: Option<u64>,
    status: Option<&SignatureStatus>,
) -> Result<Option<Verdict>, ChainError> {
    let attempt = &flight.attempt;
    let evidence = Evidence { height, status, effect: None };
    let slot = status.map(|status| status.slot);
    Ok(match judge(evidence, attempt.last_valid_block_height) {
        Outcome::Pending => None,
        Outcome::Finalized => Some(Verdict::Landed(describe(attempt, None, slot))),
        Outcome::Failed(error) => {
            let logs = confirm::details(chain, attempt).await?.map(|details| details.logs);
            Some(Verdict::Refused(Refusal::new(&error, &logs.unwrap_or_default())))
        }
        // Clusters forget what became of a signature sooner than the transaction itself. Nothing
        // else tells whether an operation was done, so both are asked before it is done again.
        Outcome::Expired => Some(match confirm::details(chain, attempt).await? {
            None => Verdict::Expired,
            Some(details) => match &details.error {
                None => Verdict::Landed(describe(attempt, Some(details), None)),
                Some(error) => Verdict::Refused(Refusal::new(error, &details.logs)),
            },
        }),
    })
}

fn to_write(flight: &Flight, verdict: &Verdict) -> Write {
    let closed = |outcome, error| {
        let signature = flight.attempt.signature;
        Write::Closed { signature, outcome, error }
    };
    match verdict {
        Verdict::Landed(landed) => Write::Landed(landed.clone()),
        Verdict::Refused(refusal) => closed(FAILED, Some(refusal.message.clone())),
        Verdict::Expired => closed(EXPIRED, None),
    }
}
