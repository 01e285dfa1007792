//! A connection that ends as connections end on a machine that loses its power.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use futures::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What becomes of the bytes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// They flow.
    Flows,
    /// Nobody takes or gives any, and nobody says so: power loss, a hung machine, a cut cable.
    Stalls,
    /// The machine knows nothing of the connection: it has booted since.
    Ended,
}

impl Flow {
    const fn number(self) -> u8 {
        match self {
            Self::Flows => 0,
            Self::Stalls => 1,
            Self::Ended => 2,
        }
    }
}

#[derive(Debug, Default)]
struct Shared {
    flow: AtomicU8,
    waker: AtomicWaker,
}

/// Holds a connection. Dropped, the connection ends: russh drives each one in a task of its own
/// that lives on when the future that started it is gone.
#[derive(Debug)]
pub(super) struct Leash(Arc<Shared>);

impl Leash {
    /// Says what becomes of the bytes from now on.
    pub(super) fn set(&self, flow: Flow) {
        self.0.flow.store(flow.number(), Ordering::Release);
        self.0.waker.wake();
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        self.set(Flow::Ended);
    }
}

/// The stream of a held connection.
#[derive(Debug)]
pub(super) struct Held<S> {
    stream: S,
    shared: Arc<Shared>,
}

/// Takes a connection by the leash.
pub(super) fn hold<S>(stream: S) -> (Held<S>, Leash) {
    let shared = Arc::new(Shared::default());
    (Held { stream, shared: Arc::clone(&shared) }, Leash(shared))
}

impl<S> Held<S> {
    /// Registers first and looks second, so that a change in between still wakes. One waker is
    /// enough: russh reads and writes in one task.
    fn flows(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        self.shared.waker.register(cx.waker());
        match self.shared.flow.load(Ordering::Acquire) {
            0 => Poll::Ready(Ok(())),
            1 => Poll::Pending,
            _ => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Held<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        std::task::ready!(self.flows(cx))?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Held<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        std::task::ready!(self.flows(cx))?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        std::task::ready!(self.flows(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        std::task::ready!(self.flows(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn a_stalled_connection_is_silent_and_goes_on_where_it_stood_or_ends() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let (mut held, leash) = hold(ours);
        leash.set(Flow::Stalls);
        let reader = tokio::spawn(async move {
            let first = held.read_u8().await;
            (first, held.read_u8().await)
        });
        theirs.write_all(b"a").await.unwrap();
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert!(!reader.is_finished(), "nothing comes through");
        leash.set(Flow::Flows);
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        drop(leash);
        let (first, then) = reader.await.unwrap();
        assert_eq!(first.unwrap(), b'a');
        assert_eq!(then.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }
}
