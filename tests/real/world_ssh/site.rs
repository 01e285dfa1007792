//! A simulated site behind SSH servers, and the settings that reach it.

use std::num::NonZeroU32;
use std::time::Duration;

use ananke::adapters::guard::Reply;
use ananke::adapters::ssh::{Fleet, SshError};
use ananke::config::settings::Settings;
use ananke::model::ids::MachineName;
use ananke::model::time::Span;
use ananke::sim::deed::Deed;
use ananke::sim::faces::Stage;
use ananke::sim::faces::config;
use ananke::sim::faces::sockets::ssh::SshDoors;
use ananke::sim::faces::sockets::{ApiServers, Doors, SiteFiles};
use ananke::sim::site::Site;
use ananke::sim::world::World;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Long enough for a machine under load; a test that passes never waits for it.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Deadlines of a world that is this much faster, so that silence costs a quarter of a second.
const HURRY: u32 = 20;

/// How long a simulated machine may take for an answer; one that just lost its power gives none.
pub(super) const SIMULATED: Span = Span::secs(5);

pub(super) static SERVER: MachineName = MachineName::fixed("titan-01");
pub(super) static AGENT: MachineName = MachineName::fixed("titan-04");

/// A site with three servers and two agents. Ends with all that belongs to it when dropped.
pub(super) struct Simulated {
    pub(super) stage: Stage,
    pub(super) doors: SshDoors,
    pub(super) files: SiteFiles,
    pub(super) settings: Settings,
    pub(super) fleet: Fleet,
    _apis: ApiServers,
    _drive: JoinSet<()>,
}

impl Simulated {
    pub(super) async fn open(speed: u32) -> Self {
        let site = Site::of("quick", 3, 2);
        let speed = NonZeroU32::new(speed).expect("a speed");
        let stage = Stage::new(World::new(&site, 11), speed);
        let mut drive = JoinSet::new();
        drive.spawn(stage.clone().drive());
        let doors = SshDoors::open(&stage).await.expect("ports on the loopback");
        let parent = std::env::temp_dir();
        let apis = ApiServers::open(&stage).expect("ports and certificates");
        let open = Doors { ssh: &doors, api: &apis, upsd: None, ingress: None, wake: None };
        let files = SiteFiles::write(&parent, &site, &open, HURRY, &[]);
        let files = files.expect("a folder");
        let settings = config::settings(&site, files.reach()).expect("a configuration");
        let fleet = Fleet::new(&settings.ssh).expect("a key and known hosts");
        Self { stage, doors, files, settings, fleet, _apis: apis, _drive: drive }
    }

    pub(super) fn suffer(&self, deed: &Deed) {
        self.stage.suffer(deed).expect("the site has it");
    }

    pub(super) async fn ask(&self, machine: &MachineName, line: &str) -> Result<Reply, SshError> {
        ask(&self.fleet, machine, line, SIMULATED).await
    }
}

pub(super) async fn ask(
    fleet: &Fleet,
    machine: &MachineName,
    line: &str,
    limit: Span,
) -> Result<Reply, SshError> {
    let output = fleet.run(machine, line, None, limit).await?;
    Ok(Reply { status: output.status, stdout: output.stdout, stderr: output.stderr })
}

/// Asks again and again until the answer is there, or fails.
pub(super) async fn eventually<T, F>(what: &str, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, String>>,
{
    let until = Instant::now() + PATIENCE;
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(why) => assert!(Instant::now() < until, "not within {PATIENCE:?}: {what}: {why}"),
        }
        // poll: what the caller asks
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
