//! The program: credits a transaction, compute units, rent, and a million credits end to end.

mod baseline;
mod capacity;
mod million;
mod payments;
mod rent;
mod rounds;
mod workload;

use pixr_tests::{artifacts, costs, tokens::Token, world::World};

use crate::report::{Goal, Report};

/// Measures everything.
pub fn run() -> Report {
    let mut report = Report::default();
    println!("measuring credits a transaction");
    capacity::measure(&mut report);
    println!("measuring rent");
    rent::measure(&mut report, &World::new(Token::Spl));
    println!("measuring payments");
    payments::measure(&mut report);
    println!("measuring rounds");
    rounds::measure(&mut report);
    println!("settling a million credits");
    million::measure(&mut report);
    let bytes = artifacts::program("pixr").len();
    let baseline = artifacts::program("pixr_baseline").len();
    report.add(
        "program_bytes",
        workload::float(bytes),
        "bytes",
        Goal::Reported,
        Some(workload::float(baseline)),
    );
    println!("measuring every instruction");
    let table = costs::measure();
    println!("\n{:<24} {:>14}", "instruction", "compute units");
    for (name, units) in table {
        println!("{name:<24} {units:>14}");
    }
    println!();
    report
}
