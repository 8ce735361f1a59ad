use std::{fmt, str::FromStr};

use serde_with::{DeserializeFromStr, SerializeDisplay};

/// A platform's id of a content, as the program keeps it: 16 bytes.
///
/// In text it is a UUID, 32 hexadecimal digits, or any other word of at most 16 bytes, which is
/// padded with zeros.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, SerializeDisplay, DeserializeFromStr,
)]
pub struct ContentId(pub [u8; 16]);

/// Why a text is not a content id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentIdError {
    #[error("is empty")]
    Empty,
    #[error("is {0} bytes long: use a UUID, 32 hexadecimal digits, or at most 16 bytes")]
    TooLong(usize),
    #[error("has a zero byte or a control character")]
    Control,
}

impl FromStr for ContentId {
    type Err = ContentIdError;

    fn from_str(text: &str) -> Result<Self, ContentIdError> {
        if text.is_empty() {
            return Err(ContentIdError::Empty);
        }
        if let (32 | 36, Ok(uuid)) = (text.len(), uuid::Uuid::try_parse(text)) {
            return Ok(Self(uuid.into_bytes()));
        }
        if text.chars().any(char::is_control) {
            return Err(ContentIdError::Control);
        }
        let mut id = [0; 16];
        id.get_mut(..text.len())
            .ok_or(ContentIdError::TooLong(text.len()))?
            .copy_from_slice(text.as_bytes());
        Ok(Self(id))
    }
}

impl fmt::Display for ContentId {
    /// The shortest text that reads back as the same id.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let end = self.0.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        match std::str::from_utf8(&self.0[..end]) {
            Ok(word) if !word.is_empty() && !word.chars().any(char::is_control) => {
                f.write_str(word)
            }
            _ => write!(f, "{}", uuid::Uuid::from_bytes(self.0)),
        }
    }
}

impl fmt::Debug for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "ContentId({self})")
    }
}
