//! What is not well is found, and hides nothing else.

use std::{path::Path, sync::Arc};

use solana_signer::Signer;

use super::{
    Finding, Severity, examine, look_at,
    parts::{Parts, open_log, open_objects},
};
use crate::{
    chain::embedded::Embedded,
    config::{Config, KeysConfig, LogKind, Secret},
    keys::{Keys, Purpose},
    settle::Kind,
    store::{self, leases},
    testing::{
        PostgresServer, TestPostgres, TestRedis,
        world::{Size, World, program},
    },
};

/// What a doctor of this world's keeper looks at.
fn parts(world: &World) -> Parts {
    let app = &world.app;
    let mut config = Config::clone(&app.config);
    config.data.folder = std::env::temp_dir();
    Parts {
        config: Arc::new(config),
        keys: Ok(keys("2a")),
        store: Ok(app.store.clone()),
        database: None,
        chain: Ok(app.chain.clone()),
        log: Ok(app.log.clone()),
        objects: Ok(app.objects.clone()),
    }
}

fn keys(byte: &str) -> Keys {
    let master_seed = Some(Secret::new(byte.repeat(32)));
    let config = KeysConfig { master_seed, ..KeysConfig::default() };
    Keys::load(&config, Path::new("/nonexistent")).unwrap()
}

fn of<'a>(findings: &'a [Finding], name: &str) -> &'a Finding {
    let found = findings.iter().find(|finding| finding.name == name);
    found.unwrap_or_else(|| panic!("no {name} in {findings:#?}"))
}

#[track_caller]
fn expect(findings: &[Finding], name: &str, severity: Severity, says: &str) {
    let finding = of(findings, name);
    assert!(finding.severity == severity && finding.found.contains(says), "{finding:?}");
    // Who has to do something is told what.
    let has_advice = finding.advice.is_some();
    assert!(has_advice || severity == Severity::Ok || says.contains("not checked"), "{finding:?}");
}

