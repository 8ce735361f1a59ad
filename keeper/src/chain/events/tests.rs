use anchor_lang::{AnchorSerialize, Event};
use serde_json::json;

use super::*;
use crate::chain::{
    Chain, ChainTransaction,
    embedded::Embedded,
    testing::{Scene, program},
};

const OTHER: &str = "11111111111111111111111111111111";

fn data(event: &impl Event) -> String {
    format!("Program data: {}", BASE64_STANDARD.encode(event.data()))
}

fn paused() -> String {
    let key = Pubkey::new_from_array([1; 32]);
    data(&PauseChanged { platform: key, by: key, paused: true })
}

fn logs(lines: &[&str]) -> Vec<String> {
    let own = pixr::ID.to_string();
    lines.iter().map(|line| line.replace("OWN", &own).replace("OTHER", OTHER)).collect()
}

fn names(lines: &[&str]) -> Vec<&'static str> {
    decode(&logs(lines)).events.iter().map(ProgramEvent::name).collect()
}

#[test]
fn every_event_of_the_interface_is_here() {
    let idl: Json =
        serde_json::from_str(include_str!("../../../../programs/pixr/idl.json")).expect("an IDL");
    let mut expected: Vec<_> = idl["events"]
        .as_array()
        .expect("events")
        .iter()
        .map(|event| event["name"].as_str().expect("a name"))
        .collect();
    let mut names = ProgramEvent::NAMES.to_vec();
    expected.sort_unstable();
    names.sort_unstable();
    assert_eq!(names, expected);
    assert_eq!(names.len(), 36);
}

#[test]
fn only_the_programs_own_data_counts() {
    let paused = paused();
    let own = ["Program OWN invoke [1]", &paused, "Program OWN success"];
    assert_eq!(names(&own), ["PauseChanged"]);
    let other = ["Program OTHER invoke [1]", &paused, "Program OTHER success"];
    assert!(names(&other).is_empty());
    assert!(names(&[&paused]).is_empty());
    // A program that the program calls, and after it the program again.
    let inner = [
        "Program OWN invoke [1]",
        "Program OTHER invoke [2]",
        &paused,
        "Program OTHER success",
        &paused,
        "Program OWN success",
        &paused,
    ];
    assert_eq!(names(&inner), ["PauseChanged"]);
    // Called by another program, it is itself.
    let called = [
        "Program OTHER invoke [1]",
        "Program OWN invoke [2]",
        "Program OWN consumed 5 of 10 compute units",
        &paused,
        "Program OWN success",
        &paused,
        "Program OTHER success",
    ];
    assert_eq!(names(&called), ["PauseChanged"]);
}

#[test]
fn what_a_program_logs_does_not_move_the_stack() {
    let paused = paused();
    let forged = [
        "Program OTHER invoke [1]",
        "Program log: Program OWN invoke [2]",
        "Program log: OWN invoke [2]",
        "Program return: OWN AAAA",
        &paused,
        "Program OTHER failed: custom program error: 0x1",
    ];
    assert!(names(&forged).is_empty());
    let ended = [
        "Program OWN invoke [1]",
        "Program log: Program OWN success",
        &paused,
        "Program OWN success",
    ];
    assert_eq!(names(&ended), ["PauseChanged"]);
}

#[test]
fn what_is_no_event_is_passed_over() {
    let paused = paused();
    let short = &paused[..paused.len() - 4];
    let lines = [
        "Program OWN invoke [1]",
        "Program data: ?",
        "Program data: AAAA",
        short,
        &paused,
        "Log truncated",
    ];
    let found = decode(&logs(&lines));
    assert_eq!((found.events.len(), found.truncated), (1, true));
}

#[test]
fn a_failed_transaction_has_no_events() {
    let lines = logs(&["Program OWN invoke [1]", &paused(), "Program OWN success"]);
    let mut transaction = ChainTransaction {
        signature: Default::default(),
        slot: 1,
        block_time: None,
        error: None,
        fee_lamports: 0,
        compute_units: 0,
        logs: lines,
        bytes: Vec::new(),
    };
    assert_eq!(events(&transaction).events.len(), 1);
    transaction.error = Some(solana_transaction_error::TransactionError::AccountNotFound);
    assert!(events(&transaction).events.is_empty());
}

#[test]
fn large_numbers_keep_every_digit() {
    let shard = Pubkey::new_from_array([2; 32]);
    let event = WithdrawalRequested {
        shard,
        creator: u32::MAX,
        withdrawal: shard,
        destination: shard,
        amount: u64::MAX,
        balance_before: (1 << 53) + 1,
        balance_after: 0,
        executable_at: i64::MIN,
    };
    let mut bytes = WithdrawalRequested::DISCRIMINATOR.to_vec();
    event.serialize(&mut bytes).expect("bytes");
    let event = ProgramEvent::decode(&bytes).expect("an event");
    let expected = json!({
        "shard": shard.to_string(),
        "creator": u32::MAX,
        "withdrawal": shard.to_string(),
        "destination": shard.to_string(),
        "amount": "18446744073709551615",
        "balance_before": "9007199254740993",
        "balance_after": "0",
        "executable_at": "-9223372036854775808",
    });
    assert_eq!(event.json(), expected);
    assert_eq!((event.shard(), event.creator()), (Some(shard), Some(u32::MAX)));
    assert_eq!((event.content(), event.sequence()), (None, None));
}

#[tokio::test]
async fn the_programs_logs_have_its_events() {
    let chain = Embedded::temporary(&program()).expect("a chain");
    let mut scene = Scene::new(&*chain).await;
    let signature = scene.settle(&*chain).await.expect("a batch");
    let history = chain.history(&scene.platform.address, None, 100).await.expect("a history");
    let all: Vec<_> = history.iter().flat_map(|transaction| events(transaction).events).collect();
    let names: Vec<_> = all.iter().map(ProgramEvent::name).collect();
    let expected = [
        "PlatformInitialized",
        "ShardOpened",
        "BudgetFunded",
        "CreatorRegistered",
        "ContentRegistered",
        "ContentRegistered",
        "BatchSettled",
    ];
    assert_eq!(names, expected);
    let settled = all.last().expect("an event");
    let header = scene.header(&*chain).await;
    assert_eq!(settled.json()["hash"], hex::encode(header.hash));
    assert_eq!(settled.json()["credited"], "10000");
    assert_eq!((settled.shard(), settled.sequence()), (Some(scene.shard), Some(1)));
    assert_eq!((all[5].content(), all[5].creator()), (Some(1), Some(0)));
    assert_eq!(all[4].json()["id"], "01".repeat(16));
    assert_eq!(all[0].json()["settings"]["day_cap"], (1_u64 << 55).to_string());

    let landed = chain.transaction(&signature).await.expect("an answer").expect("one");
    let batches = crate::chain::batches::settle_entries(&landed.bytes).expect("batches");
    assert_eq!((batches[0].shard, batches[0].sequence), (scene.shard, 1));
    let hash = pixr::instructions::chain_settlement(&[0; 32], &batches[0].entries);
    assert_eq!(hash, header.hash);
}
