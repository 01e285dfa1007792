//! Who works on this host: the daemon, or this process. Never both, and never nobody by accident.

use super::failure::Failure;
use super::world;
use crate::adapters::control::ControlClient;
use crate::adapters::disk::{FileLedger, FileRecorder, OpenError};
use crate::config::settings::Settings;
use crate::model::memory::Durable;
use crate::model::time::{Moment, Span};

/// How long somebody else's lock without a socket is waited for: a daemon that is just starting,
/// or a command that is just ending. A start takes well below a second.
const PATIENCE: Span = Span::secs(5);

/// The pause between two looks.
const PAUSE: Span = Span::millis(100);

/// Who works.
pub(super) enum Worker {
    /// The daemon: it takes orders.
    Daemon(ControlClient),
    /// This process, which holds the ledger from now on.
    Here(Box<(FileLedger, FileRecorder, Durable)>),
}

/// Finds the daemon, or takes the ledger. Where both fail somebody is between the two, and is
/// waited for.
pub(super) async fn find(settings: &Settings, now: &Moment) -> Result<Worker, Failure> {
    let waited = tokio::time::timeout(PATIENCE.to_std(), async {
        loop {
            let daemon = ControlClient::connect(&settings.run_dir).await;
            if let Some(daemon) = daemon.map_err(|error| Failure::of(&error))? {
                return Ok(Worker::Daemon(daemon));
            }
            match world::ledger(settings, now) {
                Ok(opened) => return Ok(Worker::Here(Box::new(opened))),
                Err(OpenError::Locked { .. }) => tokio::time::sleep(PAUSE.to_std()).await,
                Err(error) => return Err(Failure::of(&error)),
            }
        }
    });
    match waited.await {
        Ok(found) => found,
        // Once more, for the words that say who holds it.
        Err(_) => match world::ledger(settings, now) {
            Ok(opened) => Ok(Worker::Here(Box::new(opened))),
            Err(error) => Err(Failure::of(&error)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::clock::HostClock;
    use crate::adapters::control::{ControlServer, Stance};
    use crate::config::{Context, parse};
    use crate::ports::Clock;

    fn settings(dir: &std::path::Path) -> Settings {
        let text = format!(
            "ssh_user: a\nssh_identity_file: /k\nnodes: {{servers: [s]}}\n\
             state_dir: {0}/state\nrun_dir: {0}/run\n",
            dir.display()
        );
        parse(&text, "x", &Context::installed("here", &[])).expect("settings").settings
    }

    #[tokio::test]
    async fn a_daemon_that_is_just_starting_is_waited_for_and_a_lock_alone_is_not_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("run")).unwrap();
        let settings = settings(dir.path());
        let now = HostClock::new().unwrap().now();
        let Ok(Worker::Here(held)) = find(&settings, &now).await else {
            panic!("nobody else works here");
        };
        let Err(refused) = find(&settings, &now).await else { panic!("somebody holds the lock") };
        assert!(refused.to_string().contains("another ananke"), "{refused}");
        let daemon = async {
            tokio::task::yield_now().await;
            ControlServer::bind(&settings.run_dir, Stance::Executes).await.unwrap()
        };
        let (found, _daemon) = tokio::join!(find(&settings, &now), daemon);
        assert!(matches!(found, Ok(Worker::Daemon(_))));
        drop(held);
    }
}
