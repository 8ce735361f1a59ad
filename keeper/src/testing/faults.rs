//! A chain that misbehaves as endpoints do, in front of a real one.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use anchor_lang::prelude::Pubkey;
use async_trait::async_trait;
use futures::stream::BoxStream;
use solana_account::Account;
use solana_signature::Signature;
use solana_transaction::versioned::VersionedTransaction;

use crate::chain::{
    Chain, ChainError, ChainTime, ChainTransaction, Commitment, RecentBlockhash, SignatureStatus,
    Simulation,
};

/// What the chain is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    Account,
    AccountPart,
    RentLamports,
    Blockhash,
    BlockHeight,
    Time,
    Simulate,
    Send,
    Statuses,
    PriorityFee,
    History,
    Transaction,
    Watch,
    TakesV1,
}

/// What happens to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is answered.
    None,
    /// Too many requests.
    Busy,
    /// No answer in time, and nothing done.
    Timeout,
    /// No connection.
    Unreachable,
    /// The endpoint is 200 slots behind.
    Behind,
    /// An answer that makes no sense.
    Invalid,
    /// Done, but the answer is lost.
    LoseAnswer,
    /// A transaction is taken and never reaches the cluster; a signature is not known any more.
    Forget,
    /// Answered after a while.
    Delay(Duration),
    /// Never answered.
    Hang,
}

type Script = Box<dyn FnMut(Call, u64) -> Fault + Send>;

/// A chain whose questions meet the faults of a script.
pub struct FaultyChain {
    inner: Arc<dyn Chain>,
    script: Mutex<Script>,
    calls: Mutex<BTreeMap<Call, u64>>,
    priority_fee: AtomicU64,
    takes_v1: AtomicBool,
}

impl FaultyChain {
    /// In front of `inner`, without faults yet.
    pub fn new(inner: Arc<dyn Chain>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            script: Mutex::new(Box::new(|_, _| Fault::None)),
            calls: Mutex::default(),
            priority_fee: AtomicU64::new(0),
            takes_v1: AtomicBool::new(true),
        })
    }

    /// From now on `script` says what happens. It gets the question, and how often that was asked
    /// since this was called, from 1.
    pub fn script(&self, script: impl FnMut(Call, u64) -> Fault + Send + 'static) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clear();
        *self.script.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(script);
    }

    /// From now on everything is answered.
    pub fn heal(&self) {
        self.script(|_, _| Fault::None);
    }

    /// How often this was asked since the script began.
    pub fn calls(&self, call: Call) -> u64 {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.get(&call).copied().unwrap_or(0)
    }

    /// What others pay.
    pub fn set_priority_fee(&self, micro_lamports: u64) {
        self.priority_fee.store(micro_lamports, Ordering::Relaxed);
    }

    /// Whether the cluster takes transactions of version 1.
    pub fn set_takes_v1(&self, takes: bool) {
        self.takes_v1.store(takes, Ordering::Relaxed);
    }

    fn fault(&self, call: Call) -> Fault {
        let count = {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            let count = calls.entry(call).or_default();
            *count += 1;
            *count
        };
        self.script.lock().unwrap_or_else(PoisonError::into_inner)(call, count)
    }

    async fn ask<T>(
        &self,
        call: Call,
        answer: impl Future<Output = Result<T, ChainError>> + Send,
        forgotten: impl FnOnce() -> Result<T, ChainError> + Send,
    ) -> Result<T, ChainError> {
        match self.fault(call) {
            Fault::None => answer.await,
            Fault::Busy => Err(ChainError::Busy { retry_after: Duration::from_millis(20) }),
            Fault::Timeout => Err(ChainError::Timeout),
            Fault::Unreachable => Err(ChainError::Unreachable("connection refused".into())),
            Fault::Behind => Err(ChainError::Behind { slots: 200 }),
            Fault::Invalid => Err(ChainError::Invalid("no such method".into())),
            Fault::LoseAnswer => answer.await.and(Err(ChainError::Timeout)),
            Fault::Forget => forgotten(),
            Fault::Delay(time) => {
                tokio::time::sleep(time).await;
                answer.await
            }
            Fault::Hang => std::future::pending().await,
        }
    }
}

