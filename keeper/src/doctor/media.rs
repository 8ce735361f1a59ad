//! Upgrades of videos: what waits, what has failed, and the folder where the work is.

use super::{
    Checked, Finding, Trouble,
    files::{space, writable},
    parts::Parts,
};
use crate::media::{JobState, backlog, jobs};

/// A job that nobody takes although it is due, in seconds.
const DUE_WARN: u32 = 600;
/// Latest jobs that are looked at for failed ones.
const LOOKED_AT: u32 = 20;

/// What waits for a worker, and what has failed of late.
pub async fn jobs(parts: &Parts) -> Checked {
    let backlog = backlog::load(parts.store()?).await?;
    let of =
        |wanted| backlog.counts.iter().find(|(state, _)| *state == wanted).map_or(0, |it| it.1);
    let mut findings =
        vec![judge(of(JobState::Queued), of(JobState::Running), backlog.oldest_due_seconds)];
    let latest = jobs::list(parts.store()?, None, LOOKED_AT).await?;
    findings.extend(latest.into_iter().filter(|job| job.state == JobState::Failed).map(|job| {
        Finding::warn(
            format!("upgrade {}", job.id),
            format!("content {}: {}", job.slot, job.error.unwrap_or_default()),
            "change what it names, and ask for it again (`pixr media upgrade`)",
        )
    }));
    Ok(findings)
}

fn judge(queued: u32, running: u32, due_seconds: u32) -> Finding {
    let name = "upgrades";
    let found = format!("{queued} wait, {running} are under way");
    if queued > 0 && due_seconds >= DUE_WARN {
        let found = format!("{found}; the first is due for {due_seconds} seconds");
        let advice = "start a worker (`pixr worker`), or more of them; ffmpeg has to be there";
        return Finding::warn(name, found, advice);
    }
    Finding::ok(name, found)
}

/// Space and rights in the work folder.
pub async fn folder(parts: &Parts) -> Checked {
    let folder = parts.config.media.folder(&parts.config.data.folder);
    let name = "media folder";
    let look = move || {
        let shown = folder.display();
        if !folder.is_dir() {
            return vec![Finding::ok(
                name,
                format!("there is no {shown} yet: the first work makes it"),
            )];
        }
        match writable(&folder) {
            Ok(()) => vec![Finding::ok(name, format!("{shown} can be written to")), space(&folder)],
            Err(error) => vec![Finding::fail(
                name,
                format!("{shown} cannot be written to: {error}"),
                "give it to the user that the keeper runs as (chown), or correct media.folder",
            )],
        }
    };
    let looked = tokio::task::spawn_blocking(look).await;
    looked.map_err(|error| Trouble::Failed {
        found: error.to_string(),
        advice: "look at this machine's disks",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    #[test]
    fn jobs_that_nobody_takes_are_seen() {
        assert_eq!(judge(1, 0, 599).severity, Severity::Ok);
        assert_eq!(judge(1, 1, 600).severity, Severity::Warn);
        assert_eq!(judge(0, 0, 5_000).severity, Severity::Ok);
    }
}
