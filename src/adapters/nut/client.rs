//! A connection to one upsd: questions, and answers within bounds.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::config::settings::Encryption;
use crate::model::time::Span;

use super::error::{NutError, Refusal, short};
use super::line::{quoted, words};
use super::tls;

/// The longest line of an answer, in bytes. A value has at most 512, and quotes may double it.
const LONGEST_LINE: usize = 2_048;

/// The most entries of a list. A UPS with outlet groups reports about 200 variables.
const MOST_ENTRIES: usize = 2_048;

/// A connection over which nothing was left half said. After any error for which
/// [`NutError::keeps_connection`] is false it must be dropped.
pub struct Upsd {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
    answer: Duration,
    server: String,
    encrypted: bool,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl fmt::Debug for Upsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, encrypted, .. } = self;
        f.debug_struct("Upsd").field("server", server).field("encrypted", encrypted).finish()
    }
}

impl Upsd {
    /// Connects, encrypts where that is wanted, and asks who answers. The name look-up and the TCP
    /// connect may take `connect`, so may the TLS handshake; each answer may take `answer`.
    ///
    /// # Errors
    /// [`NutError`]. Where TLS is wanted plain text is never taken instead.
    pub async fn connect(
        host: &str,
        port: u16,
        encryption: &Encryption,
        connect: Span,
        answer: Span,
    ) -> Result<Self, NutError> {
        let (connect, answer) = (connect.to_std(), answer.to_std());
        let stream = timeout(connect, TcpStream::connect((host, port)))
            .await
            .map_err(|_| NutError::Late { what: "connection" })?
            .map_err(NutError::Connect)?;
        stream.set_nodelay(true).map_err(NutError::Broken)?;
        let mut upsd = match encryption {
            Encryption::Off => Self::over(Box::new(stream), answer, false),
            Encryption::Pinned { file } => {
                let stream = start_tls(stream, answer).await?;
                let stream = tls::handshake(stream, host, file, connect).await?;
                Self::over(Box::new(stream), answer, true)
            }
        };
        upsd.server = short(&upsd.ask(&["VER"], |line| Ok(line.to_owned())).await?);
        Ok(upsd)
    }

    fn over(stream: Box<dyn Stream>, answer: Duration, encrypted: bool) -> Self {
        Self { stream, buffer: Vec::new(), answer, server: String::new(), encrypted }
    }

    /// What upsd calls itself.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Whether the connection is encrypted and the server the pinned one.
    pub const fn encrypted(&self) -> bool {
        self.encrypted
    }

    /// The UPSes that upsd knows, with their descriptions. They are listed even if their driver
    /// does not run.
    ///
    /// # Errors
    /// [`NutError`].
    pub async fn list_ups(&mut self) -> Result<BTreeMap<String, String>, NutError> {
        self.list(&["UPS"]).await
    }

    /// All variables of a UPS. upsd answers one client at a time, so the list is of one moment; the
    /// driver hands values over one by one all the same.
    ///
    /// # Errors
    /// [`NutError`].
    pub async fn list_var(&mut self, ups: &str) -> Result<BTreeMap<String, String>, NutError> {
        self.list(&["VAR", ups]).await
    }

    /// One variable of a UPS.
    ///
    /// # Errors
    /// [`NutError`].
    pub async fn get_var(&mut self, ups: &str, name: &str) -> Result<String, NutError> {
        self.ask(&["GET", "VAR", ups, name], |line| match parsed(line)?.as_slice() {
            [var, of, its, value] if var == "VAR" && is(of, ups) && is(its, name) => {
                Ok(value.clone())
            }
            _ => Err(unexpected(line)),
        })
        .await
    }

    /// Sends a command and reads its one line.
    pub(super) async fn ask<T>(
        &mut self,
        command: &[&str],
        read: impl FnOnce(&str) -> Result<T, NutError>,
    ) -> Result<T, NutError> {
        let limit = self.answer;
        timeout(limit, async {
            self.send(command).await?;
            read(&self.line().await?)
        })
        .await
        .map_err(|_| NutError::Late { what: "answer" })?
    }

