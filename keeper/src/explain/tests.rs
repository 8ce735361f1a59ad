//! Stories of a small platform: events are logged, counted, settled and indexed as in a keeper, and
//! every figure is reckoned by hand.

mod rounds;

use std::time::Duration;

use anchor_lang::solana_program::{program_pack::Pack, system_instruction};
use anchor_spl::{
    token::spl_token::state::Account as TokenAccount,
    token_2022::spl_token_2022::instruction as token,
};
use diesel::{ExpressionMethods, QueryDsl, insert_into};
use diesel_async::RunQueryDsl;
use pixr::entries::Entry;
use pixr_client::withdrawal_address;
use solana_keypair::Keypair;
use solana_signer::Signer;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    amount::Amount,
    app::serve::counting,
    chain::Chain,
    count,
    index::catch_up,
    keys::Purpose,
    log::{Partition, StoredBatch},
    settle::{Kind, Timing, settle_once},
    store::schema::{findings, log_positions, reversed_events},
    testing::world::{Size, World},
    views::{Hashes, ViewEvent, codec},
};

const SIZE: u32 = 4;
const HOUR_MS: i64 = 3_600_000;

fn id(content: u128) -> ContentId {
    ContentId((content + 1).to_le_bytes())
}

fn amount(base_units: u64) -> Amount {
    Amount::new(base_units, 6)
}

/// A platform under way.
struct Run {
    world: World,
    hashes: Hashes,
    /// When the first batch of events came in.
    start: DateTime<Utc>,
    tokens: Pubkey,
}

impl Run {
    async fn new() -> Self {
        let size = Size { creators: 2, contents: SIZE, ..Size::default() };
        let world = World::new(size).await;
        let hashes = Hashes::new(&world.app.keys);
        // Well within a view window.
        let now_ms = Utc::now().timestamp_millis();
        let start_ms = now_ms.div_euclid(HOUR_MS) * HOUR_MS - HOUR_MS / 2;
        let start = DateTime::from_timestamp_millis(start_ms).unwrap();
        let mut run = Self { world, hashes, start, tokens: Pubkey::default() };
        run.tokens = run.token_account(1_000_000).await;
        run
    }

    fn app(&self) -> &App {
        &self.world.app
    }

    fn key(&self, purpose: Purpose) -> Keypair {
        self.app().keys.key(purpose)
    }

    /// A token account of the keeper's.
    async fn token_account(&self, tokens: u64) -> Pubkey {
        let (keeper, account) = (self.key(Purpose::Keeper).pubkey(), Keypair::new());
        let pixr_client::Platform { mint, token_program: program, .. } = self.app().platform;
        let rent = self.app().chain.rent_lamports(TokenAccount::LEN).await.unwrap();
        let (at, space) = (account.pubkey(), TokenAccount::LEN as u64);
        let instructions = [
            system_instruction::create_account(&keeper, &at, rent, space, &program),
            token::initialize_account3(&program, &at, &mint, &keeper).unwrap(),
            token::mint_to(&program, &mint, &at, &keeper, &[], tokens).unwrap(),
        ];
        self.world.run(&instructions, &[&account]).await;
        at
    }

    fn event(&self, name: &str, viewer: u8, content: u128, relevance: u16) -> ViewEvent {
        ViewEvent {
            id: self.hashes.event(name.as_bytes()),
            viewer: self.hashes.viewer(&[viewer]),
            content: id(content),
            at_ms: self.start.timestamp_millis(),
            watched_ms: 5_000,
            relevance,
        }
    }

    async fn log(&self, events: &[ViewEvent]) -> i64 {
        let batch = StoredBatch {
            source: "player".into(),
            received_at: self.start,
            events: events.len().try_into().unwrap(),
            payload: codec::encode(events),
        };
        self.app().log.append(vec![(Partition(0), batch)]).await.unwrap()[0].0
    }

    /// Counts everything up to `position`.
    async fn count(&self, position: i64) {
        let stop = CancellationToken::new();
        let counted = watch::Sender::new(());
        let context = counting(self.app(), "test", counted).await.unwrap();
        let counter = tokio::spawn(count::run(context, Partition(0), stop.clone()));
        let counted = async {
            loop {
                let mut connection = self.app().store.get().await.unwrap();
                let at: Vec<i64> = log_positions::table
                    .select(log_positions::position)
                    .load(&mut connection)
                    .await
                    .unwrap();
                if at.iter().any(|at| *at >= position) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), counted).await.expect("events are counted");
        stop.cancel();
        counter.await.unwrap().unwrap();
    }

