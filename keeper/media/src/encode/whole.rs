//! One ffmpeg over the whole of a rendition: what chunks are measured against.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::make::{Kitchen, Made};
use crate::{
    analysis::Analysis,
    error::Result,
    library::{Library, Source},
    plan::{Plan, VideoSpec},
};

/// Encodes `spec` with the settings of its chunks, but with as many threads as decoder and encoder
/// choose for themselves. Blocks.
pub(crate) fn whole(
    library: &Library,
    file: &Path,
    (source, analysis): (&Source, &Analysis),
    plan: &Plan,
    spec: &VideoSpec,
) -> Result<Made> {
    let (timeline, cancel) = (&plan.timeline, CancellationToken::new());
    let limits = library.limits();
    let kitchen = Kitchen { source, analysis, timeline, file, limits, cancel: &cancel };
    kitchen.range(spec, (0, timeline.frames), 0, &mut |_| {})
}
