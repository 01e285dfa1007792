//! Shows what was decided: the terminal, the files that people read at 3 a.m., the service
//! manager, the control socket, and loudly what needs a person.

use std::sync::Arc;

use tracing::{error, info, warn};

use super::peers::Peers;
use super::progress::{self, Progress};
use super::publish::Publisher;
use super::web::Web;
use crate::adapters::control::ControlServer;
use crate::adapters::disk::{JsonFiles, Kept, PeopleFile};
use crate::adapters::heartbeat::Heartbeat;
use crate::adapters::host::systemd::{self, ServiceManager};
use crate::adapters::notify::{Means, Notice, Notifier};
use crate::config::settings::Settings;
use crate::model::alarm::Alarm;
use crate::model::assessment::Phase;
use crate::model::record::TickRecord;
use crate::model::runs::Runs;
use crate::model::time::Span;
use crate::ports::Sink;
use crate::report::{self, Deeds};

/// How long the end of a run waits for the notify command, which has its own limit of 30 s.
const NOTIFY_LIMIT: Span = Span::secs(35);

/// The sink of a real host.
#[derive(Debug)]
pub(super) struct RealSink {
    terminal: Option<Progress>,
    files: Option<JsonFiles>,
    notifier: Option<Notifier>,
    manager: ServiceManager,
    beat: systemd::Progress,
    control: Option<Arc<ControlServer>>,
    publisher: Option<Publisher>,
    web: Option<Web>,
    heartbeat: Option<Heartbeat>,
    peers: Option<Peers>,
    /// `None`: none are kept, or the file of a newer ananke is left alone.
    runs: Option<Runs>,
    deeds: Deeds,
    last: String,
    ready: bool,
    phase: Option<Phase>,
}

impl RealSink {
    /// A sink that only collects.
    pub(super) fn silent() -> Self {
        let manager = ServiceManager::nobody();
        Self {
            terminal: None,
            files: None,
            notifier: None,
            beat: manager.progress(),
            manager,
            control: None,
            publisher: None,
            web: None,
            heartbeat: None,
            peers: None,
            runs: None,
            deeds: Deeds::default(),
            last: String::new(),
            ready: false,
            phase: None,
        }
    }

    /// Prints progress.
    pub(super) fn with_terminal(mut self) -> Self {
        self.terminal = Some(Progress::default());
        self
    }

    /// Writes files, and tells people when one is needed.
    pub(super) fn with_effects(mut self, settings: &Settings) -> Self {
        let files = JsonFiles::new(&settings.state_dir, &settings.policy.cluster);
        self.runs = runs(&files);
        self.files = Some(files);
        let means = Means::from_settings(settings.notify_command.clone(), settings.notify_wall);
        self.notifier = Some(Notifier::start(means));
        self
    }

    /// Shows ticks on the control socket, and progress to the service manager.
    pub(super) fn with_service(
        mut self,
        control: Arc<ControlServer>,
        manager: ServiceManager,
    ) -> Self {
        self.control = Some(control);
        self.with_manager(manager)
    }

    /// Shows progress to the service manager, and asks it for the time that an end takes.
    pub(super) fn with_manager(mut self, manager: ServiceManager) -> Self {
        self.beat = manager.progress();
        self.manager = manager;
        self
    }

    /// Serves the page, and beats for who watches from outside.
    pub(super) fn with_onlookers(mut self, web: Option<Web>, heartbeat: Option<Heartbeat>) -> Self {
        (self.web, self.heartbeat) = (web, heartbeat);
        self
    }

    /// Tells the other ananke hosts.
    pub(super) fn with_peers(mut self, peers: Peers) -> Self {
        self.peers = Some(peers);
        self
    }

    /// Publishes in the cluster how ananke sees it.
    pub(super) fn with_cluster(mut self, publisher: Publisher) -> Self {
        self.publisher = Some(publisher);
        self
    }

    /// Waits until people were told and the cluster has the last word, for as long as that may
    /// take.
    pub(super) async fn finish(self) {
        if let Some(publisher) = self.publisher {
            publisher.finish().await;
        }
        if let Some(notifier) = self.notifier
            && !notifier.finish(NOTIFY_LIMIT).await
        {
            warn!("not everybody was told in time");
        }
    }

