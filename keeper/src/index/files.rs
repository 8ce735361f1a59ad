//! The published files: what a stranger needs to recompute every balance.
//!
//! ```text
//! batches/<platform>/manifest.json                 which shards there are
//! batches/<platform>/<shard>/000000000001.json     one file a batch
//! batches/<platform>/<shard>/tail.json             what happened after the last batch
//! ```
//!
//! A file has its batch and all that changed in its shard between the batch before and this one, in
//! the order of the chain. Each names the SHA-256 of the file before, and the tail that of the last:
//! a file that was altered, lost or exchanged shows. Amounts are base units, written as text, since
//! many readers of JSON lose digits of large numbers.

mod change;

use anchor_lang::prelude::Pubkey;
use object_store::path::Path;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_with::{DeserializeFromStr, DisplayFromStr, SerializeDisplay, serde_as};
use sha2::{Digest as _, Sha256};
use solana_signature::Signature;

pub use change::{Change, Changed};

use crate::settle::Kind;

/// Form of a batch's file.
pub const BATCH_FORMAT: &str = "pixr-batch-1";
/// Form of a tail.
pub const TAIL_FORMAT: &str = "pixr-tail-1";
/// Form of a manifest.
pub const MANIFEST_FORMAT: &str = "pixr-manifest-1";

/// SHA-256 of a file, or a shard's running hash; in text hexadecimal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, SerializeDisplay, DeserializeFromStr)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// That of a file.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl std::str::FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut digest = [0; 32];
        hex::decode_to_slice(text, &mut digest)
            .map_err(|_| "expected 64 hexadecimal digits".to_owned())?;
        Ok(Self(digest))
    }
}

/// Which shard of which platform of which program.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    #[serde_as(as = "DisplayFromStr")]
    pub program: Pubkey,
    #[serde_as(as = "DisplayFromStr")]
    pub platform: Pubkey,
    /// Number of the shard.
    pub shard: u32,
    #[serde_as(as = "DisplayFromStr")]
    pub address: Pubkey,
}

impl Place {
    /// A shard of this program.
    pub fn new(platform: Pubkey, shard: u32, address: Pubkey) -> Self {
        Self { program: pixr::ID, platform, shard, address }
    }

    /// The file of a batch.
    pub fn batch_path(&self, sequence: u64) -> Path {
        Path::from(format!("{}/{:012}.json", self.folder(), sequence))
    }

    /// The file with what happened after the last batch.
    pub fn tail_path(&self) -> Path {
        Path::from(format!("{}/tail.json", self.folder()))
    }

    fn folder(&self) -> String {
        format!("batches/{}/{}", self.platform, self.shard)
    }
}

/// Where a platform's list of shards is.
pub fn manifest_path(platform: &Pubkey) -> Path {
    Path::from(format!("batches/{platform}/manifest.json"))
}

/// Contents that were registered one after the other with the same quality.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registered {
    pub first: u32,
    pub count: u32,
    /// Basis points.
    pub quality: u16,
}

/// What a batch adds up to, as its event says.
#[serde_as]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    pub sequence: u64,
    pub kind: KindName,
    /// The running hash after this batch.
    pub hash: Digest,
    /// Base units for 1,000 views at full quality and relevance.
    #[serde_as(as = "DisplayFromStr")]
    pub base_rate: u64,
    pub views: u64,
    /// What was credited, in base units; what the views are worth that a reversal takes back.
    #[serde_as(as = "DisplayFromStr")]
    pub amount: u64,
    /// What rounds took of it; nothing of a reversal.
    #[serde_as(as = "DisplayFromStr")]
    pub owed: u64,
    /// The clock that lanes were reckoned with, in Unix seconds; a reversal reckons none.
    pub unix_seconds: Option<i64>,
}

/// A [`Kind`] by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SerializeDisplay, DeserializeFromStr)]
pub struct KindName(pub Kind);

impl std::fmt::Display for KindName {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(self.0.name())
    }
}

impl std::str::FromStr for KindName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Kind::from_name(text).map(Self).ok_or_else(|| format!("no kind of batch is called {text}"))
    }
}

/// The file of one batch.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchFile {
    pub format: String,
    #[serde(rename = "of")]
    pub place: Place,
    /// SHA-256 of the file before; none before the first.
    pub previous_file: Option<Digest>,
    /// The running hash before this batch.
    pub previous_hash: Digest,
    pub batch: Outcome,
    /// Packed, as the transaction has them.
    #[serde(with = "base64_text")]
    pub entries: Vec<u8>,
    #[serde_as(as = "DisplayFromStr")]
    pub signature: Signature,
    pub slot: u64,
    /// Unix seconds, where the cluster said.
    pub block_time: Option<i64>,
    /// Contents that are new since the batch before.
    pub contents: Vec<Registered>,
    /// What changed since the batch before, in the order of the chain.
    pub changes: Vec<Changed>,
}

