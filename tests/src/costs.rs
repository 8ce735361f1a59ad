//! What every instruction costs in compute units, in a shard of fixed size with fixed contents.

use std::collections::BTreeMap;

use pixr::{entries::Entry, state::Role};
use pixr_client::{round_address, withdrawal_address};
use solana_address::Address;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::{
    rounds::{MANIFEST, TERMS},
    tokens::Token,
    world::{SETTINGS, SMALL, Wallet, World, pack, views},
};

/// Entries of the two settlements whose difference gives the cost of one.
const FEW: usize = 100;
const MANY: usize = 1_100;

/// The least over several worlds: finding the bump of a derived address costs an amount that depends
/// on the address, and in one of two worlds none.
pub fn measure() -> BTreeMap<String, u64> {
    const WORLDS: usize = 24;
    let mut least = BTreeMap::new();
    for _ in 0..WORLDS {
        for (name, units) in measure_once() {
            let entry = least.entry(name).or_insert(units);
            *entry = units.min(*entry);
        }
    }
    least
}

struct Meter {
    world: World,
    units: Vec<(String, u64)>,
}

impl Meter {
    fn run(&mut self, name: &str, instruction: Instruction, signers: &[&Keypair]) {
        let meta = self.world.run(&[instruction], signers).expect("a transaction");
        self.units.push((name.to_owned(), meta.compute_units_consumed));
    }

    fn open_shard(&mut self) -> Address {
        let (key, admin) = (Keypair::new(), self.world.keys.admin.insecure_clone());
        let space = SMALL.account_bytes().expect("possible capacities");
        let rent = usize::try_from(space).expect("64 bits");
        let rent = self.world.svm.minimum_balance_for_rent_exemption(rent);
        let (payer, shard) = (self.world.keys.payer.pubkey(), key.pubkey());
        let instructions =
            self.world.platform.open_shard(payer, admin.pubkey(), shard, SMALL, rent);
        let [create, open] = instructions.expect("possible capacities");
        self.world.run(&[create], &[&key]).expect("an account");
        self.run("open_shard", open, &[&admin]);
        shard
    }
}

impl Meter {
    /// Rounds from opening to close, and settlement of contents with lanes.
    fn rounds(&mut self, shard: &Address, creator: u32) {
        let platform = self.world.platform;
        let payer = self.world.keys.payer.pubkey();
        let keeper = self.world.keys.keeper.insecure_clone();
        let treasury = self.world.treasury_tokens();
        let (ann, ben) = (self.world.wallet(1 << 40), self.world.wallet(1 << 40));
        let invest = |by: &Wallet, round, amount| {
            platform.invest(by.address(), payer, by.tokens, round, amount)
        };
        let content = self.world.register_content(shard, creator, 100);

        let new = self.world.new_round(shard, content, TERMS);
        self.run("open_round", platform.open_round(keeper.pubkey(), payer, new), &[&keeper]);
        let round = round_address(shard, content, new.number);
        self.run("invest", invest(&ann, round, 10), &[&ann.key]);
        self.run("invest_again", invest(&ann, round, TERMS.target / 2), &[&ann.key]);
        self.world.invest(&round, &ben, 10).expect("an investment");
        let cancel = platform.cancel_round(keeper.pubkey(), *shard, round);
        self.run("cancel_round", cancel, &[&keeper]);
        for (name, wallet) in [("refund", &ann), ("refund_last", &ben)] {
            let position = self.world.position(&round, &wallet.address());
            let refund = platform.refund(wallet.address(), position, wallet.tokens);
            self.run(name, refund, &[&wallet.key]);
        }
        let close = platform.close_round(*shard, round, payer, treasury);
        self.run("close_round", close, &[]);

        let round = self.world.funded_round(shard, content, TERMS, &ann);
        self.world.settle(shard, &[views(content, 7)]).expect("a batch");
        self.world.wait(i64::from(SETTINGS.baseline_seconds_min) + 7);
        let deliver =
            |round| platform.deliver(keeper.pubkey(), *shard, round, treasury, MANIFEST, 10_000);
        self.run("deliver", deliver(round), &[&keeper]);
        self.settle_lanes("one_lane", shard, content);
        let position = self.world.position(&round, &ann.address());
        let claim = |by: &Wallet| platform.claim(by.address(), *shard, position, by.tokens);
        self.run("claim", claim(&ann), &[&ann.key]);
        let at = position.address;
        self.run("list", platform.list(ann.address(), round, at, 5), &[&ann.key]);
        self.run("unlist", platform.unlist(ann.address(), round, at), &[&ann.key]);
        let list = platform.list(ann.address(), round, at, 5);
        self.world.run(&[list], &[&ann.key]).expect("a price");
        let buy = platform.buy(ben.address(), ben.tokens, round, at, ann.tokens, 5, u64::MAX);
        self.run("buy", buy, &[&ben.key]);
        let transfer = platform.transfer_position(ben.address(), round, at, ann.address());
        self.run("transfer_position", transfer, &[&ben.key]);

        for _ in 0..3 {
            self.world.delivered_round(shard, content, TERMS, &ann);
        }
        self.settle_lanes("four_lanes", shard, content);
        self.world.wait(i64::from(TERMS.term_seconds));
        self.run("retire_lane", platform.retire_lane(*shard, round), &[]);
        self.run("claim_last", claim(&ann), &[&ann.key]);
    }

