//! From what the filters print to numbers.

use std::io::{self, Write};

use super::{Loudness, Scene, Span};
use crate::decimal::scaled;

/// Measurements of one frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Frame {
    /// Score of the change to this frame, 0 to 10,000, and whether it is a cut.
    pub score: u16,
    pub cut: bool,
    pub spatial_milli: u32,
    pub temporal_milli: u32,
    /// Bytes in the small encoding.
    pub bytes: u32,
}

/// Measurements of all frames, and the spans among them.
#[derive(Debug, Default)]
pub(super) struct Measured {
    pub frames: Vec<Frame>,
    pub black: Vec<Span>,
    pub frozen: Vec<Span>,
    /// Pixels of the pictures of the small encoding.
    pub pixels: u32,
}

/// Reads what the `metadata` filter prints while it does: it would be large as a whole.
#[derive(Debug, Default)]
pub(super) struct Reader {
    measured: Measured,
    /// The beginning of a line whose end is not there yet.
    rest: Vec<u8>,
    black: Option<u64>,
    frozen: Option<u64>,
}

/// Bytes of a line.
const LINE_BYTES_MAX: usize = 4_096;

impl Write for Reader {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(part);
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.rest);
                self.line(String::from_utf8_lossy(&line).trim_end());
            } else if self.rest.len() > LINE_BYTES_MAX {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Reader {
    fn line(&mut self, line: &str) {
        let us = |text: &str| scaled(text, 6).and_then(|us| u64::try_from(us).ok());
        let milli = |text: &str| scaled(text, 3).and_then(|milli| u32::try_from(milli).ok());
        let measured = &mut self.measured;
        if line.starts_with("frame:") {
            measured.frames.push(Frame::default());
            return;
        }
        let Some((name, value)) = line.split_once('=') else { return };
        let Some(frame) = measured.frames.last_mut() else { return };
        match name {
            "lavfi.scd.score" => {
                let score = scaled(value, 2).unwrap_or(0).clamp(0, 10_000);
                frame.score = u16::try_from(score).unwrap_or(0);
            }
            // Printed for cuts only.
            "lavfi.scd.time" => frame.cut = true,
            "lavfi.siti.si" => frame.spatial_milli = milli(value).unwrap_or(0),
            "lavfi.siti.ti" => frame.temporal_milli = milli(value).unwrap_or(0),
            "lavfi.black_start" => self.black = us(value),
            "lavfi.black_end" => close(&mut self.black, us(value), &mut measured.black),
            "lavfi.freezedetect.freeze_start" => self.frozen = us(value),
            "lavfi.freezedetect.freeze_end" => {
                close(&mut self.frozen, us(value), &mut measured.frozen);
            }
            _ => {}
        }
    }

    /// All that was measured, with the output of `framecrc`. `end_us` says where a frame begins.
    pub fn finish(mut self, sizes: &[u8], end_us: impl Fn(u32) -> u64) -> Measured {
        let mut measured = self.measured;
        read_sizes(sizes, &mut measured);
        // Spans that last to the end are never closed.
        let end = Some(end_us(u32::try_from(measured.frames.len()).unwrap_or(u32::MAX)));
        close(&mut self.black, end, &mut measured.black);
        close(&mut self.frozen, end, &mut measured.frozen);
        measured
    }
}

fn close(open: &mut Option<u64>, end: Option<u64>, spans: &mut Vec<Span>) {
    if let (Some(start_us), Some(end_us)) = (open.take(), end)
        && start_us < end_us
    {
        spans.push(Span { start_us, end_us });
    }
}

/// Lines `stream, dts, pts, duration, bytes, checksum`, in decoding order, which without B-frames
/// is that of showing; and a line `#dimensions 0: 320x180`.
fn read_sizes(sizes: &[u8], measured: &mut Measured) {
    let mut number = 0;
    for line in String::from_utf8_lossy(sizes).lines() {
        if let Some(size) = line.strip_prefix("#dimensions 0: ") {
            let sides = size.split_once('x');
            let sides = sides.and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
            measured.pixels = sides.map_or(0, |(width, height): (u32, u32)| width * height);
        }
        if line.starts_with('#') {
            continue;
        }
        if let Some(frame) = measured.frames.get_mut(number) {
            let bytes = line.split(',').nth(4).and_then(|text| text.trim().parse().ok());
            frame.bytes = bytes.unwrap_or(0);
            number += 1;
        }
    }
}

/// Groups frames to scenes. A cut starts one, unless the one before is shorter than `frames_min`.
pub(super) fn scenes(measured: &Measured, frames_min: u32) -> Vec<Scene> {
    let mut starts = vec![0];
    for (number, frame) in measured.frames.iter().enumerate().skip(1) {
        if frame.cut && number - starts.last().unwrap_or(&0) >= frames_min as usize {
            starts.push(number);
        }
    }
    let ends = starts.iter().skip(1).copied().chain([measured.frames.len()]);
    let scene = |(start, end): (&usize, usize)| {
        let frames = measured.frames.get(*start..end).unwrap_or_default();
        summary(frames, *start, end, measured.pixels)
    };
    starts.iter().zip(ends).map(scene).collect()
}

fn summary(frames: &[Frame], start: usize, end: usize, pixels: u32) -> Scene {
    let narrow = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    let count = u64::try_from(frames.len()).unwrap_or(1).max(1);
    let mean = |of: fn(&Frame) -> u32| {
        narrow(frames.iter().map(|frame| u64::from(of(frame))).sum::<u64>() / count)
    };
    let bits = frames.iter().map(|frame| u64::from(frame.bytes) * 8).sum::<u64>();
    let milli = bits.saturating_mul(1_000) / (count * u64::from(pixels.max(1)));
    Scene {
        start: narrow(start as u64),
        end: narrow(end as u64),
        cut_score: frames.first().map_or(0, |frame| frame.score),
        spatial_milli: mean(|frame| frame.spatial_milli),
        // The first frame's is the change from the scene before.
        temporal_milli: mean(|frame| frame.temporal_milli),
        complexity_milli: narrow(milli),
    }
}

/// The last summary of the loudness filter named `ebur128@a<number>` in a log.
pub(super) fn loudness(log: &[String], number: usize) -> Option<Loudness> {
    let name = format!("ebur128@a{number} ");
    let at = log.iter().rposition(|line| line.contains(&name) && line.contains("Summary"))?;
    let value = |label: &str, unit: &str| {
        let mut lines = log.get(at..)?.iter().map(|line| line.trim());
        let line = lines.find_map(|line| {
            let line = line.trim_start_matches("[info]").trim();
            line.strip_prefix(label)?.trim().strip_suffix(unit)
        });
        scaled(line?.trim(), 2).and_then(|centi| i32::try_from(centi).ok())
    };
    Some(Loudness {
        integrated_centi: value("I:", "LUFS").unwrap_or(-7_000),
        range_centi: value("LRA:", "LU").unwrap_or(0),
        peak_centi: value("Peak:", "dBFS"),
    })
}

/// The JPEG files that follow each other in `bytes`.
pub(super) fn jpegs(bytes: &[u8]) -> Vec<&[u8]> {
    let mut files = Vec::new();
    let mut rest = bytes;
    // Inside a file the byte 0xff is never followed by 0xd9.
    while let Some(end) = rest.windows(2).position(|pair| pair == [0xff, 0xd9]) {
        let (file, after) = rest.split_at(end + 2);
        files.push(file);
        rest = after;
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_frames_and_open_spans() {
        let text = b"frame:0 pts:0\nlavfi.scd.score=0.12\nlavfi.black_start=0\nframe:1\n\
            lavfi.black_end=0.5\nlavfi.scd.score=55.5\nlavfi.scd.time=0.5\n\
            lavfi.freezedetect.freeze_start=0.7\n";
        let sizes = b"#dimensions 0: 320x180\n0, 0, 0, 1, 7200, 0xab\n0, 1, 1, 1, 10, 0xcd\n";
        let mut reader = Reader::default();
        for byte in text.chunks(3) {
            reader.write_all(byte).unwrap();
        }
        let measured = reader.finish(sizes, |frames| u64::from(frames) * 1_000_000);
        assert_eq!(measured.black, [Span { start_us: 0, end_us: 500_000 }]);
        assert_eq!(measured.frozen, [Span { start_us: 700_000, end_us: 2_000_000 }]);
        let scenes = scenes(&measured, 1);
        assert_eq!(scenes.len(), 2);
        assert_eq!((scenes[1].cut_score, scenes[0].complexity_milli), (5_550, 1_000));
    }

    #[test]
    fn reads_the_last_summary_of_a_stream() {
        let log = "[ebur128@a0 @ 0x1] [info] Summary:\n    I:         -70.0 LUFS\n\
            [ebur128@a0 @ 0x2] [info] Summary:\n    I:         -34.1 LUFS\n    LRA:  3.1 LU\n\
            True peak:\n    Peak:      -10.7 dBFS\n\
            [ebur128@a1 @ 0x2] [info] Summary:\n    I: -20.0 LUFS\n    Peak: -inf dBFS";
        let log: Vec<String> = log.lines().map(String::from).collect();
        let first = loudness(&log, 0).unwrap();
        assert_eq!((first.integrated_centi, first.peak_centi), (-3_410, Some(-1_070)));
        assert_eq!(loudness(&log, 1).unwrap().peak_centi, None);
        assert_eq!(loudness(&log, 2), None);
    }
}
