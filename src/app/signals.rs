//! The signals that end a run.

use tokio::signal::unix::{SignalKind, signal};

/// Ctrl-C, or the service manager's wish to stop. Heard from this call on, also before anybody
/// waits for it: whoever has made something that must be removed calls it first.
pub(super) fn interrupt() -> impl Future<Output = ()> {
    let heard = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    async move {
        let (Ok(mut term), Ok(mut int)) = heard else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    }
}
