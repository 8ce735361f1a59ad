//! Rent of a slot against an account of its own.

use anchor_lang::Space;
use pixr::state::{CreatorSlot, shard::BYTES_PER_CONTENT};
use pixr_baseline::{Content, Creator};
use pixr_tests::world::World;

use crate::report::{Goal, Report};

const DISCRIMINATOR_BYTES: usize = 8;

pub fn measure(report: &mut Report, world: &World) {
    let rent = |bytes: usize| world.svm.minimum_balance_for_rent_exemption(bytes);
    // A slot adds to an account that pays the overhead of one account once.
    let slot = |bytes: usize| (rent(bytes) - rent(0)) as f64;
    let account = |bytes: usize| rent(DISCRIMINATOR_BYTES + bytes) as f64;
    let creator = (slot(size_of::<CreatorSlot>()), account(Creator::INIT_SPACE));
    let content = (slot(BYTES_PER_CONTENT), account(Content::INIT_SPACE));
    let third = 1.0 / 3.0;
    let mut add = |id, (slot, account): (f64, f64)| {
        report.add(id, slot / account, "of an account", Goal::AtMost(third), Some(1.0));
    };
    add("rent_ratio_creator", creator);
    add("rent_ratio_content", content);
    report.add("rent_lamports_creator", creator.0, "lamports", Goal::Reported, Some(creator.1));
    report.add("rent_lamports_content", content.0, "lamports", Goal::Reported, Some(content.1));
}
