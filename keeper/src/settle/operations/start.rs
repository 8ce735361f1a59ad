//! Looking up, simulating, signing, storing and sending.

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use chrono::Utc;
use futures::{StreamExt, stream};
use solana_keypair::Keypair;
use solana_signature::Signature;
use solana_transaction_error::TransactionError;

use super::{
    Landed, Operation, OperationError,
    engine::{Engine, Flight, Ready, STARTED_MAX, Terms},
    rows::{self, Known},
};
use crate::{
    chain::{
        Chain, ChainError, RecentBlockhash,
        transactions::{Limits, SignError, Signed, sign},
    },
    crash_point,
    settle::{outbox::unit_limit, refusal::Refusal, tail::Attempt},
};

/// Requests that are under way at once.
const REQUESTS_MAX: usize = 32;

/// Limits that are tried to tell equal operations apart: one for each that is started with it.
const NONCES: u64 = 128;
const _: () = assert!(NONCES as usize == STARTED_MAX);

/// What a simulation says.
enum Simulated {
    Units(u64),
    Refused(Refusal),
}

impl<I, R> Engine<'_, I, R>
where
    I: Iterator<Item = Operation> + Send,
    R: FnMut(&str, Result<Landed, OperationError>) + Send,
{
    /// Starts the first operations that are ready. After an error they are ready again.
    pub async fn start(&mut self) -> Result<(), OperationError> {
        let count = self.ready.len().min(STARTED_MAX);
        let mut part: Vec<Ready> = self.ready.drain(..count).collect();
        let result = self.start_some(&mut part).await;
        for ready in part.into_iter().rev() {
            self.ready.push_front(ready);
        }
        result
    }

    /// Takes out of `part` what is known, refused or sent.
    async fn start_some(&mut self, part: &mut Vec<Ready>) -> Result<(), OperationError> {
        self.take_known(part).await?;
        if part.is_empty() {
            return Ok(());
        }
        let terms = self.terms().await?;
        let blockhash = self.app.chain.blockhash().await?;
        let (signed, trouble) = self.sign_some(part, terms, blockhash).await;
        let attempts: Vec<_> =
            signed.iter().map(|(key, attempt)| (key.as_str(), attempt)).collect();
        let stored = rows::store(&self.app.store, &attempts).await?;
        crash_point!("stored");
        let mut waiting = std::mem::take(part).into_iter();
        for (_, attempt) in signed {
            let Some(Ready { operation, tries, nonce }) = waiting.next() else { break };
            if stored.contains(&attempt.signature.to_string()) {
                let tries = tries.saturating_add(1);
                self.flights.push(Flight { operation, tries, attempt, sent: None });
                self.progressed();
            } else {
                // Another process was first under this key, which is seen the next time; or an equal
                // operation was signed a moment ago.
                let nonce = nonce.saturating_add(1);
                self.ready.push_back(Ready { operation, tries, nonce });
            }
        }
        self.send_due().await?;
        trouble.map_or(Ok(()), Err)
    }

    /// Takes out what has landed or is under way.
    async fn take_known(&mut self, part: &mut Vec<Ready>) -> Result<(), OperationError> {
        let keys: Vec<&str> = part.iter().map(|ready| ready.operation.key.as_str()).collect();
        let mut known = rows::known(&self.app.store, &keys).await?;
        for Ready { operation, tries, nonce } in std::mem::take(part) {
            match known.remove(&operation.key) {
                None => part.push(Ready { operation, tries, nonce }),
                Some(Known::Landed(landed)) => self.settled(&operation.key, Ok(landed)),
                Some(Known::Pending(attempt)) => {
                    self.flights.push(Flight { operation, tries, attempt, sent: None });
                    self.progressed();
                }
            }
        }
        Ok(())
    }

    /// Simulates and signs; takes out what is refused, and what could not be simulated, which is
    /// ready again. What is returned is in the order of `part`.
    async fn sign_some(
        &mut self,
        part: &mut Vec<Ready>,
        terms: Terms,
        blockhash: RecentBlockhash,
    ) -> (Vec<(String, Attempt)>, Option<OperationError>) {
        let limits = Limits { priority_fee: terms.priority_fee, ..Limits::MOST };
        let probes = part
            .iter()
            .map(|ready| signed(&ready.operation, &self.keeper, terms, blockhash, limits))
            .collect();
        let simulations = simulate_some(&self.app.chain, probes).await;
        let mut all = Vec::with_capacity(part.len());
        let mut signatures = BTreeSet::new();
        let mut trouble = None;
        for (mut ready, simulated) in std::mem::take(part).into_iter().zip(simulations) {
            let attempt = match simulated {
                Ok(Simulated::Units(units)) => {
                    self.distinct(&mut ready, units, terms, blockhash, &mut signatures)
                }
                Ok(Simulated::Refused(Refusal { message, code, .. })) => {
                    let refused = OperationError::Refused { message, code };
                    self.settled(&ready.operation.key, Err(refused));
                    continue;
                }
                Err(OperationError::Sign(error)) => Err(error),
                Err(error) => {
                    trouble = Some(error);
                    self.ready.push_back(ready);
                    continue;
                }
            };
            match attempt {
                Ok(Some(attempt)) => {
                    crash_point!("signed");
                    all.push((ready.operation.key.clone(), attempt));
                    part.push(ready);
                }
                // Another blockhash will make it different.
                Ok(None) => self.ready.push_back(ready),
                Err(error) => self.settled(&ready.operation.key, Err(error.into())),
            }
        }
        (all, trouble)
    }

    /// Signs an operation so that its transaction is unlike all others of `signatures`: equal
    /// operations get different limits.
    fn distinct(
        &self,
        ready: &mut Ready,
        units: u64,
        terms: Terms,
        blockhash: RecentBlockhash,
        signatures: &mut BTreeSet<Signature>,
    ) -> Result<Option<Attempt>, SignError> {
        for _ in 0..NONCES {
            let compute_units = unit_limit(units, ready.nonce);
            let limits = Limits { compute_units, priority_fee: terms.priority_fee };
            let signed = signed(&ready.operation, &self.keeper, terms, blockhash, limits)?;
            if signatures.insert(signed.signature) {
                return Ok(Some(pending(signed, limits, blockhash)));
            }
            ready.nonce = ready.nonce.saturating_add(1);
        }
        Ok(None)
    }

    /// Sends what was not sent yet, or not for a while. That something could not be sent is no
    /// error: it is pending and is sent again.
    pub async fn send_due(&mut self) -> Result<(), OperationError> {
        let due: Vec<(usize, Vec<u8>)> = self
            .flights
            .iter()
            .enumerate()
            .filter(|(_, flight)| flight.is_due())
            .map(|(at, flight)| (at, flight.attempt.bytes.clone()))
            .collect();
        if due.is_empty() {
            return Ok(());
        }
        let chain = &self.app.chain;
        let mut sent = stream::iter(due)
            .map(|(at, bytes)| send(Arc::clone(chain), at, bytes))
            .buffer_unordered(REQUESTS_MAX);
        let mut unusable = None;
        while let Some((at, answer)) = sent.next().await {
            if let Some(flight) = self.flights.get_mut(at) {
                flight.sent = Some(Instant::now());
            }
            match answer {
                Ok(_) | Err(ChainError::BlockhashNotFound) => {}
                Err(error @ ChainError::Refused { .. }) => {
                    tracing::debug!(%error, "stored and then refused; it may land until it expires");
                }
                Err(error) if error.can_retry() => tracing::debug!(%error, "not sent; again soon"),
                Err(error) => unusable = Some(error),
            }
        }
        crash_point!("sent");
        unusable.map_or(Ok(()), |error| Err(error.into()))
    }
}

