//! Jobs with a real database and a real ffmpeg.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use pixr_media::Hash;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use super::{
    queue::{End, Made},
    testing::{CLIP, Studio, elsewhere, target},
    *,
};
use crate::media::worker::Worker;

/// Names the folder and the database for [`worker_process`].
const FOLDER: &str = "PIXR_TEST_MEDIA_FOLDER";
const DATABASE: &str = "PIXR_TEST_MEDIA_DATABASE";
const TIME_MAX: Duration = Duration::from_secs(60);

/// What a process that can be killed does; other tests start it.
#[tokio::test(flavor = "multi_thread")]
async fn worker_process() {
    let (Ok(folder), Ok(url)) = (std::env::var(FOLDER), std::env::var(DATABASE)) else { return };
    crate::fault::arm();
    let media = elsewhere(Path::new(&folder), &url);
    let worker = Worker::new(Media::clone(&media)).unwrap();
    worker.attempt(None, &CancellationToken::new(), |_| ()).await.unwrap();
}

fn start_worker(studio: &Studio, crash_at: Option<&str>) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "media::tests::worker_process"]);
    command.env(FOLDER, studio.folder.path()).env(DATABASE, &studio.postgres.url);
    if let Some(point) = crash_at {
        command.env("PIXR_CRASH_AT", point);
    }
    command.stdout(Stdio::null()).spawn().unwrap()
}

/// What an undisturbed run makes, and the frames that it takes; once for all tests.
async fn reference() -> (Hash, u64) {
    static REFERENCE: OnceCell<(Hash, u64)> = OnceCell::const_new();
    *REFERENCE
        .get_or_init(async || {
            let studio = Studio::with_source().await;
            let plan = studio.plan(&[240]).await;
            let id = studio.enqueue(&plan).await;
            let Some(Ended::Done { manifest, frames, .. }) = studio.attempt().await else {
                panic!()
            };
            assert_eq!(frames, plan.plan.frames());
            let job = studio.job(id).await;
            assert_eq!((job.state, job.frames_done), (JobState::Done, frames));
            assert_eq!(job.manifest, Some(manifest));
            assert_eq!(job.quality_bps, Some(quality_bps(&studio.verified().await)));
            (manifest, frames)
        })
        .await
}

