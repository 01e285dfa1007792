//! `direct-tcpip`: what a machine reaches in the cluster's network, for those who ask through it.
//! A port with TLS is refused: nobody speaks it there.

use std::io;
use std::time::Duration;

use russh::server::{ChannelOpenHandle, Msg};
use russh::{Channel, ChannelOpenFailure};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::sleep;

use crate::model::ids::MachineName;
use crate::sim::faces::Stage;
use crate::sim::faces::sockets::http::speak;
use crate::sim::world::Reached;

/// When the kernel of a machine gives up to whom nobody answers (tcp(7), `tcp_syn_retries` 6).
const CONNECT: Duration = Duration::from_secs(127);

/// The head of a DNS message (RFC 1035, 4.1.1).
const HEAD: usize = 12;

/// Seconds for which an address may be kept (CoreDNS, plugin `kubernetes`).
const KEEP: u32 = 5;

/// A connection from a machine to somebody else.
pub(super) struct Forward {
    pub(super) stage: Stage,
    pub(super) machine: MachineName,
    pub(super) host: String,
    pub(super) port: u16,
}

impl Forward {
    /// Opens it or does not, and serves it to its end.
    pub(super) async fn serve(self, channel: Channel<Msg>, reply: ChannelOpenHandle) {
        match self.reached() {
            Reached::Silent => {
                sleep(CONNECT).await;
                reply.reject(ChannelOpenFailure::ConnectFailed).await;
            }
            Reached::Unresolved | Reached::Refused | Reached::Ingress { tls: true } => {
                reply.reject(ChannelOpenFailure::ConnectFailed).await;
            }
            Reached::Ingress { tls: false } => {
                reply.accept().await;
                speak(channel.into_stream(), &self.stage, None).await;
            }
            Reached::Service(name) => {
                reply.accept().await;
                speak(channel.into_stream(), &self.stage, Some(&name)).await;
            }
            Reached::Names => {
                reply.accept().await;
                // How a client leaves is its own affair.
                self.names(channel.into_stream()).await.ok();
            }
        }
    }

    fn reached(&self) -> Reached {
        self.stage.with(|world| world.reached(&self.host, self.port, Some(&self.machine)))
    }

    /// Answers one question after the other (RFC 7766).
    async fn names<S>(&self, mut stream: S) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        loop {
            let length = stream.read_u16().await?;
            let mut question = vec![0; length.into()];
            stream.read_exact(&mut question).await?;
            if self.reached() != Reached::Names {
                return std::future::pending().await;
            }
            let answer = self.stage.with(|world| answered(&question, |it| world.looked_up(it)));
            let length = answer.as_ref().and_then(|it| u16::try_from(it.len()).ok());
            let (Some(answer), Some(length)) = (answer, length) else { return Ok(()) };
            stream.write_u16(length).await?;
            stream.write_all(&answer).await?;
        }
    }
}

/// The answer to a question with one name. `None`: this is no question.
fn answered(question: &[u8], look_up: impl Fn(&str) -> Option<String>) -> Option<Vec<u8>> {
    let head = question.get(..HEAD)?;
    if head[2] & 0xf8 != 0 || head[4..6] != [0, 1] {
        return None;
    }
    let (name, end) = name_in(question)?;
    let kind = question.get(end..end + 2)?;
    let asked = question.get(HEAD..end + 4)?;
    let found = look_up(&name);
    let code = if found.is_some() { 0 } else { 3 };
    let octets: Option<Vec<u8>> =
        found.map(|it| it.split('.').filter_map(|octet| octet.parse().ok()).collect());
    // Only addresses of the fourth version are known.
    let octets = octets.filter(|it| it.len() == 4 && kind == [0, 1]);
    let mut answer = head[..2].to_vec();
    // An answer, with authority, to somebody who may want recursion, which is available.
    answer.extend([0x84 | (head[2] & 1), 0x80 | code]);
    answer.extend([0, 1, 0, u8::from(octets.is_some()), 0, 0, 0, 0]);
    answer.extend(asked);
    if let Some(octets) = octets {
        // The name is that of the question; type A, class IN.
        answer.extend([0xc0, 12, 0, 1, 0, 1]);
        answer.extend(KEEP.to_be_bytes());
        answer.extend([0, 4]);
        answer.extend(octets);
    }
    Some(answer)
}

/// The name that is asked for, and where it ends.
fn name_in(question: &[u8]) -> Option<(String, usize)> {
    let mut labels = Vec::new();
    let mut at = HEAD;
    loop {
        let length = usize::from(*question.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        // A longer one would be a pointer, which no question has.
        let label = question.get(at..at + length).filter(|_| length < 64)?;
        labels.push(String::from_utf8_lossy(label).into_owned());
        at += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `api.example`, class IN.
    fn question(kind: u8) -> Vec<u8> {
        let mut question = vec![0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        question.extend(b"\x03api\x07example\0");
        question.extend([0, kind, 0, 1]);
        question
    }

    fn ask(question: &[u8]) -> Option<Vec<u8>> {
        let known = |name: &str| (name == "api.example").then(|| "10.43.0.7".to_owned());
        answered(question, known)
    }

    #[test]
    fn a_name_that_is_there_has_an_address_and_another_has_none() {
        let answer = ask(&question(1)).expect("an answer");
        assert_eq!(answer[..2], [0xab, 0xcd], "the number of the question");
        assert_eq!((answer[3] & 0x0f, &answer[6..8]), (0, &[0, 1][..]));
        assert!(answer.ends_with(&[0, 4, 10, 43, 0, 7]));

        let mut other = question(1);
        other[HEAD + 1] = b'x';
        let answer = ask(&other).expect("an answer");
        assert_eq!((answer[3] & 0x0f, &answer[6..8]), (3, &[0, 0][..]), "no such name");

        let answer = ask(&question(28)).expect("an answer");
        assert_eq!((answer[3] & 0x0f, &answer[6..8]), (0, &[0, 0][..]), "a name without AAAA");
    }

    #[test]
    fn what_is_no_question_gets_no_answer() {
        let whole = question(1);
        for length in 0..whole.len() {
            assert_eq!(ask(&whole[..length]), None, "{length} bytes");
        }
        let mut answer = whole;
        answer[2] |= 0x80;
        assert_eq!(ask(&answer), None);
    }
}
