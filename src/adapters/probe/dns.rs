//! One question of DNS over TCP (RFC 1035, RFC 7766): has a name an address? Nothing is followed
//! but lengths within the message, so that no answer can lead anywhere.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::connect::{Miss, Stream};
use crate::model::facts::BlindKind;
use crate::model::probe::Answer;

/// The number of our only question on a connection; over TCP nobody has to guess it.
const ID: [u8; 2] = *b"an";
/// A (RFC 1035, 3.2.2) in the class IN.
const ADDRESS_IN: [u8; 4] = [0, 1, 0, 1];
/// The length of a header.
const HEADER: usize = 12;

/// Asks for the address of a name.
pub(super) async fn ask(stream: &mut dyn Stream, name: &str) -> Result<Answer, Miss> {
    let question =
        question(name).map_err(|why| Miss::blind(BlindKind::Garbled, format!("{name}: {why}")))?;
    let ended = |error: io::Error| {
        let hung_up = error.kind() == io::ErrorKind::UnexpectedEof;
        Miss::Nothing(match hung_up {
            true => "it hangs up without an answer".to_owned(),
            false => error.to_string(),
        })
    };
    stream.write_all(&framed(&question)).await.map_err(ended)?;
    stream.flush().await.map_err(ended)?;
    let length = stream.read_u16().await.map_err(ended)?;
    let mut message = vec![0; usize::from(length)];
    stream.read_exact(&mut message).await.map_err(ended)?;
    read(&message, &question).map_err(Miss::Nothing)
}

/// The question section.
fn question(name: &str) -> Result<Vec<u8>, &'static str> {
    let mut bytes = Vec::new();
    for label in name.trim_end_matches('.').split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length));
        bytes.push(length.ok_or("a part of the name is empty or longer than 63")?);
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    if bytes.len() > 255 {
        return Err("the name is longer than 255");
    }
    bytes.extend_from_slice(&ADDRESS_IN);
    Ok(bytes)
}

/// A whole message with its length in front: one question, recursion wished for.
fn framed(question: &[u8]) -> Vec<u8> {
    let length = HEADER + question.len();
    // A name has at most 255 bytes.
    let mut bytes = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes().to_vec();
    bytes.extend_from_slice(&ID);
    bytes.extend_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    bytes.extend_from_slice(question);
    bytes
}

/// What a message says, or why it is no answer.
fn read(message: &[u8], question: &[u8]) -> Result<Answer, String> {
    let odd = |what: &str| format!("its answer makes no sense: {what}");
    let header = message.get(..HEADER).ok_or_else(|| odd("it is too short"))?;
    if header[..2] != ID || header[2] & 0x80 == 0 {
        return Err(odd("it is to another question"));
    }
    match header[3] & 0x0f {
        0 => {}
        3 => return Ok(Answer::NoSuchName),
        code => return Err(format!("it answers with {}", refusal(code))),
    }
    let counts = (u16::from_be_bytes([header[4], header[5]]), [header[6], header[7]]);
    let end = HEADER + question.len();
    let asked = message.get(HEADER..end).is_some_and(|bytes| bytes.eq_ignore_ascii_case(question));
    if counts.0 != 1 || !asked {
        return Err(odd("it is to another question"));
    }
    let mut rest = &message[end..];
    for _ in 0..u16::from_be_bytes(counts.1) {
        let (record, behind) = record(rest).ok_or_else(|| odd("a record ends too early"))?;
        if record.0 == ADDRESS_IN && record.1 == 4 {
            return Ok(Answer::Resolved);
        }
        rest = behind;
    }
    Ok(Answer::NoSuchName)
}

fn refusal(code: u8) -> String {
    match code {
        1 => "FORMERR".to_owned(),
        2 => "SERVFAIL".to_owned(),
        4 => "NOTIMP".to_owned(),
        5 => "REFUSED".to_owned(),
        code => format!("code {code}"),
    }
}