fn fails(findings: &[Finding]) -> Vec<&str> {
    let fails = findings.iter().filter(|finding| finding.severity == Severity::Fail);
    fails.map(|finding| finding.name.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keeper_that_is_well() {
    let world = World::new(Size::default()).await;
    leases::acquire(&world.app.store, "count/0", "a", std::time::Duration::from_secs(60))
        .await
        .unwrap();
    let findings = look_at(&parts(&world)).await;
    // Servers for tests do not wait for the disk, and that is found.
    assert_eq!(fails(&findings), ["database durability"], "{findings:#?}");
    expect(&findings, "database durability", Severity::Fail, "fsync and full_page_writes");
    for (name, says) in [
        ("migrations", "have been run"),
        ("log", "answers"),
        ("object store", "written, read and removed"),
        ("chain", "at slot"),
        ("program", "can be executed"),
        ("platform", "1 shard"),
        ("keeper's key", "is the platform's keeper"),
        ("keeper's lamports", "lamports pay for"),
        ("budget of shard 0", "are left"),
        ("keepers", "1 partition"),
        ("log backlog", "0 batches"),
        ("settlement of shard 0", "0 views"),
        ("publication", "0 settled"),
    ] {
        expect(&findings, name, Severity::Ok, says);
    }
    // How fast it answers depends on what else the machine does.
    assert!(of(&findings, "database").found.starts_with("PostgreSQL 15"), "{findings:#?}");
    assert_eq!(findings.iter().filter(|finding| finding.name == "clock").count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_down_hides_nothing() {
    let server = PostgresServer::start().await;
    let world = World::with_database(Size::default(), server.database().await).await;
    server.stop();
    let findings = look_at(&parts(&world)).await;
    for name in ["database", "migrations", "log", "settlement", "index"] {
        assert_eq!(of(&findings, name).severity, Severity::Fail, "{name}");
    }
    expect(&findings, "chain", Severity::Ok, "at slot");
    expect(&findings, "platform", Severity::Ok, "1 shard");
    expect(&findings, "keeper's key", Severity::Ok, "is the platform's keeper");
    expect(&findings, "budget of shard 0", Severity::Warn, "how fast they go is not known");
    expect(&findings, "keeper's lamports", Severity::Ok, "lamports pay for");
    expect(&findings, "room", Severity::Warn, "16 of 16 contents");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_is_missing() {
    let world = World::new(Size::default()).await;
    let taken_back = store::revert(&world.app.store, 1).await.unwrap();
    let findings = look_at(&parts(&world)).await;
    expect(&findings, "migrations", Severity::Fail, &taken_back[0]);
    expect(&findings, "database", Severity::Ok, "PostgreSQL");
    expect(&findings, "log backlog", Severity::Ok, "0 batches");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_another_platform() {
    let world = World::new(Size::default()).await;
    let mut parts = parts(&world);
    let mut config = Config::clone(&parts.config);
    config.chain.platform_base = Some(world.app.keys.address(Purpose::PlatformBase));
    parts.config = Arc::new(config);
    parts.keys = Ok(keys("2b"));
    let findings = look_at(&parts).await;
    expect(&findings, "keeper's key", Severity::Fail, "but the platform's keeper is");
    expect(&findings, "treasury's key", Severity::Warn, "but the treasury is");
    expect(&findings, "other keys", Severity::Ok, "the admin's key is elsewhere");
    expect(&findings, "keeper's lamports", Severity::Fail, "0 lamports");
    // The registry knows the shards that this seed does not.
    expect(&findings, "budget of shard 0", Severity::Ok, "are left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_is_not_there_and_one_that_is_paused() {
    let world = World::new(Size::default()).await;
    let mut other = parts(&world);
    other.keys = Ok(keys("2b"));
    let findings = look_at(&other).await;
    expect(&findings, "platform", Severity::Fail, "there is no platform at");
    expect(&findings, "reward budgets", Severity::Warn, "not checked: this needs a platform");
    expect(&findings, "program", Severity::Ok, "can be executed");

    let guardian = world.app.keys.key(Purpose::Guardian);
    world.run(&[world.app.platform.pause(guardian.pubkey())], &[&guardian]).await;
    let findings = look_at(&parts(&world)).await;
    expect(&findings, "platform", Severity::Fail, "is paused");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_budget_and_views_that_wait() {
    let world = World::new(Size { budget: 0, ..Size::default() }).await;
    let entry = pixr::entries::Entry { content: 0, views: 9, relevance: 10_000 };
    let earlier = chrono::Utc::now() - chrono::TimeDelta::hours(1);
    world.window_at(0, Kind::Views, &[entry], earlier).await;
    let findings = look_at(&parts(&world)).await;
    expect(&findings, "budget of shard 0", Severity::Fail, "nothing is left");
    expect(&findings, "settlement of shard 0", Severity::Fail, "9 views in 1 windows");
    expect(&findings, "keepers", Severity::Warn, "no keeper");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_could_forget() {
    let TestPostgres { pool, .. } = TestPostgres::start().await;
    let redis = TestRedis::start("everysec").await;
    let mut config = Config::default();
    config.log.kind = LogKind::Redis;
    config.log.redis_url = Some(Secret::new(redis.url.clone()));
    let refused = open_log(&config, &Ok(pool.clone())).await.err().unwrap();
    expect(&[refused], "log", Severity::Fail, "appendfsync everysec");
    redis.stop();
    let unreachable = open_log(&config, &Ok(pool.clone())).await.err().unwrap();
    assert!(unreachable.advice.unwrap().contains("that Redis runs"));

    let durable = TestRedis::start("always").await;
    config.log.redis_url = Some(Secret::new(durable.url.clone()));
    assert!(open_log(&config, &Ok(pool)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_store_that_cannot_be_opened() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.data.folder = folder.path().to_owned();
    std::fs::write(folder.path().join("objects"), "in the way").unwrap();
    let found = open_objects(&config).err().unwrap();
    assert_eq!(found.severity, Severity::Fail);
}

#[tokio::test(flavor = "multi_thread")]
async fn looks_at_what_a_running_keeper_uses_and_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let TestPostgres { url, .. } = TestPostgres::start().await;
    let mut config = Config::default();
    config.data.folder = folder.path().join("data");
    config.chain.program = program();
    config.database.url = Some(Secret::new(url));
    let findings = examine(config.clone()).await;
    assert!(!config.data.folder.exists());
    expect(&findings, "keys", Severity::Warn, "there is no master seed");
    expect(&findings, "data folder", Severity::Warn, "yet");
    expect(&findings, "chain", Severity::Warn, "no embedded chain");
    expect(&findings, "migrations", Severity::Ok, "have been run");

    let _held = Embedded::open(&config.data.folder.join("chain"), &config.chain.program).unwrap();
    let findings = examine(config.clone()).await;
    expect(&findings, "chain", Severity::Ok, "the embedded chain is at slot");
    expect(&findings, "program", Severity::Ok, "can be executed");
    expect(&findings, "data folder", Severity::Ok, "can be written to");
    assert!(!config.data.folder.join("master_seed").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_be_reached_and_no_private_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.data.folder = folder.path().to_owned();
    config.keys.master_seed = Some(Secret::new("2a".repeat(32)));
    let findings = examine(config.clone()).await;
    expect(&findings, "database", Severity::Warn, "there is no private database");
    expect(&findings, "settlement", Severity::Warn, "not checked: this needs the database");
    assert!(!folder.path().join("postgres").exists());

    let port = crate::testing::free_port();
    let url = format!("postgres://somebody:hunter2@127.0.0.1:{port}/pixr");
    config.database.url = Some(Secret::new(url));
    let findings = examine(config).await;
    expect(&findings, "database", Severity::Fail, "no connection to the database");
    assert!(!format!("{findings:?}").contains("hunter2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keeper_beside_it_may_have_indexed_more_than_was_read() {
    let folder = tempfile::tempdir().unwrap();
    let chain = Embedded::open(&folder.path().join(crate::chain::FOLDER), &program()).unwrap();
    let world = World::with(Size::default(), TestPostgres::start().await, chain).await;
    let mut parts = parts(&world);
    let mut config = Config::clone(&parts.config);
    config.data.folder = folder.path().to_owned();
    parts.config = Arc::new(config);
    parts.chain = Ok(parts.chain_now().await.unwrap());
    // What happens after the chain was read, and is indexed before the database is.
    world.fund(world.shards[0], 1).await;
    let platform = world.app.platform.address;
    let all = world.app.chain.history(&platform, None, 1_000).await.unwrap();
    let cursor = async |signature: String| {
        let sql = format!(
            "INSERT INTO index_cursors (address, signature, slot) VALUES ('{platform}', '{signature}', 1)
             ON CONFLICT (address) DO UPDATE SET signature = excluded.signature"
        );
        let mut connection = world.app.store.get().await.unwrap();
        diesel_async::SimpleAsyncConnection::batch_execute(&mut connection, &sql).await.unwrap();
        look_at(&parts).await
    };
    let findings = cursor(all.last().unwrap().signature.to_string()).await;
    expect(&findings, "index", Severity::Ok, "every transaction of the platform is indexed");
    let other = solana_signature::Signature::from([7; 64]);
    let findings = cursor(other.to_string()).await;
    expect(&findings, "index", Severity::Fail, "no transaction of this chain");
}
