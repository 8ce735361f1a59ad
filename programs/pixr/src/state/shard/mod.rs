//! A ledger shard: one large account with a header, creator slots, content slots, lanes and the
//! content index, in this order.
//!
//! ```text
//! 0        8         512             + 64 × creators   + 56 × contents   + 96 × lanes   + 8 × contents
//! │ tag    │ header  │ creator slots │ content slots   │ lanes           │ content index │
//! ```
//!
//! Slots are filled from the front and never move, so an index names a slot for good.

mod content_index;
mod header;
mod lane;
mod lanes;
mod layout;
mod slots;
mod view;

pub use content_index::bucket_of;
pub use header::{Shard, Totals};
pub use lane::{Lane, LaneTerms, link_of, number_of};
pub use lanes::LaneTotals;
pub use layout::{BYTES_PER_CONTENT, Capacities, HEADER_BYTES};
pub use slots::{ContentSlot, CreatorSlot};
pub use view::{ShardMut, ShardRef, Slots, read_header};
