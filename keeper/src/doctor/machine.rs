//! Programs that this machine should have.

use std::io::ErrorKind;

use tokio::process::Command;

use super::{Checked, Finding};

const NAME: &str = "ffmpeg";
/// Encoders that renditions are made with.
const ENCODERS: [&str; 3] = ["libx264", "libx265", "libsvtav1"];

/// Whether renditions can be made.
pub async fn ffmpeg() -> Checked {
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-encoders"])
        .kill_on_drop(true)
        .output()
        .await;
    let install = "install it (Debian: apt-get install ffmpeg), unless this keeper makes no \
                   renditions";
    let finding = match output {
        Ok(output) if output.status.success() => {
            judge(&version().await, &encoders(&String::from_utf8_lossy(&output.stdout)))
        }
        Ok(output) => Finding::warn(NAME, format!("it fails: {}", output.status), install),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Finding::warn(NAME, "it is not installed, so no rendition can be made", install)
        }
        Err(error) => Finding::warn(NAME, format!("it cannot be run: {error}"), install),
    };
    Ok(vec![finding, ffprobe(install).await])
}

/// Whether sources can be looked at.
async fn ffprobe(install: &str) -> Finding {
    let (name, mut command) = ("ffprobe", Command::new("ffprobe"));
    match command.arg("-version").kill_on_drop(true).output().await {
        Ok(output) if output.status.success() => Finding::ok(name, "it can be run"),
        Ok(output) => Finding::warn(name, format!("it fails: {}", output.status), install),
        Err(error) => Finding::warn(name, format!("it cannot be run: {error}"), install),
    }
}

/// The first line of what it says of itself.
async fn version() -> String {
    let output = Command::new("ffmpeg").arg("-version").kill_on_drop(true).output().await;
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let text = text.unwrap_or_default();
    let words: Vec<_> = text.split_whitespace().take(3).collect();
    if words.is_empty() { "of an unknown version".into() } else { words.join(" ") }
}

/// Those of [`ENCODERS`] that are in a list of encoders: a line each, flags before the name.
fn encoders(list: &str) -> Vec<&'static str> {
    let names: Vec<_> = list.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    ENCODERS.into_iter().filter(|encoder| names.contains(encoder)).collect()
}

fn judge(version: &str, encoders: &[&str]) -> Finding {
    let lacks: Vec<_> = ENCODERS.into_iter().filter(|name| !encoders.contains(name)).collect();
    if lacks.is_empty() {
        return Finding::ok(NAME, format!("{version}, with {}", encoders.join(", ")));
    }
    Finding::warn(
        NAME,
        format!("{version}, without {}", lacks.join(", ")),
        "use a build with these encoders, unless this keeper makes no renditions with them",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    #[test]
    fn finds_encoders_by_their_names() {
        let list = " V....D libx264              libx264 H.264 (codec h264)\n \
                    V....D libx264rgb           libx264 H.264 RGB (codec h264)\n \
                    V..... libsvtav1            SVT-AV1 encoder (codec av1)\n";
        assert_eq!(encoders(list), ["libx264", "libsvtav1"]);
        let finding = judge("ffmpeg version 7", &encoders(list));
        assert_eq!(finding.found, "ffmpeg version 7, without libx265");
        assert_eq!(judge("ffmpeg version 7", &ENCODERS).severity, Severity::Ok);
    }
}
