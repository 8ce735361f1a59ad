//! One demo, from an empty folder to the report.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use tokio::sync::oneshot;

use super::{
    REPORT, accounts,
    args::DemoArgs,
    catalogue::Catalogue,
    dating,
    display::Display,
    events::Events,
    feed::{Feed, Kept},
    figures::{amount_floor, thousands},
    file::{Contents, EventFile},
    folder::Folder,
    fraud, hours, meter, payments, report, settings, setup, story,
    stream::{self, Streamed},
    summary::{Explanation, Input, Line, Payment, Summary, Upgrade},
    upgrade,
};
use crate::{
    app::{Access, App, Foundation, Identity, Ledger, serve},
    index,
    keys::Keys,
    views::{ContentId, Hashes},
};

/// Creators in the statement.
const STATEMENT: usize = 20;
/// How long the settlement of a finding may take.
const REVERSAL_MAX: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Shows everything there is. What it did is told even when it did not end well: see
/// [`Summary::is_good`].
pub async fn run(args: &DemoArgs) -> anyhow::Result<Summary> {
    let mut display = Display::new();
    let mut catalogue = Catalogue::new(args.seed, args.creators, args.contents);
    let folder = Folder::clean(&args.folder)?;
    let mut config = settings::write(&folder, &args.program)?;
    let mut input = Input::Generated { events: args.count, seed: args.seed };
    let mut events = args.count;
    if let Some(path) = &args.events {
        let found = look_through(path, &folder)?;
        events = found.events;
        let age_max = config.counting.age_max_seconds.0;
        let now_ms = chrono::Utc::now().timestamp_millis();
        let later = |dated| dating::later_ms(now_ms, &dated, age_max);
        let dated_later_ms = found.dated.map_or(0, later);
        let adopted = catalogue.adopt_unknown(found.ids);
        input = Input::File { path: path.clone(), adopted, dated_later_ms };
    }
    // The API of the demo takes whatever port is free; that of `serve` is the configured one.
    config.ingest.listen.set_port(0);
    let identity = Identity::take(&config.data.folder)?;
    let opened = async {
        let foundation = Foundation::open(config, Access::ReadWrite).await?;
        Ok((foundation, "a private PostgreSQL and a chain in this process are open".into()))
    };
    let foundation = display.phase("database and chain", opened).await?;
    let clip = args.clip.clone();
    let demo = Demo { folder, catalogue: Arc::new(catalogue), input, events, clip, display };
    let done = demo.with(&foundation, &identity).await;
    foundation.close().await?;
    done
}

/// What is in the user's file. The demo's secret is made here: ids are told apart by their hashes.
fn look_through(path: &std::path::Path, folder: &Folder) -> anyhow::Result<Contents> {
    let hashes = Hashes::new(&Keys::load(&Default::default(), &folder.data())?);
    let file = EventFile::open(path)?;
    file.look_through(&hashes).with_context(|| format!("--events {}", path.display()))
}

/// A demo whose folder is clean.
struct Demo {
    folder: Folder,
    catalogue: Arc<Catalogue>,
    input: Input,
    events: u64,
    clip: PathBuf,
    display: Display,
}

/// What was shown with the money.
struct Shown {
    streamed: Streamed,
    payments: Vec<Payment>,
    upgrade: Upgrade,
}

impl Demo {
    async fn with(
        mut self,
        foundation: &Foundation,
        identity: &Identity,
    ) -> anyhow::Result<Summary> {
        let catalogue = Arc::clone(&self.catalogue);
        let made = async {
            let app = setup::platform(foundation, &catalogue).await?;
            let shards = Ledger::finalized(&app).platform().await?.shard_count;
            Ok((app, format!("a token, a platform and {shards} ledger shards")))
        };
        let app = self.display.phase("platform", made).await?;
        let registered = async {
            let done = setup::register(&app, &catalogue).await?;
            let (creators, contents) = (thousands(done.creators), thousands(done.contents));
            Ok((
                (),
                format!("{creators} creators with {contents} contents have slots on the chain"),
            ))
        };
        self.display.phase("registration", registered).await?;

        let serving = serve::start(&app, identity).await?;
        let address = serving.address;
        let (stop, stopped) = oneshot::channel::<()>();
        let mut keeper = tokio::spawn(async move {
            let asked = async {
                // The end of whoever could ask is a reason to stop too.
                let _gone = stopped.await;
            };
            serving.supervisor.run(asked, std::future::pending()).await
        });
        let shown = tokio::select! {
            shown = self.show(&app, address) => shown,
            ended = &mut keeper => {
                ended??;
                bail!("the keeper stopped by itself");
            }
        };
        drop(stop);
        keeper.await??;
        self.tell(&app, shown?).await
    }

