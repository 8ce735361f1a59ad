mod rounds;

use std::sync::Mutex;

use object_store::ObjectStoreExt;
use pixr::state::shard::{ShardMut, ShardRef};

use super::*;
use crate::{
    index::{
        files::{self, BatchFile, Change, Digest, KindName, TailFile},
        testing::{Bad, World},
    },
    settle::Kind,
    views::ContentId,
};

/// Batches of [`World::live`].
const BATCHES: u64 = 6;

async fn checked(world: &World) -> Report {
    checked_on(world, world.chain.clone()).await
}

async fn checked_on(world: &World, chain: Arc<dyn Chain>) -> Report {
    let platform = world.platform().address;
    let options = Options::default();
    verify(&chain, &world.objects, &platform, &options, &|_| {}).await.expect("a report")
}

async fn difference(world: &World) -> Difference {
    let report = checked(world).await;
    assert!(!report.agrees());
    report.difference().expect("a difference").clone()
}

async fn live() -> World {
    let mut world = World::new().await;
    world.live().await;
    world.publish().await;
    world
}

async fn load(world: &World) -> (Vec<BatchFile>, TailFile) {
    let tail: TailFile = files::read(&world.read(&world.place(0).tail_path()).await).unwrap();
    let mut batches = Vec::new();
    for sequence in 1..=tail.sequence {
        let bytes = world.read(&world.place(0).batch_path(sequence)).await;
        batches.push(files::read(&bytes).unwrap());
    }
    (batches, tail)
}

/// Publishes changed files as a liar does who controls all of them: with hashes of files that fit.
async fn lie(world: &World, (batches, mut tail): (Vec<BatchFile>, TailFile)) {
    let mut last = None;
    for (sequence, mut file) in (1..).zip(batches) {
        file.previous_file = last;
        let bytes = files::write(&file).unwrap();
        last = Some(Digest::of(&bytes));
        world.write(&world.place(0).batch_path(sequence), bytes).await;
    }
    tail.previous_file = last;
    world.write(&world.place(0).tail_path(), files::write(&tail).unwrap()).await;
}

