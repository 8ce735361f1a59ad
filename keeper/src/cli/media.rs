//! `pixr media`.

mod answers;
mod planned;
mod shown;
mod target;
mod upgrade;

use std::path::{Path, PathBuf};

use pixr_media::{
    Hash,
    analysis::artefacts,
    package,
    progress::{OnProgress, Progress},
};
use tokio_util::sync::CancellationToken;

use self::{
    answers::{Checked, Exported, Jobs, Said},
    planned::PlanAnswer,
    shown::{Contents, Imported, Shown},
    target::TargetArgs,
};
use super::{NotWell, bad, context::Context, progress};
use crate::{
    app::{Access, Foundation, Ground, Ledger, signals::Signals},
    media::{JobId, Media, UpgradeError, jobs},
    store::contents::{self, Slot},
    views::ContentId,
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Take a video file in as the source of a content, and analyse it
    Import {
        /// The file: MP4, MOV, Matroska or WebM
        file: PathBuf,
        /// A UUID, 32 hexadecimal digits, or at most 16 bytes
        #[arg(long, value_name = "ID")]
        content: ContentId,
        /// Take the place of another source; what was made from that is no longer offered
        #[arg(long)]
        replace: bool,
    },
    /// List the contents that have a source
    List,
    /// Show what a content has: its source, its renditions, their quality
    Show {
        /// A UUID, 32 hexadecimal digits, or at most 16 bytes
        content: ContentId,
    },
    /// Say what an upgrade would do and cost, and keep the plan
    Plan {
        /// A UUID, 32 hexadecimal digits, or at most 16 bytes
        content: ContentId,
        #[command(flatten)]
        target: TargetArgs,
    },
    /// Carry out an upgrade: by a worker that runs, else here
    Upgrade(upgrade::Args),
    /// List jobs, the latest first
    Jobs {
        /// Only those of this content
        content: Option<ContentId>,
        /// How many
        #[arg(long, value_name = "N", default_value_t = 20)]
        count: u32,
    },
    /// Cancel a job that is queued or running
    Cancel {
        /// The job's number: see `pixr media jobs`
        job: JobId,
    },
    /// Compare every file of a content with its manifest
    Verify {
        /// A UUID, 32 hexadecimal digits, or at most 16 bytes
        content: ContentId,
    },
    /// Keep a file beside the analysis of a content's source: a transcript, an embedding
    Artefact {
        /// A UUID, 32 hexadecimal digits, or at most 16 bytes
        content: ContentId,
        /// Up to 64 letters, digits, dots, dashes and underscores
        name: String,
        /// The file, which is kept as it is
        file: PathBuf,
    },
    /// Write the HLS files of a content to a folder, for a player
    Export {
        /// A UUID, 32 hexadecimal digits, or at most 16 bytes
        content: ContentId,
        /// The folder: what is in it already is left, or written anew
        folder: PathBuf,
    },
}

pub async fn run(context: Context, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Import { file, content, replace } => {
            let import = async |media: &Media| {
                let slot = slot(media, content).await?;
                import(&context, media, slot, &file, replace).await
            };
            context.show(&with_media(&context, import).await?)
        }
        Command::List => {
            let list = async |media: &Media| Contents::of(media).await;
            context.show(&with_media(&context, list).await?)
        }
        Command::Show { content } => {
            let show = async |media: &Media| {
                let slot = slot(media, content).await?;
                Shown::of(media, content, slot).await
            };
            context.show(&with_media(&context, show).await?)
        }
        Command::Plan { content, target } => {
            let target = target.target()?;
            let plan = async |media: &Media| {
                let slot = slot(media, content).await?;
                media.plan(slot, &target).await.map_err(input)
            };
            let plan = with_media(&context, plan).await?;
            let decimals = decimals(&context).await;
            context.show(&PlanAnswer::new(&plan, decimals))
        }
        Command::Upgrade(args) => upgrade::run(context, args).await,
        Command::Jobs { content, count } => {
            let list = async |media: &Media| {
                let slot = match content {
                    Some(content) => Some(slot(media, content).await?),
                    None => None,
                };
                Ok(Jobs { jobs: jobs::list(&media.pool, slot, count).await? })
            };
            context.show(&with_media(&context, list).await?)
        }
        Command::Cancel { job } => {
            let cancel = async |media: &Media| {
                jobs::cancel(&media.pool, job).await.map_err(input)?;
                Ok(Said::new(format!("Job {job} is cancelled.")))
            };
            context.show(&with_media(&context, cancel).await?)
        }
        Command::Verify { content } => {
            let verify = async |media: &Media| {
                let (source, manifest) = made(media, content).await?;
                let verified = package::verify(&media.library, source, manifest).await?;
                Ok(Checked::new(manifest, &verified))
            };
            let checked = with_media(&context, verify).await?;
            context.show(&checked)?;
            if checked.is_well() { Ok(()) } else { Err(NotWell.into()) }
        }
        Command::Artefact { content, name, file } => {
            let bytes = read(&file).await?;
            let put = async |media: &Media| {
                let source = media.of(slot(media, content).await?).await.map_err(input)?.source;
                let put = artefacts::put(&media.library, source, &name, bytes).await;
                put.map_err(|error| bad(error.to_string()))?;
                Ok(Said::new(format!("{name} is kept with source {source}.")))
            };
            context.show(&with_media(&context, put).await?)
        }
        Command::Export { content, folder } => {
            let export = async |media: &Media| export(media, content, &folder).await;
            context.show(&with_media(&context, export).await?)
        }
    }
}