    /// `LIST TOPIC...`: each entry ends with a name and a value.
    async fn list(&mut self, topic: &[&str]) -> Result<BTreeMap<String, String>, NutError> {
        let limit = self.answer;
        timeout(limit, async {
            self.send(&[&["LIST"], topic].concat()).await?;
            let frame = |line: &str, edge: &str| -> Result<bool, NutError> {
                let words = parsed(line)?;
                let expected = [&[edge, "LIST"], topic].concat();
                Ok(words.len() == expected.len()
                    && words.iter().zip(&expected).all(|(word, it)| is(word, it)))
            };
            let first = self.line().await?;
            if !frame(&first, "BEGIN")? {
                return Err(unexpected(&first));
            }
            let mut entries = BTreeMap::new();
            loop {
                let line = self.line().await?;
                if frame(&line, "END")? {
                    return Ok(entries);
                }
                let words = parsed(&line)?;
                let (head, [name, value]) = words
                    .split_last_chunk()
                    .filter(|(head, _)| {
                        head.len() == topic.len()
                            && head.iter().zip(topic).all(|(word, it)| is(word, it))
                    })
                    .ok_or_else(|| unexpected(&line))?;
                debug_assert_eq!(head.len(), topic.len());
                entries.insert(name.clone(), value.clone());
                if entries.len() > MOST_ENTRIES {
                    return Err(NutError::Garbled("the list has no end".to_owned()));
                }
            }
        })
        .await
        .map_err(|_| NutError::Late { what: "answer" })?
    }

    async fn send(&mut self, command: &[&str]) -> Result<(), NutError> {
        // What was not asked for belongs to no question.
        if !self.buffer.is_empty() {
            return Err(unexpected(&String::from_utf8_lossy(&self.buffer)));
        }
        let line = quoted(command)?;
        self.stream.write_all(line.as_bytes()).await.map_err(NutError::Broken)?;
        self.stream.flush().await.map_err(NutError::Broken)
    }

    /// The next line, without its end. An `ERR` is an error.
    async fn line(&mut self) -> Result<String, NutError> {
        let line = read_line(&mut self.stream, &mut self.buffer).await?;
        refused(&line)?;
        Ok(line)
    }
}

/// Asks for TLS in plain text. Nothing may come behind the answer: whoever put it there wants it
/// to be taken for something that was said encrypted.
async fn start_tls(mut stream: TcpStream, limit: Duration) -> Result<TcpStream, NutError> {
    timeout(limit, async {
        let line = quoted(&["STARTTLS"])?;
        stream.write_all(line.as_bytes()).await.map_err(NutError::Broken)?;
        let mut buffer = Vec::new();
        let line = read_line(&mut stream, &mut buffer).await?;
        match refused(&line) {
            Err(NutError::Refused(Refusal::Other(word))) => return Err(NutError::NoTls { word }),
            other => other?,
        }
        if line.trim() != "OK STARTTLS" || !buffer.is_empty() {
            return Err(unexpected(&line));
        }
        Ok(stream)
    })
    .await
    .map_err(|_| NutError::Late { what: "answer" })?
}

async fn read_line(
    stream: &mut (impl AsyncRead + Unpin + ?Sized),
    buffer: &mut Vec<u8>,
) -> Result<String, NutError> {
    let mut chunk = [0; 4_096];
    loop {
        if let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = buffer.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
        }
        if buffer.len() > LONGEST_LINE {
            return Err(NutError::Garbled(format!("a line of more than {LONGEST_LINE} bytes")));
        }
        match stream.read(&mut chunk).await.map_err(NutError::Broken)? {
            0 => return Err(NutError::Closed),
            n => buffer.extend(chunk.iter().take(n)),
        }
    }
}

fn refused(line: &str) -> Result<(), NutError> {
    match parsed(line)?.split_first() {
        Some((first, rest)) if first == "ERR" => Err(Refusal::of(rest).into()),
        Some(_) | None => Ok(()),
    }
}

pub(super) fn parsed(line: &str) -> Result<Vec<String>, NutError> {
    words(line).map_err(|error| NutError::Garbled(format!("{error}: \"{}\"", short(line))))
}

pub(super) fn unexpected(line: &str) -> NutError {
    NutError::Garbled(format!("\"{}\"", short(line)))
}

/// upsd compares names without case, and repeats the spelling of the question.
fn is(word: &str, expected: &str) -> bool {
    word.eq_ignore_ascii_case(expected)
}
