//! Sources: taken in, probed, and kept by the hash of their bytes.

mod ffprobe;
pub(crate) mod keys;
mod limits;
mod packets;
mod probe;
mod source;
mod store;
mod upload;

pub(crate) use ffprobe::{CONTAINED, FORMATS};
pub use limits::{Limits, Refusal};
pub use source::{AudioStream, Keyframe, PacketIndex, Rate, Source, VideoStream};
pub use store::Library;
pub use upload::{Upload, UploadError, Uploads};
