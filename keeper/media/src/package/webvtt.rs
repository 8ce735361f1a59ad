//! Subtitles: SRT and WebVTT in, WebVTT out.
//!
//! Files that people make are sloppy, so reading is lenient: numbers may be missing, hours may be
//! missing, commas and points are the same, and markup that WebVTT does not have is dropped. Times
//! must be right.

use std::fmt::Write;

use crate::error::{MediaError, Result};

/// Bytes of a file, cues in it, and characters of a cue.
const BYTES_MAX: usize = 4 << 20;
const CUES_MAX: usize = 50_000;
const CUE_CHARS_MAX: usize = 2_000;
/// Tags that WebVTT has and that mean the same in SRT.
const TAGS: [&str; 6] = ["<b>", "</b>", "<i>", "</i>", "<u>", "</u>"];

struct Cue {
    start_ms: u64,
    end_ms: u64,
    /// What WebVTT says about its place, as it is.
    settings: String,
    text: String,
}

fn error(why: impl Into<String>) -> MediaError {
    MediaError::Subtitles(why.into())
}

/// Reads `text`, WebVTT or SRT, and writes it as WebVTT for a video of `duration_us`.
///
/// # Errors
/// There is no cue, a cue ends before it begins or begins after the video, or a limit is passed.
pub fn convert(text: &str, duration_us: u64) -> Result<String> {
    if text.len() > BYTES_MAX {
        return Err(error(format!("at most {BYTES_MAX} bytes are taken")));
    }
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
    let mut cues = Vec::new();
    for block in text.split("\n\n") {
        let Some(cue) = cue(block)? else { continue };
        if cue.end_ms <= cue.start_ms {
            let at = clock(cue.start_ms);
            return Err(error(format!("the cue at {at} ends before it begins")));
        }
        if cue.start_ms.saturating_mul(1_000) >= duration_us {
            let at = clock(cue.start_ms);
            return Err(error(format!("the cue at {at} begins after the end of the video")));
        }
        cues.push(cue);
        if cues.len() > CUES_MAX {
            return Err(error(format!("at most {CUES_MAX} cues are taken")));
        }
    }
    if cues.is_empty() {
        return Err(error(
            "there is no cue; send WebVTT or SRT with times such as 00:01.000 --> 00:02.000",
        ));
    }
    // WebVTT wants them in order of their beginnings.
    cues.sort_by_key(|cue| cue.start_ms);
    let mut out = String::from("WEBVTT\n");
    for cue in cues {
        let (start, end) = (clock(cue.start_ms), clock(cue.end_ms));
        let _ = write!(out, "\n{start} --> {end}{}\n{}\n", cue.settings, cue.text);
    }
    Ok(out)
}

/// The cue of a block, if it is one: headers, notes and styles have no times.
fn cue(block: &str) -> Result<Option<Cue>> {
    let mut lines = block.lines().skip_while(|line| !line.contains("-->"));
    let Some(times) = lines.next() else { return Ok(None) };
    if block.trim_start().starts_with("NOTE") {
        return Ok(None);
    }
    let bad = || error(format!("the times {:?} cannot be read", times.trim()));
    let (start, rest) = times.split_once("-->").ok_or_else(bad)?;
    let mut rest = rest.split_whitespace();
    let end = rest.next().ok_or_else(bad)?;
    let plain = |setting: &&str| {
        let names = ["vertical:", "line:", "position:", "size:", "align:"];
        names.iter().any(|name| setting.starts_with(name))
    };
    let settings: String = rest.filter(plain).map(|setting| format!(" {setting}")).collect();
    let text: Vec<String> = lines.map(line).filter(|line| !line.is_empty()).collect();
    if text.is_empty() {
        return Ok(None);
    }
    let text = text.join("\n");
    if text.chars().count() > CUE_CHARS_MAX {
        return Err(error(format!("a cue has at most {CUE_CHARS_MAX} characters")));
    }
    let start_ms = millis(start).ok_or_else(bad)?;
    let end_ms = millis(end).ok_or_else(bad)?;
    Ok(Some(Cue { start_ms, end_ms, settings, text }))
}

/// A line of a cue without what WebVTT would read otherwise than it is meant.
fn line(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line.trim().replace("-->", "→");
    // Line breaks of other formats, and positions in braces.
    rest = rest.replace("\\N", " ").replace("{\\an8}", "");
    let mut rest = rest.as_str();
    while let Some(open) = rest.find('<') {
        out.push_str(&escape(&rest[..open]));
        let after = &rest[open..];
        let Some(close) = after.find('>') else {
            out.push_str("&lt;");
            rest = &after[1..];
            continue;
        };
        let tag = &after[..=close];
        let voice = tag.starts_with("<v ") || tag == "</v>";
        if TAGS.contains(&tag.to_lowercase().as_str()) || voice {
            out.push_str(tag);
        }
        rest = &after[close + 1..];
    }
    out.push_str(&escape(rest));
    out.retain(|char| !char.is_control());
    out
}

