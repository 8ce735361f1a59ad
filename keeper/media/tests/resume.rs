//! Killed, cancelled, starved or shared: the bytes are the same in the end.

#![allow(clippy::unwrap_used)]

mod common;

use std::{
    hash::{BuildHasher, RandomState},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use common::{World, bunny, limits, plan, target, times};
use pixr_media::{
    Bounds, Hash, Library, MediaError,
    encode::{self, Job},
    library::Limits,
    package,
    plan::{Codec, Plan, Segmenting, SubtitleTarget, Target, TextKind},
};

/// A worker takes about as long for the upgrade, milliseconds.
const KILL_WITHIN_MS: u64 = 1_500;
/// Names the folder of a plan for [`worker_process`].
const FOLDER: &str = "PIXR_MEDIA_TEST_FOLDER";

/// A world with a plan whose rendition has several chunks.
async fn planned() -> (World, Plan) {
    let world = World::new();
    let loops = format!(
        "-stream_loop 1 -i {} -vf scale=640:360 -c:v libx264 -preset ultrafast -threads 1 -g 25 \
         -bitexact -c:a copy",
        bunny().display()
    );
    let clip = world.clip("loop.mp4", &loops);
    let source = world.import(&clip).await.unwrap();
    let analysis = world.analyse(&source).await;
    let mut want = target(&[(240, Codec::H264)]);
    want.segmenting = Segmenting { chunk_ms: 1_000, ..want.segmenting };
    let plan = plan(&source, &analysis, None, &want);
    assert!(plan.timeline.chunks.len() >= 5, "{:?}", plan.timeline);
    std::fs::write(world.path("plan.json"), serde_json::to_vec(&plan).unwrap()).unwrap();
    (world, plan)
}

/// What a process that can be killed does; the other tests start it.
#[tokio::test]
async fn worker_process() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let library = Library::open_folder(folder.join("library"), limits()).unwrap();
    let plan = std::fs::read(folder.join("plan.json")).unwrap();
    let plan: Plan = serde_json::from_slice(&plan).unwrap();
    let job = Job { workers: 1, ..Job::new(folder.join("work")) };
    let outcome = encode::run(&library, &plan, &job).await.unwrap();
    let id = std::process::id();
    let line = format!("{} {}", outcome.frames(), outcome.hash);
    std::fs::write(folder.join(format!("outcome-{id}")), line).unwrap();
}

fn start_worker(world: &World) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "worker_process"])
        .env(FOLDER, world.folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// What an undisturbed run makes, once for all tests.
async fn reference() -> Hash {
    static REFERENCE: tokio::sync::OnceCell<Hash> = tokio::sync::OnceCell::const_new();
    *REFERENCE.get_or_init(undisturbed).await
}

async fn undisturbed() -> Hash {
    let (world, plan) = planned().await;
    let whole = world.run(&plan).await;
    assert_eq!(whole.frames(), u64::from(plan.timeline.frames));
    let verified = package::verify(&world.library, plan.source, whole.hash).await.unwrap();
    assert_eq!(verified.mismatches, []);
    whole.hash
}

#[tokio::test]
async fn killed_at_any_moment() {
    let expected = reference().await;
    let (world, plan) = planned().await;
    let mut found = 0;
    for (moment, delay_ms) in [(0, 150), (1, 40), (2, 120), (3, 0), (4, 80)] {
        let mut worker = start_worker(&world);
        let deadline = Instant::now() + Duration::from_secs(60);
        // So many parts, and then somewhere in the next.
        while world.parts() < moment && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(delay_ms));
        worker.kill().unwrap();
        worker.wait().unwrap();
        assert!(world.parts() >= found, "a finished part was lost");
        found = world.parts();
    }
    assert!(found >= 4);
    let resumed = world.run(&plan).await;
    assert_eq!(resumed.parts_found, found as u64);
    assert!(resumed.frames() < u64::from(plan.timeline.frames));
    assert_eq!(resumed.hash, expected);
    let verified = package::verify(&world.library, plan.source, resumed.hash).await.unwrap();
    assert_eq!(verified.mismatches, []);
    // What was published is not in the way of later work.
    assert_eq!(world.parts(), 0);
    let again = world.run(&plan).await;
    assert_eq!((again.hash, again.frames(), again.parts_made), (expected, 0, 0));
}

