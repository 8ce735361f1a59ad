//! The index of packets: keyframes and regularity, without decoding.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::{Keyframe, Limits, PacketIndex, Rate, Refusal, ffprobe};
use crate::error::Result;

/// What is known about the stream already.
pub(super) struct Facts {
    pub stream: u32,
    /// Seconds of a unit of its timestamps, as a fraction.
    pub time_base: (u32, u32),
    /// Where the file starts, microseconds.
    pub start_us: i64,
    pub rate: Rate,
    pub packets_max: u64,
}

pub(super) struct Indexed {
    pub index: PacketIndex,
    /// When the last frame is shown, microseconds.
    pub last_us: i64,
}

struct Packet {
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
    let lines = ffprobe::packets(file, facts.stream, facts.packets_max, limits, cancel)?;
    let packets = parse(&lines, facts);
    if packets.is_empty() {
        return Err(Refusal::Damaged { why: "no frame can be read".into() }.into());
    }
    Ok(summarize(&packets, facts.rate))
}

fn parse(lines: &[u8], facts: &Facts) -> Vec<Packet> {
    let (num, den) = facts.time_base;
    let to_us = |units: i64| {
        let us = i128::from(units) * i128::from(num) * 1_000_000 / i128::from(den);
        i64::try_from(us).unwrap_or(i64::MAX).saturating_sub(facts.start_us)
    };
    let parse = |line: &str| {
        let mut fields = line.trim().split(',');
        let (pts, dts, flags) = (fields.next()?, fields.next()?, fields.next()?);
        // Some containers state only the time of decoding.
        let units = pts.parse().or_else(|_| dts.parse()).ok()?;
        // `D` marks frames that are decoded but not shown.
        let shown = !flags.contains('D');
        shown.then(|| Packet { at_us: to_us(units), keyframe: flags.starts_with('K') })
    };
    String::from_utf8_lossy(lines).lines().filter_map(parse).collect()
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keyframes_with_leading_frames_are_open() {
        let facts = Facts {
            stream: 0,
            time_base: (1, 25),
            start_us: 0,
            rate: Rate { num: 25, den: 1 },
            packets_max: 10,
        };
        // Decoding order: I0 P2 B1 I4(open) B3 P5.
        let lines = b"0,-1,K_\n2,0,__\n1,1,__\n4,2,K_\n3,3,__\n5,4,__\n";
        let indexed = summarize(&parse(lines, &facts), facts.rate);
        let closed: Vec<bool> = indexed.index.keyframes.iter().map(|key| key.closed).collect();
        assert_eq!(closed, [true, false]);
        assert!(indexed.index.constant_rate);
        assert_eq!(indexed.last_us, 200_000);
    }
}
