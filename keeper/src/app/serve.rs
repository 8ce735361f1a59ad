//! A whole keeper: the API, counters, settlement, the index, and what operators look at.

use std::{future::IntoFuture, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    sync::{Notify, watch},
};
use tokio_util::sync::CancellationToken;

use super::{App, Identity, Supervisor};
use crate::{
    count::{self, Registry},
    index,
    ingest::{self, Appender, Backlog, Clock, IngestState, Sources},
    log::Partition,
    market::{self, api::MarketState},
    media::{
        Media,
        http::{self, UploadState},
        uploads::Uploads,
        worker::Worker,
    },
    observe::{self, Readiness, Sampler},
    rounds,
    settle::{Board, Settler},
    views::Hashes,
};

/// How long each part may take to stop: what it has under way is stored within it.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// A keeper whose parts run.
pub struct Serving {
    /// Where the API listens.
    pub address: SocketAddr,
    pub supervisor: Supervisor,
}

/// Starts every part. The first started stops last: requests end before the appender, the appender
/// before the counters, the counters before settlement.
pub async fn start(app: &App, identity: &Identity) -> anyhow::Result<Serving> {
    let config = &app.config;
    let recorder = observe::install()?;
    let sources = Arc::new(Sources::new(&config.ingest)?);
    let listener = TcpListener::bind(config.ingest.listen).await.map_err(|error| {
        anyhow::anyhow!("ingest.listen: {} cannot be used: {error}", config.ingest.listen)
    })?;
    let address = listener.local_addr()?;
    let mut supervisor = Supervisor::default();
    supervisor.start("index", STOP_WITHIN, |stop| {
        let (app, owner) = (app.clone(), identity.name.clone());
        async move {
            index::run(app, owner, stop).await;
            Ok(())
        }
    });
    supervisor.start("rounds", STOP_WITHIN, |stop| {
        let (app, owner) = (app.clone(), identity.name.clone());
        async move {
            rounds::run(app, owner, stop).await;
            Ok(())
        }
    });
    supervisor.start("market", STOP_WITHIN, |stop| {
        let (app, owner) = (app.clone(), identity.name.clone());
        async move {
            market::run(app, owner, stop).await;
            Ok(())
        }
    });
    let (counted, wake) = watch::channel(());
    let board = settle(app, identity, wake, &mut supervisor);
    count(app, identity, counted, &mut supervisor).await?;
    let readiness = Readiness::new(
        app.store.clone(),
        Arc::clone(&app.chain),
        Arc::clone(&app.log),
        board,
        config.ingest.backlog_batches_max,
    );
    let media = Media::open(config, app.store.clone())?;
    let uploads = Uploads::new(media.clone(), identity.name.clone());
    supervisor.start("uploads", STOP_WITHIN, |stop| uploads.clone().run(stop));
    if config.media.serve {
        let worker = Worker::new(media)?;
        supervisor.start("worker", STOP_WITHIN, |stop| worker.run(stop));
    }
    let sampler = Sampler::new(app.clone(), readiness.clone(), recorder.clone());
    supervisor.start("figures", STOP_WITHIN, |stop| sampler.run(stop));
    let (appender, task) = Appender::new(Arc::clone(&app.log), config.ingest.queue_bytes_max);
    supervisor.start("appender", STOP_WITHIN, |stop| task.run(stop));
    let backlog = Backlog::default();
    supervisor.start("backlog", STOP_WITHIN, |stop| {
        backlog.clone().watch(app.store.clone(), Arc::clone(&app.log), stop)
    });
    let clock = Clock::default();
    supervisor.start("clock", STOP_WITHIN, |stop| {
        let watching = clock.clone().watch(stop);
        async move { Ok(watching.await?) }
    });
    let market = MarketState { app: app.clone(), sources: Arc::clone(&sources) };
    let uploads = http::router(UploadState { uploads, sources: Arc::clone(&sources) });
    let state = IngestState {
        config: Arc::new(config.ingest.clone()),
        counting: Arc::new(config.counting.clone()),
        sources,
        hashes: Hashes::new(&app.keys),
        appender,
        backlog,
        clock,
        log: Arc::clone(&app.log),
        pool: app.store.clone(),
    };
    let router = ingest::router(state)
        .merge(uploads)
        .merge(market::api::router(market))
        .merge(observe::router(recorder, readiness));
    supervisor.start("API", STOP_WITHIN, |stop| listen(listener, router, stop));
    tracing::info!(%address, "takes views");
    Ok(Serving { address, supervisor })
}

async fn listen(
    listener: TcpListener,
    router: axum::Router,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned());
    Ok(server.into_future().await?)
}

fn settle(
    app: &App,
    identity: &Identity,
    mut counted: watch::Receiver<()>,
    supervisor: &mut Supervisor,
) -> Board {
    let wake = Arc::new(Notify::new());
    let settler = Settler::new(app.clone(), identity.name.clone(), Arc::clone(&wake));
    let board = settler.board();
    supervisor.start("settlement", STOP_WITHIN, |stop| async move {
        let waking = async {
            // Ends when nobody counts any more, which is when this keeper stops.
            while counted.changed().await.is_ok() {
                wake.notify_waiters();
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            ended = settler.run(stop) => ended,
            () = waking => Ok(()),
        }
    });
    board
}

async fn count(
    app: &App,
    identity: &Identity,
    counted: watch::Sender<()>,
    supervisor: &mut Supervisor,
) -> anyhow::Result<()> {
    let context = counting(app, &identity.name, counted).await?;
    for partition in (0..app.log.partitions()).map(Partition) {
        let context = context.clone();
        supervisor.start(format!("counter {}", partition.0), STOP_WITHIN, |stop| async move {
            Ok(count::run(context, partition, stop).await?)
        });
    }
    let (store, log) = (app.store.clone(), Arc::clone(&app.log));
    let retention = app.config.log.retention_seconds.duration();
    supervisor.start("janitor", STOP_WITHIN, |stop| async move {
        count::run_janitor(store, log, retention, stop).await;
        Ok(())
    });
    Ok(())
}

/// What counters work with.
pub async fn counting(
    app: &App,
    owner: &str,
    counted: watch::Sender<()>,
) -> anyhow::Result<count::Context> {
    Ok(count::Context {
        pool: app.store.clone(),
        log: Arc::clone(&app.log),
        registry: Arc::new(Registry::load(app.store.clone()).await?),
        config: app.config.counting.clone(),
        commit_interval: count::commit_interval(app.config.settlement.batch_interval_ms),
        owner: owner.into(),
        counted,
    })
}
