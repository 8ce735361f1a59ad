//! What a crash leaves, and what it must not.

use std::{
    fs::{File, OpenOptions},
    path::Path,
    sync::Arc,
};

use super::accounts;
use crate::chain::{
    Chain, ChainError,
    Commitment::Finalized,
    embedded::Embedded,
    testing::{Folder, Scene, program},
};

/// The folder as a process leaves it that is killed now.
fn crash(folder: &Folder) -> Folder {
    folder.copy()
}

fn journal(folder: &Folder) -> std::path::PathBuf {
    folder.0.join("journal.000000")
}

fn length(path: &Path) -> u64 {
    path.metadata().expect("a file").len()
}

#[tokio::test]
async fn a_restart_gives_the_same_accounts_byte_for_byte() {
    let folder = Folder::default();
    let chain = folder.open();
    let mut scene = Scene::new(&*chain).await;
    for _ in 0..5 {
        scene.settle(&*chain).await.expect("a batch");
    }
    chain.advance(std::time::Duration::from_secs(90_000)).await.expect("time");
    scene.settle(&*chain).await.expect("a batch");
    let (before, time) = (accounts(&chain).await, chain.time().await.expect("the time"));

    // After a crash: from the journal alone.
    let crashed = crash(&folder);
    assert!(!crashed.0.join("snapshot").exists());
    let again = crashed.open();
    assert_eq!(accounts(&again).await, before);
    assert!(again.time().await.expect("the time").slot >= time.slot);
    assert!(again.time().await.expect("the time").unix_seconds >= time.unix_seconds);

    // After it was closed: from the snapshot alone.
    drop(chain);
    assert!(folder.0.join("snapshot").exists());
    let chain = folder.open();
    assert_eq!(accounts(&chain).await, before);
    scene.settle(&*chain).await.expect("a batch");
    let after = accounts(&chain).await;
    // From a snapshot and what came after.
    let again = crash(&folder).open();
    assert_eq!(accounts(&again).await, after);
    // And without the snapshot, from the beginning.
    let crashed = crash(&folder);
    std::fs::remove_file(crashed.0.join("snapshot")).expect("a snapshot");
    assert_eq!(accounts(&crashed.open()).await, after);
}

#[tokio::test]
async fn a_last_record_cut_anywhere_is_as_if_it_had_not_been() {
    let folder = Folder::default();
    let chain = folder.open();
    let mut scene = Scene::new(&*chain).await;
    scene.settle(&*chain).await.expect("a batch");
    let (before, start) = (accounts(&chain).await, length(&journal(&folder)));
    // The replay of a snapshot is quicker.
    drop(chain);
    let chain = folder.open();
    let landed = scene.settle(&*chain).await.expect("a batch");
    let (after, end) = (accounts(&chain).await, length(&journal(&folder)));
    let crashed = crash(&folder);
    let whole = std::fs::read(journal(&crashed)).expect("a journal");
    for cut in start..=end {
        let torn = &whole[..usize::try_from(cut).expect("64 bits")];
        std::fs::write(journal(&crashed), torn).expect("a journal");
        let reader = Embedded::open_read_only(&crashed.0).expect("a chain");
        let expected = if cut == end { &after } else { &before };
        assert!(accounts(&reader).await == *expected, "cut at {cut} of {start}..{end}");
        let status = reader.statuses(&[landed]).await.expect("statuses");
        assert_eq!(status[0].is_some(), cut == end);
    }
    // Bytes of another write behind what is whole.
    for cut in [start, start + 1, start + 12, start + 100, end - 1] {
        let mut torn = whole[..usize::try_from(cut).expect("64 bits")].to_vec();
        torn.resize(whole.len() + 100, 0xa5);
        std::fs::write(journal(&crashed), &torn).expect("a journal");
        std::fs::copy(folder.0.join("snapshot"), crashed.0.join("snapshot")).expect("a copy");
        let again = Embedded::open(&crashed.0, &program()).expect("a chain");
        assert_eq!(length(&journal(&crashed)), start);
        assert!(accounts(&again).await == before, "cut at {cut}");
        let mut scene = Scene { key: scene.key.insecure_clone(), next_sequence: 2, ..scene };
        scene.settle(&*again).await.expect("another batch");
    }
}

#[tokio::test]
async fn a_damaged_journal_is_not_taken_for_a_torn_one() {
    let folder = Folder::default();
    let chain = folder.open();
    let mut scene = Scene::new(&*chain).await;
    scene.settle(&*chain).await.expect("a batch");
    drop(chain);
    let path = journal(&folder);
    let mut bytes = std::fs::read(&path).expect("a journal");
    let at = bytes.len() - 50;
    bytes[at] ^= 1;
    std::fs::write(&path, &bytes).expect("a journal");
    let damaged = Embedded::open(&folder.0, &program());
    let Err(ChainError::Storage(reason)) = damaged else { panic!("opened") };
    assert!(reason.contains("damaged at byte"), "{reason}");
}

