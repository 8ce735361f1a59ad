//! From what ffprobe prints to a [`Source`], or to the reason for refusing it.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::{
    AudioStream, Limits, Rate, Refusal, Source, VideoStream,
    ffprobe::{self, Probed, Stream},
    packets,
};
use crate::{decimal::scaled, error::Result, hash::Hash};

/// Codecs that are decoded. Others are rare, and their decoders less tried.
const VIDEO_CODECS: [&str; 9] =
    ["h264", "hevc", "av1", "vp8", "vp9", "mpeg4", "mpeg2video", "prores", "mjpeg"];
/// Rates that a source of a variable rate is brought to.
const STANDARD_RATES: [Rate; 8] = [
    Rate { num: 24_000, den: 1_001 },
    Rate { num: 24, den: 1 },
    Rate { num: 25, den: 1 },
    Rate { num: 30_000, den: 1_001 },
    Rate { num: 30, den: 1 },
    Rate { num: 50, den: 1 },
    Rate { num: 60_000, den: 1_001 },
    Rate { num: 60, den: 1 },
];
/// Part of its stated length that a stream may lack at its end, and the least that is forgiven.
const MISSING_PERMILLE_MAX: u64 = 50;
const MISSING_US_MIN: u64 = 1_000_000;
/// Packets of a stream of sound or text in a second, at most: the smallest have 2.5 ms.
const PACKETS_A_SECOND: u64 = 400;
/// Characters of a language or title that are kept.
const LABEL_CHARS_MAX: usize = 80;

/// Looks at `file`, whose hash and size are known.
pub(super) fn look(
    file: &Path,
    hash: Hash,
    bytes: u64,
    limits: &Limits,
    cancel: &CancellationToken,
) -> Result<Source> {
    let probed = ffprobe::probe(file, limits, cancel)?;
    let duration_us = check_container(&probed, limits)?;
    let stream = video_stream(&probed)?;
    let (mut video, stated) = check_video(stream, limits)?;
    let start_us = probed.format.start_time.as_deref().and_then(|text| scaled(text, 6));
    let second = u64::from(limits.frame_rate_max) * 2 + probed.format.nb_streams * PACKETS_A_SECOND;
    let bases = probed.streams.iter();
    let bases = bases.filter_map(|stream| Some((stream.index, fraction(&stream.time_base)?)));
    let facts = packets::Facts {
        video: video.index,
        time_bases: bases.collect(),
        start_us: start_us.unwrap_or(0),
        rate: stated.nominal,
        packets_max: (duration_us / 1_000_000 + 10) * second,
    };
    let index = packets::index(file, &facts, limits, cancel)?;
    let stated_us = scaled(&stream.duration, 6).and_then(|us| u64::try_from(us).ok());
    check_end(index.last_us, stated_us.unwrap_or(duration_us), stated.average)?;
    let packets::Indexed { index, others, .. } = index;
    video.rate = if index.constant_rate { stated.nominal } else { standard(stated.average) };
    let audio = probed.streams.iter().filter(|stream| stream.codec_type == "audio");
    // A stream without a packet is nothing to listen to.
    let audio = audio.filter_map(|stream| Some(audio_stream(stream, *others.get(&stream.index)?)));
    let subtitles = probed.streams.iter().filter(|stream| stream.codec_type == "subtitle").count();
    Ok(Source {
        hash,
        bytes,
        format: probed.format.format_name.clone(),
        duration_us,
        video,
        audio: audio.collect(),
        subtitle_streams: u32::try_from(subtitles).unwrap_or(u32::MAX),
        index,
    })
}

/// The length in microseconds.
fn check_container(probed: &Probed, limits: &Limits) -> Result<u64, Refusal> {
    if probed.format.nb_streams > u64::from(limits.streams_max) {
        let count = probed.format.nb_streams;
        return Err(Refusal::TooManyStreams { count, limit: limits.streams_max });
    }
    let duration = probed.format.duration.as_deref().and_then(|text| scaled(text, 6));
    let duration_us = duration.and_then(|us| u64::try_from(us).ok()).filter(|us| *us > 0);
    let duration_us = duration_us.ok_or(Refusal::NoDuration)?;
    let limit = limits.duration_seconds_max;
    if duration_us > limit.saturating_mul(1_000_000) {
        return Err(Refusal::TooLong { seconds: duration_us / 1_000_000, limit });
    }
    Ok(duration_us)
}