    /// Everything that needs a keeper at work.
    async fn show(&mut self, app: &App, to: std::net::SocketAddr) -> anyhow::Result<Shown> {
        let decimals = Ledger::finalized(app).mint().await?.decimals;
        let feed = match &self.input {
            Input::File { path, dated_later_ms, .. } => {
                Feed::of_file(EventFile::open(path)?.dated_later(*dated_later_ms))
            }
            Input::Generated { events, seed } => {
                let now_ms = chrono::Utc::now().timestamp_millis();
                let catalogue = Arc::clone(&self.catalogue);
                Feed::generated(Events::new(*seed, *events, catalogue, now_ms))
            }
        };
        let started = std::time::Instant::now();
        let streamed = stream::run(app, to, feed, self.events, &self.display, decimals).await?;
        let credited = meter::credited(app).await?;
        let what = format!(
            "{} events sent over HTTP, counted and settled; {} tokens credited",
            thousands(streamed.ingest.events),
            amount_floor(credited, decimals)
        );
        self.display.add("events", started.elapsed(), &what);
        let catalogue = Arc::clone(&self.catalogue);
        let paid = async {
            let paid = pay(app, to, &catalogue, &streamed.kept, decimals).await?;
            let what = format!("{} shown", thousands(paid.len() as u64));
            Ok((paid, what))
        };
        let payments = self.display.phase("payments", paid).await?;
        let statement = accounts::statement(app, &catalogue).await?;
        let first = statement.first().and_then(|line| first_content(&catalogue, line));
        let content = first.context("no creator has a content")?;
        let upgrade =
            upgrade::run(app, to, content, &self.clip, decimals, &mut self.display).await?;
        Ok(Shown { streamed, payments, upgrade })
    }

    /// Checks everything, and writes down what happened.
    async fn tell(mut self, app: &App, shown: Shown) -> anyhow::Result<Summary> {
        let Shown { streamed: Streamed { ingest, progress, kept }, payments, upgrade } = shown;
        let checked = async {
            index::catch_up(app).await?;
            let verification = story::check(app).await?;
            let what = if verification.passed { "every balance agrees" } else { "DIFFERENT" };
            Ok((verification, what.to_owned()))
        };
        let verification = self.display.phase("verification", checked).await?;
        let settlement = meter::settlement(app).await?;
        let mut statement = accounts::statement(app, &self.catalogue).await?;
        let counted = meter::judged(app).await?.1;
        let agree =
            story::balances_agree(&statement, settlement.credited, counted, settlement.views);
        let content = statement.first().and_then(|line| first_content(&self.catalogue, line));
        let told = story::one_payment(app, &kept, content).await?;
        let ledger = Ledger::finalized(app);
        let shards = ledger.shards().await?;
        let earnings: Vec<u64> =
            statement.iter().map(|line| line.earned).filter(|earned| *earned > 0).collect();
        let creators = statement.len() as u64;
        statement.truncate(STATEMENT);
        let commands = settings::Commands::new(&self.folder);
        let subject = told.as_ref().map(|(command, _)| command.as_str());
        let next = commands.hints(subject, statement.first());
        let mut summary = Summary {
            input: self.input.clone(),
            decimals: ledger.mint().await?.decimals,
            shards: u32::try_from(shards.len())?,
            creators,
            contents: shards.iter().map(|shard| u64::from(shard.header.content_count)).sum(),
            phases: Vec::new(),
            total_ms: 0,
            ingest,
            verdicts: meter::verdicts(app).await?,
            hours: hours::hours(app).await?,
            progress,
            settlement,
            earnings,
            statement,
            payments,
            upgrade: Some(upgrade),
            verification,
            balances_agree: agree,
            explanation: told
                .map(|(command, text)| Explanation { command: commands.of(&command), text }),
            next,
            report: self.folder.file(REPORT),
        };
        summary.phases = self.display.phases();
        summary.total_ms = self.display.elapsed_ms();
        self.write(&summary)?;
        self.display.add("report", Duration::ZERO, &summary.report.display().to_string());
        Ok(summary)
    }

    fn write(&self, summary: &Summary) -> anyhow::Result<()> {
        let page = report::render(summary)?;
        std::fs::write(&summary.report, page)
            .with_context(|| format!("{}", summary.report.display()))
    }
}

fn first_content(catalogue: &Catalogue, line: &Line) -> Option<ContentId> {
    let mine = |creator: u32| u64::from(creator) == line.number;
    catalogue.contents.iter().find(|content| mine(content.creator)).map(|content| content.id)
}

/// A withdrawal, a tip, and a finding of fraud where a bot is known.
async fn pay(
    app: &App,
    to: std::net::SocketAddr,
    catalogue: &Catalogue,
    kept: &Kept,
    decimals: u8,
) -> anyhow::Result<Vec<Payment>> {
    let statement = accounts::statement(app, catalogue).await?;
    let mut paid = Vec::new();
    let earned = |place: usize| statement.get(place).filter(|line| line.earned > 0);
    if let Some(first) = earned(0) {
        paid.push(payments::withdraw(app, first, decimals).await?);
    }
    if let Some(second) = earned(1) {
        paid.push(payments::tip(app, second, decimals).await?);
    }
    if !kept.bots.is_empty() {
        let (reversed, payment) = fraud::report(to, &kept.bots).await?;
        if reversed > 0 {
            wait_until_settled(app).await?;
        }
        paid.push(payment);
    }
    Ok(paid)
}

async fn wait_until_settled(app: &App) -> anyhow::Result<()> {
    let started = std::time::Instant::now();
    while meter::unsettled(app).await? > 0 {
        if started.elapsed() > REVERSAL_MAX {
            bail!("a finding is not settled after {} seconds", REVERSAL_MAX.as_secs());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}