    fn settle_lanes(&mut self, name: &str, shard: &Address, content: u32) {
        let entry = Entry { content: content.into(), views: 3, relevance: 9_500 };
        let keeper = self.world.keys.keeper.insecure_clone();
        for count in [FEW, MANY] {
            let settle = self.world.settlement(shard, &vec![entry; count]);
            self.run(&format!("settle_{name}_{count}"), settle, &[&keeper]);
        }
    }
}

fn measure_once() -> Vec<(String, u64)> {
    let mut meter = Meter { world: World::without_platform(Token::Spl), units: Vec::new() };
    let initialize = meter.world.initialize(meter.world.start(SETTINGS));
    let base = meter.world.keys.base.insecure_clone();
    meter.run("initialize_platform", initialize, &[&base]);
    let shard = meter.open_shard();
    let Meter { mut world, units } = meter;
    world.fund(&shard, 1 << 40);
    let (alice, creator, content) = world.creator(&shard);
    let patron = world.wallet(1 << 40);
    world.settle(&shard, &[views(content, 1 << 24)]).expect("a batch");
    let (platform, payer) = (world.platform, world.keys.payer.pubkey());
    let (admin, keeper) = (world.keys.admin.insecure_clone(), world.keys.keeper.insecure_clone());
    let guardian = world.keys.guardian.insecure_clone();
    let (treasury, processor) = (world.keys.treasury.pubkey(), world.keys.processor.pubkey());
    let treasury = world.token_account(&treasury, 0);
    let processor = world.token_account(&processor, 0);
    let mut meter = Meter { world, units };

    meter.run("update_settings", platform.update_settings(admin.pubkey(), SETTINGS), &[&admin]);
    let fund = platform.fund_shard(patron.address(), patron.tokens, shard, 1_000);
    meter.run("fund_shard", fund, &[&patron.key]);
    let register = platform.register_creator(patron.address(), shard, payer, patron.address());
    meter.run("register_creator", register, &[&patron.key]);
    let register = platform.register_content(keeper.pubkey(), shard, payer, creator, [3; 16]);
    meter.run("register_content", register, &[&keeper]);
    let quality = platform.set_quality(keeper.pubkey(), shard, content, 9_000);
    meter.run("set_quality", quality, &[&keeper]);

    let entry = Entry { content: u64::from(content), views: 3, relevance: 9_500 };
    let few = meter.world.settlement(&shard, &[entry; FEW]);
    meter.run("settle_100", few, &[&keeper]);
    let many = meter.world.settlement(&shard, &[entry; MANY]);
    meter.run("settle_1100", many, &[&keeper]);
    let sequence = meter.world.header(&shard).next_sequence;
    let reverse = platform.reverse_views(keeper.pubkey(), shard, sequence, pack(&[entry; FEW]));
    meter.run("reverse_views_100", reverse, &[&keeper]);

    let tip = platform.tip(
        patron.address(),
        patron.tokens,
        shard,
        creator,
        10_000,
        "a memo of some length".to_owned(),
    );
    meter.run("tip", tip, &[&patron.key]);
    meter.run("collect_fees", platform.collect_fees(shard, treasury, processor), &[]);
    let withdraw = platform.withdraw(alice.address(), shard, creator, alice.tokens, 1_000);
    meter.run("withdraw", withdraw, &[&alice.key]);
    let request = |number| {
        platform.request_withdrawal(
            alice.address(),
            payer,
            shard,
            creator,
            number,
            alice.tokens,
            1_000,
        )
    };
    meter.run("request_withdrawal", request(0), &[&alice.key]);
    let withdrawal = withdrawal_address(&shard, creator, 0);
    let freeze = platform.set_frozen(guardian.pubkey(), shard, withdrawal, true);
    meter.run("freeze_withdrawal", freeze, &[&guardian]);
    let unfreeze = platform.set_frozen(guardian.pubkey(), shard, withdrawal, false);
    meter.run("unfreeze_withdrawal", unfreeze, &[&guardian]);
    meter.world.wait(i64::from(SETTINGS.withdraw_delay_seconds));
    let execute =
        platform.execute_withdrawal(alice.address(), payer, shard, creator, 0, alice.tokens);
    meter.run("execute_withdrawal", execute, &[&alice.key]);
    meter.world.run(&[request(1)], &[&alice.key]).expect("a request");
    let cancel = platform.cancel_withdrawal(alice.address(), payer, shard, creator, 1);
    meter.run("cancel_withdrawal", cancel, &[&alice.key]);
    let propose = platform.propose_authority(alice.address(), shard, creator, patron.address());
    meter.run("propose_authority", propose, &[&alice.key]);
    let accept = platform.accept_authority(patron.address(), shard, creator, alice.address());
    meter.run("accept_authority", accept, &[&patron.key]);
    let propose = platform.propose_authority(patron.address(), shard, creator, alice.address());
    meter.world.run(&[propose], &[&patron.key]).expect("a proposal");
    let cancel = platform.cancel_authority(patron.address(), shard, creator);
    meter.run("cancel_authority", cancel, &[&patron.key]);
    let set = platform.set_role(admin.pubkey(), Role::Guardian, guardian.pubkey());
    meter.run("set_role", set, &[&admin]);
    meter.rounds(&shard, creator);
    meter.run("pause", platform.pause(guardian.pubkey()), &[&guardian]);
    meter.run("unpause", platform.unpause(admin.pubkey()), &[&admin]);
    let propose = platform.propose_admin(admin.pubkey(), guardian.pubkey());
    meter.run("propose_admin", propose, &[&admin]);
    meter.run("accept_admin", platform.accept_admin(guardian.pubkey()), &[&guardian]);
    meter.units
}
