//! Real servers for tests, each in a folder of its own, gone when the test process is.

pub mod faults;
mod http;
mod process;
pub mod world;

use std::{
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use tokio::sync::OnceCell;

pub use self::http::{Reply, request};
use self::process::Held;
use crate::store::{self, Pool};

/// PostgreSQL's programs.
const POSTGRES: &str = "/usr/lib/postgresql/15/bin";
/// Database with every migration run, that those of tests are copied from.
const TEMPLATE: &str = "pixr_template";
/// How long a server may take until it answers.
const START_TIME_MAX: Duration = Duration::from_secs(30);
/// Connections of a test's pool.
const CONNECTIONS_MAX: usize = 8;

/// A database of a test's own, with every migration run.
pub struct TestPostgres {
    pub url: String,
    pub pool: Pool,
}

impl TestPostgres {
    /// On the server that all tests of this process share.
    pub async fn start() -> Self {
        static SHARED: OnceCell<PostgresServer> = OnceCell::const_new();

        SHARED.get_or_init(PostgresServer::start).await.database().await
    }
}

/// A PostgreSQL server that loses nothing when it is stopped, but might when the machine is.
pub struct PostgresServer {
    folder: PathBuf,
    port: u16,
    databases: AtomicU64,
    process: Mutex<Option<Held>>,
}

impl PostgresServer {
    /// A server of the caller's own, which it can stop and resume.
    pub async fn start() -> Self {
        let folder = process::folder("postgres", process::server_user().as_ref());
        let program = |name| Path::new(POSTGRES).join(name);
        let mut initdb = Command::new(program("initdb"));
        initdb.args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8"]);
        initdb.args(["--locale=C", "--pgdata"]).arg(folder.join("data"));
        process::run(initdb, &folder);
        let server = Self {
            folder,
            port: free_port(),
            databases: AtomicU64::new(0),
            process: Mutex::new(None),
        };
        server.resume().await;
        server.execute("postgres", &format!("CREATE DATABASE {TEMPLATE}")).await;
        let template = store::pool(&server.url(TEMPLATE), 1).expect("a pool");
        store::migrate(&template).await.expect("migrations run");
        template.close();
        server
    }

    /// Starts it again, with all that it had.
    pub async fn resume(&self) {
        let mut command = Command::new(Path::new(POSTGRES).join("postgres"));
        command.arg("-D").arg(self.folder.join("data")).arg("-k").arg(&self.folder);
        for setting in [
            format!("port={}", self.port),
            "listen_addresses=127.0.0.1".into(),
            "max_connections=400".into(),
            "shared_buffers=128MB".into(),
            "fsync=off".into(),
            "full_page_writes=off".into(),
            // It takes transaction numbers, which tests count.
            "autovacuum=off".into(),
        ] {
            command.arg("-c").arg(setting);
        }
        let held = Held::start(command, &self.folder, "INT");
        *self.process.lock().expect("no panic while held") = Some(held);
        let url = self.url("postgres");
        until_ready("PostgreSQL", &self.folder, async || {
            AsyncPgConnection::establish(&url).await.is_ok()
        })
        .await;
    }

    /// Stops it: connections break, and new ones are refused.
    pub fn stop(&self) {
        if let Some(held) = self.process.lock().expect("no panic while held").take() {
            held.stop();
        }
    }

    /// A new database on this server.
    pub async fn database(&self) -> TestPostgres {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.execute("postgres", &format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}")).await;
        let url = self.url(&name);
        let pool = store::pool(&url, CONNECTIONS_MAX).expect("a pool");
        TestPostgres { url, pool }
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    async fn execute(&self, database: &str, sql: &str) {
        let mut connection =
            AsyncPgConnection::establish(&self.url(database)).await.expect("a connection");
        connection.batch_execute(sql).await.expect("PostgreSQL does it");
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.stop();
        process::remove(&self.folder);
    }
}

/// A Redis server with an append-only file.
pub struct TestRedis {
    pub url: String,
    folder: PathBuf,
    port: u16,
    appendfsync: &'static str,
    process: Mutex<Option<Held>>,
}

impl TestRedis {
    /// Starts one with this setting of `appendfsync`; `no` stands for no append-only file.
    pub async fn start(appendfsync: &'static str) -> Self {
        let port = free_port();
        let server = Self {
            url: format!("redis://127.0.0.1:{port}/"),
            folder: process::folder("redis", None),
            port,
            appendfsync,
            process: Mutex::new(None),
        };
        server.resume().await;
        server
    }

    /// Starts it again, with all that it had.
    pub async fn resume(&self) {
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &self.port.to_string()]);
        command.args(["--save", "", "--dir"]).arg(&self.folder);
        match self.appendfsync {
            "no" => command.args(["--appendonly", "no"]),
            other => command.args(["--appendonly", "yes", "--appendfsync", other]),
        };
        let held = Held::start(command, &self.folder, "TERM");
        *self.process.lock().expect("no panic while held") = Some(held);
        let client = redis::Client::open(self.url.as_str()).expect("a valid URL");
        until_ready("Redis", &self.folder, async || {
            let Ok(mut connection) = client.get_multiplexed_async_connection().await else {
                return false;
            };
            redis::cmd("PING").query_async::<String>(&mut connection).await.is_ok()
        })
        .await;
    }

    /// Stops it: connections break, and new ones are refused.
    pub fn stop(&self) {
        if let Some(held) = self.process.lock().expect("no panic while held").take() {
            held.stop();
        }
    }
}

