//! A content with a source, a database, a library and work folders for tests.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use diesel_async::SimpleAsyncConnection;
use pixr_media::{
    package::{self, Manifest},
    plan::{Codec, Effort, Segmenting, Target, VideoTarget},
    progress,
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{Ended, JobId, Media, StoredPlan, jobs, worker::Worker};
use crate::{
    config::{Config, Seconds},
    store::{Pool, contents::Slot},
    testing::TestPostgres,
};

/// The content of these tests, `clip-1`.
pub const CLIP: Slot = Slot { shard: 0, content: 0 };

pub struct Studio {
    pub folder: TempDir,
    pub postgres: TestPostgres,
    pub media: Media,
}

/// One part at a time, and no patience for others: tests wait for the result.
pub fn config(folder: &Path) -> Config {
    let mut config = Config::default();
    config.data.folder = folder.to_owned();
    config.media.workers = 1;
    config.media.lease_seconds = Seconds(60);
    config.media.limits.bounds.nice = 0;
    config
}

/// Enters a shard with the contents `clip-1` and `clip-2`.
pub async fn register(pool: &Pool) {
    let mut connection = pool.get().await.unwrap();
    let rows = "
        INSERT INTO shards VALUES (0, 'address', 'vault', 'receiver', 1, 2, 1);
        INSERT INTO contents VALUES
            (0, 0, 0, convert_to('clip-1', 'UTF8') || decode(repeat('00', 10), 'hex')),
            (0, 1, 0, convert_to('clip-2', 'UTF8') || decode(repeat('00', 10), 'hex'));";
    connection.batch_execute(rows).await.unwrap();
}

impl Studio {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let postgres = TestPostgres::start().await;
        register(&postgres.pool).await;
        let media = Media::open(&config(folder.path()), postgres.pool.clone()).unwrap();
        Self { folder, postgres, media }
    }

    /// With a source of several chunks.
    pub async fn with_source() -> Self {
        let studio = Self::start().await;
        studio.import(&clip(studio.folder.path())).await;
        studio
    }

    pub async fn import(&self, file: &Path) {
        let (told, never) = (progress::silent(), CancellationToken::new());
        self.media.import(CLIP, file, false, (&told, &never)).await.unwrap();
    }

    /// Workers of another process would not know each other's leases either.
    pub fn worker(&self) -> Worker {
        Worker::new(self.media.clone()).unwrap()
    }

    /// The same media with another configuration.
    pub fn with(&self, change: impl FnOnce(&mut Config)) -> Media {
        let mut config = config(self.folder.path());
        change(&mut config);
        Media::open(&config, self.postgres.pool.clone()).unwrap()
    }

    pub async fn plan(&self, lines: &[u16]) -> StoredPlan {
        self.media.plan(CLIP, &target(lines)).await.unwrap()
    }

    pub async fn enqueue(&self, plan: &StoredPlan) -> JobId {
        jobs::enqueue(&self.media.pool, CLIP, plan.hash, None).await.unwrap()
    }

    pub async fn job(&self, id: JobId) -> jobs::Job {
        jobs::get(&self.media.pool, id).await.unwrap()
    }

    /// Carries out the first job that is due.
    pub async fn attempt(&self) -> Option<Ended> {
        let never = CancellationToken::new();
        self.worker().attempt(None, &never, |_| ()).await.unwrap()
    }

    /// The manifest that the content has, and that its files are as it says.
    pub async fn verified(&self) -> Manifest {
        let has = self.media.of(CLIP).await.unwrap();
        let hash = has.manifest.expect("a manifest");
        let verified = package::verify(&self.media.library, has.source, hash).await.unwrap();
        assert_eq!(verified.mismatches, []);
        verified.manifest
    }

    pub async fn execute(&self, sql: &str) {
        self.media.pool.get().await.unwrap().batch_execute(sql).await.unwrap();
    }

    /// Parts of renditions that are made and not published.
    pub fn parts(&self) -> usize {
        self.part_files().len()
    }

    fn part_files(&self) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(super::folder::parts(&self.media.folder)) else {
            return Vec::new();
        };
        let files = entries.filter_map(|entry| Some(entry.ok()?.path()));
        files.filter(|file| file.extension().is_some_and(|it| it == "mp4")).collect()
    }

    /// Frames that are in finished parts, as ffprobe counts them.
    pub fn frames_in_parts(&self) -> u64 {
        let frames = |file: PathBuf| -> u64 {
            let probe = Command::new("ffprobe")
                .args(["-v", "error", "-count_packets", "-select_streams", "v"])
                .args(["-show_entries", "stream=nb_read_packets", "-of", "csv=p=0"])
                .arg(file)
                .output()
                .expect("ffprobe");
            assert!(probe.status.success());
            // Nothing for a part with sound alone.
            let packets = String::from_utf8_lossy(&probe.stdout);
            packets.split_whitespace().map(|it| it.parse::<u64>().expect("a number")).sum()
        };
        self.part_files().into_iter().map(frames).sum()
    }
}

/// Renditions with the least effort, in chunks of a second.
pub fn target(lines: &[u16]) -> Target {
    let video = |lines: &u16| VideoTarget { lines: *lines, codec: Codec::H264 };
    Target {
        video: lines.iter().map(video).collect(),
        effort: Effort::Fast,
        segmenting: Segmenting {
            segment_ms_min: 500,
            segment_ms: 1_000,
            segment_ms_max: 2_000,
            chunk_ms: 1_000,
        },
        ..Target::default()
    }
}

/// Seven seconds of film with sound, small.
pub fn clip(folder: &Path) -> PathBuf {
    let film = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/bunny-720p.mp4");
    let path = folder.join("clip.mp4");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-nostdin", "-y", "-stream_loop", "1", "-i"]).arg(film);
    ffmpeg.args("-vf scale=640:360 -c:v libx264 -preset ultrafast -threads 1 -g 25".split(' '));
    let ended = ffmpeg.args(["-bitexact", "-c:a", "copy"]).arg(&path).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    path
}

/// Media of `folder` in another process, on the database at `url`.
pub fn elsewhere(folder: &Path, url: &str) -> Arc<Media> {
    let pool = crate::store::pool(url, 4).unwrap();
    Arc::new(Media::open(&config(folder), pool).unwrap())
}