fn batch(sequence: u64) -> Subject {
    Subject::Batch { sequence }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_platform_is_verified_to_the_last_base_unit() {
    let mut world = World::new().await;
    let second = world.open_shard(1_000_000).await;
    world.live().await;
    world.register_creator(second, world.key()).await;
    world.register_content(second, 0, [5; 16]).await;
    world.settle(second, &[(0, 12, 5_000)]).await;
    world.publish().await;
    let seen = Mutex::new(Vec::new());
    let chain: Arc<dyn Chain> = world.chain.clone();
    let report =
        verify(&chain, &world.objects, &world.platform().address, &Options::default(), &|it| {
            seen.lock().unwrap().push((it.shard, it.sequence));
        })
        .await
        .unwrap();
    assert!(report.agrees(), "{report}");
    let [first, other] = report.shards.as_slice() else { panic!("two shards") };
    // Reckoned by hand; see `World::live`.
    let expected = Totals {
        views: 1_000 + 7 + 333 + 3 + 100 + 1 + 100 + 3 + 10 + 450 + 8_000_000 + 1 + 9_999,
        credited: 1_052_999 + 2_399_753_924 + 338_000,
        funded: 1 << 60,
        tipped: 921 + 71_632,
        withdrawn: 250_000 + 300_000,
        delayed: 0,
        platform_fees: 3_889,
        processing_fees: 2_256,
        ..Totals::default()
    };
    assert_eq!(first.totals, expected);
    assert_eq!(first.balances, 2_400_328_555 + 338_921);
    assert_eq!((first.batches, first.lines, first.unpublished), (BATCHES, 15, 0));
    assert_eq!((first.contents, first.creators), (3, 2));
    let header = world.header(0).await;
    assert_eq!(first.vault, header.liabilities());
    assert_eq!((other.batches, other.totals.credited), (1, 6_000));
    let mut seen = seen.into_inner().unwrap();
    seen.sort_unstable();
    let firsts = (1..=BATCHES).map(|sequence| (0, sequence));
    assert_eq!(seen, firsts.chain([(1, 1)]).collect::<Vec<_>>());
    let text = report.to_string();
    assert!(text.contains("VERIFIED: 2401150923 base units credited"), "{text}");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["shards"][0]["verdict"], "agrees");
    assert_eq!(json["shards"][0]["totals"]["credited"], "2401144923");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_published_yet_comes_from_the_chain() {
    let mut world = live().await;
    world.settle(0, &[(0, 77, 10_000)]).await;
    world.set_quality(0, 0, 5_000).await;
    world.tip(0, 1, 5_000).await;
    world.settle(0, &[(0, 77, 10_000), (2, 1, 1)]).await;
    world.tip(0, 1, 5_000).await;
    let report = checked(&world).await;
    assert!(report.agrees(), "{report}");
    assert_eq!((report.shards[0].batches, report.shards[0].unpublished), (BATCHES + 2, 2));
    // The tail is as old as the files; without it the chain tells more.
    world.objects.delete(&world.place(0).tail_path()).await.unwrap();
    assert!(checked(&world).await.agrees());
    // Nothing but the list of shards.
    for sequence in 1..=BATCHES {
        world.objects.delete(&world.place(0).batch_path(sequence)).await.unwrap();
    }
    let report = checked(&world).await;
    assert!(report.agrees(), "{report}");
    assert_eq!(report.shards[0].unpublished, BATCHES + 2);
    // A node that has forgotten proves nothing, and says so.
    world.publish().await;
    world.settle(0, &[(0, 1, 1)]).await;
    let bad = Bad::new(&world.chain);
    bad.forgetful.store(true, std::sync::atomic::Ordering::Relaxed);
    let report = checked_on(&world, Arc::new(bad)).await;
    let published = BATCHES + 2;
    assert!(
        matches!(report.shards[0].verdict, Verdict::Behind { published: p, chain: c, .. }
            if (p, c) == (published, published + 1)),
        "{report}"
    );
    assert!(!report.agrees() && report.difference().is_none());
}

/// The account as a check reads it first, while the keeper goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_keeper_at_work_does_not_disturb() {
    let mut world = World::new().await;
    world.live().await;
    let shard = world.place(0).address;
    for step in 0..6 {
        let then = world.chain.account(&shard, Commitment::Finalized).await.unwrap().unwrap();
        let vault = read_vault(&world).await;
        match step {
            0 => drop(world.tip(0, 0, 9_999).await),
            1 => drop(world.settle(0, &[(0, 1, 10_000)]).await),
            2 => {
                world.set_quality(0, 0, 1).await;
                world.request(0, 0, 2, 5).await;
                world.cancel(0, 0, 2).await;
            }
            3 => {
                world.tip(0, 0, 9_999).await;
                world.settle(0, &[(1, 1, 10_000)]).await;
                world.settle(0, &[(1, 1, 10_000)]).await;
            }
            4 => world.register_content(0, 0, [44; 16]).await,
            _ => {
                world.set_quality(0, 3, 5).await;
                world.settle(0, &[(3, 1, 10_000)]).await;
            }
        }
        world.publish().await;
        // Everything is published, but the account is the one of before.
        let mut bad = Bad::new(&world.chain);
        let vault_address = read_vault_address(&world).await;
        bad.alter = Some(Box::new(move |address, account| {
            if *address == shard {
                *account = then.clone();
            } else if *address == vault_address {
                *account = vault.clone();
            }
        }));
        let report = checked_on(&world, Arc::new(bad)).await;
        assert!(report.agrees(), "step {step}: {report}");
        assert!(checked(&world).await.agrees());
    }
}

async fn read_vault_address(world: &World) -> Pubkey {
    world.header(0).await.vault
}