impl Drop for TestRedis {
    fn drop(&mut self) {
        self.stop();
        process::remove(&self.folder);
    }
}

/// A port of the loopback interface that nobody listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("the listener's address").port()
}

/// How often properties are tried: the same cases in every short run, many new ones when `PIXR_LONG`
/// is set.
#[cfg(test)]
pub fn cases(short: u32) -> proptest::test_runner::Config {
    use proptest::test_runner::{Config, RngSeed};

    const LONG_FACTOR: u32 = 200;
    let (cases, rng_seed) = match std::env::var_os("PIXR_LONG") {
        Some(_) => (short.saturating_mul(LONG_FACTOR), RngSeed::Random),
        None => (short, RngSeed::Fixed(1)),
    };
    Config { cases, rng_seed, failure_persistence: None, ..Config::default() }
}

/// Hashes of a master seed that is no secret.
pub fn hashes() -> crate::views::Hashes {
    let master_seed = Some(crate::config::Secret::new("07".repeat(32)));
    let config = crate::config::KeysConfig { master_seed, ..Default::default() };
    let keys = crate::keys::Keys::load(&config, Path::new("/nonexistent")).expect("valid keys");
    crate::views::Hashes::new(&keys)
}

async fn until_ready(name: &str, folder: &Path, ready: impl AsyncFn() -> bool) {
    let started = Instant::now();
    while !ready().await {
        assert!(
            started.elapsed() < START_TIME_MAX,
            "{name} does not answer: see {}",
            folder.join(process::OUTPUT).display()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[cfg(test)]
mod tests {
    use diesel::sql_query;
    use diesel_async::RunQueryDsl;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn servers_stop_and_resume() {
        let server = PostgresServer::start().await;
        let database = server.database().await;
        let insert = "INSERT INTO log_positions VALUES (0, 7, now())";
        let mut connection = database.pool.get().await.unwrap();
        sql_query(insert).execute(&mut connection).await.unwrap();
        drop(connection);
        server.stop();
        assert!(AsyncPgConnection::establish(&database.url).await.is_err());
        server.resume().await;
        let mut connection = AsyncPgConnection::establish(&database.url).await.unwrap();
        assert!(sql_query(insert).execute(&mut connection).await.is_err(), "the row is there");

        let redis = TestRedis::start("always").await;
        let client = redis::Client::open(redis.url.as_str()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        redis::cmd("SET").arg("a").arg(7).exec_async(&mut connection).await.unwrap();
        redis.stop();
        assert!(client.get_multiplexed_async_connection().await.is_err());
        redis.resume().await;
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let kept: i64 = redis::cmd("GET").arg("a").query_async(&mut connection).await.unwrap();
        assert_eq!(kept, 7);
    }
}
