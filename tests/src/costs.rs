//! What every instruction costs in compute units, in a shard of fixed size with fixed contents.

use std::collections::BTreeMap;

use pixr::{entries::Entry, state::Role};
use pixr_client::withdrawal_address;
use solana_address::Address;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::{
    tokens::Token,
    world::{SETTINGS, SMALL, World, pack, views},
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
            let entry = least.entry(name.to_owned()).or_insert(units);
            *entry = units.min(*entry);
        }
    }
    least
}

struct Meter {
    world: World,
    units: Vec<(&'static str, u64)>,
}

impl Meter {
    fn run(&mut self, name: &'static str, instruction: Instruction, signers: &[&Keypair]) {
        let meta = self.world.run(&[instruction], signers).expect("a transaction");
        self.units.push((name, meta.compute_units_consumed));
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

fn measure_once() -> Vec<(&'static str, u64)> {
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
    meter.run("pause", platform.pause(guardian.pubkey()), &[&guardian]);
    meter.run("unpause", platform.unpause(admin.pubkey()), &[&admin]);
    let propose = platform.propose_admin(admin.pubkey(), guardian.pubkey());
    meter.run("propose_admin", propose, &[&admin]);
    meter.run("accept_admin", platform.accept_admin(guardian.pubkey()), &[&guardian]);
    meter.units
}
