//! The boxes of fragmented MP4 (ISO/IEC 14496-12): as much of them as taking fragments apart and
//! putting them together needs.

use std::ops::Range;

use crate::error::{MediaError, Result};

/// A fragment: `moof` and `mdat`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fragment {
    pub bytes: Range<usize>,
    /// When it is decoded, in units of the track.
    pub decode_time: u64,
    /// When its first sample is shown, in units of the track.
    pub shown_time: i64,
    pub samples: u32,
    /// Length, in units of the track.
    pub duration: u64,
    /// Where its sequence number is.
    sequence: usize,
}

/// A file taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    /// `ftyp` and `moov`.
    pub init: Range<usize>,
    pub fragments: Vec<Fragment>,
}

fn broken(why: &str) -> MediaError {
    MediaError::malformed("an MP4 file", why)
}

/// The next `count` bytes at `at` as a big-endian number.
fn number(bytes: &[u8], at: usize, count: usize) -> Result<u64> {
    let field = at.checked_add(count).and_then(|end| bytes.get(at..end));
    let field = field.ok_or_else(|| broken("it ends within a box"))?;
    Ok(field.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

fn number32(bytes: &[u8], at: usize) -> Result<u32> {
    Ok(u32::try_from(number(bytes, at, 4)?).unwrap_or(u32::MAX))
}

/// A box: its name and where its content is.
type Child = ([u8; 4], Range<usize>);

/// The boxes in `range`.
fn children(bytes: &[u8], range: Range<usize>) -> Result<Vec<Child>> {
    let mut boxes = Vec::new();
    let mut at = range.start;
    while at < range.end {
        let name = at.checked_add(8).and_then(|end| bytes.get(at + 4..end));
        let name: [u8; 4] = name
            .and_then(|name| name.try_into().ok())
            .ok_or_else(|| broken("a box has no name"))?;
        let (header, size) = match number(bytes, at, 4)? {
            1 => (16, number(bytes, at + 8, 8)?),
            size => (8, size),
        };
        let end = usize::try_from(size).ok().and_then(|size| at.checked_add(size));
        let end = end.filter(|end| *end >= at + header && *end <= range.end);
        let end = end.ok_or_else(|| broken("a box is larger than what holds it"))?;
        boxes.push((name, at + header..end));
        at = end;
    }
    Ok(boxes)
}

/// The box at the end of `path`, the first of each name.
fn find(bytes: &[u8], within: Range<usize>, path: &[&[u8; 4]]) -> Result<Range<usize>> {
    path.iter().try_fold(within, |range, name| {
        let found = children(bytes, range)?.into_iter().find(|(found, _)| found == *name);
        found.map(|(_, range)| range).ok_or_else(|| {
            broken(&format!("there is no {}", String::from_utf8_lossy(name.as_slice())))
        })
    })
}

/// Takes a file apart.
pub(crate) fn parts(bytes: &[u8]) -> Result<Parts> {
    let mut fragments = Vec::new();
    let mut init = None;
    let mut moof: Option<Range<usize>> = None;
    for (name, content) in children(bytes, 0..bytes.len())? {
        match &name {
            b"moov" => init = Some(0..content.end),
            b"moof" => moof = Some(content),
            b"mdat" => {
                let moof = moof.take().ok_or_else(|| broken("there is an mdat without a moof"))?;
                fragments.push(fragment(bytes, moof, content.end)?);
            }
            _ => {}
        }
    }
    let init = init.ok_or_else(|| broken("there is no moov"))?;
    Ok(Parts { init, fragments })
}

fn fragment(bytes: &[u8], moof: Range<usize>, end: usize) -> Result<Fragment> {
    let sequence = find(bytes, moof.clone(), &[b"mfhd"])?.start + 4;
    let traf = find(bytes, moof.clone(), &[b"traf"])?;
    let tfdt = find(bytes, traf.clone(), &[b"tfdt"])?.start;
    let wide = number(bytes, tfdt, 1)? == 1;
    let decode_time = number(bytes, tfdt + 4, if wide { 8 } else { 4 })?;
    let default = default_duration(bytes, find(bytes, traf.clone(), &[b"tfhd"])?.start)?;
    let (mut samples, mut duration, mut first_offset) = (0_u32, 0_u64, None);
    for (name, content) in children(bytes, traf)? {
        if &name == b"trun" {
            let run = track_run(bytes, content.start, default)?;
            samples = samples.saturating_add(run.samples);
            duration = duration.saturating_add(run.duration);
            first_offset = first_offset.or(run.first_offset);
        }
    }
    let decode = i64::try_from(decode_time).map_err(|_| broken("a time is too large"))?;
    Ok(Fragment {
        // The header of the `moof` is 8 bytes: ffmpeg writes no larger one.
        bytes: moof.start - 8..end,
        decode_time,
        shown_time: decode.saturating_add(first_offset.unwrap_or(0)),
        samples,
        duration,
        sequence,
    })
}

/// The duration of samples that state none, from a `tfhd` at `at`.
fn default_duration(bytes: &[u8], at: usize) -> Result<u32> {
    let flags = number(bytes, at + 1, 3)?;
    let skip = [(0x1, 8), (0x2, 4)];
    let before: usize = skip.iter().filter(|(flag, _)| flags & flag != 0).map(|(_, n)| n).sum();
    if flags & 0x8 == 0 { Ok(0) } else { number32(bytes, at + 8 + before) }
}

struct TrackRun {
    samples: u32,
    duration: u64,
    first_offset: Option<i64>,
}

/// Reads a `trun` at `at`.
fn track_run(bytes: &[u8], at: usize, default_duration: u32) -> Result<TrackRun> {
    let flags = number(bytes, at + 1, 3)?;
    let has = |flag: u64| flags & flag != 0;
    let samples = number32(bytes, at + 4)?;
    let mut at = at + 8 + 4 * [0x1, 0x4].iter().filter(|flag| has(**flag)).count();
    let (mut duration, mut first_offset) = (0_u64, None);
    for _ in 0..samples {
        let own = if has(0x100) { number32(bytes, at)? } else { default_duration };
        duration = duration.saturating_add(u64::from(own));
        at += 4 * [0x100, 0x200, 0x400].iter().filter(|flag| has(**flag)).count();
        if has(0x800) {
            // Signed in the version that we write; the other holds small numbers only.
            let offset = number32(bytes, at)?.cast_signed();
            first_offset.get_or_insert(i64::from(offset));
            at += 4;
        }
    }
    Ok(TrackRun { samples, duration, first_offset })
}

/// `first` with the fragments of `second` after its own. Both must have the same initialization.
pub(crate) fn joined(first: Vec<u8>, second: Vec<u8>) -> Result<Vec<u8>> {
    if first.is_empty() {
        return Ok(second);
    }
    let (ours, theirs) = (parts(&first)?, parts(&second)?);
    if first[ours.init.clone()] != second[theirs.init] {
        return Err(broken("the parts of a chunk do not have the same header"));
    }
    let end = ours.fragments.last().map_or(ours.init.end, |fragment| fragment.bytes.end);
    let mut all = first;
    all.truncate(end);
    for fragment in theirs.fragments {
        all.extend_from_slice(&second[fragment.bytes]);
    }
    Ok(all)
}

/// A fragment with the sequence number `sequence`: a count of all fragments of a track.
pub(crate) fn numbered(bytes: &[u8], fragment: &Fragment, sequence: u32) -> Vec<u8> {
    let mut copy = bytes[fragment.bytes.clone()].to_vec();
    let at = fragment.sequence - fragment.bytes.start;
    copy[at..at + 4].copy_from_slice(&sequence.to_be_bytes());
    copy
}

/// Units a second of the only track of an initialization.
pub(crate) fn track_timescale(init: &[u8]) -> Result<u32> {
    let mdhd = find(init, 0..init.len(), &[b"moov", b"trak", b"mdia", b"mdhd"])?.start;
    let wide = number(init, mdhd, 1)? == 1;
    number32(init, mdhd + if wide { 20 } else { 12 })
}

/// The codec of the only track of an initialization, as RFC 6381 names it.
pub(crate) fn codec_name(init: &[u8]) -> Result<String> {
    let path = [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"];
    let stsd = find(init, 0..init.len(), &path)?;
    let entries = children(init, stsd.start + 8..stsd.end)?;
    let (name, entry) = entries.into_iter().next().ok_or_else(|| broken("there is no codec"))?;
    // Fixed fields of a visual sample entry.
    let inside = |name: &[u8; 4]| find(init, entry.start + 78..entry.end, &[name]);
    match &name {
        b"avc1" => {
            let at = inside(b"avcC")?.start;
            Ok(format!("avc1.{:06x}", number(init, at + 1, 3)?))
        }
        b"hvc1" => hevc_name(init, inside(b"hvcC")?.start),
        b"av01" => av1_name(init, inside(b"av1C")?.start),
        b"mp4a" => Ok("mp4a.40.2".into()),
        other => Err(broken(&format!("codec {}", String::from_utf8_lossy(other)))),
    }
}

/// ISO/IEC 14496-15, annex E.
fn hevc_name(init: &[u8], at: usize) -> Result<String> {
    let profile = number(init, at + 1, 1)?;
    let space = ["", "A", "B", "C"][usize::try_from(profile >> 6).unwrap_or(0) & 3];
    let tier = if profile & 0x20 == 0 { "L" } else { "H" };
    let compatible = number32(init, at + 2)?.reverse_bits();
    let level = number(init, at + 12, 1)?;
    let mut name = format!("hvc1.{space}{}.{compatible:x}.{tier}{level}", profile & 0x1f);
    let constraints = init.get(at + 6..at + 12).unwrap_or_default();
    let used = constraints.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    for byte in &constraints[..used] {
        name.push_str(&format!(".{byte:x}"));
    }
    Ok(name)
}

/// AV1 in ISO base media file format, section 5.
fn av1_name(init: &[u8], at: usize) -> Result<String> {
    let (first, second) = (number(init, at + 1, 1)?, number(init, at + 2, 1)?);
    let tier = if second & 0x80 == 0 { "M" } else { "H" };
    let depth = match (second & 0x40 != 0, second & 0x20 != 0) {
        (false, _) => 8,
        (true, false) => 10,
        (true, true) => 12,
    };
    Ok(format!("av01.{}.{:02}{tier}.{depth:02}", first >> 5, first & 0x1f))
}
