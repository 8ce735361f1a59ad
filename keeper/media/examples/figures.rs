//! Prints the figures of the media crate: `cargo run --release -p pixr-media --example figures`.

use std::{path::Path, process::Command};

use pixr_media::{
    Bounds,
    figures::Bench,
    library::Limits,
    plan::{Codec, Effort, SubtitleTarget, TextKind, VideoTarget},
};

fn targets(lines: &[u16]) -> Vec<VideoTarget> {
    lines.iter().map(|lines| VideoTarget { lines: *lines, codec: Codec::H264 }).collect()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let clip = folder.path().join("clip.mp4");
    let bunny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/bunny-720p.mp4");
    let loops = std::env::args().nth(1).unwrap_or_else(|| "7".into());
    // The fixture again and again, in a codec that no rendition has, so that all are encoded.
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-stream_loop", &loops, "-i"])
        .arg(bunny)
        .args(["-c:v", "mpeg4", "-q:v", "3", "-g", "92", "-sc_threshold", "1000000000"])
        .args(["-c:a", "copy"])
        .arg(&clip)
        .status()?;
    assert!(made.success());
    let limits = Limits { bounds: Bounds { nice: 0, ..Bounds::default() }, ..Limits::default() };
    let ladder = &[240, 360, 480, 720];
    let at = |name: &str| folder.path().join(name);

    let bench = Bench::new(&at("full"), &clip, limits, Effort::Fast).await?;
    let full_plan = bench.plan(&targets(ladder), Vec::new(), None)?;
    println!("timeline {:?}", full_plan.timeline);
    for step in &full_plan.video {
        println!(
            "  {}p {:?}, {} ms predicted",
            step.spec.lines,
            step.method,
            step.cost.work_us / 1_000
        );
    }
    let (full, took) = bench.run(&full_plan, 2).await?;
    let all = took;
    let full_us = bench.prepared.wall_us + took.wall_us;
    println!("prepare {:?}\nfull {took:?}, check {} ms", bench.prepared, full.check_cpu_us / 1_000);

    let subtitles = SubtitleTarget {
        language: "en".into(),
        label: "English".into(),
        kind: TextKind::Subtitles,
        text: "1\n00:00:01,000 --> 00:00:02,000\nHello\n".into(),
    };
    let plan = bench.plan(&targets(ladder), vec![subtitles], Some(&full.manifest))?;
    let (_, took) = bench.run(&plan, 2).await?;
    println!("subtitle_speedup {:.1}", full_us as f64 / took.wall_us as f64);

    let part = bench.fresh(&at("part")).await?;
    let (made, _) = part.run(&part.plan(&targets(&[240, 360, 720]), Vec::new(), None)?, 2).await?;
    let plan = part.plan(&targets(ladder), Vec::new(), Some(&made.manifest))?;
    let (_, took) = part.run(&plan, 2).await?;
    println!(
        "rendition_speedup {:.2}, on the processor {:.2}",
        full_us as f64 / took.wall_us as f64,
        all.cpu_us as f64 / took.cpu_us as f64
    );
    // Alone: once as a whole, with as many threads as there were workers and with one.
    let (two, one) = (part.whole(&plan, 2).await?, part.whole(&plan, 1).await?);
    let percent = |a: u64, b: u64| (a as f64 / b as f64 - 1.0) * 100.0;
    println!(
        "rendition_overhead_pct wall {:.1} against 2 threads, cpu {:.1} against 1 thread",
        percent(took.wall_us, two.wall_us),
        percent(took.cpu_us, one.cpu_us)
    );
    println!(
        "chunk_overhead wall {:.1}% against 2 threads, {:.1}% against 1; bytes {:.2}%",
        percent(took.wall_us, two.wall_us),
        percent(took.wall_us, one.wall_us),
        percent(took.bytes, one.bytes)
    );

    let scratch = bench.fresh(&at("scratch")).await?;
    let plan = scratch.plan(&targets(ladder), Vec::new(), None)?;
    let (outcome, took) = scratch.resume(&plan, 2, plan.frames() * 9 / 10).await?;
    println!(
        "resume_speedup {:.1}, on the processor {:.1} (found {} parts), same bytes {}",
        full_us as f64 / took.wall_us as f64,
        all.cpu_us as f64 / took.cpu_us as f64,
        outcome.parts_found,
        outcome.hash == full.hash
    );
    Ok(())
}
