//! Planning sound: one track for each audio stream of the source.

use super::{AudioSpec, AudioStep, Method, Plan, Planner, Reused, fit};
use crate::{
    error::{MediaError, Result},
    library::AudioStream,
};

/// Loudness that can be asked for, hundredths of LUFS.
const LOUDNESS_CENTI: std::ops::RangeInclusive<i32> = -3_600..=-900;
/// True peak that normalization keeps below, hundredths of dBFS (EBU R 128).
const PEAK_CENTI_MAX: i32 = -100;
/// Loudness below which a stream counts as silent, and is not made louder.
const SILENCE_CENTI: i32 = -6_000;
/// Bit rates that can be asked for, kbit/s.
const KBPS: std::ops::RangeInclusive<u32> = 32..=512;

impl Planner<'_> {
    pub(super) fn audio(&self, plan: &mut Plan) -> Result<()> {
        let Some(target) = self.target.audio else { return Ok(()) };
        if !KBPS.contains(&target.kbps) {
            return Err(MediaError::Plan(format!("sound has from {KBPS:?} kbit/s")));
        }
        if let Some(loudness) = target.loudness_centi
            && !LOUDNESS_CENTI.contains(&loudness)
        {
            let why = format!("loudness is in hundredths of LUFS, from {LOUDNESS_CENTI:?}");
            return Err(MediaError::Plan(why));
        }
        for (number, stream) in self.source.audio.iter().enumerate() {
            self.track(plan, number, stream)?;
        }
        Ok(())
    }

    fn track(&self, plan: &mut Plan, number: usize, stream: &AudioStream) -> Result<()> {
        let target = self.target.audio.unwrap_or_default();
        let gain_centi = target.loudness_centi.map(|aim| self.gain(number, aim));
        let index = u32::try_from(number).unwrap_or(u32::MAX);
        let copies = gain_centi.is_none() && fit::audio(stream);
        let method = if copies { Method::Remux } else { Method::Encode };
        let kbps = if copies { 0 } else { target.kbps };
        let segment_ms = self.target.segmenting.segment_ms;
        let spec = AudioSpec { stream: index, kbps, gain_centi, segment_ms };
        let work = &self.prices.work;
        let cost = self.prices.cost(match method {
            Method::Encode => work.audio_us(stream.duration_us()),
            Method::Remux => work.copy_us(self.source.bytes),
        });
        let mut made = self.existing.iter().flat_map(|manifest| &manifest.audio);
        if let Some(made) = made.find(|made| made.spec.stream == index) {
            // Another bit rate is no reason to make sound again; another loudness is.
            if made.spec.gain_centi == gain_centi || gain_centi.is_none() {
                let what = format!("sound {index}");
                plan.reused.push(Reused { key: made.key, what, saved: cost });
                return Ok(());
            }
            plan.superseded.push(made.key);
        }
        let key = plan.key("audio", method, spec)?;
        let language = stream.language.clone();
        let label = match stream.title.as_str() {
            "" => format!("{language} {}", number + 1),
            title => format!("{title} {}", number + 1),
        };
        plan.audio.push(AudioStep { key, method, spec, language, label, cost });
        Ok(())
    }

    /// The change that brings a stream to `aim` without its peaks being cut.
    fn gain(&self, number: usize, aim: i32) -> i32 {
        let Some(loudness) = self.analysis.loudness.get(number) else { return 0 };
        if loudness.integrated_centi < SILENCE_CENTI {
            return 0;
        }
        let wanted = aim - loudness.integrated_centi;
        let room = loudness.peak_centi.map_or(wanted, |peak| PEAK_CENTI_MAX - peak);
        // Making sound quieter is always possible.
        wanted.min(room.max(0))
    }
}
