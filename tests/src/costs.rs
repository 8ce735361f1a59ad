//! What every instruction costs in compute units, in a shard of fixed size with fixed contents.

use std::collections::BTreeMap;

use pixr::entries::Entry;
use pixr_client::withdrawal_address;
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

/// Measures on fixed addresses, since finding the bump of a derived one costs a varying amount: the
/// median over several worlds.
pub fn measure() -> BTreeMap<String, u64> {
    const WORLDS: usize = 9;
    let mut samples: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for _ in 0..WORLDS {
        for (name, units) in measure_once() {
            samples.entry(name).or_default().push(units);
        }
    }
    samples
        .into_iter()
        .map(|(name, mut units)| {
            units.sort_unstable();
            (name.to_owned(), units[WORLDS / 2])
        })
        .collect()
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
}

fn measure_once() -> Vec<(&'static str, u64)> {
    let mut world = World::new(Token::Spl);
    let shard = world.funded_shard(SMALL, 1 << 40);
    let (alice, creator, content) = world.creator(&shard);
    let patron = world.wallet(1 << 40);
    world.settle(&shard, &[views(content, 1 << 24)]).expect("a batch");
    let (platform, payer) = (world.platform, world.keys.payer.pubkey());
    let (admin, keeper) = (world.keys.admin.insecure_clone(), world.keys.keeper.insecure_clone());
    let guardian = world.keys.guardian.insecure_clone();
    let (treasury, processor) = (world.keys.treasury.pubkey(), world.keys.processor.pubkey());
    let treasury = world.token_account(&treasury, 0);
    let processor = world.token_account(&processor, 0);
    let mut meter = Meter { world, units: Vec::new() };

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
    meter.run("pause", platform.pause(guardian.pubkey()), &[&guardian]);
    meter.units
}
