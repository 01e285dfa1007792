//! Asks chrony whether the wall clock is synchronised. systemd-timesyncd needs no asking: the
//! clock itself sees its flag file.

use crate::adapters::process::{ChildSpec, End, ProcessError, run};
use crate::model::time::Span;

/// chronyc talks to the daemon over a local socket and gives up by itself after a few seconds.
const CHRONYC_LIMIT: Span = Span::secs(5);

/// One line of fourteen fields is all that `chronyc -c tracking` prints.
const CHRONYC_OUTPUT: usize = 4_096;

/// How many fields a line of `chronyc -c tracking` has (chrony 4.3); the last is the leap status.
const TRACKING_FIELDS: usize = 14;

/// What a time daemon says of the wall clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WallSync {
    /// It follows a source.
    Synchronised,
    /// The daemon runs and has no source yet.
    NotSynchronised,
    /// There is no daemon to ask, or it gave no answer that we understand.
    Unknown {
        /// Why not.
        why: String,
    },
}

/// Asks the chrony daemon of this host. Takes five seconds at the most.
pub async fn ask_chrony() -> WallSync {
    let spec = ChildSpec::new("chronyc", CHRONYC_LIMIT)
        .args(["-c", "-n", "tracking"])
        .output_limit(CHRONYC_OUTPUT);
    match run(spec).await {
        Err(ProcessError::Missing { .. }) => unknown("chronyc is not installed"),
        Err(error) => unknown(error.to_string()),
        Ok(done) => match done.end {
            End::Exited(0) => read_tracking(&done.stdout.text()),
            End::Exited(_) => unknown(format!("chronyc: {}", done.stdout.text().trim())),
            End::Signalled(_) | End::Deadline => unknown("chronyc gave no answer"),
        },
    }
}

fn unknown(why: impl Into<String>) -> WallSync {
    WallSync::Unknown { why: why.into() }
}

/// Reads the leap status, the last field of the line.
fn read_tracking(line: &str) -> WallSync {
    let fields: Vec<&str> = line.trim().split(',').collect();
    match (fields.len(), fields.last()) {
        (TRACKING_FIELDS, Some(&("Normal" | "Insert second" | "Delete second"))) => {
            WallSync::Synchronised
        }
        (TRACKING_FIELDS, Some(&"Not synchronised")) => WallSync::NotSynchronised,
        _ => unknown(format!("chronyc said {:?}", line.trim())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_line_that_is_understood_makes_the_clock_trusted() {
        // The first two lines were printed by chrony 4.3.
        let table = [
            (
                "7F7F0101,,8,1795313060.635208959,0.000000000,0.000000000,0.000000000,0.000,0.000,\
                 0.000,0.000000000,0.000000000,0.0,Normal\n",
                Some(WallSync::Synchronised),
            ),
            (
                "00000000,,0,0.000000000,0.000000000,0.000000000,0.000000000,0.000,0.000,0.000,\
                 1.000000000,1.000000000,0.0,Not synchronised\n",
                Some(WallSync::NotSynchronised),
            ),
            ("a,b,Normal\n", None),
            ("506 Cannot talk to daemon\n", None),
            ("", None),
        ];
        for (line, expected) in table {
            let got = read_tracking(line);
            match expected {
                Some(expected) => assert_eq!(got, expected, "{line}"),
                None => assert!(matches!(got, WallSync::Unknown { .. }), "{line}: {got:?}"),
            }
        }
    }
}