    async fn settle(&self) {
        let stop = CancellationToken::new();
        let pass = settle_once(self.app(), "test", Timing::Now, &stop);
        tokio::time::timeout(Duration::from_secs(30), pass).await.expect("a pass ends").unwrap();
    }

    async fn explain(&self, subject: Subject) -> Explanation {
        catch_up(self.app()).await.unwrap();
        explain(self.app(), &subject).await.unwrap()
    }

    async fn event_story(&self, id: &str) -> EventStory {
        let told = self.explain(Subject::Event { id: id.into(), since: None }).await;
        let Explanation::Event(story) = told else { panic!("{told}") };
        story
    }

    async fn set_quality(&self, content: u32, quality: u16) {
        let keeper = self.key(Purpose::Keeper).pubkey();
        let shard = self.world.shards[0];
        let set = self.app().platform.set_quality(keeper, shard, content, quality);
        self.world.run(&[set], &[]).await;
    }

    async fn tip(&self, creator: u32, amount: u64) {
        let keeper = self.key(Purpose::Keeper).pubkey();
        let platform = self.app().platform;
        let shard = self.world.shards[0];
        let tip = platform.tip(keeper, self.tokens, shard, creator, amount, String::new());
        self.world.run(&[tip], &[]).await;
    }

    /// Events of all kinds in one batch of the log, settled as batch 1.
    async fn first_batch(&self) -> i64 {
        let base = |name, viewer, content| self.event(name, viewer, content, 10_000);
        let ahead = |by_ms: i64| self.start.timestamp_millis() + by_ms;
        let events = [
            base("a", 1, 0),
            base("a", 9, 0),
            base("b", 1, 0),
            base("c", 2, 0),
            self.event("d", 3, 1, 777),
            ViewEvent { watched_ms: 10, ..base("short", 4, 0) },
            ViewEvent { at_ms: ahead(-48 * HOUR_MS), ..base("old", 4, 0) },
            ViewEvent { at_ms: ahead(24 * HOUR_MS), ..base("future", 4, 0) },
            base("nobody", 4, 99),
        ];
        let position = self.log(&events).await;
        self.count(position).await;
        self.settle().await;
        position
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_paid_is_followed_to_the_last_fraction() {
    let run = Run::new().await;
    run.first_batch().await;
    run.set_quality(1, 5_000).await;
    let position = run.log(&[run.event("e", 4, 1, 777)]).await;
    run.count(position).await;
    run.settle().await;

    let story = run.event_story("e").await;
    let [occurrence] = story.occurrences.as_slice() else { panic!("{story}") };
    assert_eq!((occurrence.position, occurrence.number), (position, 0));
    assert_eq!(occurrence.verdict, Some("counted"));
    let fate = occurrence.fate.as_ref().expect("a window");
    assert_eq!((fate.shard, fate.content, fate.creator), (0, 1, 1));
    assert_eq!(fate.authority, run.app().keys.address(Purpose::Creator(1)));
    let [settled] = fate.batches.as_slice() else { panic!("{story}") };
    let payment = settled.payment.as_ref().expect("a payment");
    // 777 x 1,000,000 = 77.7 base units, of which 0.7 stay; then 777 x 500,000 = 38.85 and these 0.7.
    let expected = Payment {
        sequence: 2,
        kind: crate::index::files::KindName(Kind::Views),
        views: 1,
        relevance: 777,
        base_rate: 1_000_000,
        quality: 5_000,
        rate: 500_000,
        remainder_before: 7_000_000,
        remainder_after: 5_500_000,
        amount: amount(39),
        signature: payment.signature,
        slot: payment.slot,
        block_time: payment.block_time,
    };
    assert_eq!(*payment, expected);
    assert_eq!(settled.fee_share.as_deref(), Some("5000 lamports for 1 entries: 5000.00 each"));
    let text = story.to_string();
    for part in [
        "rate = floor(1000000 x 5000 / 10000) = 500000",
        "earned = floor((1 x 777 x 500000 + (7000000)) / 10000000) = 39",
        "0.000039 tokens (39 base units) credited",
        "remainder 7000000 -> 5500000: 0.55 of a base unit is not paid yet",
        "this view is one of 1 in the entry, worth 38.85 base units by itself",
        &payment.signature.to_string(),
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let json = serde_json::to_value(Explanation::Event(story)).unwrap();
    let payment = &json["occurrences"][0]["fate"]["batches"][0]["payment"];
    assert_eq!(
        (json["subject"].as_str(), payment["amount"]["base_units"].as_str()),
        (Some("event"), Some("39"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_verdict_has_its_reason() {
    let run = Run::new().await;
    let position = run.first_batch().await;
    let story = run.event_story("a").await;
    let [first, second] = story.occurrences.as_slice() else { panic!("{story}") };
    assert_eq!((first.verdict, first.number, first.position), (Some("counted"), 0, position));
    assert_eq!((second.verdict, second.number), (Some("duplicate_id"), 1));
    let settled = &first.fate.as_ref().expect("a window").batches[0];
    let payment = settled.payment.as_ref().expect("a payment");
    assert_eq!((payment.sequence, payment.views, payment.amount), (1, 2, amount(2_000)));
    assert_eq!(settled.fee_share.as_deref(), Some("5000 lamports for 2 entries: 2500.00 each"));

    let (start_ms, window) = (run.start.timestamp_millis(), "was counted already in the window");
    let reasons = [
        ("b", "duplicate_view", window.to_owned()),
        ("short", "too_short", "watched for 10 ms: a view takes 3000 ms or more".into()),
        ("old", "stale", format!("{} ms before it came in: at most 86400 s", 48 * HOUR_MS)),
        ("future", "future", format!("{} ms after it came in: at most 300 s", 24 * HOUR_MS)),
        ("nobody", "unknown_content", format!("content {} had no slot", id(99))),
    ];
    for (id, verdict, reason) in reasons {
        let story = run.event_story(id).await;
        let [occurrence] = story.occurrences.as_slice() else { panic!("{story}") };
        assert_eq!(occurrence.verdict, Some(verdict), "{story}");
        assert!(occurrence.reason.contains(&reason), "{}", occurrence.reason);
        assert_eq!(occurrence.fate, None);
    }
    let grid = text::time_ms(start_ms.div_euclid(HOUR_MS) * HOUR_MS);
    assert!(run.event_story("b").await.to_string().contains(&format!("window from {grid} to")));

    // Not counted yet, then counted and not settled yet.
    let position = run.log(&[run.event("later", 7, 2, 1)]).await;
    let story = run.event_story("later").await;
    assert_eq!(story.occurrences[0].verdict, None);
    run.count(position).await;
    let story = run.event_story("later").await;
    let fate = story.occurrences[0].fate.as_ref().expect("a window");
    assert_eq!((fate.plan, fate.batches.len()), (None, 0));
    assert!(story.to_string().contains("waits to be settled"), "{story}");

    let unknown = Subject::Event { id: "never sent".into(), since: None };
    assert!(matches!(explain(run.app(), &unknown).await, Err(ExplainError::Unknown(_))));
    let late = Subject::Event { id: "a".into(), since: Some(run.start + Duration::from_secs(1)) };
    assert!(matches!(explain(run.app(), &late).await, Err(ExplainError::Unknown(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reversed_event_names_its_finding() {
    let run = Run::new().await;
    run.first_batch().await;
    let mut connection = run.app().store.get().await.unwrap();
    let window = [Entry { content: 0, views: 1, relevance: 10_000 }];
    run.world.window(0, Kind::Reversal, &window).await;
    let found = (
        findings::source.eq("watchdog"),
        findings::reason.eq("a farm of phones"),
        findings::received_at.eq(run.start),
    );
    let finding: i64 = insert_into(findings::table)
        .values(found)
        .returning(findings::id)
        .get_result(&mut connection)
        .await
        .unwrap();
    let event = run.hashes.event(b"c").to_vec();
    let reversed = (reversed_events::event.eq(event), reversed_events::finding.eq(finding));
    insert_into(reversed_events::table).values(reversed).execute(&mut connection).await.unwrap();
    run.settle().await;

    let story = run.event_story("c").await;
    let reversal = story.reversal.as_ref().expect("a reversal");
    assert_eq!((reversal.finding, &*reversal.reason), (finding, "a farm of phones"));
    let settled = &reversal.fate.as_ref().expect("a window").batches[0];
    let payment = settled.payment.as_ref().expect("a batch");
    assert_eq!((payment.sequence, payment.kind.0), (2, Kind::Reversal));
    assert_eq!((payment.views, payment.amount), (1, amount(1_000)));
    assert_eq!((payment.remainder_before, payment.remainder_after), (0, -10_000_000_000));
    let text = story.to_string();
    assert!(text.contains("worth = ceil(1 x 10000 x 1000000 / 10000000) = 1000"), "{text}");
    assert!(text.contains("-1000 base units: a debt from reversed views"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn contents_and_batches_show_what_they_are_made_of() {
    let run = Run::new().await;
    let through = run.first_batch().await;
    run.set_quality(1, 5_000).await;
    for viewer in 10..22 {
        let event = run.event(&format!("e{viewer}"), viewer, 1, 777);
        let position = run.log(&[event]).await;
        run.count(position).await;
        run.settle().await;
    }
    let told = run.explain(Subject::Content(id(1))).await;
    let Explanation::Content(story) = &told else { panic!("{told}") };
    assert_eq!((story.shard, story.content, story.creator, story.views), (0, 1, 1, 13));
    // 77.7 + 12 x 38.85 = 543.9 base units.
    assert_eq!((story.earned, story.remainder), (amount(543), 9_000_000));
    assert_eq!((story.payments, story.reversals, story.last.len()), (13, 0, 10));
    assert!(story.complete);
    let [change] = story.qualities.as_slice() else { panic!("{told}") };
    assert_eq!((change.before, change.after, story.quality), (10_000, 5_000, 5_000));
    let earned: u64 = story.last.iter().map(|payment| payment.amount.base_units).sum();
    assert_eq!((story.last[0].sequence, story.last[9].sequence), (4, 13));
    // What the first three left: 77.7 + 2 x 38.85 = 155.4, so 0.4.
    assert_eq!((story.last[0].remainder_before, earned), (4_000_000, 543 - 155));
    assert!(told.to_string().contains("0.9 of a base unit is not paid yet"), "{told}");
    assert!(told.to_string().contains("exactly what the account says"), "{told}");
    let unknown = explain(run.app(), &Subject::Content(id(77))).await;
    assert!(matches!(unknown, Err(ExplainError::Unknown(_))));

    let told = run.explain(Subject::Batch { shard: 0, sequence: 1 }).await;
    let Explanation::Batch(story) = &told else { panic!("{told}") };
    assert_eq!((story.views, story.entries, story.kind.0), (3, 2, Kind::Views));
    let plan = story.plan.as_ref().expect("a plan");
    assert_eq!((plan.windows_count, plan.windows[0].through), (1, through));
    assert_eq!((plan.windows[0].partition, plan.windows[0].views), (0, 3));
    let landing = story.landing.as_ref().expect("it landed");
    assert_eq!((landing.amount, landing.base_rate), (amount(2_077), 1_000_000));
    assert_eq!(landing.hash_before, crate::index::files::Digest::default());
    assert_eq!(landing.fee_lamports, Some(5_000));
    let [attempt] = story.attempts.as_slice() else { panic!("{told}") };
    assert_eq!(
        (&*attempt.outcome, &*attempt.signature),
        ("finalized", &*landing.signature.to_string())
    );
    let told = run.explain(Subject::Batch { shard: 0, sequence: 2 }).await;
    let Explanation::Batch(second) = &told else { panic!("{told}") };
    assert_eq!(second.landing.as_ref().expect("it landed").hash_before, story.hash);
    assert!(told.to_string().contains("sha256(hash before, entries)"), "{told}");
    let unknown = explain(run.app(), &Subject::Batch { shard: 0, sequence: 99 }).await;
    assert!(matches!(unknown, Err(ExplainError::Unknown(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn creators_and_withdrawals_add_up() {
    let run = Run::new().await;
    run.first_batch().await;
    run.tip(0, 1_000).await;
    run.tip(1, 77_777).await;
    let (authority, platform) = (run.key(Purpose::Creator(0)), run.app().platform);
    let (me, shard, tokens) = (authority.pubkey(), run.world.shards[0], run.tokens);
    let keeper = run.key(Purpose::Keeper).pubkey();
    run.world.run(&[platform.withdraw(me, shard, 0, tokens, 500)], &[&authority]).await;
    let request =
        |number, amount| platform.request_withdrawal(me, keeper, shard, 0, number, tokens, amount);
    run.world.run(&[request(0, 700)], &[&authority]).await;
    run.world.run(&[request(1, 11)], &[&authority]).await;

    let address = withdrawal_address(&shard, 0, 0);
    let subject = || Subject::Withdrawal(WithdrawalName::Address(address));
    let state = async || {
        let told = run.explain(subject()).await;
        let Explanation::Withdrawal(story) = told else { panic!("{told}") };
        story
    };
    assert_eq!(state().await.state, WithdrawalState::Waits);
    let guardian = run.key(Purpose::Guardian);
    let freeze = |frozen| platform.set_frozen(guardian.pubkey(), shard, address, frozen);
    run.world.run(&[freeze(true)], &[&guardian]).await;
    assert_eq!(state().await.state, WithdrawalState::Frozen);
    run.world.run(&[freeze(false)], &[&guardian]).await;
    assert_eq!(state().await.state, WithdrawalState::Waits);
    run.world.chain.advance(Duration::from_secs(172_801)).await.unwrap();
    assert_eq!(state().await.state, WithdrawalState::Executable);
    let execute = platform.execute_withdrawal(me, keeper, shard, 0, 0, tokens);
    run.world.run(&[execute], &[&authority]).await;
    let cancel = platform.cancel_withdrawal(me, keeper, shard, 0, 1);
    run.world.run(&[cancel], &[&authority]).await;
    let story = state().await;
    assert_eq!(story.state, WithdrawalState::Executed);
    assert_eq!((story.amount, story.balance_before), (amount(700), amount(2_000 + 921 - 500)));
    assert_eq!(story.balance_after, amount(2_000 + 921 - 500 - 700));
    let events: Vec<_> = story.events.iter().map(|happened| &*happened.event).collect();
    let frozen = "FreezeChanged";
    assert_eq!(events, ["WithdrawalRequested", frozen, frozen, "WithdrawalExecuted"]);
    assert_eq!((story.authority, story.delay_seconds), (me, 172_800));
    // By the transaction that paid it, it is the same.
    let signature = story.events[3].signature.parse().unwrap();
    let told = run.explain(Subject::Withdrawal(WithdrawalName::Transaction(signature))).await;
    let Explanation::Withdrawal(again) = &told else { panic!("{told}") };
    assert_eq!(*again, story);
    assert!(told.to_string().contains("balance 2421 - 700 = 1721 base units"), "{told}");
    let other = Subject::Withdrawal(WithdrawalName::Address(withdrawal_address(&shard, 0, 1)));
    let Explanation::Withdrawal(other) = run.explain(other).await else { panic!() };
    assert_eq!(other.state, WithdrawalState::Cancelled);

    let told = run.explain(Subject::Creator(CreatorName::Custodial(0))).await;
    let Explanation::Creator(story) = &told else { panic!("{told}") };
    assert_eq!((story.creator, story.contents, story.views), (0, 2, 2));
    assert_eq!((story.earned, story.top[0].earned), (amount(2_000), amount(2_000)));
    let total = |count, base_units| Total { count, amount: amount(base_units) };
    assert_eq!((story.tips, story.fees_of_tips), (total(1, 921), amount(79)));
    assert_eq!(story.withdrawn_at_once, total(1, 500));
    assert_eq!((story.requested, story.executed), (total(2, 711), total(1, 700)));
    assert_eq!((story.cancelled, story.withdrawn), (total(1, 11), amount(1_200)));
    assert_eq!(story.balance, amount(2_000 + 921 - 1_200));
    assert!(story.adds_up);
    assert!(told.to_string().contains("Both are 2921: everything is accounted for."), "{told}");
}