fn video_stream(probed: &Probed) -> Result<&Stream, Refusal> {
    let is_cover = |stream: &&Stream| stream.disposition.get("attached_pic") == Some(&1);
    let mut streams = probed.streams.iter().filter(|stream| stream.codec_type == "video");
    streams.find(|stream| !is_cover(stream)).ok_or(Refusal::NoVideo)
}

/// Rates as the container states them.
struct Stated {
    nominal: Rate,
    average: Rate,
}

fn check_video(stream: &Stream, limits: &Limits) -> Result<(VideoStream, Stated), Refusal> {
    if !VIDEO_CODECS.contains(&stream.codec_name.as_str()) {
        let codec = stream.codec_name.chars().take(LABEL_CHARS_MAX).collect();
        return Err(Refusal::VideoCodec { codec });
    }
    let (width, height) = (stream.width, stream.height);
    let side = limits.side_pixels_max;
    let pixels = limits.frame_pixels_max;
    let too_long = width.max(height) > u64::from(side);
    if width.min(height) < 2 || too_long || width.saturating_mul(height) > pixels {
        return Err(Refusal::FrameSize { width, height, side, pixels });
    }
    let rate = |text: &str| fraction(text).map(|(num, den)| exact(Rate { num, den }));
    let average = rate(&stream.avg_frame_rate).or_else(|| rate(&stream.r_frame_rate));
    let average = average.ok_or(Refusal::NoDuration)?;
    let nominal = rate(&stream.r_frame_rate).unwrap_or(average);
    let per_second = u64::from(average.num) / u64::from(average.den);
    if per_second > u64::from(limits.frame_rate_max) {
        return Err(Refusal::FrameRate { rate: per_second, limit: limits.frame_rate_max });
    }
    let rotation = rotation(stream);
    let (shown_width, shown_height) = shown(stream, rotation);
    let narrow = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    let video = VideoStream {
        index: stream.index,
        codec: stream.codec_name.clone(),
        profile: stream.profile.clone(),
        coded_width: narrow(width),
        coded_height: narrow(height),
        width: narrow(shown_width),
        height: narrow(shown_height),
        rotation,
        square_pixels: aspect(stream) == (1, 1),
        pixel_format: stream.pix_fmt.clone(),
        depth: depth(&stream.pix_fmt),
        interlaced: matches!(stream.field_order.as_str(), "tt" | "bb" | "tb" | "bt"),
        rate: nominal,
        bit_rate: stream.bit_rate.parse().unwrap_or(0),
    };
    Ok((video, Stated { nominal, average }))
}

/// Whether the packets go on to the end that the container states.
fn check_end(last_us: i64, stated_us: u64, rate: Rate) -> Result<(), Refusal> {
    let end_us = u64::try_from(last_us).unwrap_or(0).saturating_add(rate.at_us(1));
    let missing = stated_us.saturating_sub(end_us);
    if missing > MISSING_US_MIN.max(stated_us.saturating_mul(MISSING_PERMILLE_MAX) / 1_000) {
        let (end, all) = (end_us / 1_000, stated_us / 1_000);
        return Err(Refusal::Damaged { why: format!("video ends at {end} ms of {all} ms") });
    }
    Ok(())
}

/// Size for showing: square pixels, turned.
fn shown(stream: &Stream, rotation: u16) -> (u64, u64) {
    let (num, den) = aspect(stream);
    let width = stream.width.saturating_mul(u64::from(num)) / u64::from(den);
    let width = width.clamp(2, stream.width.saturating_mul(4));
    if rotation % 180 == 90 { (stream.height, width) } else { (width, stream.height) }
}

fn aspect(stream: &Stream) -> (u32, u32) {
    let parts = stream.sample_aspect_ratio.split_once(':');
    let parsed = parts.and_then(|(num, den)| Some((num.parse().ok()?, den.parse().ok()?)));
    parsed.filter(|(num, den)| *num > 0_u32 && *den > 0_u32).unwrap_or((1, 1))
}

