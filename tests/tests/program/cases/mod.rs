//! Everything that an instruction refuses, as a table: which instruction, which error, how.

mod admin;
mod creator;
mod keeper;
mod patron;
mod rounds;

use std::collections::BTreeSet;

use pixr_tests::transactions::Failure;

use crate::{
    interface::committed_idl,
    scene::{Attempt, Scene},
};

pub struct Case {
    instruction: &'static str,
    error: Failure,
    attempt: fn(&mut Scene) -> Attempt,
}

pub fn case(
    instruction: &'static str,
    error: impl Into<Failure>,
    attempt: fn(&mut Scene) -> Attempt,
) -> Case {
    Case { instruction, error: error.into(), attempt }
}

fn all() -> Vec<Case> {
    [admin::cases(), creator::cases(), keeper::cases(), patron::cases(), rounds::cases()]
        .into_iter()
        .flatten()
        .collect()
}

#[test]
fn every_refusal_has_its_error_and_leaves_no_trace() {
    for Case { instruction, error, attempt } in all() {
        println!("{instruction}: {error:?}");
        let mut scene = Scene::new();
        let (instructions, signers) = attempt(&mut scene);
        let signers: Vec<_> = signers.iter().collect();
        scene.world.refuse(&instructions, &signers, error);
    }
}

#[test]
fn every_error_and_every_instruction_has_a_case() {
    let idl = committed_idl();
    let tried: BTreeSet<u64> = all()
        .iter()
        .filter_map(|case| match case.error {
            Failure::Custom(code) => Some(code.into()),
            Failure::Other(_) => None,
        })
        .collect();
    for error in idl["errors"].as_array().expect("a list of errors") {
        let code = error["code"].as_u64().expect("a number");
        assert!(tried.contains(&code), "no case provokes {}", error["name"]);
    }
    let instructions: BTreeSet<&str> = all().iter().map(|case| case.instruction).collect();
    for instruction in idl["instructions"].as_array().expect("a list of instructions") {
        let name = instruction["name"].as_str().expect("a name");
        assert!(instructions.contains(name), "no case refuses {name}");
    }
}
