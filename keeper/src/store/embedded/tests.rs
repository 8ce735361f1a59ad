use std::{
    os::unix::fs::{MetadataExt, PermissionsExt},
    time::Instant,
};

use diesel::{QueryableByName, sql_query, sql_types::Text};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::*;
use crate::config::Config;

/// The test that looks after a server for the other tests.
pub(super) const CHILD: &str = "store::embedded::tests::child";

/// Not a test: the process that looks after the server, where the program is that of tests.
#[test]
#[ignore = "started by other tests"]
fn child() {
    // At once: whoever started this does not listen to what the test harness says.
    std::process::exit(i32::from(!keep()));
}

fn installation() -> PathBuf {
    Config::default().database.server
}

/// A folder whose parents everybody may pass through.
fn open_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

async fn connect(server: &Embedded) -> AsyncPgConnection {
    AsyncPgConnection::establish(server.url().reveal()).await.unwrap()
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    value: String,
}

async fn value(connection: &mut AsyncPgConnection, query: &str) -> String {
    sql_query(query).get_result::<Row>(connection).await.unwrap().value
}

fn postmaster(data: &Path) -> Option<i32> {
    let text = std::fs::read_to_string(data.join("postgres/cluster/postmaster.pid")).ok()?;
    text.lines().next()?.parse().ok()
}

async fn gone(data: &Path) {
    let start = Instant::now();
    while postmaster(data).is_some() {
        assert!(start.elapsed() < Duration::from_secs(30), "the server goes on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn is_durable_and_keeps_what_was_written() {
    let folder = open_folder();
    let data = folder.path().join("data");
    let server = Embedded::start(&installation(), &data).await.unwrap();
    let mut connection = connect(&server).await;
    for (setting, expected) in
        [("fsync", "on"), ("synchronous_commit", "on"), ("full_page_writes", "on")]
    {
        let query = format!("SELECT current_setting('{setting}') AS value");
        assert_eq!(value(&mut connection, &query).await, expected, "{setting}");
    }
    connection
        .batch_execute("CREATE TABLE kept (value TEXT); INSERT INTO kept VALUES ('it')")
        .await
        .unwrap();
    drop(connection);
    server.stop().await.unwrap();
    assert_eq!(postmaster(&data), None);

    let server = Embedded::start(&installation(), &data).await.unwrap();
    let mut connection = connect(&server).await;
    assert_eq!(value(&mut connection, "SELECT value FROM kept").await, "it");
    let secret = data.join("postgres/password").metadata().unwrap();
    assert_eq!(secret.mode() & 0o777, 0o600);
    assert_eq!(data.join("postgres").metadata().unwrap().mode() & 0o777, 0o700);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn whoever_comes_later_shares_it_and_the_last_one_stops_it() {
    let folder = open_folder();
    let first = Embedded::start(&installation(), folder.path()).await.unwrap();
    let second = Embedded::start(&installation(), folder.path()).await.unwrap();
    assert_eq!(first.url().reveal(), second.url().reveal());
    first.stop().await.unwrap();
    connect(&second).await.batch_execute("SELECT 1").await.unwrap();
    // Dropped, as when a process ends: the server stops by itself.
    drop(second);
    gone(folder.path()).await;
}

#[tokio::test]
async fn a_killed_helper_and_a_killed_server_are_recovered_from() {
    let folder = open_folder();
    let mut first = Embedded::start(&installation(), folder.path()).await.unwrap();
    let helper = i32::try_from(first.child.id().unwrap()).unwrap();
    kill(Pid::from_raw(helper), Signal::SIGKILL).unwrap();
    first.child.wait().await.unwrap();
    // The server runs without anybody who looks after it; the next one takes it over.
    let pid = postmaster(folder.path()).unwrap();
    let second = Embedded::start(&installation(), folder.path()).await.unwrap();
    assert_eq!(postmaster(folder.path()), Some(pid));
    connect(&second).await.batch_execute("CREATE TABLE here ()").await.unwrap();
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    let helper = i32::try_from(second.child.id().unwrap()).unwrap();
    kill(Pid::from_raw(helper), Signal::SIGKILL).unwrap();
    drop(second);
    while std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    let third = Embedded::start(&installation(), folder.path()).await.unwrap();
    assert_ne!(postmaster(folder.path()), Some(pid));
    connect(&third).await.batch_execute("SELECT * FROM here").await.unwrap();
    third.stop().await.unwrap();
}

#[tokio::test]
async fn a_number_that_another_process_has_now_does_not_keep_it_from_starting() {
    let folder = open_folder();
    Embedded::start(&installation(), folder.path()).await.unwrap().stop().await.unwrap();
    let file = folder.path().join("postgres/cluster/postmaster.pid");
    let other = std::process::id();
    std::fs::write(&file, format!("{other}\n{}\n1\n1\n\n127.0.0.1\n\nready\n", file.display()))
        .unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let server = Embedded::start(&installation(), folder.path()).await.unwrap();
    connect(&server).await.batch_execute("SELECT 1").await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn an_interrupted_setup_starts_over() {
    let folder = open_folder();
    let half = folder.path().join("postgres/cluster.new");
    std::fs::create_dir_all(&half).unwrap();
    std::fs::write(half.join("PG_VERSION"), "15").unwrap();
    if nix::unistd::geteuid().is_root() {
        let user = nix::unistd::User::from_name("postgres").unwrap().unwrap();
        for path in [&half, &half.join("PG_VERSION")] {
            std::os::unix::fs::chown(path, Some(user.uid.as_raw()), None).unwrap();
        }
    }
    let server = Embedded::start(&installation(), folder.path()).await.unwrap();
    connect(&server).await.batch_execute("SELECT 1").await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_data_folder_out_of_reach_gets_a_link() {
    if !nix::unistd::geteuid().is_root() {
        return; // Only root runs PostgreSQL as another user.
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let server = Embedded::start(&installation(), folder.path()).await.unwrap();
    let link = folder.path().join("postgres");
    let target = std::fs::read_link(&link).unwrap();
    assert!(target.starts_with("/var/lib/pixr"), "{}", target.display());
    connect(&server).await.batch_execute("CREATE TABLE old ()").await.unwrap();
    server.stop().await.unwrap();
    let again = Embedded::start(&installation(), folder.path()).await.unwrap();
    connect(&again).await.batch_execute("SELECT * FROM old").await.unwrap();
    again.stop().await.unwrap();

    // The data folder is deleted, and another one takes its path: it starts with nothing.
    std::fs::remove_file(&link).unwrap();
    let fresh = Embedded::start(&installation(), folder.path()).await.unwrap();
    connect(&fresh).await.batch_execute("SELECT * FROM old").await.unwrap_err();
    fresh.stop().await.unwrap();
    let aside = target.with_file_name(format!("{}.old-1", target.file_name().unwrap().display()));
    std::fs::remove_dir_all(&aside).unwrap();
    remove(folder.path()).unwrap();
    assert!(!target.exists() && !link.exists());
}

#[tokio::test]
async fn without_postgresql_it_says_what_to_do() {
    let folder = open_folder();
    let error = Embedded::start(folder.path(), folder.path()).await.err().unwrap().to_string();
    assert!(
        error.contains("apt-get install postgresql") && error.contains("DATABASE_URL"),
        "{error}"
    );
}
