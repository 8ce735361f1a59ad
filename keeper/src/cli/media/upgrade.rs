//! `pixr media upgrade`.

use std::time::Duration;

use pixr_media::Hash;
use tokio::time::{Instant, sleep};

use super::{
    answers::{Jobs, Said},
    input, slot,
    target::TargetArgs,
    until_signal, with_media,
};
use crate::{
    cli::{NotWell, bad, context::Context, progress},
    media::{JobId, JobState, Media, UpgradeError, jobs, worker::Worker},
    views::ContentId,
};

/// How long a worker that has nothing to do may take to see a job.
const TAKEN_WITHIN: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Jobs that are looked at to see whether a worker runs.
const LOOKED_AT: u32 = 100;

#[derive(clap::Args)]
#[command(
    long_about = "Carry out an upgrade. A worker (`pixr worker`, or the one in `pixr serve`) does it \
                  where one runs, and this returns with the job's number unless --wait is given; \
                  else it is done here. Stopped or killed, the job goes on where it was when a \
                  worker takes it up, or this command is repeated."
)]
pub struct Args {
    /// A UUID, 32 hexadecimal digits, or at most 16 bytes
    content: ContentId,
    #[command(flatten)]
    target: TargetArgs,
    /// A plan that was made before, by its hash, instead of a target
    #[arg(long, value_name = "HASH")]
    plan: Option<Hash>,
    /// Wait until the job has ended
    #[arg(long)]
    wait: bool,
}

pub async fn run(context: Context, args: Args) -> anyhow::Result<()> {
    if args.plan.is_some() && !args.target.is_empty() {
        return Err(bad("--plan: a plan has its target; leave the other options out"));
    }
    let target = args.plan.is_none().then(|| args.target.target()).transpose()?;
    let upgrade = async |media: &Media| {
        let slot = slot(media, args.content).await?;
        let plan = match (args.plan, &target) {
            (Some(plan), _) => plan,
            (None, Some(target)) => media.plan(slot, target).await.map_err(input)?.hash,
            (None, None) => return Err(bad("--plan or --to: nothing is asked for")),
        };
        let id = match jobs::enqueue(&media.pool, slot, plan, None).await {
            Err(nothing @ UpgradeError::Nothing(_)) => {
                return Ok(Err(Said::new(nothing.to_string())));
            }
            id => id.map_err(input)?,
        };
        if !is_taken(media, id).await? || args.wait {
            return Ok(Ok(see_through(&context, media, id).await?));
        }
        Ok(Err(Said::new(format!("Job {id} is with a worker: see `pixr media jobs`."))))
    };
    match with_media(&context, upgrade).await? {
        Err(said) => context.show(&said),
        Ok(job) => {
            let well = job.state == JobState::Done;
            context.show(&Jobs { jobs: vec![job] })?;
            if well { Ok(()) } else { Err(NotWell.into()) }
        }
    }
}

/// Whether a worker does the job, or is at another one and will come to it.
async fn is_taken(media: &Media, id: JobId) -> Result<bool, UpgradeError> {
    let start = Instant::now();
    while start.elapsed() < TAKEN_WITHIN {
        if jobs::get(&media.pool, id).await?.state != JobState::Queued {
            return Ok(true);
        }
        sleep(LOOK_EVERY).await;
    }
    let others = jobs::list(&media.pool, None, LOOKED_AT).await?;
    Ok(others.iter().any(|job| job.state == JobState::Running))
}

/// Follows the job, and carries it out while nobody else does.
async fn see_through(
    context: &Context,
    media: &Media,
    id: JobId,
) -> anyhow::Result<crate::media::Job> {
    let total = jobs::get(&media.pool, id).await?.frames_total;
    let bar = progress::bar(context, total, "frames");
    let worker = Worker::new(media.clone())?;
    let job = worker.see_through(id, &until_signal()?, |frames| bar.set_position(frames)).await;
    bar.finish_and_clear();
    Ok(job?)
}