/// As when nobody has heard of its owner.
async fn expire(studio: &Studio) {
    studio.execute("UPDATE media_jobs SET lease_expires_at = now() - INTERVAL '1 second'").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_costs_the_part_it_was_at() {
    let (expected, whole) = reference().await;
    let studio = Studio::with_source().await;
    let plan = studio.plan(&[240]).await;
    let id = studio.enqueue(&plan).await;
    let mut worker = start_worker(&studio, None);
    let start = Instant::now();
    while studio.parts() < 3 && start.elapsed() < TIME_MAX {
        std::thread::sleep(Duration::from_millis(5));
    }
    worker.kill().unwrap();
    worker.wait().unwrap();
    let (found, kept) = (studio.parts(), studio.frames_in_parts());
    let chunks = plan.plan.timeline.chunks.len();
    assert!((3..chunks).contains(&found), "{found} of {chunks} chunks");
    assert_eq!(studio.job(id).await.state, JobState::Running);
    assert!(studio.attempt().await.is_none(), "it is leased");

    expire(&studio).await;
    let Some(Ended::Done { manifest, frames, .. }) = studio.attempt().await else { panic!() };
    assert_eq!((manifest, frames), (expected, whole - kept));
    let job = studio.job(id).await;
    assert_eq!((job.state, job.attempts), (JobState::Done, 2));
    studio.verified().await;
}

#[cfg(feature = "fault-injection")]
#[tokio::test(flavor = "multi_thread")]
async fn killed_between_any_two_steps_the_content_has_one_manifest() {
    use std::os::unix::process::ExitStatusExt;

    let (expected, _) = reference().await;
    for point in crate::fault::MEDIA_POINTS {
        let studio = Studio::with_source().await;
        let id = studio.enqueue(&studio.plan(&[240]).await).await;
        let status = start_worker(&studio, Some(point)).wait().unwrap();
        assert_eq!(status.signal(), Some(9), "never came to {point}");
        expire(&studio).await;
        let again = studio.attempt().await;
        match (point, again) {
            ("finished", None) => {}
            ("leased" | "made", Some(Ended::Done { .. })) => {}
            (point, again) => panic!("{point}: {again:?}"),
        }
        let job = studio.job(id).await;
        assert_eq!((job.state, job.manifest), (JobState::Done, Some(expected)), "{point}");
        assert_eq!(studio.media.of(CLIP).await.unwrap().manifest, Some(expected));
        studio.verified().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_with_one_folder_share_a_video() {
    let (expected, whole) = reference().await;
    let studio = Studio::with_source().await;
    let id = studio.enqueue(&studio.plan(&[240]).await).await;
    let media = &studio.media;
    let folder = folder::name(&media.folder).unwrap();
    let lease = media.lease("owner", &folder, None).await.unwrap().unwrap();
    let never = CancellationToken::new();
    let helper = studio.worker();
    assert_eq!(helper.help(&never).await.unwrap(), 0, "nothing to share yet");
    studio.execute("UPDATE media_jobs SET stage = 'encoding'").await;
    assert_eq!(helper.help(&never).await.unwrap(), whole);
    assert_eq!(studio.job(id).await.state, JobState::Running, "only its owner ends a job");
    let ended = media.carry_out(&lease, &never, |_| ()).await.unwrap();
    let Ended::Done { manifest, frames: 0, .. } = ended else { panic!("{ended:?}") };
    assert_eq!(manifest, expected);
    studio.verified().await;

    let id = studio.enqueue(&studio.plan(&[360]).await).await;
    media.lease("owner", "a folder elsewhere", None).await.unwrap().unwrap();
    studio.execute("UPDATE media_jobs SET stage = 'encoding'").await;
    assert_eq!(helper.help(&never).await.unwrap(), 0, "its parts are elsewhere");
    assert_eq!(studio.job(id).await.state, JobState::Running);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_lost_the_lease_changes_nothing() {
    let studio = Studio::with_source().await;
    let plan = studio.plan(&[240]).await;
    let id = studio.enqueue(&plan).await;
    let media = &studio.media;
    let slow = media.lease("slow", "folder", None).await.unwrap().unwrap();
    assert!(media.lease("quick", "folder", None).await.unwrap().is_none());
    assert!(media.beat(&slow, &Seen::default()).await.unwrap());
    expire(&studio).await;
    // An expired lease that nobody took is still its owner's.
    assert!(media.beat(&slow, &Seen::default()).await.unwrap());
    expire(&studio).await;
    let quick = media.lease("quick", "folder", None).await.unwrap().unwrap();
    assert!(!media.beat(&slow, &Seen::default()).await.unwrap());
    assert!(!media.end(&slow, End::Failed { error: "late" }).await.unwrap());
    let made = |byte: u8| Made {
        source: plan.plan.source,
        previous: None,
        manifest: Hash::from([byte; 32]),
        quality_bps: 1,
        frames: 0,
    };
    assert!(!media.finish(&slow, &made(1)).await.unwrap());
    assert_eq!(media.of(CLIP).await.unwrap().manifest, None);
    assert!(media.finish(&quick, &made(2)).await.unwrap());
    assert!(!media.finish(&quick, &made(3)).await.unwrap());
    assert_eq!(media.of(CLIP).await.unwrap().manifest, Some(Hash::from([2; 32])));
    assert_eq!(studio.job(id).await.state, JobState::Done);
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_work_stops_and_can_be_asked_for_again() {
    let (expected, whole) = reference().await;
    let studio = Studio::with_source().await;
    let plan = studio.plan(&[240]).await;
    let id = studio.enqueue(&plan).await;
    let (seen, first) = tokio::sync::oneshot::channel();
    let mut seen = Some(seen);
    let watch = move |now: &Seen| {
        if now.frames_done() > 0
            && let Some(seen) = seen.take()
        {
            seen.send(()).unwrap();
        }
    };
    let never = CancellationToken::new();
    let worker = studio.worker();
    let (ended, ()) = tokio::join!(worker.attempt(None, &never, watch), async {
        first.await.unwrap();
        jobs::cancel(&studio.media.pool, id).await.unwrap();
    });
    // The heartbeat may come after the last frame, but nothing is handed in.
    assert!(matches!(ended.unwrap(), Some(Ended::Lost)));
    assert_eq!(studio.job(id).await.state, JobState::Cancelled);
    assert_eq!(studio.media.of(CLIP).await.unwrap().manifest, None);
    let again = jobs::cancel(&studio.media.pool, id).await;
    assert!(matches!(again, Err(UpgradeError::Ended { state: JobState::Cancelled, .. })));

    let anew = studio.enqueue(&plan).await;
    assert_ne!(anew, id);
    let Some(Ended::Done { manifest, frames, .. }) = studio.attempt().await else { panic!() };
    assert!(manifest == expected && frames < whole, "{frames} of {whole}");
}

#[tokio::test(flavor = "multi_thread")]
async fn upgrades_of_one_content_build_on_each_other() {
    let studio = Studio::with_source().await;
    let (small, large) = (studio.plan(&[240]).await, studio.plan(&[360]).await);
    assert_eq!((small.plan.previous, large.plan.previous), (None, None));
    let (first, second) = (studio.enqueue(&small).await, studio.enqueue(&large).await);
    let lease = studio.media.lease("a", "folder", None).await.unwrap().unwrap();
    assert_eq!(lease.id, first);
    let other = studio.media.lease("b", "folder", None).await.unwrap();
    assert!(other.is_none(), "jobs of one content run one after the other");
    studio.media.end(&lease, End::Released).await.unwrap();

    let never = CancellationToken::new();
    let (a, b) = (studio.worker(), studio.worker());
    let (a, b) =
        tokio::join!(a.see_through(first, &never, |_| ()), b.see_through(second, &never, |_| ()));
    assert_eq!((a.unwrap().state, b.unwrap().state), (JobState::Done, JobState::Done));
    let manifest = studio.verified().await;
    let lines: Vec<_> = manifest.video.iter().map(|made| made.spec.lines).collect();
    assert_eq!(lines, [240, 360]);
    // What both wanted, the sound, was made once; and what is there is not made again.
    assert_eq!(manifest.audio.len(), 1);
    let nothing = studio.plan(&[240, 360]).await;
    let refused = jobs::enqueue(&studio.media.pool, CLIP, nothing.hash, None).await;
    assert!(matches!(refused, Err(UpgradeError::Nothing(_))), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_twice_is_done_once() {
    let studio = Studio::with_source().await;
    let plan = studio.plan(&[240]).await;
    assert_eq!(studio.plan(&[240]).await.hash, plan.hash);
    let asked = futures::future::join_all((0..8).map(|_| studio.enqueue(&plan))).await;
    assert!(asked.iter().all(|id| *id == asked[0]), "{asked:?}");
    assert!(matches!(studio.attempt().await, Some(Ended::Done { .. })));

    let pool = &studio.media.pool;
    let of = async |round| jobs::enqueue(pool, CLIP, plan.hash, Some(round)).await.unwrap();
    let (first, second) = (of("round-1").await, of("round-2").await);
    assert_ne!(first, second);
    assert_eq!(of("round-1").await, first);
    assert_eq!(jobs::finished_jobs_with_round(pool).await.unwrap(), []);
    for _ in 0..2 {
        let Some(Ended::Done { frames: 0, .. }) = studio.attempt().await else { panic!() };
    }
    assert!(studio.attempt().await.is_none());
    assert_eq!(of("round-1").await, first, "done for this round");
    let has = studio.media.of(CLIP).await.unwrap();
    let finished = jobs::finished_jobs_with_round(pool).await.unwrap();
    let quality_bps = quality_bps(&studio.verified().await);
    let manifest = has.manifest.unwrap();
    let job = |id, round: &str| FinishedJob {
        id,
        slot: CLIP,
        round: round.into(),
        manifest,
        quality_bps,
    };
    assert_eq!(finished, [job(first, "round-1"), job(second, "round-2")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_pass_is_tried_again_and_not_for_ever() {
    let studio = Studio::with_source().await;
    let id = studio.enqueue(&studio.plan(&[240]).await).await;
    let media = studio.with(|config| {
        config.media.attempts_max = 2;
        config.media.limits.bounds.seconds_max = 0;
    });
    let attempt = async || {
        let worker = Worker::new(media.clone()).unwrap();
        worker.attempt(None, &CancellationToken::new(), |_| ()).await.unwrap()
    };
    assert!(matches!(attempt().await, Some(Ended::Again(_))));
    let job = studio.job(id).await;
    assert_eq!(job.state, JobState::Queued);
    assert!(job.error.unwrap().contains("took longer"));
    assert!(attempt().await.is_none(), "not due yet");
    studio.execute("UPDATE media_jobs SET due_at = now()").await;
    assert!(matches!(attempt().await, Some(Ended::Failed(_))));
    assert_eq!(studio.job(id).await.state, JobState::Failed);

    // A job that ends its workers is given up, too.
    let id = studio.enqueue(&studio.plan(&[240]).await).await;
    for _ in 0..2 {
        assert!(media.lease("dies", "folder", None).await.unwrap().is_some());
        expire(&studio).await;
    }
    assert!(media.lease("lives", "folder", None).await.unwrap().is_none());
    let job = studio.job(id).await;
    assert_eq!(
        (job.state, job.error.as_deref()),
        (JobState::Failed, Some("its worker was lost 2 times"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_workers_leave_their_job_to_the_next() {
    let studio = Studio::with_source().await;
    let id = studio.enqueue(&studio.plan(&[240]).await).await;
    let stop = CancellationToken::new();
    let asked = stop.clone();
    let watch = move |seen: &Seen| {
        if seen.frames_done() > 0 {
            asked.cancel();
        }
    };
    let ended = studio.worker().attempt(None, &stop, watch).await.unwrap();
    assert!(matches!(ended, Some(Ended::Released | Ended::Done { .. })), "{ended:?}");
    if matches!(ended, Some(Ended::Released)) {
        let job = studio.job(id).await;
        assert_eq!((job.state, job.attempts), (JobState::Queued, 0));
        assert!(matches!(studio.attempt().await, Some(Ended::Done { .. })));
    }
    assert_eq!(studio.job(id).await.manifest, Some(reference().await.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_source_needs_to_be_asked_for_and_voids_plans() {
    let studio = Studio::with_source().await;
    let plan = studio.plan(&[240]).await;
    studio.enqueue(&plan).await;
    let film = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/bunny-720p.mp4");
    let (told, never) = (pixr_media::progress::silent(), CancellationToken::new());
    let import = async |replace| {
        studio.media.import(CLIP, &film, replace, (&told, &never)).await.map(|(source, _)| source)
    };
    let refused = import(false).await;
    assert!(
        matches!(refused, Err(UpgradeError::HasSource { known, .. }) if known == plan.plan.source)
    );
    let source = import(true).await.unwrap();
    assert_eq!(studio.media.of(CLIP).await.unwrap().source, source.hash);
    let Some(Ended::Failed(UpgradeError::OtherSource { .. })) = studio.attempt().await else {
        panic!("a plan of a source that is gone was carried out")
    };
    let unknown = studio.media.plan(Slot { shard: 0, content: 1 }, &target(&[240])).await;
    assert!(matches!(unknown, Err(UpgradeError::NoSource(_))));
}

#[test]
fn a_work_folder_has_one_name() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let name = || {
        let folder = folder.clone();
        std::thread::spawn(move || folder::name(folder.path()).unwrap())
    };
    let names: Vec<_> = (0..8).map(|_| name()).collect();
    let names: Vec<_> = names.into_iter().map(|name| name.join().unwrap()).collect();
    assert!(names.iter().all(|name| *name == names[0]), "{names:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
