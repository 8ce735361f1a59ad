//! Likeness to the source, frame by frame.

use std::{
    fs::File,
    io::{Seek, Write},
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{
    Checked, Metric,
    windows::{Window, windows},
};
use crate::{
    analysis::{Analysis, grid},
    decimal::scaled,
    encode::{engine, picture},
    error::{IoContext, MediaError, Result},
    library::{CONTAINED, FORMATS, Limits, Source},
    package::assemble::Track,
    plan::{Timeline, VideoSpec},
    sandbox::{Run, Tool},
};

/// A rendition that is compared with its source.
pub(crate) struct Subject<'a> {
    pub source: &'a Source,
    pub analysis: &'a Analysis,
    pub timeline: &'a Timeline,
    pub spec: &'a VideoSpec,
    pub track: &'a Track,
    /// The file of the source, and a folder for small temporary files.
    pub file: &'a Path,
    pub folder: &'a Path,
    pub limits: &'a Limits,
    pub cancel: &'a CancellationToken,
    /// Cores that may be free, besides the caller's.
    pub cores: &'a Semaphore,
}

/// Compares a sample of frames with those of the source, scaled to the same size. Blocks.
pub(crate) fn score(subject: &Subject<'_>) -> Result<(Checked, u64)> {
    let metric = if engine()?.has_vmaf { Metric::Vmaf } else { Metric::Ssim };
    let (mut sum, mut sampled, mut worst, mut cpu_us) = (0_u64, 0_u32, u16::MAX, 0);
    for Compared { frames, score, cpu_us: took_us } in subject.compare_all(metric)? {
        sum += u64::from(score) * u64::from(frames);
        sampled += frames;
        worst = worst.min(score);
        cpu_us += took_us;
    }
    let mean = sum / u64::from(sampled.max(1));
    let checked = Checked {
        frames: subject.timeline.frames,
        duration_us: subject.track.duration_us(),
        metric,
        score: u16::try_from(mean).unwrap_or(u16::MAX),
        worst,
        sampled,
    };
    Ok((checked, cpu_us))
}

/// What a comparison of some frames tells, basis points, and its processor time.
struct Compared {
    frames: u32,
    score: u16,
    cpu_us: u64,
}

impl Subject<'_> {
    /// Compares all windows, on as many cores as nobody else uses.
    fn compare_all(&self, metric: Metric) -> Result<Vec<Compared>> {
        let windows = windows(self.timeline);
        let free = (1..windows.len()).map_while(|_| self.cores.try_acquire().ok());
        let free: Vec<_> = free.collect();
        let next = AtomicUsize::new(0);
        let work = || {
            let take = || windows.get(next.fetch_add(1, Ordering::Relaxed));
            std::iter::from_fn(take).map(|window| self.compare(window, metric)).collect()
        };
        thread::scope(|scope| {
            let others: Vec<_> = free.iter().map(|_| scope.spawn(work)).collect();
            let mut all: Vec<Compared> = work()?;
            for other in others {
                let gone = |_| Err(MediaError::Internal("a comparison panicked".into()));
                let compared: Result<Vec<_>> = other.join().unwrap_or_else(gone);
                all.extend(compared?);
            }
            Ok(all)
        })
    }

    fn compare(&self, window: &Window, metric: Metric) -> Result<Compared> {
        let doing = format!("comparing {}p with its source", self.spec.lines);
        let mut run = Run::new(Tool::Ffmpeg, doing, &self.limits.bounds, self.cancel);
        let made = run.input(self.segment(window.segment)?);
        let original = run.input(File::open(self.file).at(self.file)?);
        run.args(["-protocol_whitelist", "file,pipe", "-format_whitelist", FORMATS]);
        run.args(["-threads", "1", "-i", &made]);
        run.args(CONTAINED).args(grid::TIMES).args(["-threads", "1"]);
        let seek = grid::seek(&self.analysis.keyframes, self.source, window.start);
        let from_start = seek.is_none();
        if let Some(seek) = seek {
            run.args(["-ss", &seek]);
        }
        run.args(["-i", &original]);
        let (start, end) = (window.start, window.end);
        let first = start - self.timeline.segment(window.segment).0;
        let last = first + (end - start);
        let filter = match metric {
            Metric::Ssim => "ssim",
            Metric::Vmaf => "libvmaf",
        };
        let graph = format!(
            "[0:v]trim=start_frame={first}:end_frame={last},settb=1/25,setpts=N[made];\
             [1:{video}]{grid},trim=start_pts={start}:end_pts={end},{picture},settb=1/25,setpts=N\
             [original];[made][original]{filter}[compared]",
            video = self.source.video.index,
            grid = grid::filters(self.source, from_start),
            picture = picture(self.spec),
        );
        run.args(["-filter_complex_threads", "1", "-filter_complex", &graph]);
        run.args(["-map", "[compared]", "-f", "null", "-"]);
        let finished = run.collect(&mut Vec::new())?;
        let score = finished.log.iter().rev().find_map(|line| parse(line, metric));
        let score = score.ok_or_else(|| MediaError::malformed("a comparison", "no score"))?;
        Ok(Compared { frames: end - start, score, cpu_us: finished.cpu_us })
    }

    /// A segment as a file of its own, which nobody else can name.
    fn segment(&self, number: usize) -> Result<File> {
        let mut file = tempfile::tempfile_in(self.folder).at(self.folder)?;
        // Playlist, initialization, segments.
        for part in [1, 2 + number] {
            let part = self.track.files.get(part);
            let part = part.ok_or_else(|| MediaError::Internal("a segment is missing".into()))?;
            file.write_all(&part.bytes).at(self.folder)?;
        }
        file.rewind().at(self.folder)?;
        Ok(file)
    }
}

/// Basis points from a line of the log.
fn parse(line: &str, metric: Metric) -> Option<u16> {
    let (label, digits) = match metric {
        Metric::Ssim => ("All:", 4),
        Metric::Vmaf => ("VMAF score: ", 2),
    };
    if metric == Metric::Ssim && !line.contains("SSIM ") {
        return None;
    }
    let (_, value) = line.split_once(label)?;
    let value = value.split_whitespace().next()?;
    u16::try_from(scaled(value, digits)?.clamp(0, 10_000)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_scores() {
        let ssim = "[info] SSIM Y:0.98 (17.1) U:0.99 (20.0) V:0.99 (20.0) All:0.983456 (17.8)";
        assert_eq!(parse(ssim, Metric::Ssim), Some(9_834));
        assert_eq!(parse("[info] SSIM All:1.000000 (inf)", Metric::Ssim), Some(10_000));
        assert_eq!(parse("[info] VMAF score: 95.321", Metric::Vmaf), Some(9_532));
        assert_eq!(parse("frame=1", Metric::Ssim), None);
    }
}
