//! The clips that are measured: a real one, and generated ones of all kinds.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};
use pixr_media::{
    Bounds,
    library::Limits,
    plan::{Codec, VideoTarget},
};

/// Generated clips of different complexity, size and rate.
const GENERATED: [(&str, &str); 9] = [
    ("bars", "-f lavfi -i testsrc=s=1280x720:r=25:d=4"),
    ("pattern", "-f lavfi -i testsrc2=s=1280x720:r=25:d=4"),
    ("still", "-f lavfi -i color=c=gray:s=1280x720:r=25:d=4"),
    ("fractal", "-f lavfi -i mandelbrot=s=854x480:r=24000/1001 -frames:v 96"),
    ("grain", "-f lavfi -i testsrc2=s=854x480:r=30:d=4 -vf noise=alls=2:allf=t"),
    ("noise", "-f lavfi -i testsrc2=s=640x360:r=25:d=4 -vf noise=alls=4:allf=t"),
    ("fast", "-f lavfi -i testsrc2=s=640x360:r=60000/1001:d=3"),
    ("odd", "-f lavfi -i testsrc2=s=321x241:r=25:d=4"),
    ("large", "-f lavfi -i testsrc2=s=3840x2160:r=25:d=1"),
];

/// The rungs below the real clip, and its own.
pub const RUNGS: [u16; 4] = [240, 360, 480, 720];

/// Those above it.
pub const LARGE_RUNGS: [u16; 3] = [1_080, 1_440, 2_160];

/// The default, but with no patience for others.
pub fn limits() -> Limits {
    Limits { bounds: Bounds { nice: 0, ..Bounds::default() }, ..Limits::default() }
}

/// Renditions of one codec on some rungs.
pub fn targets(codec: Codec, rungs: &[u16]) -> Vec<VideoTarget> {
    rungs.iter().map(|lines| VideoTarget { lines: *lines, codec }).collect()
}

/// Real film with sound: 92 frames of 1280×720, 25 a second.
pub fn bunny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/bunny-720p.mp4")
}

/// Half a minute of it, in a codec that no rendition has, so that nothing is only copied.
pub fn half_minute(folder: &Path) -> anyhow::Result<PathBuf> {
    let bunny = bunny();
    let bunny = bunny.to_str().context("the path of the checkout")?;
    let arguments = format!(
        "-stream_loop 7 -i {bunny} -c:v mpeg4 -q:v 3 -g 92 -sc_threshold 1000000000 -c:a copy"
    );
    make(&arguments, folder.join("half-minute.mp4"))
}

/// All test clips, with their names.
pub fn all(folder: &Path) -> anyhow::Result<Vec<(&'static str, PathBuf)>> {
    let mut clips = vec![("bunny", bunny())];
    for (name, arguments) in GENERATED {
        let arguments = format!(
            "{arguments} -c:v libx264 -preset veryfast -crf 17 -pix_fmt yuv420p -profile:v high \
             -threads 1"
        );
        clips.push((name, make(&arguments, folder.join(format!("{name}.mkv")))?));
    }
    Ok(clips)
}

fn make(arguments: &str, path: PathBuf) -> anyhow::Result<PathBuf> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin"]).args(arguments.split_whitespace()).arg(&path);
    ensure!(command.status().context("ffmpeg")?.success(), "ffmpeg {arguments}");
    Ok(path)
}