async fn read_vault(world: &World) -> solana_account::Account {
    let vault = read_vault_address(world).await;
    world.chain.account(&vault, Commitment::Finalized).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn any_changed_byte_of_a_batch_shows() {
    let world = live().await;
    let mut accepted = Vec::new();
    for sequence in 1..=BATCHES {
        let path = world.place(0).batch_path(sequence);
        let bytes = world.read(&path).await;
        for at in (0..bytes.len()).filter(|at| at % 11 == usize::try_from(sequence).unwrap()) {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            world.write(&path, changed).await;
            if checked(&world).await.agrees() {
                accepted.push((sequence, at));
            }
        }
        world.write(&path, bytes).await;
    }
    assert_eq!(accepted, []);
    assert!(checked(&world).await.agrees());
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_and_exchanged_files_show() {
    let world = live().await;
    let path = |sequence| world.place(0).batch_path(sequence);
    for sequence in 1..=BATCHES {
        let bytes = world.read(&path(sequence)).await;
        world.objects.delete(&path(sequence)).await.unwrap();
        let found = difference(&world).await;
        assert_eq!((found.subject, &*found.found), (batch(sequence), "missing"));
        world.write(&path(sequence), bytes).await;
    }
    let (second, third) = (world.read(&path(2)).await, world.read(&path(3)).await);
    world.write(&path(2), third).await;
    world.write(&path(3), second).await;
    let found = difference(&world).await;
    assert_eq!(
        (found.subject, found.field, &*found.expected, &*found.found),
        (batch(2), "sequence", "2", "3")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_list_of_shards_shows() {
    let mut world = live().await;
    world.open_shard(1).await;
    let found = difference(&world).await;
    assert_eq!((found.subject, &*found.expected, &*found.found), (Subject::Manifest, "2", "1"));
    world.objects.delete(&manifest_path(&world.platform().address)).await.unwrap();
    assert_eq!(difference(&world).await.found, "missing");
    world.publish().await;
    assert!(checked(&world).await.agrees());
}

type Lie = Box<dyn Fn(&mut Vec<BatchFile>, &mut TailFile)>;

fn lies(authorities: [Pubkey; 2]) -> Vec<(&'static str, Lie, Subject, &'static str)> {
    let creator = |creator, authority| Subject::Creator { creator, authority };
    fn lie(change: impl Fn(&mut Vec<BatchFile>, &mut TailFile) + 'static) -> Lie {
        Box::new(change)
    }
    vec![
        ("a hidden quality", lie(|all, _| _ = all[1].changes.remove(0)), batch(2), "credited"),
        ("a hidden tip", lie(|all, _| _ = all[1].changes.remove(1)), batch(5), "change"),
        ("another credit", lie(|all, _| all[3].batch.amount += 1), batch(4), "credited"),
        (
            "another value",
            lie(|all, _| all[2].batch.amount -= 1),
            batch(3),
            "value of the reversal",
        ),
        ("other views", lie(|all, _| all[0].batch.views -= 1), batch(1), "views"),
        ("another rate", lie(|all, _| all[0].batch.base_rate += 1), batch(1), "credited"),
        (
            "an impossible rate",
            lie(|all, _| all[0].batch.base_rate = 1 << 39),
            batch(1),
            "base rate",
        ),
        ("other entries", lie(|all, _| all[3].entries[0] ^= 1), batch(4), "hash"),
        ("another kind", lie(|all, _| all[2].batch.kind = KindName(Kind::Views)), batch(3), "hash"),
        ("another order", lie(|all, _| all[0].batch.sequence = 2), batch(1), "sequence"),
        ("another platform", lie(|all, _| all[5].place.platform = pixr::ID), batch(6), "platform"),
        ("another shard", lie(|all, _| all[5].place.shard = 1), batch(6), "shard"),
        ("another start", lie(|all, _| all[0].contents[0].quality = 9_999), batch(1), "credited"),
        (
            "too much quality",
            lie(|all, _| all[0].contents[0].quality = 10_001),
            batch(1),
            "quality",
        ),
        (
            "another tip",
            lie(|all, _| {
                let (net, platform_fee, processing_fee) = (920, 50, 29);
                let tip = Change::Tip { creator: 1, net, platform_fee, processing_fee };
                all[1].changes[1].change = tip;
            }),
            creator(1, authorities[1]),
            "balance",
        ),
        (
            "another creator's tip",
            lie(|_, tail| {
                let Change::Tip { creator, .. } = &mut tail.changes[0].change else { panic!() };
                *creator = 1;
            }),
            creator(0, authorities[0]),
            "balance",
        ),
        (
            "a hidden tip at the end",
            lie(|_, tail| tail.changes.clear()),
            creator(0, authorities[0]),
            "balance",
        ),
        ("no budget", lie(|all, _| _ = all[0].changes.remove(0)), Subject::Shard, "funded in all"),
        ("a hidden last quality", lie(|all, _| _ = all[5].changes.pop()), batch(6), "credited"),
        (
            "an old tail",
            lie(|_, tail| tail.previous_hash = Digest([1; 32])),
            Subject::Tail,
            "hash before",
        ),
        (
            "more paid than waits",
            lie(|all, _| {
                let change = Change::Executed { creator: 0, amount: 300_001 };
                all[4].changes[2].change = change;
            }),
            batch(5),
            "change",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn lies_show() {
    let world = live().await;
    let honest = load(&world).await;
    let data = account(&world).await.data;
    let slots = ShardRef::parse(&data).unwrap().creators;
    for (name, change, subject, field) in lies([slots[0].authority, slots[1].authority]) {
        let (mut batches, mut tail) = honest.clone();
        change(&mut batches, &mut tail);
        lie(&world, (batches, tail)).await;
        let found = difference(&world).await;
        assert_eq!((found.subject, found.field), (subject, field), "{name}: {found}");
    }
    lie(&world, honest).await;
    assert!(checked(&world).await.agrees());
}

/// A file can be left out at the end together with all that names it: then the chain tells the rest.
#[tokio::test(flavor = "multi_thread")]
async fn a_shortened_list_is_completed_from_the_chain() {
    let world = live().await;
    let (mut batches, mut tail) = load(&world).await;
    batches.truncate(4);
    tail.sequence = 4;
    tail.previous_hash = batches[3].batch.hash;
    tail.changes.clear();
    tail.contents.clear();
    tail.through = batches[3].signature;
    for sequence in 5..=BATCHES {
        world.objects.delete(&world.place(0).batch_path(sequence)).await.unwrap();
    }
    lie(&world, (batches, tail)).await;
    let report = checked(&world).await;
    assert!(report.agrees(), "{report}");
    assert_eq!(report.shards[0].unpublished, 2);
}

async fn account(world: &World) -> solana_account::Account {
    let shard = world.place(0).address;
    world.chain.account(&shard, Commitment::Finalized).await.unwrap().unwrap()
}

type Forge = fn(&mut ShardMut);

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_says_something_else_shows() {
    let world = live().await;
    let data = account(&world).await.data;
    let slots = ShardRef::parse(&data).unwrap();
    let content =
        |content: usize| Subject::Content { content, id: ContentId(slots.contents[content].id) };
    let creator =
        |creator: usize| Subject::Creator { creator, authority: slots.creators[creator].authority };
    let forgeries: [(Forge, Subject, &str, &str); 10] = [
        (|it| it.contents[1].views += 1, content(1), "views", "8000061"),
        (|it| it.contents[0].earned -= 1, content(0), "earned", "1052999"),
        (|it| it.contents[2].remainder += 1, content(2), "remainder", "1000000"),
        (|it| it.contents[2].quality_and_flag = 1, content(2), "quality", "0"),
        (|it| it.creators[1].balance += 1, creator(1), "balance", "338921"),
        (|it| it.creators[0].withdrawn = 0, creator(0), "withdrawn", "550000"),
        (|it| it.header.credited += 1, Subject::Shard, "credited in all", "2401144923"),
        (|it| it.header.reward_budget += 5, Subject::Shard, "reward budget", "1152921502205702053"),
        (|it| it.header.delayed = 7, Subject::Shard, "delayed withdrawals", "0"),
        (|it| it.header.platform_fees = 1, Subject::Shard, "platform fees", "3889"),
    ];
    let shard = world.place(0).address;
    for (forge, subject, field, expected) in forgeries {
        let mut bad = Bad::new(&world.chain);
        bad.alter = Some(Box::new(move |address, account| {
            if *address == shard {
                forge(&mut ShardMut::parse(&mut account.data).unwrap());
            }
        }));
        let report = checked_on(&world, Arc::new(bad)).await;
        let found = report.difference().unwrap_or_else(|| panic!("{field}: {report}"));
        assert_eq!((found.subject, found.field, &*found.expected), (subject, field, expected));
    }
    let mut bad = Bad::new(&world.chain);
    bad.alter = Some(Box::new(move |address, account| {
        if *address == shard {
            ShardMut::parse(&mut account.data).unwrap().header.hash = [7; 32];
        }
    }));
    let report = checked_on(&world, Arc::new(bad)).await;
    let found = report.difference().unwrap();
    assert_eq!((found.subject, found.field), (batch(BATCHES), "hash"));
    assert_eq!(found.found, Digest([7; 32]).to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_that_does_not_cover_its_shard_shows() {
    let world = live().await;
    let header = world.header(0).await;
    let owed = header.liabilities().unwrap();
    let mut bad = Bad::new(&world.chain);
    bad.alter = Some(Box::new(move |address, account| {
        if *address == header.vault {
            account.data[64..72].copy_from_slice(&(owed - 1).to_le_bytes());
        }
    }));
    let report = checked_on(&world, Arc::new(bad)).await;
    let found = report.difference().unwrap();
    assert_eq!((found.subject, found.field), (Subject::Shard, "vault"));
    assert_eq!(found.expected, format!("at least {owed}"));
    assert_eq!(found.found, (owed - 1).to_string());
    assert!(report.to_string().contains("DIFFERENT: shard 0, the shard: vault should be"));
}
