//! One command to a UPS, with the proof that its driver carried it out.
//!
//! upsd answers `OK` as soon as a command is handed to the driver. Only its tracking says what
//! became of it (NUT 2.8, `SET TRACKING ON`); an upsd without it leaves that open.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::config::settings::Encryption;
use crate::model::power::UpsName;
use crate::model::time::Span;

use super::client::{Upsd, parsed, unexpected};
use super::error::{NutError, Refusal};

/// The pause between two questions for what became of a command. A driver polls its UPS every
/// second or two.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// Who commands, and how upsd is reached.
#[derive(Clone, Copy)]
pub struct Commander<'a> {
    /// The user of upsd.users.
    pub user: &'a str,
    /// The user's password.
    pub password: &'a str,
    /// The way to upsd.
    pub encryption: &'a Encryption,
    /// How long the connection may take.
    pub connect: Span,
    /// How long each answer may take.
    pub answer: Span,
}

impl std::fmt::Debug for Commander<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Commander").field("user", &self.user).finish_non_exhaustive()
    }
}

/// How far a command came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commanded {
    /// The driver says that the UPS did it.
    Done,
    /// upsd handed it to the driver, and does not say more.
    Handed,
}

/// Why a command was not carried out, as far as anybody knows.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// upsd was not reached, or said no: nothing was sent to the UPS.
    #[error(transparent)]
    Before(NutError),
    /// The command was on its way when the connection was lost, or upsd became silent.
    #[error("what became of {command} is not known")]
    Lost {
        /// Which.
        command: String,
        /// Why not.
        #[source]
        source: NutError,
    },
    /// The driver did not say in time what became of it.
    #[error("the driver did not say what became of {command}")]
    Pending {
        /// Which.
        command: String,
    },
    /// The driver, or the UPS, did not do it.
    #[error("the UPS did not do {command}: {word}")]
    Failed {
        /// Which.
        command: String,
        /// upsd's word.
        word: String,
    },
}

impl CommandError {
    /// Whether the UPS may have done it all the same.
    pub const fn may_have_run(&self) -> bool {
        matches!(self, Self::Lost { .. } | Self::Pending { .. })
    }
}

/// Gives one command to a UPS, and waits as long as `limit` for what becomes of it.
///
/// # Errors
/// [`CommandError`], which says whether it may have been done.
pub async fn command(
    ups: &UpsName,
    command: &str,
    who: Commander<'_>,
    limit: Span,
) -> Result<Commanded, CommandError> {
    let until = Instant::now() + limit.to_std();
    let Commander { user, password, encryption, connect, answer } = who;
    let upsd = Upsd::connect(ups.host(), ups.port(), encryption, connect, answer).await;
    let mut upsd = upsd.map_err(CommandError::Before)?;
    for words in [["USERNAME", user], ["PASSWORD", password]] {
        upsd.told(&words).await.map_err(CommandError::Before)?;
    }
    match upsd.told(&["SET", "TRACKING", "ON"]).await {
        // An older upsd, or a user who may only command: it is done without.
        Ok(()) | Err(NutError::Refused(_)) => {}
        Err(error) => return Err(CommandError::Before(error)),
    }
    let lost = |source| CommandError::Lost { command: command.to_owned(), source };
    let id = match upsd.instruct(ups.ups(), command).await {
        Ok(id) => id,
        Err(error @ (NutError::Refused(_) | NutError::Command(_))) => {
            return Err(CommandError::Before(error));
        }
        Err(error) => return Err(lost(error)),
    };
    let Some(id) = id else { return Ok(Commanded::Handed) };
    loop {
        match upsd.tracked(&id).await {
            Ok(true) => return Ok(Commanded::Done),
            Ok(false) => {}
            Err(NutError::Refused(refusal)) => {
                let word = if let Refusal::Other(word) = &refusal {
                    word.clone()
                } else {
                    refusal.to_string()
                };
                return Err(CommandError::Failed { command: command.to_owned(), word });
            }
            Err(error) => return Err(lost(error)),
        }
        if Instant::now() + ASK_EVERY >= until {
            return Err(CommandError::Pending { command: command.to_owned() });
        }
        sleep(ASK_EVERY).await;
    }
}

impl Upsd {
    /// Says something to which the answer is a plain `OK`.
    async fn told(&mut self, words: &[&str]) -> Result<(), NutError> {
        self.ask(words, |line| match parsed(line)?.first() {
            Some(word) if word == "OK" => Ok(()),
            Some(_) | None => Err(unexpected(line)),
        })
        .await
    }

    /// Hands a command to the driver. What it is tracked by, if it is.
    async fn instruct(&mut self, ups: &str, command: &str) -> Result<Option<String>, NutError> {
        self.ask(&["INSTCMD", ups, command], |line| match parsed(line)?.as_slice() {
            [ok] if ok == "OK" => Ok(None),
            [ok, tracking, id] if ok == "OK" && tracking == "TRACKING" => Ok(Some(id.clone())),
            _ => Err(unexpected(line)),
        })
        .await
    }

    /// Whether a tracked command is done. That it failed is an error.
    async fn tracked(&mut self, id: &str) -> Result<bool, NutError> {
        self.ask(&["GET", "TRACKING", id], |line| match line.trim() {
            "SUCCESS" => Ok(true),
            "PENDING" => Ok(false),
            _ => Err(unexpected(line)),
        })
        .await
    }
}
