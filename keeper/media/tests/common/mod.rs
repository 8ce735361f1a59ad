//! Clips, and what is done with them in every test.

#![allow(dead_code, reason = "each test uses a part")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use pixr_media::{
    Bounds, Library,
    analysis::{self, Analysis},
    encode::{self, Job, Outcome},
    library::{Limits, Source},
    package::Manifest,
    plan::{self, AudioTarget, Codec, Effort, Plan, PriceList, Segmenting, Target, VideoTarget},
    progress,
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A library in a folder of its own, and a folder for clips and work.
pub struct World {
    pub folder: TempDir,
    pub library: Library,
}

impl World {
    pub fn new() -> Self {
        Self::with(limits())
    }

    pub fn with(limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open_folder(folder.path().join("library"), limits).unwrap();
        Self { folder, library }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A clip that ffmpeg makes from `arguments`.
    pub fn clip(&self, name: &str, arguments: &str) -> PathBuf {
        let path = self.path(name);
        ffmpeg(arguments, &path);
        path
    }

    pub async fn import(&self, path: &Path) -> pixr_media::Result<Source> {
        self.library.import(path, &CancellationToken::new()).await
    }

    pub async fn analyse(&self, source: &Source) -> Analysis {
        let never = CancellationToken::new();
        analysis::ensure(&self.library, source, &progress::silent(), &never).await.unwrap()
    }

    pub fn job(&self) -> Job {
        Job { workers: 2, ..Job::new(self.path("work")) }
    }

    pub async fn run(&self, plan: &Plan) -> Outcome {
        encode::run(&self.library, plan, &self.job()).await.unwrap()
    }

    /// Parts in the folder of the work.
    pub fn parts(&self) -> usize {
        let Ok(entries) = std::fs::read_dir(self.path("work")) else { return 0 };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names.filter(|name| name.ends_with(".mp4")).count()
    }

    /// The bytes of all files of a manifest and of the analysis, by their names.
    pub fn files(&self, manifest: &Manifest) -> BTreeMap<String, Vec<u8>> {
        let library = self.path("library");
        let video = library.join(format!("videos/{}", manifest.source));
        let mut files: BTreeMap<String, Vec<u8>> = manifest
            .files()
            .map(|file| (file.path.clone(), std::fs::read(video.join(&file.path)).unwrap()))
            .collect();
        let analysis = library.join(format!("analysis/{}/v1", manifest.source));
        for entry in std::fs::read_dir(analysis).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            files.insert(name, std::fs::read(entry.path()).unwrap());
        }
        files
    }
}

/// How often something is done: `short` times, or `long` times when `PIXR_LONG` is set.
pub fn times(short: u64, long: u64) -> u64 {
    if std::env::var_os("PIXR_LONG").is_some() { long } else { short }
}

/// The default, but with no patience for others: tests wait for the result.
pub fn limits() -> Limits {
    Limits { bounds: Bounds { nice: 0, ..Bounds::default() }, ..Limits::default() }
}

/// Real film with sound: 92 frames of 1280×720, 25 a second.
pub fn bunny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/bunny-720p.mp4")
}

pub fn ffmpeg(arguments: &str, output: &Path) {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-y"]);
    command.args(arguments.split_whitespace()).arg(output);
    let ended = command.output().unwrap();
    assert!(ended.status.success(), "{arguments}: {}", String::from_utf8_lossy(&ended.stderr));
}

/// Renditions with the least effort, in segments of a second and chunks of two.
pub fn target(video: &[(u16, Codec)]) -> Target {
    Target {
        video: video
            .iter()
            .map(|(lines, codec)| VideoTarget { lines: *lines, codec: *codec })
            .collect(),
        audio: Some(AudioTarget::default()),
        effort: Effort::Fast,
        segmenting: Segmenting {
            segment_ms_min: 500,
            segment_ms: 1_000,
            segment_ms_max: 2_000,
            chunk_ms: 2_000,
        },
        ..Target::default()
    }
}

pub fn plan(
    source: &Source,
    analysis: &Analysis,
    existing: Option<&Manifest>,
    target: &Target,
) -> Plan {
    plan::plan(source, analysis, existing, target, &PriceList::default()).unwrap()
}