/// `&` and `>` as entities, unless they are part of one already.
fn escape(text: &str) -> String {
    let known = ["&amp;", "&lt;", "&gt;", "&lrm;", "&rlm;", "&nbsp;"];
    let mut out = String::new();
    for (at, char) in text.char_indices() {
        match char {
            '&' if !known.iter().any(|entity| text[at..].starts_with(entity)) => {
                out.push_str("&amp;");
            }
            '>' => out.push_str("&gt;"),
            other => out.push(other),
        }
    }
    out
}

/// `01:02:03.456`, `02:03,456` or `02:03` to milliseconds.
fn millis(text: &str) -> Option<u64> {
    let text = text.trim().replace(',', ".");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, "0"));
    let mut ms: u64 = 0;
    let fields: Vec<&str> = whole.split(':').collect();
    if !(2..=3).contains(&fields.len()) {
        return None;
    }
    for (number, field) in fields.iter().enumerate() {
        let value: u64 = field.parse().ok()?;
        if number > 0 && value > 59 {
            return None;
        }
        ms = ms.checked_mul(60)?.checked_add(value)?;
    }
    let fraction = crate::decimal::scaled(&format!("0.{fraction}"), 3)?;
    ms.checked_mul(1_000)?.checked_add(u64::try_from(fraction).ok()?)
}

fn clock(ms: u64) -> String {
    let (seconds, ms) = (ms / 1_000, ms % 1_000);
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}.{ms:03}", seconds % 60)
}

/// A language tag, checked to be safe in playlists and names.
///
/// # Errors
/// It is no plain BCP 47 tag.
pub fn language(tag: &str) -> Result<String> {
    let part = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    if tag.len() <= 35 && tag.split('-').all(part) {
        return Ok(tag.into());
    }
    Err(error(format!("{tag:?} is no language; use a tag such as en or pt-BR")))
}

/// A label, checked to be safe in playlists.
///
/// # Errors
/// It is empty, long, or has quotes or control characters.
pub fn label(text: &str) -> Result<String> {
    let odd = |char: char| char.is_control() || char == '"';
    let length = text.chars().count();
    if (1..=60).contains(&length) && !text.contains(odd) {
        return Ok(text.into());
    }
    Err(error(format!("{text:?} is no label; use up to 60 characters without quotes")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_US: u64 = 60_000_000;

    #[test]
    fn srt_becomes_webvtt() {
        let srt = "\u{feff}1\r\n00:00:01,000 --> 00:00:02,500\r\n<font color=\"red\">Hello</font> \
                   <i>you</i>\r\nR&D <3\r\n\r\n2\r\n00:00:00,500 --> 00:00:00,900\r\nfirst\r\n";
        let expected = "WEBVTT\n\n00:00:00.500 --> 00:00:00.900\nfirst\n\n\
                        00:00:01.000 --> 00:00:02.500\nHello <i>you</i>\nR&amp;D &lt;3\n";
        assert_eq!(convert(srt, MINUTE_US).unwrap(), expected);
    }

    #[test]
    fn webvtt_stays() {
        let vtt = "WEBVTT - title\n\nNOTE a --> b\n\nid\n00:01.000 --> 00:02.000 line:0 evil:1\n\
                   <v Ann>Hi &amp; bye\n";
        let once = convert(vtt, MINUTE_US).unwrap();
        assert_eq!(once, "WEBVTT\n\n00:00:01.000 --> 00:00:02.000 line:0\n<v Ann>Hi &amp; bye\n");
        assert_eq!(convert(&once, MINUTE_US).unwrap(), once);
    }

    #[test]
    fn nonsense_is_named() {
        let why = |text: &str| convert(text, MINUTE_US).unwrap_err().to_string();
        assert!(why("").contains("no cue"));
        assert!(why("1\n00:00:05,000 --> 00:00:01,000\nx").contains("ends before"));
        assert!(why("1\n00:02:00,000 --> 00:02:01,000\nx").contains("after the end"));
        assert!(why("1\n00:99:00,000 --> 1\nx").contains("cannot be read"));
        assert!(language("en\"").is_err() && language("pt-BR").is_ok());
        assert!(label("a\nb").is_err());
    }

    proptest::proptest! {
        #[test]
        fn output_reads_back_as_itself(text in "(?s)[0-9:,>\n \\-a<&b]{0,200}") {
            if let Ok(once) = convert(&text, MINUTE_US) {
                proptest::prop_assert_eq!(convert(&once, MINUTE_US).unwrap(), once);
            }
        }
    }
}
