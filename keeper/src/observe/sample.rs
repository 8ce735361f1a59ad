//! The task that samples what no part of the keeper counts by itself.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use anchor_spl::associated_token::get_associated_token_address_with_program_id;
use metrics_exporter_prometheus::PrometheusHandle;
use nix::sys::statvfs::statvfs;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    Readiness,
    figures::{self, Locked},
    metrics,
};
use crate::{
    app::{App, Ledger},
    keys::Purpose,
    media,
};

/// How often figures are sampled.
const INTERVAL: Duration = Duration::from_secs(5);
/// Figures that read much and change slowly are sampled with every twelfth of the others.
const SLOW_TICKS: u64 = 12;
/// How long a sample may take.
const SAMPLE_MAX: Duration = Duration::from_secs(30);

/// Samples figures for as long as a keeper runs.
pub struct Sampler {
    app: App,
    readiness: Readiness,
    recorder: PrometheusHandle,
    failing: Failing,
}

impl Sampler {
    pub fn new(app: App, readiness: Readiness, recorder: PrometheusHandle) -> Self {
        Self { app, readiness, recorder, failing: Failing::default() }
    }

    /// Samples until `stop`. What cannot be sampled is left as it was, and counted.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for tick in 0.. {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = ticks.tick() => {}
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.sample(tick % SLOW_TICKS == 0) => {}
            }
            // Histograms grow until somebody reads them or does this.
            self.recorder.run_upkeep();
        }
        Ok(())
    }

    pub(super) async fn sample(&self, slow_too: bool) {
        let fast = async {
            tokio::join!(
                self.note("readiness", self.ready()),
                self.note("waiting", self.waiting()),
                self.note("locked", self.locked()),
                self.note("lamports", self.lamports()),
                self.note("backlog", self.backlog()),
                self.note("media", self.media()),
            )
        };
        let slow = async {
            if slow_too {
                tokio::join!(
                    self.note("active_wallets", self.active_wallets()),
                    self.note("database_size", self.database_size()),
                    self.note("treasury", self.treasury()),
                    self.note("disk", self.disk()),
                );
            }
        };
        tokio::join!(fast, slow);
    }

    /// Takes a sample and says when it begins to fail and when it works again.
    async fn note(&self, name: &'static str, sample: impl Future<Output = anyhow::Result<()>>) {
        let outcome = timeout(SAMPLE_MAX, sample).await.unwrap_or_else(|_| {
            Err(anyhow::anyhow!("has not answered within {} seconds", SAMPLE_MAX.as_secs()))
        });
        self.failing.note(name, &outcome);
    }

    async fn ready(&self) -> anyhow::Result<()> {
        metrics::ready(&self.readiness.report().await);
        Ok(())
    }

    async fn waiting(&self) -> anyhow::Result<()> {
        metrics::waiting(&figures::waiting(&self.app.store).await?);
        Ok(())
    }

    async fn locked(&self) -> anyhow::Result<()> {
        let shards = Ledger::finalized(&self.app).shards().await?;
        let locked: Option<Vec<_>> = shards.iter().map(|shard| Locked::of(&shard.header)).collect();
        let overflow = || anyhow::anyhow!("the liabilities of a shard overflow");
        metrics::locked(&locked.ok_or_else(overflow)?);
        Ok(())
    }

    async fn lamports(&self) -> anyhow::Result<()> {
        let keeper = self.app.keys.address(Purpose::Keeper);
        metrics::keeper_lamports(Ledger::finalized(&self.app).lamports(&keeper).await?);
        Ok(())
    }

    async fn treasury(&self) -> anyhow::Result<()> {
        let ledger = Ledger::finalized(&self.app);
        let treasury = ledger.platform().await?.treasury;
        let platform = &self.app.platform;
        let tokens = get_associated_token_address_with_program_id(
            &treasury,
            &platform.mint,
            &platform.token_program,
        );
        let tokens = ledger.token_account(&tokens).await?.map_or(0, |account| account.amount);
        metrics::treasury(ledger.lamports(&treasury).await?, tokens);
        Ok(())
    }

    async fn backlog(&self) -> anyhow::Result<()> {
        metrics::backlog(&figures::backlog(&self.app.store, &*self.app.log).await?);
        Ok(())
    }

    async fn media(&self) -> anyhow::Result<()> {
        media::metrics::backlog(&media::backlog::load(&self.app.store).await?);
        Ok(())
    }

    async fn disk(&self) -> anyhow::Result<()> {
        let disk = statvfs(&self.app.config.data.folder)?;
        metrics::data_free_bytes(disk.blocks_available().saturating_mul(disk.fragment_size()));
        Ok(())
    }

    async fn active_wallets(&self) -> anyhow::Result<()> {
        metrics::active_wallets(figures::active_wallets(&self.app.store).await?);
        Ok(())
    }

    async fn database_size(&self) -> anyhow::Result<()> {
        metrics::database_bytes(figures::database_bytes(&self.app.store).await?);
        Ok(())
    }
}

/// The samples that fail at present.
#[derive(Default)]
struct Failing(Mutex<BTreeSet<&'static str>>);

impl Failing {
    /// Counts a failure, and logs where it is another outcome than before.
    fn note(&self, name: &'static str, outcome: &anyhow::Result<()>) {
        let mut failing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(()) => {
                if failing.remove(name) {
                    tracing::info!(sample = name, "can be sampled again");
                }
            }
            Err(error) => {
                metrics::sample_failed(name);
                if failing.insert(name) {
                    tracing::warn!(sample = name, "cannot be sampled: {error:#}");
                }
            }
        }
    }
}
