//! Credits a transaction, and compute units a credit.

use pixr::entries::Entry;
use pixr_client::{Bounds, fill as fill_batch};
use pixr_tests::{
    tokens::Token,
    transactions::{Version, send, sign, wire_bytes},
    world::{World, svm},
};
use solana_address::Address;
use solana_transaction::versioned::VersionedTransaction;

use super::{
    baseline::Baseline,
    workload::{Grades, VIEWS, float, full_shard, zipf_window},
};
use crate::report::{Goal, Report};

/// Base fee of a transaction with one signature.
const FEE_LAMPORTS: f64 = 5_000.0;

/// A shard in which batches are settled by the keeper, who pays.
pub struct Settling {
    pub world: World,
    pub shard: Address,
}

impl Settling {
    pub fn new() -> Self {
        let mut world = World::new(Token::Spl);
        let shard = full_shard(&mut world);
        Self { world, shard }
    }

    /// Bytes that a transaction of this version leaves for entries.
    pub fn room(&self, version: Version) -> usize {
        let empty = self.sign(version, &[]);
        // v0 writes the length of an instruction's data in two bytes from 128 on.
        version.bytes_max() - wire_bytes(&empty) - 1
    }

    fn sign(&self, version: Version, entries: &[Entry]) -> VersionedTransaction {
        let settle = self.world.settlement(&self.shard, entries);
        let keeper = &self.world.keys.keeper;
        sign(self.world.svm.latest_blockhash(), version, &[settle], keeper, &[])
    }

    /// Settles entries; returns compute units and the transaction's bytes.
    fn settle(&mut self, version: Version, entries: &[Entry]) -> (u64, usize) {
        let transaction = self.sign(version, entries);
        let bytes = wire_bytes(&transaction);
        let meta = send(&mut self.world.svm, transaction).expect("a settled batch");
        (meta.compute_units_consumed, bytes)
    }
}

/// The first transaction of a window that is settled in order, at its fullest.
fn fill(settling: &mut Settling, version: Version, entries: &[Entry]) -> (usize, u64) {
    let filled = fill_batch(entries, &Bounds::bytes(settling.room(version)));
    let credits = filled.expect("entries that can be written").credits;
    let (units, bytes) = settling.settle(version, &entries[..credits]);
    assert!(bytes <= version.bytes_max(), "{bytes} bytes are no transaction");
    (credits, units)
}

pub fn measure(report: &mut Report) {
    let mut settling = Settling::new();
    let graded = zipf_window(1, VIEWS, Grades::Steps);
    let (v1, units) = fill(&mut settling, Version::V1, &graded);
    let (v0, _) = fill(&mut settling, Version::V0, &graded);
    let few = 100;
    let (units_few, _) = settling.settle(Version::V1, &graded[..few]);
    let per_credit = |more: u64, credits: usize| {
        (more as f64 - units_few as f64) / (float(credits) - float(few))
    };

    // Every entry with a relevance of its own: the worst case for the short form.
    let scattered = zipf_window(1, VIEWS, Grades::Any);
    let (v1_any, units_any) = fill(&mut settling, Version::V1, &scattered);
    let (v0_any, _) = fill(&mut settling, Version::V0, &scattered);
    let (units_any_few, _) = settling.settle(Version::V1, &scattered[..few]);

    let mut baseline = Baseline::new(svm(), 40);
    let base_v1 = baseline.credits_per_transaction(Version::V1);
    let base_v0 = baseline.credits_per_transaction(Version::V0);
    let (one, many) = (baseline.settle(1), baseline.settle(base_v1));
    let base_units = (many as f64 - one as f64) / (float(base_v1) - 1.0);

    let (v1f, base_v1f) = (float(v1), float(base_v1));
    report.add("credits_per_v1_tx", v1f, "credits", Goal::AtLeast(900.0), Some(base_v1f));
    report.add(
        "credits_per_v0_tx",
        float(v0),
        "credits",
        Goal::AtLeast(200.0),
        Some(float(base_v0)),
    );
    report.add(
        "cu_per_credit",
        per_credit(units, v1),
        "compute units",
        Goal::AtMost(45.0),
        Some(base_units),
    );
    report.add(
        "fee_lamports_per_credit",
        FEE_LAMPORTS / v1f,
        "lamports",
        Goal::AtMost(6.0),
        Some(FEE_LAMPORTS / base_v1f),
    );
    report.add(
        "credits_per_v1_tx_any_relevance",
        float(v1_any),
        "credits",
        Goal::Reported,
        Some(base_v1f),
    );
    report.add(
        "credits_per_v0_tx_any_relevance",
        float(v0_any),
        "credits",
        Goal::Reported,
        Some(float(base_v0)),
    );
    report.add(
        "cu_per_credit_any_relevance",
        (units_any as f64 - units_any_few as f64) / (float(v1_any) - float(few)),
        "compute units",
        Goal::Reported,
        Some(base_units),
    );
}
