//! The program's interface: its IDL is the committed one, and the binary says whom to call.

use std::path::PathBuf;

use pixr_tests::artifacts;
use serde_json::Value;

fn read(path: PathBuf) -> Value {
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}: run scripts/build-program", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

/// The interface that clients were built for.
pub fn committed_idl() -> Value {
    read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../programs/pixr/idl.json"))
}

#[test]
fn idl_is_the_committed_one() {
    let built = read(artifacts::deploy_dir().join("../idl/pixr.json"));
    assert_eq!(
        built,
        committed_idl(),
        "the interface changed: if that is meant, run scripts/build-program --accept-idl"
    );
}

#[test]
fn binary_carries_a_security_contact() {
    let binary = artifacts::program("pixr");
    let holds = |text: &str| binary.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("=======BEGIN SECURITY.TXT V1=======\0"));
    assert!(holds("=======END SECURITY.TXT V1=======\0"));
    assert!(holds("contacts\0"));
}

#[test]
fn binary_is_sbpf_v3() {
    // The ELF header's flags name the version of the virtual machine.
    let binary = artifacts::program("pixr");
    assert_eq!(binary[48..52], 3_u32.to_le_bytes());
}
