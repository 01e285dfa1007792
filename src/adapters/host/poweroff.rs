//! Switches this host off, by its service manager. That it was asked is all that is known here:
//! the next boot id is the proof.

use crate::adapters::process::{ChildSpec, End, ProcessError, run};
use crate::model::error_text::chain;
use crate::model::outcome::ActionResult;
use crate::model::time::Span;
use crate::ports::HostSwitch;

/// The words. A lock of somebody else (an update, a desktop) does not keep the host on a battery
/// that gives out; and whether everything has ended is not waited for, because ananke is one of
/// those that end.
const WORDS: [&str; 3] = ["poweroff", "--no-block", "-i"];

/// How much is kept of what it prints, in bytes: enough for one message.
const OUTPUT: usize = 2_048;

/// `systemctl` of this host.
#[derive(Debug, Clone)]
pub struct Systemctl {
    program: String,
}

impl Systemctl {
    /// The one that is installed.
    pub fn installed() -> Self {
        Self::at("systemctl")
    }

    /// Another program that takes the same words.
    pub fn at(program: impl Into<String>) -> Self {
        Self { program: program.into() }
    }
}

impl HostSwitch for Systemctl {
    async fn power_off(&self, limit: Span) -> ActionResult {
        let spec = ChildSpec::new(&self.program, limit).args(WORDS).output_limit(OUTPUT);
        let unknown = |why: String| ActionResult::Unknown { why };
        let done = match run(spec).await {
            Ok(done) => done,
            Err(error @ ProcessError::Lost { .. }) => return unknown(chain(&error)),
            Err(error @ (ProcessError::Missing { .. } | ProcessError::Start { .. })) => {
                return ActionResult::Failed { why: chain(&error) };
            }
        };
        let said = done.stderr.text();
        let program = &self.program;
        match done.end {
            End::Exited(0) => ActionResult::Done,
            End::Exited(status) => {
                let why = format!("{program} ended with {status}: {}", said.trim());
                ActionResult::Failed { why }
            }
            End::Signalled(signal) => unknown(format!("{program} was ended by signal {signal}")),
            End::Deadline => unknown(format!("{program} was killed after {limit}")),
        }
    }
}
