//! The runs of ffmpeg that make chunks, copies and sound.

use std::{fs::File, path::Path};

use tokio_util::sync::CancellationToken;

use super::codec;
use crate::{
    analysis::{Analysis, grid},
    error::{IoContext, Result},
    library::{CONTAINED, Limits, Source},
    package::boxes,
    plan::{AudioSpec, Method, Timeline, VideoSpec},
    sandbox::{Run, Sinks, Tool, nobody},
};

/// What making something needs.
pub(super) struct Kitchen<'a> {
    pub source: &'a Source,
    pub analysis: &'a Analysis,
    pub timeline: &'a Timeline,
    pub file: &'a Path,
    pub limits: &'a Limits,
    pub cancel: &'a CancellationToken,
}

/// What was made, and what it took.
#[derive(Debug, Default)]
pub(crate) struct Made {
    /// An MP4 file of fragments.
    pub bytes: Vec<u8>,
    /// Frames that the encoder counted.
    pub frames: u64,
    pub cpu_us: u64,
}

impl Kitchen<'_> {
    /// A chunk of a rendition.
    pub fn chunk(
        &self,
        spec: &VideoSpec,
        chunk: usize,
        on_frame: &mut dyn FnMut(u64),
    ) -> Result<Made> {
        let mut all = Made::default();
        for (start, end) in codec::ranges(self.timeline, spec.codec, chunk) {
            let before = all.frames;
            let made =
                self.range(spec, (start, end), 1, &mut |frames| on_frame(before + frames))?;
            all.bytes = boxes::joined(all.bytes, made.bytes)?;
            all.frames += made.frames;
            all.cpu_us += made.cpu_us;
        }
        Ok(all)
    }

    /// Frames from the first of the range to the one before the second.
    pub fn range(
        &self,
        spec: &VideoSpec,
        (start, end): (u32, u32),
        threads: u32,
        on_frame: &mut dyn FnMut(u64),
    ) -> Result<Made> {
        let rate = self.timeline.rate;
        let doing = format!("encoding {}p frames {start} to {end}", spec.lines);
        let mut run = Run::new(Tool::Ffmpeg, doing, &self.limits.bounds, self.cancel);
        let input = run.input(File::open(self.file).at(self.file)?);
        run.args(CONTAINED).args(grid::TIMES).args(["-threads", &threads.to_string()]);
        run.args(["-max_pixels", &self.limits.frame_pixels_max.to_string()]);
        let seek = grid::seek(&self.analysis.keyframes, self.source, start);
        let from_start = seek.is_none();
        if let Some(seek) = seek {
            run.args(["-ss", &seek]);
        }
        let filters = format!(
            "{},trim=start_pts={start}:end_pts={end},{}",
            grid::filters(self.source, from_start),
            codec::picture(spec)
        );
        run.args(["-i", &input, "-map", &format!("0:{}", self.source.video.index)]);
        run.args(["-filter_threads", "1", "-vf", &filters, "-fps_mode", "passthrough"]);
        run.args(["-enc_time_base", &format!("{}:{}", rate.den, rate.num)]);
        run.args(codec::encoder(spec, threads)).args(codec::keyframes(self.timeline, start, end));
        run.args(["-video_track_timescale", &codec::timescale(rate).0.to_string()]);
        run.args(codec::ANONYMOUS).args(codec::VIDEO_FRAGMENTS);
        let mut bytes = Vec::new();
        let done = run.run(Sinks { stdout: &mut bytes, extra: Vec::new(), on_frame })?;
        Ok(Made { bytes, frames: done.frames, cpu_us: done.cpu_us })
    }

    /// The video of the source as it is.
    pub fn remux(&self) -> Result<Made> {
        let doing = "packaging the video of a source";
        let mut run = Run::new(Tool::Ffmpeg, doing, &self.limits.bounds, self.cancel);
        let input = run.input(File::open(self.file).at(self.file)?);
        run.args(CONTAINED).args(grid::TIMES);
        run.args(["-i", &input, "-map", &format!("0:{}", self.source.video.index), "-c", "copy"]);
        let (units, _) = codec::timescale(self.timeline.rate);
        run.args(["-video_track_timescale", &units.to_string()]);
        if self.source.video.codec == "hevc" {
            run.args(["-tag:v", "hvc1"]);
        }
        run.args(codec::ANONYMOUS).args(codec::VIDEO_FRAGMENTS);
        let mut bytes = Vec::new();
        let done = run.collect(&mut bytes)?;
        // Nothing was encoded: what ffmpeg counts here are packets.
        Ok(Made { bytes, frames: 0, cpu_us: done.cpu_us })
    }

    /// A sound track.
    pub fn audio(&self, spec: &AudioSpec, method: Method) -> Result<Made> {
        let stream = usize::try_from(spec.stream).ok().and_then(|n| self.source.audio.get(n));
        let index = stream.map_or(0, |stream| stream.index);
        let doing = format!("making sound track {}", spec.stream);
        let mut run = Run::new(Tool::Ffmpeg, doing, &self.limits.bounds, self.cancel);
        let input = run.input(File::open(self.file).at(self.file)?);
        run.args(CONTAINED).args(grid::TIMES).args(["-threads", "1"]);
        run.args(["-i", &input, "-map", &format!("0:{index}")]);
        match method {
            // What was before the start is only there to warm decoders up.
            Method::Remux => run.args(["-c:a", "copy", "-bsf:a", "noise=drop='lt(pts,0)'"]),
            Method::Encode => {
                // The encoder puts 1024 samples of its own before the first. Taking as many away
                // keeps sound and picture together without an edit list, which players ignore.
                let mut filters = "aresample=48000:async=1000:first_pts=0,\
                                   aformat=channel_layouts=stereo,atrim=start_sample=1024"
                    .to_owned();
                if let Some(centi) = spec.gain_centi {
                    let sign = if centi < 0 { "-" } else { "" };
                    let (whole, rest) = (centi.unsigned_abs() / 100, centi.unsigned_abs() % 100);
                    filters.push_str(&format!(",volume={sign}{whole}.{rest:02}dB"));
                }
                run.args(["-filter_threads", "1", "-af", &filters, "-c:a", "aac"]);
                run.args(["-b:a", &format!("{}k", spec.kbps), "-ac", "2"])
            }
        };
        run.args(codec::ANONYMOUS).args(["-movflags", "+cmaf+frag_discont", "-use_editlist", "0"]);
        run.args(["-frag_duration", &(u64::from(spec.segment_ms) * 1_000).to_string()]);
        run.args(["-f", "mp4", "pipe:1"]);
        let mut bytes = Vec::new();
        let sinks = Sinks { stdout: &mut bytes, extra: Vec::new(), on_frame: &mut nobody };
        let done = run.run(sinks)?;
        Ok(Made { bytes, frames: 0, cpu_us: done.cpu_us })
    }
}
