//! A stream that can be cut from outside.
//!
//! russh drives each connection in a task of its own that has no time limit before the keys are
//! agreed, and lives on when the future that started it is dropped. Cutting the stream is the one
//! way to end that task, so that a machine that hangs costs neither a socket nor a task for ever.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

#[derive(Debug, Default)]
struct Shared {
    cut: AtomicBool,
    waker: AtomicWaker,
}

/// Cuts the stream when it is dropped.
#[derive(Debug)]
pub(super) struct CutOnDrop(Arc<Shared>);

impl Drop for CutOnDrop {
    fn drop(&mut self) {
        self.0.cut.store(true, Ordering::Release);
        self.0.waker.wake();
    }
}

/// The stream: ends with an error once it is cut.
#[derive(Debug)]
pub(super) struct Severable<S> {
    stream: S,
    shared: Arc<Shared>,
}

/// Makes a stream that lives no longer than the guard.
pub(super) fn severable<S>(stream: S) -> (Severable<S>, CutOnDrop) {
    let shared = Arc::new(Shared::default());
    (Severable { stream, shared: Arc::clone(&shared) }, CutOnDrop(shared))
}

impl<S> Severable<S> {
    /// Registers the task first and looks second: a cut in between still wakes it. One waker is
    /// enough, because russh reads and writes in one task.
    fn check(&self, cx: &Context<'_>) -> io::Result<()> {
        self.shared.waker.register(cx.waker());
        if self.shared.cut.load(Ordering::Acquire) {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "given up by us"));
        }
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Severable<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Severable<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    #[tokio::test]
    async fn a_cut_wakes_the_reader() {
        let (ours, _theirs) = tokio::io::duplex(64);
        let (mut stream, guard) = severable(ours);
        let reader = tokio::spawn(async move { stream.read_u8().await });
        tokio::task::yield_now().await;
        drop(guard);
        let ended = tokio::time::timeout(std::time::Duration::from_secs(5), reader).await;
        let error = ended.expect("the reader ends").expect("no panic").expect_err("cut");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
    }
}