    fn write_files(&mut self, record: &TickRecord) {
        let Some(files) = &self.files else { return };
        let summary = report::summary(record, &[]);
        let shape = (&summary.phase, &summary.gates.iter().map(|g| &g.state).collect::<Vec<_>>());
        let shape = format!("{shape:?} {:?} {:?}", summary.held.len(), summary.manual.len());
        if shape == self.last {
            return;
        }
        self.last = shape;
        let at = &record.input.now;
        let intent = &record.decision.memory.durable.intent;
        let written = files
            .write(PeopleFile::Intent, at, intent)
            .and_then(|()| files.write(PeopleFile::StartupProgress, at, &summary));
        if let Err(error) = written {
            warn!("the files for people are not up to date: {error}");
        }
    }

    /// Folds the tick into `runs.json`; written when a gate or an episode opens or ends.
    fn keep_runs(&mut self, record: &TickRecord) {
        let (Some(files), Some(runs)) = (&self.files, &mut self.runs) else { return };
        if report::fold_run(runs, record)
            && let Err(error) = files.write(PeopleFile::Runs, &record.input.now, runs)
        {
            warn!("runs.json is not up to date: {error}");
        }
    }

    /// How the way down went, when it is over.
    fn report_shutdown(&self, record: &TickRecord) {
        let Some(files) = &self.files else { return };
        let Some(report) = report::shutdown_report(record) else { return };
        let written = files.write(PeopleFile::LastShutdownReport, &record.input.now, &report);
        if let Err(error) = written {
            warn!("the report of the shutdown is not on disk: {error}");
        }
    }

    /// Writes the report when an episode ends, and when it needs a person.
    fn keep_report(&mut self, record: &TickRecord) {
        let Some(files) = &self.files else { return };
        if let Some(summary) = self.deeds.of_episode(record)
            && let Err(error) =
                files.write(PeopleFile::LastStartupReport, &record.input.now, &summary)
        {
            warn!("the report is not on disk: {error}");
        }
    }

    fn raise(&self, record: &TickRecord) {
        let standing = record.decision.alarms.iter();
        let alarms: Vec<Alarm> = standing.filter(|alarm| alarm.new).cloned().collect();
        if alarms.is_empty() {
            return;
        }
        let Some(notifier) = &self.notifier else { return };
        notifier.raise(Notice {
            now: record.input.now.clone(),
            host: record.input.policy.owner.clone(),
            cluster: record.input.policy.cluster.clone(),
            alarms: alarms.clone(),
            body: report::at_the_end(record, &alarms),
        });
        error!("a person is needed: {} new alarms", alarms.len());
    }
}

impl Sink for RealSink {
    async fn publish(&mut self, record: &Arc<TickRecord>) {
        if let Some(peers) = &self.peers {
            peers.say(record);
        }
        self.raise(record);
        self.write_files(record);
        self.keep_runs(record);
        self.report_shutdown(record);
        self.keep_report(record);
        if let Some(terminal) = &mut self.terminal {
            progress::print(&terminal.lines(record));
        }
        if let Some(publisher) = &mut self.publisher {
            publisher.show(record);
        }
        if let Some(web) = &self.web {
            web.show(record, self.runs.as_ref().and_then(Runs::last));
        }
        if let Some(control) = &self.control {
            control.show(Arc::clone(record));
        }
        let line = report::headline(record);
        if self.phase != Some(record.decision.phase) {
            self.phase = Some(record.decision.phase);
            info!("{line}");
        }
        if self.ready {
            self.manager.status(&line);
        } else {
            self.manager.ready(&line);
            self.ready = true;
        }
        self.beat.beat();
        if let Some(heartbeat) = &self.heartbeat {
            heartbeat.beat();
        }
    }
}

/// What `runs.json` holds. One that can't be read is begun anew; one of a newer ananke is not.
fn runs(files: &JsonFiles) -> Option<Runs> {
    let why = match files.read_runs() {
        Kept::Missing => return Some(Runs::default()),
        Kept::Whole(written) => return Some(written.content),
        Kept::Future { found, .. } => {
            warn!("runs.json is of a newer ananke (schema {found}) and left alone");
            return None;
        }
        Kept::Torn { why } | Kept::Changed { why } | Kept::Unreadable { why } => why,
        Kept::Foreign { found } => format!("it belongs to the cluster {found}"),
    };
    warn!("runs.json is begun anew: {why}");
    Some(Runs::default())
}
