//! From what exists and what is wanted to the least work, with its cost before anybody pays.

mod audio;
mod fit;
mod ladder;
mod price;
mod steps;
mod target;
mod timeline;
mod work;

pub use ladder::{Codec, Effort, LADDER, Rung, VideoSpec, rung};
pub use price::{Cost, PriceList};
pub use steps::{AudioSpec, AudioStep, Method, Plan, Reused, TextStep, VERSION, VideoStep};
pub use target::{AudioTarget, SubtitleTarget, Target, TextKind, VideoTarget};
pub use timeline::{Segmenting, Timeline};
pub use work::{Encoder, WorkModel};

use crate::{
    analysis::Analysis,
    error::{MediaError, Result},
    hash::Hash,
    library::Source,
    package::{Manifest, webvtt},
};

/// Text tracks of a video.
const TEXT_TRACKS_MAX: usize = 100;

/// Plans the work from `existing` to `target`.
///
/// # Errors
/// The target names a rung that is none, one above the source without `upscale`, or subtitles that
/// cannot be read.
pub fn plan(
    source: &Source,
    analysis: &Analysis,
    existing: Option<&Manifest>,
    target: &Target,
    prices: &PriceList,
) -> Result<Plan> {
    let timeline = match existing {
        Some(manifest) => manifest.timeline.clone(),
        None => Timeline::new(source, analysis, &target.segmenting),
    };
    let previous = existing.map(Hash::of_json).transpose()?;
    let mut plan = Plan {
        version: VERSION,
        source: source.hash,
        analysis: analysis.version,
        previous,
        timeline,
        video: Vec::new(),
        audio: Vec::new(),
        text: Vec::new(),
        reused: Vec::new(),
        superseded: Vec::new(),
        cost: Cost::default(),
        saved: Cost::default(),
    };
    let planner = Planner { source, analysis, existing, target, prices };
    planner.video(&mut plan)?;
    planner.audio(&mut plan)?;
    planner.text(&mut plan)?;
    let costs = plan.video.iter().map(|step| step.cost);
    let costs = costs.chain(plan.audio.iter().map(|step| step.cost));
    let costs = costs.chain(plan.text.iter().map(|step| step.cost));
    plan.cost = costs.fold(Cost::default(), Cost::plus);
    if !plan.is_empty() {
        plan.cost.price = plan.cost.price.max(prices.minimum);
    }
    plan.saved = plan.reused.iter().map(|part| part.saved).fold(Cost::default(), Cost::plus);
    Ok(plan)
}

struct Planner<'a> {
    source: &'a Source,
    analysis: &'a Analysis,
    existing: Option<&'a Manifest>,
    target: &'a Target,
    prices: &'a PriceList,
}

impl Planner<'_> {
    fn video(&self, plan: &mut Plan) -> Result<()> {
        let mut wanted = self.target.video.clone();
        wanted.sort();
        wanted.dedup();
        for want in wanted {
            let rung = rung(want.lines).ok_or_else(|| {
                let names: Vec<String> = LADDER.iter().map(|rung| rung.lines.to_string()).collect();
                let names = names.join(", ");
                MediaError::Plan(format!("{} is no rung; there are {names}", want.lines))
            })?;
            let video = &self.source.video;
            let spec = ladder::spec(video, rung, want.codec, self.target.effort);
            let made = self
                .existing
                .iter()
                .flat_map(|manifest| &manifest.video)
                .find(|made| (made.spec.lines, made.spec.codec) == (spec.lines, spec.codec));
            if let Some(made) = made {
                let what = format!("{}p {}", spec.lines, spec.codec.name());
                let saved = self.video_cost(plan, &made.spec, made.method);
                plan.reused.push(Reused { key: made.key, what, saved });
                continue;
            }
            if spec.upscaled && !self.target.upscale {
                let (width, height, lines) = (video.width, video.height, want.lines);
                return Err(MediaError::Plan(format!(
                    "{lines}p is above the source of {width}×{height}; choose a lower rung, or ask \
                     for upscaling"
                )));
            }
            let method = match fit::video(self.source, self.analysis, &plan.timeline, &spec) {
                true => Method::Remux,
                false => Method::Encode,
            };
            let key = plan.key("video", method, spec)?;
            let cost = self.video_cost(plan, &spec, method);
            plan.video.push(VideoStep { key, method, spec, cost });
        }
        Ok(())
    }

    fn video_cost(&self, plan: &Plan, spec: &VideoSpec, method: Method) -> Cost {
        let work = &self.prices.work;
        let make = match method {
            Method::Encode => work.encode_us(self.source, self.analysis, &plan.timeline, spec),
            Method::Remux => work.copy_us(self.source.bytes),
        };
        let check = work.check_us(self.source, self.analysis, &plan.timeline, (spec, method));
        self.prices.cost(make.saturating_add(check))
    }

    fn text(&self, plan: &mut Plan) -> Result<()> {
        if self.target.subtitles.len() > TEXT_TRACKS_MAX {
            return Err(MediaError::Plan(format!("at most {TEXT_TRACKS_MAX} text tracks")));
        }
        for want in &self.target.subtitles {
            let webvtt = webvtt::convert(&want.text, plan.timeline.duration_us())?;
            let language = webvtt::language(&want.language)?;
            let label = webvtt::label(&want.label)?;
            let spec = (&language, &label, want.kind, Hash::of(webvtt.as_bytes()));
            let key = plan.key("text", Method::Remux, spec)?;
            let cost = self.prices.cost(0);
            let made = self.existing.iter().flat_map(|manifest| &manifest.text);
            if made.into_iter().any(|made| made.key == key) {
                let what = format!("text {language}");
                plan.reused.push(Reused { key, what, saved: cost });
                continue;
            }
            if plan.text.iter().all(|step| step.key != key) {
                plan.text.push(TextStep { key, language, label, kind: want.kind, webvtt, cost });
            }
        }
        Ok(())
    }
}
