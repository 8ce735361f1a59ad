//! What an upgrade would do and cost, as `pixr media plan` says it.

use std::fmt;

use pixr_media::{
    Hash,
    plan::{Cost, Method},
};
use serde::Serialize;

use super::answers::seconds;
use crate::{amount::Amount, cli::output, media::StoredPlan};

/// A price: tokens where the token is known.
#[derive(Clone, Copy, Serialize)]
struct Price {
    work_us: u64,
    base_units: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<Amount>,
}

impl Price {
    fn new(cost: Cost, decimals: Option<u8>) -> Self {
        let price = decimals.map(|decimals| Amount::new(cost.price, decimals));
        Self { work_us: cost.work_us, base_units: cost.price, price }
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.price {
            Some(price) => write!(f, "{price} tokens"),
            None => write!(f, "{} base units", self.base_units),
        }
    }
}

#[derive(Serialize)]
struct Step {
    what: String,
    how: &'static str,
    #[serde(flatten)]
    price: Price,
}

/// What an upgrade would do and cost.
#[derive(Serialize)]
pub struct PlanAnswer {
    plan: Hash,
    steps: Vec<Step>,
    frames: u64,
    #[serde(flatten)]
    price: Price,
    reused: Vec<Step>,
    saved: Price,
    /// Of the content, expected, in basis points.
    #[serde(skip_serializing_if = "Option::is_none")]
    quality: Option<u16>,
}

impl PlanAnswer {
    pub fn new(stored: &StoredPlan, decimals: Option<u8>) -> Self {
        let plan = &stored.plan;
        let how = |method| match method {
            Method::Encode => "encode",
            Method::Remux => "copy",
        };
        let step = |what: String, how, cost| Step { what, how, price: Price::new(cost, decimals) };
        let video = plan.video.iter().map(|it| {
            let upscaled = if it.spec.upscaled { ", upscaled" } else { "" };
            let name = it.spec.codec.name();
            step(format!("{}p {name}{upscaled}", it.spec.lines), how(it.method), it.cost)
        });
        let audio = plan.audio.iter().map(|it| {
            step(format!("sound {} {}", it.spec.stream, it.language), how(it.method), it.cost)
        });
        let text =
            plan.text.iter().map(|it| step(format!("text {}", it.language), "copy", it.cost));
        let reused = plan.reused.iter().map(|it| step(it.what.clone(), "is there", it.saved));
        Self {
            plan: stored.hash,
            steps: video.chain(audio).chain(text).collect(),
            frames: plan.frames(),
            price: Price::new(plan.cost, decimals),
            reused: reused.collect(),
            saved: Price::new(plan.saved, decimals),
            quality: stored.quality,
        }
    }
}

impl fmt::Display for PlanAnswer {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut table = output::table(&["step", "how", "processor time", "price"], 2);
        for Step { what, how, price } in &self.steps {
            let (work, price) = (seconds(price.work_us), price.to_string());
            table.add_row([what.clone(), (*how).into(), work, price]);
        }
        for Step { what, how, .. } in &self.reused {
            table.add_row([what.clone(), (*how).into(), String::new(), String::new()]);
        }
        writeln!(f, "{}\n", table.trim_fmt())?;
        let frames = output::counted(self.frames, "frame");
        let work = seconds(self.price.work_us);
        writeln!(f, "Costs {}: {frames} to encode, {work} of processor time.", self.price)?;
        if !self.reused.is_empty() {
            writeln!(f, "Saves {} of what is there already.", self.saved)?;
        }
        if let Some(quality) = self.quality {
            writeln!(f, "Brings the quality to about {quality} of 10000.")?;
        }
        write!(f, "Plan {}", self.plan)
    }
}
