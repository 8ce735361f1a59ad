//! Writes what a client needs besides the program itself, under `target`:
//!
//! - `idl/pixr.json`: the program's IDL;
//! - `types/pixr.ts`: the same as a TypeScript type, with the names Anchor's client uses;
//! - `deploy/pixr-keypair.json`: the key pair of the local program, unless there is one.
//!
//! With `--check FILE` it also compares the IDL with a committed copy and fails when they differ.

mod camel;
mod difference;

use std::env;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anchor_lang_idl::build::IdlBuilder;
use anyhow::{Context, Result, anyhow, bail};
use sha2::{Digest, Sha256};
use solana_keypair::Keypair;
use solana_signer::Signer;

const USAGE: &str = "usage: pixr-idl [--check COMMITTED.json]";

/// Set in the environment of the second of the two runs, see [`restart`].
const RESTARTED: &str = "PIXR_IDL_RESTARTED";

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("pixr-idl: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<bool> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let committed = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => None,
        ["--check", file] => Some(PathBuf::from(file)),
        _ => bail!("{USAGE}"),
    };
    if env::var_os(RESTARTED).is_none() {
        return restart(&arguments);
    }

    let repository = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .context("the crate is not in a workspace")?;
    let target = repository.join("target");

    let local = Keypair::new_from_array(Sha256::digest(b"pixr local program").into());
    let keypair = target.join("deploy/pixr-keypair.json");
    if !keypair.exists() {
        write(&keypair, &serde_json::to_string(local.to_bytes().as_slice())?)?;
    }

    let mut idl = IdlBuilder::new()
        .program_path(repository.join("programs/pixr"))
        .cargo_args(vec!["--lib".into(), "--locked".into()])
        .build()
        .map_err(|error| match error.to_string() {
            // The compiler has said why. The builder's own advice is for a tool not used here.
            text if text.starts_with("Building IDL failed") => {
                anyhow!("the program's description does not compile; the reason is above")
            }
            _ => error.context("the IDL could not be built"),
        })?;
    // Anchor reads the address from `declare_id!`, which a configured address does not go through.
    if idl.address.is_empty() {
        idl.address = match env::var("PIXR_PROGRAM_ID") {
            Ok(deployed) if !deployed.is_empty() => deployed,
            _ => local.pubkey().to_string(),
        };
    }
    let json = serde_json::to_string_pretty(&idl)? + "\n";
    write(&target.join("idl/pixr.json"), &json)?;
    write(&target.join("types/pixr.ts"), &typescript(&json))?;

    match committed {
        Some(file) => matches(&file, &json),
        None => Ok(true),
    }
}

/// Run this program again with an environment fit for the `cargo` that the IDL builder starts.
fn restart(arguments: &[String]) -> Result<bool> {
    let program = env::current_exe().context("where is this program?")?;
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/idl-build");
    let error = Command::new(program)
        .args(arguments)
        .env(RESTARTED, "1")
        // The builder would hand this on to cargo in a form that cargo does not take.
        .env_remove("RUSTUP_TOOLCHAIN")
        // The builder sets RUSTFLAGS. In a folder of its own that spoils no other build.
        .env("CARGO_TARGET_DIR", target)
        // The program is only asked for its description: compile fast, not well.
        .env("CARGO_PROFILE_DEV_OPT_LEVEL", "0")
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .exec();
    Err(error).context("cannot start again")
}

/// Write a file so that nobody sees half of it, and leave it alone when nothing changed.
fn write(path: &Path, text: &str) -> Result<()> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    let name = || path.display().to_string();
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(name)?;
    }
    let new = path.with_extension(format!("new.{}", std::process::id()));
    fs::write(&new, text).with_context(name)?;
    fs::rename(&new, path).with_context(name)
}

fn typescript(json: &str) -> String {
    format!(
        "/**\n \
         * The IDL of Pixr's program as a type, with names in camel case as Anchor's client has them.\n \
         * The IDL itself is `target/idl/pixr.json`.\n \
         */\n\
         export type Pixr = {};\n",
        camel::names(json.trim_end())
    )
}

/// Whether the committed copy says the same; if not, say where they part.
fn matches(committed: &Path, built: &str) -> Result<bool> {
    let name = committed.display();
    let old = fs::read_to_string(committed).with_context(|| {
        format!(
            "{name}: there is no committed IDL; make it with scripts/build-program --accept-idl"
        )
    })?;
    let old = serde_json::from_str(&old).with_context(|| format!("{name} is not JSON"))?;
    let new = serde_json::from_str(built)?;
    let Some(found) = difference::first(&old, &new) else {
        return Ok(true);
    };
    eprintln!(
        "pixr-idl: the IDL differs from {name}\n  at        {}\n  committed {}\n  built     {}\n\
         If that is meant: scripts/build-program --accept-idl\n\
         (or: cp target/idl/pixr.json {name})",
        found.path, found.old, found.new
    );
    Ok(false)
}
