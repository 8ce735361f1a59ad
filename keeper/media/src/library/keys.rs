//! Where things are in the object store.

use object_store::path::Path;

use crate::hash::Hash;

/// The bytes of a source.
pub fn source(hash: Hash) -> Path {
    Path::from(format!("sources/{hash}"))
}

/// What is known about a source from its import.
pub fn source_record(hash: Hash) -> Path {
    Path::from(format!("sources/{hash}.json"))
}

/// A file of the analysis of a source.
pub fn analysis(source: Hash, version: u32, name: &str) -> Path {
    Path::from(format!("analysis/{source}/v{version}/{name}"))
}

/// An artefact that somebody else supplied for a source.
pub fn artefact(source: Hash, name: &str) -> Path {
    Path::from(format!("analysis/{source}/artefacts/{name}"))
}

/// A file of the renditions of a source; manifests name files relative to this.
pub fn video(source: Hash, name: &str) -> Path {
    Path::from(format!("videos/{source}/{name}"))
}

/// A manifest.
pub fn manifest(source: Hash, manifest: Hash) -> Path {
    video(source, &format!("manifests/{manifest}.json"))
}