async fn send(
    chain: Arc<dyn Chain>,
    at: usize,
    bytes: Vec<u8>,
) -> (usize, Result<Signature, ChainError>) {
    (at, chain.send(&bytes).await)
}

async fn simulate_some(
    chain: &Arc<dyn Chain>,
    probes: Vec<Result<Signed, SignError>>,
) -> Vec<Result<Simulated, OperationError>> {
    stream::iter(probes)
        .map(|probe| simulate(Arc::clone(chain), probe))
        .buffered(REQUESTS_MAX)
        .collect()
        .await
}

async fn simulate(
    chain: Arc<dyn Chain>,
    probe: Result<Signed, SignError>,
) -> Result<Simulated, OperationError> {
    let simulation = chain.simulate(&probe?.bytes).await?;
    match simulation.error {
        None => Ok(Simulated::Units(simulation.compute_units)),
        Some(TransactionError::BlockhashNotFound) => Err(ChainError::BlockhashNotFound.into()),
        Some(error) => Ok(Simulated::Refused(Refusal::new(&error, &simulation.logs))),
    }
}

fn signed(
    operation: &Operation,
    keeper: &Keypair,
    terms: Terms,
    blockhash: RecentBlockhash,
    limits: Limits,
) -> Result<Signed, SignError> {
    let signers: Vec<&Keypair> = operation.signers.iter().map(Arc::as_ref).collect();
    let instructions = &operation.instructions;
    sign(terms.version, blockhash.hash, limits, instructions, keeper, &signers)
}

fn pending(signed: Signed, limits: Limits, blockhash: RecentBlockhash) -> Attempt {
    Attempt {
        signature: signed.signature,
        bytes: signed.bytes,
        version: signed.version,
        limits,
        last_valid_block_height: blockhash.last_valid_block_height,
        signed_at: Utc::now(),
        pending: true,
    }
}
