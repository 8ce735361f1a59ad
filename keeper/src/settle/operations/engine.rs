//! Many operations under way at once.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use solana_keypair::Keypair;

use super::{Done, Landed, Operation, OperationError};
use crate::{
    app::App,
    chain::{ChainError, transactions::Version},
    keys::Purpose,
    settle::{backoff::Backoff, tail::Attempt},
    store::StoreError,
};

/// Operations that are under way at once. On a cluster one takes about 15 seconds to be final.
const UNDER_WAY_MAX: usize = 1_000;
/// Operations that are signed and stored with one commit.
pub(super) const STARTED_MAX: usize = 128;
/// How often one operation is signed until it is given up.
const TRIES_MAX: u32 = 5;
/// First and longest delay between two looks at what became of them.
const POLL_MIN: Duration = Duration::from_millis(2);
const POLL_MAX: Duration = Duration::from_millis(500);
/// Delays after an error that another try can mend.
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// How long this goes on while nothing gets known: longer than any transaction can be under way.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long a priority fee and the version that the cluster takes are believed.
const CLUSTER_AGE_MAX: Duration = Duration::from_secs(5);

/// An operation that has to be signed.
pub(super) struct Ready {
    pub operation: Operation,
    /// How often it was signed.
    pub tries: u32,
    /// Makes its transaction another one than that of an equal operation.
    pub nonce: u64,
}

/// An operation whose transaction can still land.
pub(super) struct Flight {
    pub operation: Operation,
    pub tries: u32,
    pub attempt: Attempt,
    pub sent: Option<Instant>,
}

/// What the cluster takes and asks for.
#[derive(Clone, Copy)]
pub(super) struct Terms {
    pub version: Version,
    /// Micro-lamports a compute unit.
    pub priority_fee: u64,
}

/// Brings operations onto the chain.
pub(super) struct Engine<'a, I, R> {
    pub app: &'a App,
    pub keeper: Keypair,
    operations: I,
    /// Whether there are no more operations than those under way.
    exhausted: bool,
    report: R,
    pub ready: VecDeque<Ready>,
    pub flights: Vec<Flight>,
    pub expiry_due: Instant,
    terms: Option<(Terms, Instant)>,
    done: Done,
    /// When something got known last.
    progress: Instant,
}

impl<'a, I, R> Engine<'a, I, R>
where
    I: Iterator<Item = Operation> + Send,
    R: FnMut(&str, Result<Landed, OperationError>) + Send,
{
    pub fn new(app: &'a App, operations: I, report: R) -> Self {
        Self {
            app,
            keeper: app.keys.key(Purpose::Keeper),
            operations,
            exhausted: false,
            report,
            ready: VecDeque::new(),
            flights: Vec::new(),
            expiry_due: Instant::now(),
            terms: None,
            done: Done::default(),
            progress: Instant::now(),
        }
    }

    pub async fn run(mut self) -> Result<Done, OperationError> {
        let mut poll = Backoff::new(POLL_MIN, POLL_MAX);
        let mut retry = Backoff::new(RETRY_MIN, RETRY_MAX);
        loop {
            let before = self.progress;
            let wait = match self.round().await {
                Ok(()) if self.exhausted && self.under_way() == 0 => return Ok(self.done),
                Ok(()) => {
                    retry = Backoff::new(RETRY_MIN, RETRY_MAX);
                    if self.progress != before {
                        poll = Backoff::new(POLL_MIN, POLL_MAX);
                        continue;
                    }
                    self.check_patience(None)?;
                    poll.delay()
                }
                Err(error) => {
                    tracing::debug!(%error, "tried again");
                    self.check_patience(Some(error))?;
                    retry.delay()
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// Starts what can be started, and looks what became of the rest.
    async fn round(&mut self) -> Result<(), OperationError> {
        while self.ready.len() < STARTED_MAX && self.under_way() < UNDER_WAY_MAX {
            let Some(operation) = self.operations.next() else {
                self.exhausted = true;
                break;
            };
            self.ready.push_back(Ready { operation, tries: 0, nonce: 0 });
        }
        if !self.ready.is_empty() {
            self.start().await?;
        }
        if !self.flights.is_empty() {
            self.look().await?;
        }
        Ok(())
    }

    fn under_way(&self) -> usize {
        self.flights.len().saturating_add(self.ready.len())
    }

    /// Ends it after an error that no other try can mend, or when nothing gets known any more.
    fn check_patience(&mut self, error: Option<OperationError>) -> Result<(), OperationError> {
        let over = self.progress.elapsed() >= PATIENCE;
        match error {
            Some(error) if over || !can_retry(&error) => Err(error),
            None if over => {
                let flights = std::mem::take(&mut self.flights);
                for flight in flights {
                    self.settled(&flight.operation.key, Err(OperationError::Pending));
                }
                Err(OperationError::Pending)
            }
            _ => Ok(()),
        }
    }

    /// Reports an outcome.
    pub fn settled(&mut self, key: &str, outcome: Result<Landed, OperationError>) {
        let count = match &outcome {
            Ok(landed) => {
                let fees = &mut self.done.fees_lamports;
                *fees = fees.saturating_add(landed.fee_lamports);
                &mut self.done.landed
            }
            Err(OperationError::Refused { .. } | OperationError::Sign(_)) => &mut self.done.refused,
            Err(_) => &mut self.done.open,
        };
        *count = count.saturating_add(1);
        (self.report)(key, outcome);
        self.progressed();
    }

    /// Something got known or got under way.
    pub fn progressed(&mut self) {
        self.progress = Instant::now();
    }

    /// An operation's transaction can no longer land: it is signed again, or given up.
    pub fn again(&mut self, operation: Operation, tries: u32) {
        if tries < TRIES_MAX {
            self.ready.push_back(Ready { operation, tries, nonce: u64::from(tries) });
            self.progressed();
        } else {
            self.settled(&operation.key, Err(OperationError::Expired));
        }
    }

    /// What the cluster takes and asks for at present.
    pub async fn terms(&mut self) -> Result<Terms, ChainError> {
        if let Some((terms, read)) = self.terms
            && read.elapsed() < CLUSTER_AGE_MAX
        {
            return Ok(terms);
        }
        let chain = &self.app.chain;
        let version = if chain.takes_v1().await? { Version::V1 } else { Version::V0 };
        let fee = chain.priority_fee(&[self.app.platform.address]).await?;
        let priority_fee = fee.min(self.app.config.settlement.priority_fee_max);
        let terms = Terms { version, priority_fee };
        self.terms = Some((terms, Instant::now()));
        Ok(terms)
    }
}

/// Whether another try can mend it.
fn can_retry(error: &OperationError) -> bool {
    match error {
        OperationError::Chain(error) => {
            error.can_retry() || matches!(error, ChainError::BlockhashNotFound)
        }
        OperationError::Store(error) => {
            matches!(error, StoreError::Connection(_) | StoreError::Query(_))
        }
        _ => false,
    }
}
