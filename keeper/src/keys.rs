//! Keys: from files, texts, or derived from the master seed. Never logged.

use std::path::Path;

use anchor_lang::prelude::Pubkey;
use hkdf::Hkdf;
use sha2::Sha256;
use solana_keypair::Keypair;
use solana_signer::Signer;
use zeroize::Zeroizing;

use crate::config::{KeysConfig, Secret};

/// The master seed in the data folder, where the configuration has none.
pub const SEED_FILE: &str = "master_seed";

/// What the keys are for; each is derived under a name of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Admin,
    Guardian,
    Keeper,
    Treasury,
    /// Gives the platform its address.
    PlatformBase,
    /// A mint of the embedded chain.
    Mint,
    /// The account of the shard with this number.
    Shard(u32),
    /// A custodial creator, by number.
    Creator(u64),
}

impl Purpose {
    fn label(self) -> String {
        match self {
            Self::Admin => "admin".into(),
            Self::Guardian => "guardian".into(),
            Self::Keeper => "keeper".into(),
            Self::Treasury => "treasury".into(),
            Self::PlatformBase => "platform base".into(),
            Self::Mint => "mint".into(),
            Self::Shard(number) => format!("shard {number}"),
            Self::Creator(number) => format!("creator {number}"),
        }
    }
}

/// What is wrong with a key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("keys.{name}: {problem}")]
    Unreadable { name: &'static str, problem: String },
}

/// All keys of a keeper.
pub struct Keys {
    seed: Zeroizing<[u8; 32]>,
    admin: Option<Keypair>,
    guardian: Option<Keypair>,
    keeper: Option<Keypair>,
    treasury: Option<Keypair>,
}

impl Keys {
    /// Reads what `config` names. Without a master seed, the one in `data` is used, and made first
    /// when there is none.
    pub fn load(config: &KeysConfig, data: &Path) -> Result<Self, KeyError> {
        let seed = match &config.master_seed {
            Some(secret) => parse_seed(secret.reveal())
                .map_err(|problem| KeyError::Unreadable { name: "master_seed", problem })?,
            None => kept_seed(data)
                .map_err(|problem| KeyError::Unreadable { name: "master_seed", problem })?,
        };
        let key = |name, secret: &Option<Secret>| {
            secret
                .as_ref()
                .map(|secret| parse_key(secret.reveal()))
                .transpose()
                .map_err(|problem| KeyError::Unreadable { name, problem })
        };
        Ok(Self {
            seed,
            admin: key("admin", &config.admin)?,
            guardian: key("guardian", &config.guardian)?,
            keeper: key("keeper", &config.keeper)?,
            treasury: key("treasury", &config.treasury)?,
        })
    }

    /// The key for a purpose: the configured one, else the one derived from the master seed.
    pub fn key(&self, purpose: Purpose) -> Keypair {
        let configured = match purpose {
            Purpose::Admin => &self.admin,
            Purpose::Guardian => &self.guardian,
            Purpose::Keeper => &self.keeper,
            Purpose::Treasury => &self.treasury,
            _ => &None,
        };
        match configured {
            Some(key) => key.insecure_clone(),
            None => Keypair::new_from_array(*self.secret(&purpose.label())),
        }
    }

    /// The address for a purpose.
    pub fn address(&self, purpose: Purpose) -> Pubkey {
        self.key(purpose).pubkey()
    }

    /// 32 bytes that only this master seed gives for `label`: HKDF-SHA256.
    pub fn secret(&self, label: &str) -> Zeroizing<[u8; 32]> {
        let mut secret = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(Some(b"pixr"), &*self.seed)
            .expand(label.as_bytes(), &mut *secret)
            .expect("HKDF gives 32 bytes");
        secret
    }
}

fn parse_seed(text: &str) -> Result<Zeroizing<[u8; 32]>, String> {
    let mut seed = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text.trim(), &mut *seed)
        .map_err(|_| "expected 64 hexadecimal digits".to_owned())?;
    Ok(seed)
}

/// The key in a file, as wallets write it: base58, or a JSON list of 64 numbers.
pub fn read_key(file: &Path) -> Result<Keypair, String> {
    let text = Zeroizing::new(std::fs::read_to_string(file).map_err(|error| error.to_string())?);
    key_of(text.trim())
}

/// A key as wallets write it: base58, a JSON list of 64 numbers, or the path of a file with either.
fn parse_key(text: &str) -> Result<Keypair, String> {
    let path = Path::new(text.trim());
    if path.is_file() { read_key(path) } else { key_of(text.trim()) }
}

fn key_of(text: &str) -> Result<Keypair, String> {
    const EXPECTED: &str = "expected a key pair in base58, as a JSON list of 64 numbers, or the \
                            path of a file with either";
    if text.starts_with('[') {
        let bytes: Vec<u8> = serde_json::from_str(text).map_err(|_| EXPECTED.to_owned())?;
        return Keypair::try_from(Zeroizing::new(bytes).as_slice())
            .map_err(|_| EXPECTED.to_owned());
    }
    Keypair::try_from_base58_string(text).map_err(|_| EXPECTED.to_owned())
}

/// The seed in the data folder, readable by its owner alone.
fn kept_seed(data: &Path) -> Result<Zeroizing<[u8; 32]>, String> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};

    let path = data.join(SEED_FILE);
    let shown = path.display();
    match std::fs::read_to_string(&path) {
        Ok(text) => return parse_seed(&Zeroizing::new(text)).map_err(|e| format!("{shown}: {e}")),
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(format!("{shown}: {error}"));
        }
        Err(_) => {}
    }
    std::fs::create_dir_all(data).map_err(|error| format!("{shown}: {error}"))?;
    let seed = Zeroizing::new(rand::random::<[u8; 32]>());
    let text = Zeroizing::new(hex::encode(*seed));
    // Written whole under another name first: a crash leaves no half seed.
    let new = path.with_extension(format!("new.{}", std::process::id()));
    let write = || {
        let mut file =
            std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        // Fails when another process was first; its seed counts.
        match std::fs::hard_link(&new, &path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
            _ => std::fs::remove_file(&new),
        }
    };
    write().map_err(|error: std::io::Error| format!("{shown}: {error}"))?;
    let text = Zeroizing::new(
        std::fs::read_to_string(&path).map_err(|error| format!("{shown}: {error}"))?,
    );
    parse_seed(&text)
}