/// An upgrade of a video that is out, killed wherever chance wants.
#[tokio::test]
async fn killed_at_random_moments() {
    for _ in 0..times(1, 20) {
        let (world, plan) = planned().await;
        let first = world.run(&plan).await;
        let before = world.files(&first.manifest);
        let source = world.library.source(plan.source).await.unwrap().unwrap();
        let analysis = world.analyse(&source).await;
        let mut want = target(&[(240, Codec::H264), (360, Codec::H264)]);
        want.subtitles.push(SubtitleTarget {
            language: "en".into(),
            label: "English".into(),
            kind: TextKind::Subtitles,
            text: "1\n00:00:00,500 --> 00:00:01,500\nHello\n".into(),
        });
        let upgrade = common::plan(&source, &analysis, Some(&first.manifest), &want);
        std::fs::write(world.path("plan.json"), serde_json::to_vec(&upgrade).unwrap()).unwrap();
        let mut moments_ms = Vec::new();
        for _ in 0..times(4, 8) {
            // Keys of hash maps are random, and good enough for this.
            let chance = RandomState::new().hash_one(moments_ms.len());
            let moment_ms = chance % KILL_WITHIN_MS;
            moments_ms.push(moment_ms);
            let mut worker = start_worker(&world);
            std::thread::sleep(Duration::from_millis(moment_ms));
            worker.kill().unwrap();
            worker.wait().unwrap();
        }
        let resumed = world.run(&upgrade).await;
        let undisturbed = upgraded(&upgrade, &want).await;
        assert_eq!(resumed.hash, undisturbed, "killed after {moments_ms:?} ms");
        assert!(before == world.files(&first.manifest), "killed after {moments_ms:?} ms");
        assert!(resumed.frames_encoded.keys().all(|key| *key == upgrade.video[0].key));
        let verified = package::verify(&world.library, plan.source, resumed.hash).await.unwrap();
        assert_eq!(verified.mismatches, []);
        assert_eq!(world.parts(), 0);
    }
}

/// What an undisturbed run makes of the upgrade, once for all repetitions.
async fn upgraded(expected: &Plan, want: &Target) -> Hash {
    static UPGRADED: tokio::sync::OnceCell<Hash> = tokio::sync::OnceCell::const_new();
    let make = async || {
        let (world, plan) = planned().await;
        let first = world.run(&plan).await;
        let source = world.library.source(plan.source).await.unwrap().unwrap();
        let analysis = world.analyse(&source).await;
        let upgrade = common::plan(&source, &analysis, Some(&first.manifest), want);
        assert_eq!(&upgrade, expected);
        world.run(&upgrade).await.hash
    };
    *UPGRADED.get_or_init(make).await
}

#[tokio::test]
async fn two_processes_share_a_video() {
    let expected = reference().await;
    let (world, plan) = planned().await;
    let mut workers = [start_worker(&world), start_worker(&world)];
    let mut frames = 0;
    for worker in &mut workers {
        assert!(worker.wait().unwrap().success());
        let outcome = std::fs::read_to_string(world.path(&format!("outcome-{}", worker.id())));
        let outcome = outcome.unwrap();
        let (count, hash) = outcome.split_once(' ').unwrap();
        frames += count.parse::<u64>().unwrap();
        assert_eq!(hash, expected.to_string());
    }
    assert_eq!(frames, u64::from(plan.timeline.frames), "a chunk was made twice");
}

#[tokio::test]
async fn cancelled_work_goes_on_later() {
    let expected = reference().await;
    let (world, plan) = planned().await;
    let job = world.job();
    let cancel = job.cancel.clone();
    let progress = move |_| cancel.cancel();
    let job = Job { progress: std::sync::Arc::new(progress), ..job };
    let cancelled = encode::run(&world.library, &plan, &job).await;
    assert!(matches!(cancelled, Err(MediaError::Cancelled)), "{cancelled:?}");
    assert_eq!(world.run(&plan).await.hash, expected);
}

#[tokio::test]
async fn limits_are_named() {
    let (world, plan) = planned().await;
    let with = |bounds: Bounds| {
        let limits = Limits { bounds, ..limits() };
        Library::open_folder(world.path("library"), limits).unwrap()
    };
    let bounds = || limits().bounds;
    let run =
        async |library: Library, job: Job| encode::run(&library, &plan, &job).await.unwrap_err();
    let error = run(with(Bounds { seconds_max: 0, ..bounds() }), world.job()).await;
    assert!(matches!(error, MediaError::TimeLimit { .. }), "{error}");
    let error = run(with(Bounds { output_bytes_max: 1_000, ..bounds() }), world.job()).await;
    assert!(matches!(error, MediaError::OutputLimit { .. }), "{error}");
    let error = run(with(Bounds { memory_bytes_max: 150 << 20, ..bounds() }), world.job()).await;
    assert!(matches!(error, MediaError::Tool { .. }), "{error}");
    std::fs::write(world.path("work").join("full"), [0; 2_000]).unwrap();
    let job = Job { folder_bytes_max: 1_000, ..world.job() };
    let error = run(world.library.clone(), job).await;
    assert!(matches!(error, MediaError::WorkFolderLimit { .. }), "{error}");
}
