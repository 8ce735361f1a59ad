//! SHA-256 values and the canonical form of what is hashed.

use std::{fmt, io::Read, str::FromStr};

use canon_json::CanonicalFormatter;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A SHA-256 value; in JSON and in names 64 lowercase hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash([u8; 32]);

impl Hash {
    /// Of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Of all that `reader` has left, with the number of bytes.
    pub fn of_reader(reader: &mut impl Read) -> std::io::Result<(Self, u64)> {
        let mut hasher = Sha256::new();
        let bytes = std::io::copy(reader, &mut hasher)?;
        Ok((Self(hasher.finalize().into()), bytes))
    }

    /// Of the canonical JSON of `value`.
    ///
    /// # Errors
    /// `value` cannot be written as JSON.
    pub fn of_json(value: &impl Serialize) -> Result<Self, serde_json::Error> {
        Ok(Self::of(&canonical(value)?))
    }

    pub(crate) fn from_hasher(hasher: Sha256) -> Self {
        Self(hasher.finalize().into())
    }

    /// The 32 bytes, as programs on the chain take them.
    pub fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// The first 16 digits: enough for the name of a folder, never for a check.
    pub fn short(self) -> String {
        hex::encode(&self.0[..8])
    }
}

/// RFC 8785 JSON: sorted keys and no spaces, so that equal values have equal bytes.
///
/// # Errors
/// `value` cannot be written as JSON.
pub fn canonical(value: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = Vec::new();
    let mut serializer =
        serde_json::Serializer::with_formatter(&mut bytes, CanonicalFormatter::new());
    value.serialize(&mut serializer)?;
    Ok(bytes)
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Not 64 lowercase hexadecimal digits.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a SHA-256 value: 64 lowercase hexadecimal digits")]
pub struct NotAHash(String);

impl From<[u8; 32]> for Hash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl FromStr for Hash {
    type Err = NotAHash;

    fn from_str(text: &str) -> Result<Self, NotAHash> {
        let mut bytes = [0; 32];
        let lowercase = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) if lowercase => Ok(Self(bytes)),
            _ => Err(NotAHash(text.into())),
        }
    }
}

impl TryFrom<String> for Hash {
    type Error = NotAHash;

    fn try_from(text: String) -> Result<Self, NotAHash> {
        text.parse()
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_json_sorts_keys_and_keeps_integers() {
        #[derive(Serialize)]
        struct Value {
            b: u64,
            a: &'static str,
        }
        let bytes = canonical(&Value { b: u64::MAX, a: "ä\n" }).unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), r#"{"a":"ä\n","b":18446744073709551615}"#);
    }

    #[test]
    fn hashes_read_back() {
        let hash = Hash::of(b"pixr");
        assert_eq!(hash.to_string().parse::<Hash>().unwrap(), hash);
        assert!(hash.to_string().to_uppercase().parse::<Hash>().is_err());
        assert!("12".parse::<Hash>().is_err());
    }
}
