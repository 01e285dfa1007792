//! One command in one channel.

use std::time::Duration;

use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};

use super::error::{SshError, Stage};
use crate::model::time::Span;

/// The most that is read of each stream. What ananke asks machines has some kilobytes.
const MAX_OUTPUT: usize = 256 << 10;

/// How long to listen on after the exit status. sshd closes the channel at once, unless the
/// command left something behind that holds its output open.
const AFTER_STATUS: Duration = Duration::from_secs(2);

/// How long taking leave of a channel may take. The connection is given up after it anyway.
const LEAVE: Duration = Duration::from_millis(100);

/// What became of a command that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Output {
    /// The exit status. `None`: killed by [`signal`](Self::signal), or, without a signal, the
    /// connection was lost and nobody knows whether the command was carried out.
    pub status: Option<u32>,
    /// The signal that ended it, `KILL` for example.
    pub signal: Option<String>,
    /// At most 256 KiB; more is an error.
    pub stdout: Vec<u8>,
    /// At most 256 KiB; more is an error.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Whether nobody knows what became of the command.
    pub fn is_lost(&self) -> bool {
        self.status.is_none() && self.signal.is_none()
    }
}

/// Why there is no output.
#[derive(Debug)]
pub(super) enum Failure {
    /// The session had died before anything was sent: a new one may be tried.
    NotSent(SshError),
    /// Whatever else. Never tried again.
    Error(SshError),
}

/// Sends the command and reads until the channel is closed.
pub(super) async fn run(
    channel: Channel<Msg>,
    command: &str,
    stdin: Option<&[u8]>,
    limit: Span,
) -> Result<Output, Failure> {
    let (mut read, write) = channel.split();
    let work = async {
        if write.exec(true, command).await.is_err() {
            let why = "the session was lost".to_owned();
            let stage = Stage::Channel;
            return Err(Failure::NotSent(SshError::Unreachable { stage, why }));
        }
        converse(&mut read, &write, stdin).await.map_err(Failure::Error)
    };
    let done = match tokio::time::timeout(limit.to_std(), work).await {
        Ok(done) => done,
        Err(_) => Err(Failure::Error(SshError::TimedOut { stage: Stage::Command, limit })),
    };
    if done.is_err() {
        // Most servers end the command when its channel goes; nothing relies on it.
        drop(tokio::time::timeout(LEAVE, write.close()).await);
    }
    done
}

async fn converse(
    read: &mut ChannelReadHalf,
    write: &ChannelWriteHalf<Msg>,
    stdin: Option<&[u8]>,
) -> Result<Output, SshError> {
    let feed = async {
        if let Some(bytes) = stdin {
            // A command may end without reading its input; its status tells.
            drop(write.data(bytes).await);
        }
        drop(write.eof().await);
    };
    tokio::pin!(feed);
    let mut fed = false;
    let mut output = Output::default();
    loop {
        let ended = output.status.is_some() || output.signal.is_some();
        let message = tokio::select! {
            message = read.wait() => message,
            () = &mut feed, if !fed => {
                fed = true;
                continue;
            }
            () = tokio::time::sleep(AFTER_STATUS), if ended => return Ok(output),
        };
        match message {
            Some(ChannelMsg::Data { data }) => keep(&mut output.stdout, &data, "stdout")?,
            Some(ChannelMsg::ExtendedData { data, ext: 1 }) => {
                keep(&mut output.stderr, &data, "stderr")?;
            }
            Some(ChannelMsg::ExitStatus { exit_status }) => output.status = Some(exit_status),
            Some(ChannelMsg::ExitSignal { signal_name, .. }) => {
                output.signal = Some(format!("{signal_name:?}"));
            }
            Some(ChannelMsg::Failure) => {
                let why = "it does not run commands".to_owned();
                return Err(SshError::Refused { stage: Stage::Command, why });
            }
            Some(ChannelMsg::Close) | None => return Ok(output),
            Some(_) => {}
        }
    }
}

fn keep(kept: &mut Vec<u8>, data: &[u8], stream: &'static str) -> Result<(), SshError> {
    if kept.len() + data.len() > MAX_OUTPUT {
        return Err(SshError::TooMuchOutput { stream, limit: MAX_OUTPUT });
    }
    kept.extend_from_slice(data);
    Ok(())
}
