//! Says loudly that a person is needed: journal, wall(1), notify command.
//!
//! Delivery has a task and a bounded queue of its own. Raising an alarm never waits, and a command
//! that hangs costs its own deadline only. Whoever raises alarms decides that each is raised once.

mod document;

use std::ffi::OsString;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::adapters::process::{ChildSpec, End, ProcessError, run};
use crate::model::alarm::Alarm;
use crate::model::error_text::chain;
use crate::model::time::{Moment, Span};

pub use document::{DOCUMENT_LIMIT, Document, DocumentAlarm, DocumentTried, VERSION};

/// How long each way may take for one notice. Mail and chat gateways answer within seconds; after
/// that the next alarm is worth more.
const DELIVERY_LIMIT: Span = Span::secs(30);

/// wall(1) gives up a blocked terminal after this many seconds; its own default is 300.
const WALL_TIMEOUT_SECS: &str = "10";

/// How many notices may wait. More than that within the deadlines above is a flood.
const QUEUE: usize = 16;

/// How many lines of alarms are shown on terminals; the report has them all.
const WALL_LINES: usize = 8;

/// How long one of these lines may be, in bytes.
const WALL_LINE: usize = 200;

/// How much of what a command printed goes into the log, in bytes.
const LOGGED_OUTPUT: usize = 500;

/// By which ways people are told, besides the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Means {
    /// Program and arguments: gets one [`Document`] as JSON on stdin.
    pub command: Option<Vec<String>>,
    /// Program and arguments: gets a short text on stdin.
    pub wall: Option<Vec<String>>,
    /// How long each of them may take for one notice, before it is killed.
    pub limit: Span,
}

impl Means {
    /// As the settings say (`notify_command`, `notify_wall`), with 30 seconds for each.
    pub fn from_settings(command: Option<Vec<String>>, wall: bool) -> Self {
        let wall = wall.then(|| ["wall", "-t", WALL_TIMEOUT_SECS].map(str::to_owned).to_vec());
        Self { command, wall, limit: DELIVERY_LIMIT }
    }
}

/// What is to be told.
#[derive(Debug, Clone)]
pub struct Notice {
    /// When, on both clocks.
    pub now: Moment,
    /// The ananke host that says it.
    pub host: String,
    /// The cluster it is about.
    pub cluster: String,
    /// What a person is needed for.
    pub alarms: Vec<Alarm>,
    /// The same in full sentences, as the report words it.
    pub body: String,
}

/// Delivers notices.
#[derive(Debug)]
pub struct Notifier {
    queue: mpsc::Sender<Notice>,
    task: JoinHandle<()>,
}

/// Why a command was not a success.
#[derive(Debug, thiserror::Error)]
enum DeliveryError {
    #[error("the command line is empty")]
    Empty,
    #[error("the notice can't be written as JSON")]
    Document(#[source] serde_json::Error),
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error("it was killed after {0}")]
    Deadline(Span),
    #[error("it ended with {how}: {output}")]
    Status { how: String, output: String },
}

impl Notifier {
    /// Starts the task that delivers. Called inside the runtime.
    pub fn start(means: Means) -> Self {
        let (queue, notices) = mpsc::channel(QUEUE);
        Self { queue, task: tokio::spawn(deliver_all(means, notices)) }
    }

    /// Writes each alarm to the journal and queues the notice for the other ways. Never waits: if
    /// the queue is full, that is logged and the journal is all there is.
    pub fn raise(&self, notice: Notice) {
        for alarm in &notice.alarms {
            tracing::error!(
                gate = %alarm.gate,
                check = %alarm.check,
                target = %alarm.target,
                by_hand = %alarm.by_hand.join("; "),
                "a person is needed: {} ({}): {}",
                alarm.target, alarm.gate, alarm.what,
            );
        }
        if let Err(error) = self.queue.try_send(notice) {
            tracing::error!(%error, "a notice reaches the journal only");
        }
    }

    /// Takes no more notices and waits until the queued ones are delivered, `limit` at the most.
    /// Says whether all were. For a run that ends right after its alarm.
    pub async fn finish(self, limit: Span) -> bool {
        drop(self.queue);
        let mut task = self.task;
        let done = tokio::time::timeout(limit.to_std(), &mut task).await.is_ok();
        if !done {
            task.abort();
        }
        done
    }
}

async fn deliver_all(means: Means, mut notices: mpsc::Receiver<Notice>) {
    let mut wall_missing = false;
    while let Some(notice) = notices.recv().await {
        let wall = async {
            if let Some(line) = means.wall.as_ref().filter(|_| !wall_missing) {
                wall_missing = told_wall(line, &notice, means.limit).await;
            }
        };
        let command = async {
            if let Some(line) = &means.command {
                told_command(line, &notice, means.limit).await;
            }
        };
        tokio::join!(wall, command);
    }
}

/// Says whether wall(1) is missing: that is logged once.
async fn told_wall(line: &[String], notice: &Notice, limit: Span) -> bool {
    match start(line, wall_text(notice).into_bytes(), limit).await {
        Ok(()) => false,
        Err(DeliveryError::Process(ProcessError::Missing { program })) => {
            tracing::warn!("{program} is not installed; people at terminals are not told");
            true
        }
        Err(error) => {
            tracing::warn!(error = chain(&error), "people at terminals were not told");
            false
        }
    }
}

async fn told_command(line: &[String], notice: &Notice, limit: Span) {
    let told = match Document::of(notice).to_json() {
        Ok(json) => start(line, json, limit).await,
        Err(error) => Err(DeliveryError::Document(error)),
    };
    match told {
        Ok(()) => tracing::info!(alarms = notice.alarms.len(), "the notify command was run"),
        Err(error) => tracing::error!(error = chain(&error), "the notify command failed"),
    }
}

/// Runs a program that reads `stdin`; only status 0 within its time is a success.
async fn start(line: &[String], stdin: Vec<u8>, limit: Span) -> Result<(), DeliveryError> {
    let (program, args) = line.split_first().ok_or(DeliveryError::Empty)?;
    let spec = ChildSpec::new(program, limit)
        .args(args.iter().map(OsString::from))
        .stdin(stdin)
        .output_limit(LOGGED_OUTPUT);
    let done = run(spec).await?;
    let how = match done.end {
        End::Exited(0) => return Ok(()),
        End::Deadline => return Err(DeliveryError::Deadline(limit)),
        End::Exited(code) => format!("status {code}"),
        End::Signalled(signal) => format!("signal {signal}"),
    };
    let output = [done.stderr.text(), done.stdout.text()].join(" ").trim().to_owned();
    Err(DeliveryError::Status { how, output })
}

/// A few lines for a terminal on which somebody is at work.
fn wall_text(notice: &Notice) -> String {
    let Notice { host, cluster, alarms, .. } = notice;
    let mut text = format!("ananke on {host}: cluster {cluster} needs a person\n");
    for alarm in alarms.iter().take(WALL_LINES) {
        let line = format!("  {} ({}): {}", alarm.target, alarm.gate, alarm.what);
        let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        text.push_str(line.get(..line.floor_char_boundary(WALL_LINE)).unwrap_or_default());
        text.push('\n');
    }
    if let Some(more) = alarms.len().checked_sub(WALL_LINES).filter(|more| *more > 0) {
        text.push_str(&format!("  and {more} more\n"));
    }
    text.push_str("What to do: ananke why\n");
    text
}
