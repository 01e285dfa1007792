//! JSON lines over a stream, bounded in length and in time.

use std::io;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// How much is read at a time, in bytes.
const CHUNK: usize = 16 * 1_024;

/// Why no line came.
#[derive(Debug, thiserror::Error)]
pub(super) enum LineError {
    /// The other side closed the connection.
    #[error("the connection was closed")]
    Closed,
    /// The other side sends a line that is longer than allowed.
    #[error("a line is longer than {0} bytes")]
    TooLong(usize),
    /// A line that is none of the protocol's.
    #[error("a line is not understood")]
    Garbled(#[source] serde_json::Error),
    /// The kernel's reason.
    #[error("the connection failed")]
    Io(#[source] io::Error),
}

/// Cuts a stream into lines. Dropping a pending `next` loses nothing.
#[derive(Debug)]
pub(super) struct Lines<R> {
    from: R,
    limit: usize,
    buffer: Vec<u8>,
    /// So much of the buffer holds no line break.
    scanned: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// Lines of `limit` bytes at the most.
    pub(super) const fn new(from: R, limit: usize) -> Self {
        Self { from, limit, buffer: Vec::new(), scanned: 0 }
    }

    /// The next line, parsed.
    pub(super) async fn next<T: DeserializeOwned>(&mut self) -> Result<T, LineError> {
        let line = self.next_line().await?;
        serde_json::from_slice(&line).map_err(LineError::Garbled)
    }

    async fn next_line(&mut self) -> Result<Vec<u8>, LineError> {
        loop {
            let within = self.limit.saturating_sub(self.scanned);
            let unseen = self.buffer.iter().skip(self.scanned).take(within);
            if let Some(at) = { unseen }.position(|byte| *byte == b'\n') {
                let rest = self.buffer.split_off(self.scanned + at + 1);
                self.scanned = 0;
                return Ok(std::mem::replace(&mut self.buffer, rest));
            }
            self.scanned = self.buffer.len();
            if self.scanned > self.limit {
                return Err(LineError::TooLong(self.limit));
            }
            self.fill().await?;
        }
    }

    /// Reads what is there, at least one byte.
    async fn fill(&mut self) -> Result<(), LineError> {
        self.buffer.reserve(CHUNK);
        match self.from.read_buf(&mut self.buffer).await {
            Ok(0) => Err(LineError::Closed),
            Ok(_) => Ok(()),
            Err(error) => Err(LineError::Io(error)),
        }
    }

    /// Returns when the other side closes the connection, or speaks where it has nothing to say.
    pub(super) async fn ended(&mut self) {
        if let Err(LineError::Io(error)) = self.fill().await {
            tracing::debug!(%error, "a connection failed");
        }
    }

    /// The stream, to write to.
    pub(super) const fn stream(&mut self) -> &mut R {
        &mut self.from
    }
}

impl From<LineError> for io::Error {
    fn from(error: LineError) -> Self {
        match error {
            LineError::Closed => Self::new(io::ErrorKind::UnexpectedEof, error),
            LineError::TooLong(_) | LineError::Garbled(_) => {
                Self::new(io::ErrorKind::InvalidData, error)
            }
            LineError::Io(error) => error,
        }
    }
}

/// Writes one value as one line, within a deadline. After an error the stream is of no use: half
/// a line may have been written.
pub(super) async fn write_line(
    to: &mut (impl AsyncWrite + Unpin),
    value: &impl Serialize,
    limit: Duration,
) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    tokio::time::timeout(limit, to.write_all(&line))
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reader with a limit of 8 bytes makes of a stream that comes in these pieces.
    async fn read(pieces: &[&str]) -> Vec<String> {
        let (mut writer, reader) = tokio::io::duplex(64);
        let pieces: Vec<String> = pieces.iter().map(|piece| (*piece).to_owned()).collect();
        let writing = tokio::spawn(async move {
            for piece in pieces {
                if writer.write_all(piece.as_bytes()).await.is_err() {
                    return;
                }
                tokio::task::yield_now().await;
            }
        });
        let mut lines = Lines::new(reader, 8);
        let mut seen = Vec::new();
        loop {
            match lines.next::<u64>().await {
                Ok(number) => seen.push(number.to_string()),
                Err(LineError::Garbled(_)) => seen.push("garbled".to_owned()),
                Err(error) => {
                    seen.push(error.to_string());
                    break;
                }
            }
        }
        drop(lines);
        writing.await.unwrap();
        seen
    }

    #[tokio::test]
    async fn a_stream_is_cut_into_lines_within_the_limit() {
        let closed = "the connection was closed";
        let long = "a line is longer than 8 bytes";
        let table: &[(&[&str], &[&str])] = &[
            (&[], &[closed]),
            (&["1\n2\n"], &["1", "2", closed]),
            (&["1", "2", "\n3", "\n"], &["12", "3", closed]),
            (&["1\n2"], &["1", closed]),
            (&["x\n5\n"], &["garbled", "5", closed]),
            (&["\n"], &["garbled", closed]),
            (&["1234567\n"], &["1234567", closed]),
            (&["12345678901234567890"], &[long]),
        ];
        for (pieces, expected) in table {
            assert_eq!(read(pieces).await, *expected, "{pieces:?}");
        }
    }
}
