//! A forwarded connection that can't hold up the session it goes through.

use std::sync::Arc;
use std::time::Duration;

use russh::Channel;
use russh::client::Msg;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};

use super::session::Session;

/// Bytes on the way in each direction.
const BUFFER: usize = 64 << 10;

/// How long the user of a tunnel may leave bytes unread. russh delivers the channels of a
/// session one after the other, so a reader that stops would stop the others' commands.
const UNREAD: Duration = Duration::from_secs(5);

/// Joins a channel with a stream of its own. The session lives as long as the stream is used.
pub(super) fn join(channel: Channel<Msg>, session: Arc<Session>) -> DuplexStream {
    let (ours, users) = tokio::io::duplex(BUFFER);
    tokio::spawn(async move {
        let (mut from_user, mut to_user) = tokio::io::split(ours);
        let (mut from_far, mut to_far) = tokio::io::split(channel.into_stream());
        // The far side may wait as long as it likes before it takes bytes: that blocks nobody else.
        let out = copy(&mut from_user, &mut to_far, None);
        let back = copy(&mut from_far, &mut to_user, Some(UNREAD));
        tokio::pin!(out, back);
        tokio::select! {
            () = &mut back => {}
            // The user has no more to send, but may still be reading.
            () = &mut out => back.await,
        }
        drop(session);
    });
    users
}

async fn copy<R, W>(from: &mut R, to: &mut W, patience: Option<Duration>)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut buffer = vec![0; BUFFER / 2];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let write = to.write_all(&buffer[..count]);
        let written = match patience {
            Some(limit) => tokio::time::timeout(limit, write).await,
            None => Ok(write.await),
        };
        if !matches!(written, Ok(Ok(()))) {
            break;
        }
    }
    // Either side may have gone already.
    drop(to.shutdown().await);
}
