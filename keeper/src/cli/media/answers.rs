//! What `pixr media` says.

use std::{fmt, path::PathBuf};

use pixr_media::{Hash, package::Verified};
use serde::Serialize;

use crate::{cli::output, media::Job};

/// A sentence.
#[derive(Serialize)]
pub struct Said {
    done: String,
}

impl Said {
    pub fn new(done: String) -> Self {
        Self { done }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.done)
    }
}

/// Microseconds as seconds.
pub fn seconds(us: u64) -> String {
    format!("{}.{:01} s", us / 1_000_000, us % 1_000_000 / 100_000)
}

/// Jobs, a line each.
#[derive(Serialize)]
pub struct Jobs {
    pub jobs: Vec<Job>,
}

impl fmt::Display for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let header = ["job", "content", "state", "stage", "frames", "attempts", "quality"];
        let mut table = output::table(&header, 4);
        for job in &self.jobs {
            table.add_row([
                job.id.to_string(),
                job.slot.to_string(),
                job.state.to_string(),
                job.stage.clone(),
                format!("{}/{}", job.frames_done, job.frames_total),
                job.attempts.to_string(),
                job.quality_bps.map_or(String::new(), |bps| bps.to_string()),
            ]);
            if let Some(error) = &job.error {
                table.add_row(["", "", "", &format!("-> {error}")]);
            }
        }
        write!(f, "{}", table.trim_fmt())
    }
}

/// What comparing files with a manifest has found.
#[derive(Serialize)]
pub struct Checked {
    manifest: Hash,
    quality_bps: u16,
    files: u64,
    bytes: u64,
    mismatches: Vec<String>,
}

impl Checked {
    pub fn new(manifest: Hash, verified: &Verified) -> Self {
        let mismatches = verified.mismatches.iter().map(|mismatch| format!("{mismatch:?}"));
        Self {
            manifest,
            quality_bps: verified.manifest.quality,
            files: verified.files,
            bytes: verified.bytes,
            mismatches: mismatches.collect(),
        }
    }

    pub fn is_well(&self) -> bool {
        self.mismatches.is_empty()
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let files = output::counted(self.files, "file");
        writeln!(f, "Manifest {}", self.manifest)?;
        write!(f, "{files}, {} bytes, quality {}: ", self.bytes, self.quality_bps)?;
        if self.is_well() {
            return f.write_str("all as the manifest says.");
        }
        f.write_str("not as the manifest says:")?;
        self.mismatches.iter().try_for_each(|mismatch| write!(f, "\n  {mismatch}"))
    }
}

/// Where a video was written to.
#[derive(Serialize)]
pub struct Exported {
    pub playlist: PathBuf,
    pub files: usize,
    pub bytes: u64,
}

impl fmt::Display for Exported {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { playlist, files, bytes } = self;
        write!(f, "{files} files, {bytes} bytes: play {}", playlist.display())
    }
}