#[tokio::test]
async fn a_damaged_snapshot_is_named() {
    let folder = Folder::default();
    drop(folder.open());
    let path = folder.0.join("snapshot");
    let bytes = std::fs::read(&path).expect("a snapshot");
    for length in [0, 1, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..length]).expect("a snapshot");
        let damaged = Embedded::open(&folder.0, &program());
        let Err(ChainError::Storage(reason)) = damaged else { panic!("opened at {length}") };
        assert!(reason.contains("snapshot cannot be read"), "{reason}");
    }
    std::fs::remove_file(&path).expect("a snapshot");
    folder.open();
}

#[tokio::test]
async fn what_cannot_be_written_did_not_happen() {
    let folder = Folder::default();
    let chain = folder.open();
    let mut scene = Scene::new(&*chain).await;
    scene.settle(&*chain).await.expect("a batch");
    let before = accounts(&chain).await;

    // A file that cannot be written to stands for a full disk.
    let read_only = File::open(journal(&folder)).expect("a journal");
    chain
        .run(move |worker| {
            worker.journal().replace_file(read_only);
            Ok(())
        })
        .await
        .expect("another file");
    let signed = scene.sign(&*chain, &[scene.settlement(2, 10)], &[]).await;
    let failed = chain.send(&signed.bytes).await;
    assert!(matches!(failed, Err(ChainError::Storage(_))), "{failed:?}");
    // What is behind the last record cannot be cut off either: nothing is said of the chain.
    let unknown = chain.account(&scene.shard, Finalized).await;
    assert!(matches!(unknown, Err(ChainError::Storage(_))), "{unknown:?}");

    let path = journal(&folder);
    replace(&chain, OpenOptions::new().read(true).write(true).open(path).expect("a journal"));
    assert_eq!(accounts(&chain).await, before);
    assert_eq!(chain.statuses(&[signed.signature]).await.expect("statuses"), [None]);
    chain.send(&signed.bytes).await.expect("the same batch");
    let after = accounts(&chain).await;
    assert_eq!(accounts(&crash(&folder).open()).await, after);
}

/// The journal's file, while nothing else can be done.
fn replace(chain: &Arc<Embedded>, file: File) {
    let job: crate::chain::embedded::worker::Job = Box::new(move |worker| {
        worker.journal().replace_file(file);
        Box::new(|_| {})
    });
    assert!(chain.jobs.as_ref().expect("open").try_send(job).is_ok(), "no room");
}

#[tokio::test]
async fn one_process_writes() {
    let folder = Folder::default();
    let chain = folder.open();
    let second = Embedded::open(&folder.0, &program());
    let Err(ChainError::InUse { holder, .. }) = second else { panic!("opened twice") };
    assert_eq!(holder, format!("process {}", std::process::id()));
    drop(chain);
    folder.open();
}

#[tokio::test]
async fn a_transaction_is_known_after_a_restart() {
    let folder = Folder::default();
    let chain = folder.open();
    let scene = Scene::new(&*chain).await;
    let signed = scene.sign(&*chain, &[scene.settlement(1, 10)], &[]).await;
    chain.send(&signed.bytes).await.expect("a batch");
    let later = scene.sign(&*chain, &[scene.settlement(2, 10)], &[]).await;
    let crashed = crash(&folder);
    let again = crashed.open();
    assert_eq!(again.send(&signed.bytes).await.expect("taken"), signed.signature);
    assert_eq!(scene.header(&*again).await.next_sequence, 2);
    // Its blockhash is of before.
    again.send(&later.bytes).await.expect("a batch");
    assert_eq!(scene.header(&*again).await.next_sequence, 3);
}

#[tokio::test]
async fn another_program_takes_the_place_of_the_old_one() {
    let folder = Folder::default();
    let chain = folder.open();
    let mut scene = Scene::new(&*chain).await;
    drop(chain);
    // Bytes behind the program's own are no part of it.
    let mut elf = std::fs::read(program()).expect("a program");
    elf.extend([0; 64]);
    let other = folder.0.join("other.so");
    std::fs::write(&other, &elf).expect("a program");
    let before = length(&journal(&folder));
    let chain = Embedded::open(&folder.0, &other).expect("a chain");
    assert!(length(&journal(&folder)) > before + u64::try_from(elf.len()).expect("64 bits"));
    scene.settle(&*chain).await.expect("a batch");
    let after = accounts(&chain).await;
    let crashed = crash(&folder);
    let again = Embedded::open(&crashed.0, &other).expect("a chain");
    assert_eq!(accounts(&again).await, after);
    let missing = Embedded::open(&folder.0, Path::new("none.so"));
    let Err(ChainError::Storage(reason)) = missing else { panic!("opened") };
    assert!(reason.contains("chain.program"), "{reason}");
}