/// Type and class of a record, with the length of its data; and what comes behind it.
type Record = ([u8; 4], u16);

fn record(bytes: &[u8]) -> Option<(Record, &[u8])> {
    let bytes = behind_name(bytes)?;
    let head = bytes.get(..10)?;
    let length = u16::from_be_bytes([head[8], head[9]]);
    let behind = bytes.get(10 + usize::from(length)..)?;
    Some((([head[0], head[1], head[2], head[3]], length), behind))
}

/// What comes behind a name. A pointer ends it, and is not followed.
fn behind_name(mut bytes: &[u8]) -> Option<&[u8]> {
    loop {
        let (first, rest) = bytes.split_first()?;
        bytes = match first {
            0 => return Some(rest),
            1..=63 => rest.get(usize::from(*first)..)?,
            0xc0.. => return rest.get(1..),
            64..0xc0 => return None,
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn asked() -> Vec<u8> {
        question("git.example").unwrap()
    }

    /// An answer with these bytes of flags, records, and so many of them in its header.
    fn message(flags: [u8; 2], count: u8, records: &[u8]) -> Vec<u8> {
        let mut bytes = ID.to_vec();
        bytes.extend_from_slice(&flags);
        bytes.extend_from_slice(&[0, 1, 0, count, 0, 0, 0, 0]);
        bytes.extend_from_slice(&asked());
        bytes.extend_from_slice(records);
        bytes
    }

    const CNAME: &[u8] = &[0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 9, 0, 3, 1, b'x', 0];
    const HOST: &[u8] = &[1, b'x', 0, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 1];
    const SIX: &[u8] = &[0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 9, 0, 2, 1, 2];

    #[test]
    fn a_question_is_as_the_standard_has_it() {
        let question = question("git.example.").unwrap();
        assert_eq!(question, b"\x03git\x07example\x00\x00\x01\x00\x01");
        let head = b"\x00\x1dan\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00";
        assert_eq!(framed(&question), [head.as_slice(), &question].concat());
        for bad in ["", "a..b", &"a".repeat(64), &"a.".repeat(140)] {
            assert!(super::question(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_an_address_is_one() {
        let good = [0x81, 0x80];
        let table = [
            (message(good, 1, HOST), Ok(Answer::Resolved)),
            (message(good, 2, &[CNAME, HOST].concat()), Ok(Answer::Resolved)),
            (message(good, 1, CNAME), Ok(Answer::NoSuchName)),
            (message(good, 1, SIX), Ok(Answer::NoSuchName)),
            (message(good, 0, &[]), Ok(Answer::NoSuchName)),
            (message([0x81, 0x83], 0, &[]), Ok(Answer::NoSuchName)),
        ];
        for (bytes, answer) in table {
            assert_eq!(read(&bytes, &asked()), answer, "{bytes:?}");
        }
    }

    #[test]
    fn garbage_is_named_and_leads_nowhere() {
        let good = [0x81, 0x80];
        let mut other = message(good, 1, HOST);
        other[0] ^= 1;
        let table = [
            (Vec::new(), "too short"),
            (other, "another question"),
            (message([0x01, 0x80], 1, HOST), "another question"),
            (message(good, 1, &HOST[..HOST.len() - 1]), "too early"),
            (message(good, 9, HOST).into_iter().take(33).collect(), "too early"),
            (message(good, 1, &[0x80; 12]), "too early"),
            (message([0x81, 0x82], 0, &[]), "SERVFAIL"),
            (message([0x81, 0x85], 0, &[]), "REFUSED"),
            (message([0x81, 0x8b], 0, &[]), "code 11"),
        ];
        for (bytes, word) in table {
            let said = read(&bytes, &asked()).unwrap_err();
            assert!(said.contains(word), "{bytes:?}: {said}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            drop(read(&bytes, &asked()));
            drop(read(&message([0x81, 0x80], 3, &bytes), &asked()));
        }
    }
}
