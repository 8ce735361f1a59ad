use pixr::{constants::MEMO_BYTES_MAX, errors::PixrError};
use pixr_tests::tokens::{SUPPLY, Token};

use super::{Case, case};
use crate::scene::{ALICE, Attempt, Scene};

fn fund(scene: &Scene, amount: u64) -> Attempt {
    let (patron, tokens) = (scene.patron.address(), scene.patron.tokens);
    scene.patron_signs(scene.platform().fund_shard(patron, tokens, scene.shard, amount))
}

fn tip(scene: &Scene, creator: u32, memo: String) -> Attempt {
    let (patron, tokens) = (scene.patron.address(), scene.patron.tokens);
    scene.patron_signs(scene.platform().tip(patron, tokens, scene.shard, creator, 100, memo))
}

/// Sends the fees of a tip to the two wallets.
fn collect(scene: &mut Scene, treasury: bool, processor: bool) -> Attempt {
    let (tip, patron) = (scene.tip(1_000), scene.patron.key.insecure_clone());
    scene.run(tip, &[&patron]);
    let roles = scene.world.keys.roles();
    let stranger = scene.patron.address();
    let treasury = if treasury { roles.treasury } else { stranger };
    let processor = if processor { roles.processor } else { stranger };
    let treasury = scene.world.token_account(&treasury, 0);
    let processor = scene.world.token_account(&processor, 0);
    (vec![scene.platform().collect_fees(scene.shard, treasury, processor)], Vec::new())
}

fn with_account(
    (mut instructions, signers): Attempt,
    position: usize,
    to: solana_address::Address,
) -> Attempt {
    instructions[0].accounts[position].pubkey = to;
    (instructions, signers)
}

pub fn cases() -> Vec<Case> {
    vec![
        case("fund_shard", PixrError::Paused, |scene| {
            scene.pause();
            fund(scene, 1)
        }),
        case("fund_shard", PixrError::AmountIsZero, |scene| fund(scene, 0)),
        case("fund_shard", PixrError::InsufficientTokens, |scene| fund(scene, 1_000_000_001)),
        case("fund_shard", PixrError::InsufficientTokens, |scene| fund(scene, SUPPLY + 1)),
        case("fund_shard", PixrError::InsufficientTokens, |scene| fund(scene, u64::MAX)),
        case("fund_shard", PixrError::WrongMint, |scene| {
            let mint = pixr_tests::tokens::write_mint(&mut scene.world.svm, Token::Spl);
            with_account(fund(scene, 1), 5, mint)
        }),
        case("fund_shard", PixrError::WrongVault, |scene| {
            let other = scene.alice.tokens;
            with_account(fund(scene, 1), 3, other)
        }),
        case("tip", PixrError::Paused, |scene| {
            scene.pause();
            scene.patron_signs(scene.tip(100))
        }),
        case("tip", PixrError::AmountIsZero, |scene| scene.patron_signs(scene.tip(0))),
        case("tip", PixrError::InsufficientTokens, |scene| {
            scene.patron_signs(scene.tip(1_000_000_001))
        }),
        case("tip", PixrError::TipTooSmall, |scene| scene.patron_signs(scene.tip(1))),
        case("tip", PixrError::TipTooSmall, |scene| scene.patron_signs(scene.tip(2))),
        case("tip", PixrError::MemoTooLong, |scene| {
            tip(scene, ALICE, "m".repeat(usize::from(MEMO_BYTES_MAX) + 1))
        }),
        case("tip", PixrError::UnknownCreator, |scene| tip(scene, 2, String::new())),
        case("tip", PixrError::Overflow, |scene| {
            let shard = scene.shard;
            scene.world.forge_shard(&shard, |view| view.header.tipped = u64::MAX);
            scene.patron_signs(scene.tip(100))
        }),
        case("collect_fees", PixrError::Paused, |scene| {
            let attempt = collect(scene, true, true);
            scene.pause();
            attempt
        }),
        case("collect_fees", PixrError::NoFees, |scene| {
            let attempt = collect(scene, true, true);
            scene.run(attempt.0[0].clone(), &[]);
            attempt
        }),
        case("collect_fees", PixrError::WrongDestination, |scene| collect(scene, false, true)),
        case("collect_fees", PixrError::WrongDestination, |scene| collect(scene, true, false)),
        case("collect_fees", PixrError::WrongMint, |scene| {
            let attempt = collect(scene, true, true);
            let rival = scene.world.rival(Token::Spl);
            scene.world.svm = rival.svm;
            with_account(attempt, 0, rival.platform.address)
        }),
    ]
}
