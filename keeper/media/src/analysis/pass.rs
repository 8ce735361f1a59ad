//! The one pass in which everything is decoded.

use std::{fs::File, path::Path};

use tokio_util::sync::CancellationToken;

use super::{grid, parse::Reader};
use crate::{
    error::{IoContext, Result},
    library::{CONTAINED, Limits, Source},
    sandbox::{Run, Sinks, Tool},
};

/// Width of the picture that is looked at, pixels.
const LOOK_WIDTH: u32 = 320;
/// Scores of a scene change from which on it is a cut, percent.
const CUT_SCORE_MIN: u32 = 10;
/// Shortest black or frozen span that is noted, seconds.
const SPAN_SECONDS_MIN: &str = "0.5";
/// Pictures in a sprite, and in a row of it.
const SPRITE_PICTURES_MAX: u32 = 100;
pub(super) const SPRITE_COLUMNS: u32 = 10;
/// Width of a picture of the sprite, pixels.
const SPRITE_WIDTH: u32 = 160;

/// Width of a thumbnail, pixels.
const STILL_WIDTH_MAX: u32 = 640;

/// How the sprite is laid out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub columns: u32,
    pub rows: u32,
    pub every_frames: u32,
    pub width: u32,
    pub height: u32,
}

impl Layout {
    /// For a video of about `frames` frames.
    pub fn new(source: &Source, frames: u32) -> Self {
        let second = source.video.rate.frames_in_ms(1_000);
        let every_frames = frames.div_ceil(SPRITE_PICTURES_MAX).max(second);
        let pictures = frames.div_ceil(every_frames).max(1);
        let (width, height) = (u64::from(source.video.width), u64::from(source.video.height));
        let tall = (u64::from(SPRITE_WIDTH) * height / width.max(1)).clamp(2, 640) & !1;
        Self {
            columns: pictures.min(SPRITE_COLUMNS),
            rows: pictures.div_ceil(SPRITE_COLUMNS),
            every_frames,
            width: SPRITE_WIDTH,
            height: u32::try_from(tall).unwrap_or(SPRITE_WIDTH),
        }
    }
}

/// What comes out of the pass.
#[derive(Default)]
pub(super) struct Passed {
    /// Measurements of each frame.
    pub frames: Reader,
    /// Sizes of the frames of the small encoding, as `framecrc` prints them.
    pub sizes: Vec<u8>,
    /// The sprite, a JPEG.
    pub sprite: Vec<u8>,
    /// JPEG after JPEG, of the frames that were asked for.
    pub stills: Vec<u8>,
    pub log: Vec<String>,
}

/// Decodes `file` once. Blocks.
pub(super) fn decode(
    source: &Source,
    file: &Path,
    wanted: (&Layout, &[u32]),
    limits: &Limits,
    cancel: &CancellationToken,
    on_frame: &mut dyn FnMut(u64),
) -> Result<Passed> {
    let mut run = Run::new(Tool::Ffmpeg, "analysing a source", &limits.bounds, cancel);
    let input = run.input(File::open(file).at(file)?);
    let (sizes, sprite, stills) = (run.pipe()?, run.pipe()?, run.pipe()?);
    run.args(CONTAINED).args(grid::TIMES);
    run.args(["-max_pixels", &limits.frame_pixels_max.to_string(), "-threads", "2"]);
    run.args(["-i", &input, "-filter_complex", &graph(source, wanted.0, wanted.1)]);
    run.args(["-map", "[looked]", "-fps_mode", "passthrough", "-f", "null", "-"]);
    // The constant quantizer makes sizes depend on the pictures alone.
    run.args(["-map", "[tried]", "-fps_mode", "passthrough", "-c:v", "libx264"]);
    run.args(["-preset", "ultrafast", "-qp", "28", "-threads", "1", "-g", "100000"]);
    run.args(["-flags", "+bitexact", "-f", "framecrc", &sizes]);
    for (label, frames, pipe) in [("[tiles]", 1, &sprite), ("[stills]", wanted.1.len(), &stills)] {
        run.args(["-map", label, "-fps_mode", "passthrough", "-frames:v", &frames.to_string()]);
        run.args(["-c:v", "mjpeg", "-q:v", "4", "-threads", "1", "-flags", "+bitexact"]);
        run.args(["-f", "image2pipe", pipe]);
    }
    for number in 0..source.audio.len() {
        run.args(["-map", &format!("[heard{number}]"), "-f", "null", "-"]);
    }
    let mut passed = Passed::default();
    let finished = run.run(Sinks {
        stdout: &mut passed.frames,
        extra: vec![&mut passed.sizes, &mut passed.sprite, &mut passed.stills],
        on_frame,
    })?;
    passed.log = finished.log;
    Ok(passed)
}

fn graph(source: &Source, layout: &Layout, stills: &[u32]) -> String {
    let video = source.video.index;
    let Layout { columns, rows, every_frames, width, height } = layout;
    let chosen: Vec<String> = stills.iter().map(|frame| format!("eq(n\\,{frame})")).collect();
    let mut graph = format!(
        "[0:{video}]{grid},split=3[look][tile][still];\
         [look]scale={LOOK_WIDTH}:-2:flags=fast_bilinear,format=yuv420p,split=2[measure][tried];\
         [measure]scdet=threshold={CUT_SCORE_MIN},siti,blackdetect=d={SPAN_SECONDS_MIN},\
         freezedetect=d={SPAN_SECONDS_MIN},metadata=mode=print:file=-[looked];\
         [tile]select=not(mod(n\\,{every_frames})),scale={width}:{height},format=yuvj420p,\
         tile={columns}x{rows}[tiles];\
         [still]select={chosen},scale=w=min(iw\\,{STILL_WIDTH_MAX}):h=-2,format=yuvj420p[stills]",
        grid = grid::filters(source, true),
        chosen = chosen.join("+"),
    );
    for (number, stream) in source.audio.iter().enumerate() {
        let index = stream.index;
        graph.push_str(&format!(
            ";[0:{index}]ebur128@a{number}=peak=true:framelog=verbose[heard{number}]"
        ));
    }
    graph
}