fn timeout<T>() -> Result<T, ChainError> {
    Err(ChainError::Timeout)
}

#[async_trait]
impl Chain for FaultyChain {
    async fn account(
        &self,
        address: &Pubkey,
        commitment: Commitment,
    ) -> Result<Option<Account>, ChainError> {
        self.ask(Call::Account, self.inner.account(address, commitment), timeout).await
    }

    async fn account_part(
        &self,
        address: &Pubkey,
        offset: usize,
        length: usize,
        commitment: Commitment,
    ) -> Result<Option<Account>, ChainError> {
        let answer = self.inner.account_part(address, offset, length, commitment);
        self.ask(Call::AccountPart, answer, timeout).await
    }

    async fn rent_lamports(&self, bytes: usize) -> Result<u64, ChainError> {
        self.ask(Call::RentLamports, self.inner.rent_lamports(bytes), timeout).await
    }

    async fn blockhash(&self) -> Result<RecentBlockhash, ChainError> {
        self.ask(Call::Blockhash, self.inner.blockhash(), timeout).await
    }

    async fn block_height(&self, commitment: Commitment) -> Result<u64, ChainError> {
        self.ask(Call::BlockHeight, self.inner.block_height(commitment), timeout).await
    }

    async fn time(&self) -> Result<ChainTime, ChainError> {
        self.ask(Call::Time, self.inner.time(), timeout).await
    }

    async fn simulate(&self, transaction: &[u8]) -> Result<Simulation, ChainError> {
        self.ask(Call::Simulate, self.inner.simulate(transaction), timeout).await
    }

    async fn send(&self, transaction: &[u8]) -> Result<Signature, ChainError> {
        let taken = || {
            wincode::deserialize::<VersionedTransaction>(transaction)
                .ok()
                .and_then(|transaction| transaction.signatures.first().copied())
                .ok_or(ChainError::Timeout)
        };
        self.ask(Call::Send, self.inner.send(transaction), taken).await
    }

    async fn statuses(
        &self,
        signatures: &[Signature],
    ) -> Result<Vec<Option<SignatureStatus>>, ChainError> {
        let unknown = || Ok(vec![None; signatures.len()]);
        self.ask(Call::Statuses, self.inner.statuses(signatures), unknown).await
    }

    async fn priority_fee(&self, _: &[Pubkey]) -> Result<u64, ChainError> {
        let fee = self.priority_fee.load(Ordering::Relaxed);
        self.ask(Call::PriorityFee, std::future::ready(Ok(fee)), timeout).await
    }

    async fn history(
        &self,
        address: &Pubkey,
        after: Option<Signature>,
        limit: usize,
    ) -> Result<Vec<ChainTransaction>, ChainError> {
        self.ask(Call::History, self.inner.history(address, after, limit), timeout).await
    }

    async fn transaction(
        &self,
        signature: &Signature,
    ) -> Result<Option<ChainTransaction>, ChainError> {
        self.ask(Call::Transaction, self.inner.transaction(signature), || Ok(None)).await
    }

    async fn watch(&self, address: &Pubkey) -> Result<BoxStream<'static, ()>, ChainError> {
        self.ask(Call::Watch, self.inner.watch(address), timeout).await
    }

    async fn airdrop(&self, to: &Pubkey, lamports: u64) -> Result<(), ChainError> {
        self.inner.airdrop(to, lamports).await
    }

    async fn advance(&self, by: std::time::Duration) -> Result<(), ChainError> {
        self.inner.advance(by).await
    }

    async fn takes_v1(&self) -> Result<bool, ChainError> {
        let takes = self.takes_v1.load(Ordering::Relaxed);
        self.ask(Call::TakesV1, std::future::ready(Ok(takes)), timeout).await
    }
}
