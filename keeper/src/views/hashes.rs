use std::hash::Hasher as _;

use siphasher::sip128::{Hasher128 as _, SipHasher24};

use crate::keys::Keys;

/// Keyed hashes of viewers and of events' ids: who has not the master seed cannot tell whose they
/// are.
#[derive(Clone)]
pub struct Hashes {
    viewer: SipHasher24,
    event: SipHasher24,
}

impl Hashes {
    /// The hashes of this master seed.
    pub fn new(keys: &Keys) -> Self {
        let hasher = |label| {
            let secret = keys.secret(label);
            let mut key = [0; 16];
            key.copy_from_slice(&secret[..16]);
            SipHasher24::new_with_key(&key)
        };
        Self { viewer: hasher("viewer hash"), event: hasher("event hash") }
    }

    /// SipHash-2-4-128 of a viewer's id.
    pub fn viewer(&self, id: &[u8]) -> [u8; 16] {
        hash(self.viewer, id)
    }

    /// SipHash-2-4-128 of a source's id of an event.
    pub fn event(&self, id: &[u8]) -> [u8; 16] {
        hash(self.event, id)
    }
}

fn hash(mut hasher: SipHasher24, id: &[u8]) -> [u8; 16] {
    hasher.write(id);
    hasher.finish128().as_bytes()
}
