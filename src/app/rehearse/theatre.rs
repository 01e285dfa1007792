//! The simulated site with its sockets, and the folder through which others can look on.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::task::JoinSet;

use super::ananke::RealAnanke;
use super::view::View;
use crate::app::failure::Failure;
use crate::sim::faces::Stage;
use crate::sim::faces::config;
use crate::sim::faces::drive::drive_before;
use crate::sim::faces::driver::StageDriver;
use crate::sim::faces::sockets::http::HttpDoors;
use crate::sim::faces::sockets::nut::NutServer;
use crate::sim::faces::sockets::ssh::SshDoors;
use crate::sim::faces::sockets::{ApiServers, Doors, SiteFiles, WakeDoor};
use crate::sim::scenario::{Outcome, Run, Scenario};
use crate::sim::site::Site;
use crate::sim::world::World;

/// How often the picture is painted anew, at least.
const PACE: Duration = Duration::from_millis(250);

/// A site that can be played on. Dropped, all its sockets are closed and its folder is gone.
pub(super) struct Theatre {
    site: Site,
    stage: Stage,
    files: SiteFiles,
    _doors: SshDoors,
    _servers: ApiServers,
    upsd: NutServer,
    ingress: HttpDoors,
    _wake: WakeDoor,
    _time: JoinSet<()>,
}

impl Theatre {
    /// Opens every socket, and lets time pass.
    pub(super) async fn open(
        scenario: &Scenario,
        seed: u64,
        speed: NonZeroU32,
    ) -> Result<Self, Failure> {
        let site = scenario.site.site();
        let stage = Stage::new(World::new(&site, seed), speed);
        let mut time = JoinSet::new();
        time.spawn(stage.clone().drive());
        let doors = SshDoors::open(&stage).await.map_err(|error| Failure::of(&error))?;
        let servers = ApiServers::open(&stage).map_err(|error| Failure::of(&error))?;
        doors.set_kubeconfig(servers.kubeconfig().to_owned());
        let upsd = NutServer::open(&stage).await.map_err(|error| Failure::of(&error))?;
        let ingress = HttpDoors::open(&stage).map_err(|error| Failure::of(&error))?;
        let wake = WakeDoor::open(&stage).map_err(|error| Failure::of(&error))?;
        let open = Doors {
            ssh: &doors,
            api: &servers,
            upsd: Some(&upsd),
            ingress: Some(&ingress),
            wake: Some(&wake),
        };
        let more = &scenario.settings;
        let files = SiteFiles::write(&std::env::temp_dir(), &site, &open, speed.get(), more);
        let files = files.map_err(|error| Failure::of(&error))?;
        Ok(Self {
            site,
            stage,
            files,
            _doors: doors,
            _servers: servers,
            upsd,
            ingress,
            _wake: wake,
            _time: time,
        })
    }

    /// What a second terminal can do meanwhile.
    pub(super) fn programme(&self) -> String {
        let (config, kubeconfig) = (self.files.config(), self.files.kubeconfig());
        let kubeconfig = kubeconfig.display();
        format!(
            "A simulated site of {} machines behind real sockets on 127.0.0.1. To look on:\n  \
             kubectl --kubeconfig {kubeconfig} get nodes,kustomizations -A\n  \
             kubectl --kubeconfig {kubeconfig} get recoverystatus -w\n  {}\n  upsc {}@{}\n  \
             curl -H 'Host: git.{}.example' http://{}/api/healthz\n  \
             ananke -c {} config show\n",
            self.site.machines.len(),
            self.files.ssh_line(),
            self.site.upses.keys().next().map_or("ups", String::as_str),
            self.upsd.address(),
            self.site.cluster,
            self.ingress.address(),
            config.display(),
        )
    }

    /// Plays the scenario to its end.
    pub(super) async fn play(
        &self,
        scenario: &Scenario,
        seed: u64,
        view: &mut View,
    ) -> Result<Outcome, Failure> {
        let settings = config::with(&self.site, self.files.reach(), &scenario.settings)
            .map_err(|problems| Failure::Usage(crate::config::problems_to_text(&problems)))?;
        let ananke = RealAnanke::new(settings, self.stage.clock().clone());
        let run = Run::new(scenario, scenario.site.roster(), seed)
            .map_err(|error| Failure::Usage(error.to_string()))?;
        let mut driver = StageDriver::new(self.stage.clone(), ananke, Some(PACE));
        let shown = self.stage.clone();
        let played = drive_before(run, &mut driver, |run, look| view.show(run, look, &shown)).await;
        drop(driver.close().await);
        Ok(played.unwrap_or_else(|(_, outcome)| outcome))
    }
}
