//! Which ffmpeg does the work. Another build may give other bits, so its chunks do not mix.

use std::sync::OnceLock;

use tokio_util::sync::CancellationToken;

use crate::{
    error::{MediaError, Result},
    sandbox::{Bounds, Run, Tool},
};

static ENGINE: OnceLock<Engine> = OnceLock::new();

/// The ffmpeg of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    /// Its version.
    pub name: String,
    /// All that it says about its build.
    pub build: String,
    /// Whether it can measure VMAF.
    pub has_vmaf: bool,
}

/// Asks ffmpeg, once a process. Blocks.
///
/// # Errors
/// It is not installed.
pub(crate) fn engine() -> Result<&'static Engine> {
    if let Some(engine) = ENGINE.get() {
        return Ok(engine);
    }
    let bounds = Bounds::default();
    let never = CancellationToken::new();
    let ask = |argument: &str| {
        let mut run = Run::new(Tool::Ffmpeg, "asking for its version", &bounds, &never);
        run.args([argument]);
        let mut text = Vec::new();
        run.collect(&mut text)?;
        Ok::<_, MediaError>(String::from_utf8_lossy(&text).into_owned())
    };
    let build = ask("-version")?.trim_end().to_owned();
    let has_vmaf = ask("-filters")?.contains(" libvmaf ");
    let name = build.split(" Copyright").next().unwrap_or("ffmpeg").to_owned();
    Ok(ENGINE.get_or_init(|| Engine { name, build, has_vmaf }))
}
