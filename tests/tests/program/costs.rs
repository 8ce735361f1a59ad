//! Compute units of every instruction, against a committed table: none may grow by more than 5%.

use std::{collections::BTreeMap, path::PathBuf};

use pixr_tests::costs::measure;

/// How much an instruction may grow before this test fails, in percent.
const GROWTH_PERCENT_MAX: u64 = 5;

fn table_path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("compute-units.json")
}

#[test]
fn no_instruction_grew() {
    let measured = measure();
    if std::env::var_os("PIXR_ACCEPT_COSTS").is_some() {
        let text = serde_json::to_string_pretty(&measured).expect("JSON") + "\n";
        std::fs::write(table_path(), text).expect("a table that can be written");
    }
    let text = std::fs::read_to_string(table_path()).expect("the committed table");
    let committed: BTreeMap<String, u64> = serde_json::from_str(&text).expect("JSON");
    assert_eq!(
        measured.keys().collect::<Vec<_>>(),
        committed.keys().collect::<Vec<_>>(),
        "PIXR_ACCEPT_COSTS=1 writes a new table"
    );
    for (name, units) in measured {
        let bound = committed[&name] * (100 + GROWTH_PERCENT_MAX) / 100;
        assert!(
            units <= bound,
            "{name} takes {units} compute units, {} before: make it smaller, or accept it with \
             PIXR_ACCEPT_COSTS=1",
            committed[&name]
        );
    }
}