/// What happened after a shard's last batch. Written anew until the next one.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TailFile {
    pub format: String,
    #[serde(rename = "of")]
    pub place: Place,
    /// The last published batch; 0 before the first.
    pub sequence: u64,
    /// SHA-256 of its file.
    pub previous_file: Option<Digest>,
    /// The running hash after it.
    pub previous_hash: Digest,
    pub contents: Vec<Registered>,
    pub changes: Vec<Changed>,
    /// The last transaction of the platform that this takes into account.
    #[serde_as(as = "DisplayFromStr")]
    pub through: Signature,
    pub through_slot: u64,
}

/// The shards of a platform.
#[serde_as]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub format: String,
    #[serde_as(as = "DisplayFromStr")]
    pub program: Pubkey,
    #[serde_as(as = "DisplayFromStr")]
    pub platform: Pubkey,
    #[serde_as(as = "DisplayFromStr")]
    pub mint: Pubkey,
    /// The addresses, by number.
    #[serde_as(as = "Vec<DisplayFromStr>")]
    pub shards: Vec<Pubkey>,
}

mod base64_text {
    use base64::{Engine, prelude::BASE64_STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&base64::display::Base64Display::new(bytes, &BASE64_STANDARD))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = <&str>::deserialize(deserializer)?;
        BASE64_STANDARD.decode(text).map_err(D::Error::custom)
    }
}

/// A file as it is written: one line.
pub fn write(file: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(file)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Reads a file; on an error says what is wrong and where.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = concat!(
        r#"{"format":"pixr-batch-1","of":{"program":"PROGRAM","#,
        r#""platform":"8qbHbw2BbbTHBW1sbeqakYXVKRQM8Ne7pLK7m6CVfeR","shard":3,"#,
        r#""address":"CktRuQ2mttgRGkXJtyksdKHjUdc2C4TgDzyB98oEzy8"},"previous_file":null,"#,
        r#""previous_hash":"0000000000000000000000000000000000000000000000000000000000000000","#,
        r#""batch":{"sequence":1,"kind":"views","#,
        r#""hash":"0505050505050505050505050505050505050505050505050505050505050505","#,
        r#""base_rate":"1000","views":12,"amount":"18446744073709551615","owed":"7","#,
        r#""unix_seconds":1700000000},"entries":"AAE=","#,
        r#""signature":"SIGNATURE","slot":77,"block_time":1700000000,"#,
        r#""contents":[{"first":0,"count":9,"quality":10000}],"#,
        r#""changes":[{"signature":"SIGNATURE","change":{"tip":{"creator":1,"net":"93","#,
        r#""platform_fee":"5","processing_fee":"2"}}}]}"#,
        "\n"
    );

    fn file() -> BatchFile {
        let signature = Signature::from([7; 64]);
        let change = Change::Tip { creator: 1, net: 93, platform_fee: 5, processing_fee: 2 };
        let platform = Pubkey::new_from_array([2; 32]);
        BatchFile {
            format: BATCH_FORMAT.into(),
            place: Place::new(platform, 3, Pubkey::new_from_array([3; 32])),
            previous_file: None,
            previous_hash: Digest::default(),
            batch: Outcome {
                sequence: 1,
                kind: KindName(Kind::Views),
                hash: Digest([5; 32]),
                base_rate: 1_000,
                views: 12,
                amount: u64::MAX,
                owed: 7,
                unix_seconds: Some(1_700_000_000),
            },
            entries: vec![0, 1],
            signature,
            slot: 77,
            block_time: Some(1_700_000_000),
            contents: vec![Registered { first: 0, count: 9, quality: 10_000 }],
            changes: vec![Changed { signature, change }],
        }
    }

    /// Published files are never rewritten, so their form must not change by accident.
    #[test]
    fn has_a_pinned_form() {
        let expected = FILE
            .replace("PROGRAM", &pixr::ID.to_string())
            .replace("SIGNATURE", &Signature::from([7; 64]).to_string());
        let bytes = write(&file()).unwrap();
        assert_eq!(String::from_utf8(bytes.clone()).unwrap(), expected);
        assert_eq!(read::<BatchFile>(&bytes).unwrap(), file());
        assert_eq!(
            file().place.batch_path(42).to_string(),
            "batches/8qbHbw2BbbTHBW1sbeqakYXVKRQM8Ne7pLK7m6CVfeR/3/000000000042.json"
        );
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        let text = String::from_utf8(write(&file()).unwrap()).unwrap();
        for (from, to) in [
            (r#""slot":77"#, r#""slot":77,"more":1"#),
            (r#""tip""#, r#""gift""#),
            (r#""kind":"views""#, r#""kind":"likes""#),
            (r#""AAE=""#, r#""AAE""#),
            (r#""93""#, r#""-93""#),
        ] {
            assert!(text.contains(from), "{from}");
            assert!(read::<BatchFile>(text.replacen(from, to, 1).as_bytes()).is_err(), "{to}");
        }
    }
}