/// Clockwise turn for showing, degrees, from the display matrix or the old tag.
fn rotation(stream: &Stream) -> u16 {
    let matrix = stream.side_data_list.iter().find_map(|data| data.rotation.as_ref());
    // The matrix counts counterclockwise, the tag clockwise.
    let counterclockwise = matrix.and_then(|number| scaled(&number.to_string(), 0));
    let clockwise = counterclockwise
        .map(|degrees| -degrees)
        .or_else(|| stream.tags.get("rotate").and_then(|text| scaled(text, 0)));
    let degrees = clockwise.unwrap_or(0).rem_euclid(360);
    // Only quarter turns are applied.
    u16::try_from((degrees + 45) / 90 % 4 * 90).unwrap_or(0)
}

/// Bits of a sample, from the name of the pixel format.
fn depth(pixel_format: &str) -> u8 {
    [("16", 16), ("14", 14), ("12", 12), ("10", 10), ("9", 9)]
        .into_iter()
        .find(|(digits, _)| {
            let name = pixel_format.trim_end_matches("le").trim_end_matches("be");
            name.ends_with(&format!("p{digits}")) || name == format!("p0{digits}")
        })
        .map_or(8, |(_, depth)| depth)
}

fn fraction(text: &str) -> Option<(u32, u32)> {
    let (num, den) = text.split_once('/')?;
    let (num, den) = (num.parse().ok()?, den.parse().ok()?);
    (num > 0_u32 && den > 0_u32).then_some((num, den))
}

/// The standard rate that `stated` means: containers with coarse times state it inexactly.
fn exact(stated: Rate) -> Rate {
    let meant = |rate: &&Rate| {
        let (a, b) = (u64::from(rate.num), u64::from(stated.num));
        let (a, b) = (a * u64::from(stated.den), b * u64::from(rate.den));
        // 24 and 24000/1001 differ by a thousandth.
        a.abs_diff(b).saturating_mul(2_500) <= a
    };
    STANDARD_RATES.iter().find(meant).copied().unwrap_or(stated)
}

/// The slowest standard rate that loses no frame on average.
fn standard(average: Rate) -> Rate {
    let fits = |rate: &&Rate| {
        let have = u64::from(rate.num) * u64::from(average.den) * 101;
        have >= u64::from(average.num) * u64::from(rate.den) * 100
    };
    STANDARD_RATES.iter().find(fits).copied().unwrap_or(Rate { num: 60, den: 1 })
}

fn audio_stream(stream: &Stream, (first_us, last_us): (i64, i64)) -> AudioStream {
    let tag = |name: &str, absent: &str| {
        let text = stream.tags.get(name).map_or(absent, String::as_str);
        let kept = text.chars().filter(|char| char.is_alphanumeric() || " -()".contains(*char));
        kept.take(LABEL_CHARS_MAX).collect::<String>()
    };
    AudioStream {
        index: stream.index,
        codec: stream.codec_name.clone(),
        profile: stream.profile.clone(),
        channels: stream.channels,
        sample_rate: stream.sample_rate.parse().unwrap_or(0),
        language: tag("language", "und"),
        title: tag("title", ""),
        first_us,
        last_us,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variable_rates_become_standard_ones() {
        let rate = |num, den| Rate { num, den };
        assert_eq!(standard(rate(24, 1)), rate(24_000, 1_001));
        assert_eq!(standard(rate(247, 10)), rate(25, 1));
        assert_eq!(standard(rate(29, 1)), rate(30_000, 1_001));
        assert_eq!(standard(rate(90, 1)), rate(60, 1));
    }

    #[test]
    fn inexact_rates_become_what_they_mean() {
        let rate = |num, den| Rate { num, den };
        assert_eq!(exact(rate(19_001, 317)), rate(60_000, 1_001));
        assert_eq!(exact(rate(24, 1)), rate(24, 1));
        assert_eq!(exact(rate(15, 1)), rate(15, 1));
    }

    #[test]
    fn depth_is_in_the_name() {
        assert_eq!(depth("yuv420p"), 8);
        assert_eq!(depth("yuv420p10le"), 10);
        assert_eq!(depth("p010le"), 10);
        assert_eq!(depth("yuvj420p"), 8);
    }
}