/// Opens the database and the library, runs `work` and closes them again: beside a keeper that runs,
/// too.
async fn with_media<T>(
    context: &Context,
    work: impl AsyncFnOnce(&Media) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let open = async |ground: &Ground| {
        let media = Media::open(&ground.config, ground.store.clone())?;
        work(&media).await
    };
    context.with_ground(open).await
}

/// An error as the command line has it: what another command would do better is bad input.
fn input(error: UpgradeError) -> anyhow::Error {
    if error.is_input() { bad(error.to_string()) } else { error.into() }
}

async fn slot(media: &Media, content: ContentId) -> anyhow::Result<Slot> {
    let found = contents::find(&media.pool, content).await?;
    found.ok_or_else(|| {
        bad(format!("no shard has the content {content}: see `pixr register content`"))
    })
}

/// The source and the manifest of a content.
async fn made(media: &Media, content: ContentId) -> anyhow::Result<(Hash, Hash)> {
    let slot = slot(media, content).await?;
    let has = media.of(slot).await.map_err(input)?;
    let manifest = has.manifest.ok_or_else(|| input(UpgradeError::NoManifest(slot)))?;
    Ok((has.source, manifest))
}

async fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let read = tokio::fs::read(file).await;
    read.map_err(|error| bad(format!("{}: {error}", file.display())))
}

/// Cancelled by SIGINT or SIGTERM: what is under way ends and is stored.
fn until_signal() -> std::io::Result<CancellationToken> {
    let mut signals = Signals::listen()?;
    let stop = CancellationToken::new();
    let asked = stop.clone();
    tokio::spawn(async move {
        signals.next().await;
        asked.cancel();
    });
    Ok(stop)
}

async fn import(
    context: &Context,
    media: &Media,
    slot: Slot,
    file: &Path,
    replace: bool,
) -> anyhow::Result<Imported> {
    if !file.is_file() {
        return Err(bad(format!("{} is not a file", file.display())));
    }
    let bar = progress::bar(context, 0, "frames");
    let shown = bar.clone();
    let report: OnProgress = std::sync::Arc::new(move |progress| {
        if let Progress::Analysed { frames, of } = progress {
            shown.set_length(of);
            shown.set_position(frames);
        }
    });
    let imported = media.import(slot, file, replace, (&report, &until_signal()?)).await;
    bar.finish_and_clear();
    let (source, analysis) = imported.map_err(input)?;
    Ok(Imported::new(&source, &analysis))
}

async fn export(media: &Media, content: ContentId, folder: &Path) -> anyhow::Result<Exported> {
    let (source, hash) = made(media, content).await?;
    let manifest = media.manifest(source, hash).await?;
    let failed = |path: &Path, error: std::io::Error| bad(format!("{}: {error}", path.display()));
    let mut bytes = 0_u64;
    for file in manifest.files() {
        let content = package::read(&media.library, source, file).await?;
        bytes = bytes.saturating_add(file.bytes);
        let path = folder.join(&file.path);
        let parent = path.parent().unwrap_or(folder);
        tokio::fs::create_dir_all(parent).await.map_err(|error| failed(parent, error))?;
        tokio::fs::write(&path, &content).await.map_err(|error| failed(&path, error))?;
    }
    Ok(Exported {
        playlist: folder.join(&manifest.playlist.path),
        files: manifest.files().count(),
        bytes,
    })
}

/// Digits of the platform's token, where there is one: prices are shown in tokens then.
async fn decimals(context: &Context) -> Option<u8> {
    let mint = async |foundation: &Foundation| {
        let app = foundation.app().await?;
        Ok(Ledger::finalized(&app).mint().await?.decimals)
    };
    context.with_foundation(Access::ReadOnly, mint).await.ok()
}
