//! Compares predicted with measured work over clips of all kinds, and prints what the constants of
//! `WorkModel` are fitted to: `cargo run -p pixr-media --example calibrate [codec …]`.

use std::{path::Path, process::Command};

use pixr_media::{
    Bounds,
    figures::{Bench, error_permille},
    library::Limits,
    plan::{Codec, Effort, VideoTarget},
};

/// Clips of different complexity, size and rate.
const CLIPS: [(&str, &str); 7] = [
    ("bars", "-f lavfi -i testsrc=s=1280x720:r=25:d=4"),
    ("pattern", "-f lavfi -i testsrc2=s=1280x720:r=25:d=4"),
    ("still", "-f lavfi -i color=c=gray:s=1280x720:r=25:d=4"),
    ("fractal", "-f lavfi -i mandelbrot=s=854x480:r=24000/1001 -frames:v 96"),
    ("grain", "-f lavfi -i testsrc2=s=854x480:r=30:d=4 -vf noise=alls=12:allf=t"),
    ("noise", "-f lavfi -i testsrc2=s=640x360:r=25:d=4 -vf noise=alls=40:allf=t"),
    ("fast", "-f lavfi -i testsrc2=s=640x360:r=60000/1001:d=3"),
];

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let bunny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/bunny-720p.mp4");
    let mut clips = vec![("bunny", bunny)];
    for (name, arguments) in CLIPS {
        let path = folder.path().join(format!("{name}.mp4"));
        let made = Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin"])
            .args(arguments.split(' '))
            .args(["-c:v", "libx264", "-preset", "veryfast", "-crf", "17", "-pix_fmt", "yuv420p"])
            .args(["-profile:v", "high", "-threads", "1"])
            .arg(&path)
            .status()?;
        assert!(made.success());
        clips.push((name, path));
    }
    let limits = Limits { bounds: Bounds { nice: 0, ..Bounds::default() }, ..Limits::default() };
    let efforts = [("fast", Effort::Fast), ("standard", Effort::Standard)];
    for (name, clip) in clips {
        for (effort_name, effort) in efforts {
            if asked.iter().all(|asked| asked != effort_name) {
                continue;
            }
            let folder = folder.path().join(format!("{name}-{effort_name}"));
            let bench = Bench::new(&folder, &clip, limits.clone(), effort).await?;
            for codec in [Codec::H264, Codec::Hevc, Codec::Av1] {
                if asked.iter().all(|asked| asked != codec.name()) {
                    continue;
                }
                for lines in [240, 360, 480, 720] {
                    measure(&bench, name, effort_name, VideoTarget { lines, codec }).await;
                }
            }
        }
    }
    Ok(())
}

async fn measure(bench: &Bench, name: &str, effort: &str, target: VideoTarget) {
    let Ok(plan) = bench.plan(&[target], Vec::new(), None) else { return };
    let step = plan.video[0];
    let mut plan = plan;
    plan.audio.clear();
    let Ok((outcome, took)) = bench.run(&plan, 1).await.inspect_err(|error| eprintln!("{error}"))
    else {
        return;
    };
    let video = &bench.source.video;
    let scenes = &bench.analysis.scenes;
    let frames = u64::from(bench.analysis.frames);
    let weighted: u64 = scenes
        .iter()
        .map(|scene| u64::from(scene.frames()) * u64::from(scene.complexity_milli))
        .sum();
    let off = error_permille(step.cost.work_us, took.cpu_us);
    println!(
        "{{\"clip\":\"{name}\",\"effort\":\"{effort}\",\"codec\":\"{}\",\"lines\":{},\"method\":\
         \"{:?}\",\"frames\":{frames},\"shown\":{},\"bits\":{},\"out\":{},\"milli\":{},\
         \"chunks\":{},\"segments\":{},\"cpu_us\":{},\"check_us\":{},\"sampled\":{},\
         \"predicted_us\":{},\"off_permille\":{off}}}",
        target.codec.name(),
        target.lines,
        step.method,
        u64::from(video.coded_width) * u64::from(video.coded_height),
        bench.source.bits_of_frame(),
        u64::from(step.spec.width) * u64::from(step.spec.height),
        weighted / frames,
        plan.timeline.chunks.len(),
        plan.timeline.segments.len(),
        outcome.cpu_us,
        outcome.check_cpu_us,
        outcome.manifest.video[0].checked.sampled,
        step.cost.work_us,
    );
}
