//! The index of packets: keyframes and regularity, without decoding.

use std::{collections::BTreeMap, path::Path};

use tokio_util::sync::CancellationToken;

use super::{Keyframe, Limits, PacketIndex, Rate, Refusal, ffprobe};
use crate::error::Result;

/// What is known about the file already.
pub(super) struct Facts {
    /// The video stream.
    pub video: u32,
    /// Seconds of a unit of the timestamps of each stream, as a fraction.
    pub time_bases: BTreeMap<u32, (u32, u32)>,
    /// Where the file starts, microseconds.
    pub start_us: i64,
    pub rate: Rate,
    pub packets_max: u64,
}

pub(super) struct Indexed {
    pub index: PacketIndex,
    /// When the last frame is shown, microseconds.
    pub last_us: i64,
    /// The first and last time of each other stream, microseconds.
    pub others: BTreeMap<u32, (i64, i64)>,
}

struct Packet {
    stream: u32,
    at_us: i64,
    keyframe: bool,
}

/// Reads the packets of `file`.
pub(super) fn index(
    file: &Path,
    facts: &Facts,
    limits: &Limits,
    cancel: &CancellationToken,
) -> Result<Indexed> {
    let lines = ffprobe::packets(file, facts.packets_max, limits, cancel)?;
    let (video, others): (Vec<_>, Vec<_>) =
        parse(&lines, facts).partition(|packet| packet.stream == facts.video);
    if video.is_empty() {
        return Err(Refusal::Damaged { why: "no frame can be read".into() }.into());
    }
    let mut indexed = summarize(&video, facts.rate);
    for Packet { stream, at_us, .. } in others {
        let (first, last) = indexed.others.entry(stream).or_insert((at_us, at_us));
        (*first, *last) = ((*first).min(at_us), (*last).max(at_us));
    }
    Ok(indexed)
}

fn parse(lines: &[u8], facts: &Facts) -> impl Iterator<Item = Packet> {
    let to_us = |stream: u32, units: i64| {
        let (num, den) = facts.time_bases.get(&stream).copied().unwrap_or((1, 1_000_000));
        let us = i128::from(units) * i128::from(num) * 1_000_000 / i128::from(den);
        i64::try_from(us).unwrap_or(i64::MAX).saturating_sub(facts.start_us)
    };
    let parse = |line: &str| {
        let mut fields = line.trim().split(',');
        let (stream, pts) = (fields.next()?.parse().ok()?, fields.next()?);
        let (dts, flags) = (fields.next()?, fields.next()?);
        // Some containers state only the time of decoding.
        let units = pts.parse().or_else(|_| dts.parse()).ok()?;
        // `D` marks frames that are decoded but not shown.
        let shown = !flags.contains('D');
        let (at_us, keyframe) = (to_us(stream, units), flags.starts_with('K'));
        shown.then_some(Packet { stream, at_us, keyframe })
    };
    let packets: Vec<Packet> = String::from_utf8_lossy(lines).lines().filter_map(parse).collect();
    packets.into_iter()
}

fn summarize(packets: &[Packet], rate: Rate) -> Indexed {
    let mut times: Vec<i64> = packets.iter().map(|packet| packet.at_us).collect();
    times.sort_unstable();
    let first_us = times.first().copied().unwrap_or(0);
    let frame_us = i64::try_from(rate.at_us(1)).unwrap_or(i64::MAX);
    let regular = |(number, at): (usize, &i64)| {
        let expected = u32::try_from(number).map_or(u64::MAX, |number| rate.at_us(number));
        let expected = i64::try_from(expected).unwrap_or(i64::MAX).saturating_add(first_us);
        (at - expected).abs() * 4 < frame_us
    };
    // The earliest time from each packet on tells whether a keyframe is followed by older frames.
    let mut earliest_after = i64::MAX;
    let mut keyframes: Vec<Keyframe> = Vec::new();
    for packet in packets.iter().rev() {
        if packet.keyframe {
            keyframes.push(Keyframe { at_us: packet.at_us, closed: earliest_after > packet.at_us });
        }
        earliest_after = earliest_after.min(packet.at_us);
    }
    keyframes.reverse();
    Indexed {
        index: PacketIndex {
            packets: u64::try_from(packets.len()).unwrap_or(u64::MAX),
            first_us,
            constant_rate: times.iter().enumerate().all(regular),
            keyframes,
        },
        last_us: times.last().copied().unwrap_or(0),
        others: BTreeMap::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keyframes_with_leading_frames_are_open() {
        let facts = Facts {
            video: 0,
            time_bases: BTreeMap::from([(0, (1, 25))]),
            start_us: 0,
            rate: Rate { num: 25, den: 1 },
            packets_max: 10,
        };
        // Decoding order: I0 P2 B1 I4(open) B3 P5.
        let lines = b"0,0,-1,K_\n0,2,0,__\n0,1,1,__\n0,4,2,K_\n0,3,3,__\n0,5,4,__\n";
        let indexed = summarize(&parse(lines, &facts).collect::<Vec<_>>(), facts.rate);
        let closed: Vec<bool> = indexed.index.keyframes.iter().map(|key| key.closed).collect();
        assert_eq!(closed, [true, false]);
        assert!(indexed.index.constant_rate);
        assert_eq!(indexed.last_us, 200_000);
    }
}
