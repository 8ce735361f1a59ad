//! The compiled programs.

use std::path::PathBuf;

/// The folder that `scripts/build-program` writes programs to.
pub fn deploy_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/deploy")
}

/// The file of the compiled program `name`.
pub fn path(name: &str) -> PathBuf {
    deploy_dir().join(format!("{name}.so"))
}

/// The compiled program `name`, as bytes.
pub fn program(name: &str) -> Vec<u8> {
    let path = path(name);
    std::fs::read(&path).unwrap_or_else(|error| {
        panic!("{}: {error}: run scripts/build-program first", path.display())
    })
}
