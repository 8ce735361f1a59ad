//! What an upgrade should reach, as the command line has it.

use std::{fs, path::Path};

use pixr_media::plan::{AudioTarget, Codec, Effort, SubtitleTarget, Target, TextKind, VideoTarget};

use crate::cli::bad;

/// Loudness that sound is brought to, hundredths of LUFS: what players on the web expect.
const LOUDNESS_CENTI: i32 = -1_400;

/// The target of an upgrade.
#[derive(clap::Args, Default)]
pub struct TargetArgs {
    /// Renditions, like 720p or 480p,1080p: 240p to 2160p
    #[arg(long = "to", value_name = "LINES", value_delimiter = ',', value_parser = lines)]
    to: Vec<u16>,
    /// Codec of the renditions
    #[arg(long, value_name = "CODEC", default_value = "h264", value_parser = codec)]
    codec: Option<Codec>,
    /// A file with subtitles, WebVTT or SRT, and its language, like talk.srt:en; can be repeated
    #[arg(long, value_name = "FILE:LANG")]
    subtitles: Vec<String>,
    /// The same for those who do not hear
    #[arg(long, value_name = "FILE:LANG")]
    captions: Vec<String>,
    /// The same in another language than the sound
    #[arg(long, value_name = "FILE:LANG")]
    translation: Vec<String>,
    /// Let renditions be larger than the source; they are marked and count nothing
    #[arg(long)]
    upscale: bool,
    /// Bring the sound to -14 LUFS
    #[arg(long)]
    normalize_audio: bool,
    /// Take less time and more bits: for trials
    #[arg(long)]
    fast: bool,
}

fn lines(text: &str) -> Result<u16, String> {
    let number = text.strip_suffix('p').unwrap_or(text);
    number.parse().map_err(|_| "expected lines, like 720p".into())
}

fn codec(text: &str) -> Result<Codec, String> {
    let codecs = [Codec::H264, Codec::Hevc, Codec::Av1];
    let found = codecs.into_iter().find(|codec| codec.name() == text);
    found.ok_or_else(|| "expected h264, hevc or av1".into())
}

impl TargetArgs {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        let texts = [&self.subtitles, &self.captions, &self.translation];
        self.to.is_empty() && !self.normalize_audio && texts.iter().all(|files| files.is_empty())
    }

    /// The target; files with subtitles are read.
    pub fn target(&self) -> anyhow::Result<Target> {
        if self.is_empty() {
            return Err(bad(
                "nothing is asked for: give --to, --subtitles, --captions, --translation or \
                 --normalize-audio",
            ));
        }
        let codec = self.codec.unwrap_or(Codec::H264);
        let mut texts = Vec::new();
        for (kind, files) in [
            (TextKind::Subtitles, &self.subtitles),
            (TextKind::Captions, &self.captions),
            (TextKind::Translation, &self.translation),
        ] {
            for named in files {
                texts.push(text_track(kind, named)?);
            }
        }
        let loudness_centi = self.normalize_audio.then_some(LOUDNESS_CENTI);
        Ok(Target {
            video: self.to.iter().map(|lines| VideoTarget { lines: *lines, codec }).collect(),
            audio: Some(AudioTarget { loudness_centi, ..AudioTarget::default() }),
            subtitles: texts,
            upscale: self.upscale,
            effort: if self.fast { Effort::Fast } else { Effort::Standard },
            ..Target::default()
        })
    }
}

fn text_track(kind: TextKind, named: &str) -> anyhow::Result<SubtitleTarget> {
    let (file, language) = named
        .rsplit_once(':')
        .ok_or_else(|| bad(format!("{named}: expected FILE:LANG, like talk.srt:en")))?;
    let text =
        fs::read_to_string(Path::new(file)).map_err(|error| bad(format!("{file}: {error}")))?;
    Ok(SubtitleTarget { language: language.into(), label: language.into(), kind, text })
}
