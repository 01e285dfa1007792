//! The lines of the ledger. Each is JSON that `jq` reads, with a checksum in front:
//!
//! ```text
//! {"crc":"9a3fe01b","start":{"format":1,"cluster":"home","generation":3,"after":120}}
//! {"crc":"07c1d2aa","seq":120,"record":{...}}
//! ```
//!
//! The checksum (CRC-32) covers everything from behind its own comma to the end of the line.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The first line of a generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Start {
    pub(super) format: u32,
    pub(super) cluster: String,
    pub(super) generation: u64,
    /// The last record before this generation; its copy is the first record here. 0: none.
    pub(super) after: u64,
}

const PREFIX: &[u8] = b"{\"crc\":\"";
/// The prefix, eight digits, a quote and a comma.
const HEAD: usize = PREFIX.len() + 10;
const START: &[u8] = b"\"start\":";
const SEQ: &[u8] = b"\"seq\":";
const RECORD: &[u8] = b",\"record\":";

pub(super) fn encode_start(start: &Start) -> serde_json::Result<Vec<u8>> {
    Ok(seal(&format!("\"start\":{}}}", serde_json::to_string(start)?)))
}

pub(super) fn encode_record(seq: u64, json: &str) -> Vec<u8> {
    seal(&format!("\"seq\":{seq},\"record\":{json}}}"))
}

fn seal(rest: &str) -> Vec<u8> {
    format!("{{\"crc\":\"{:08x}\",{rest}\n", crc32fast::hash(rest.as_bytes())).into_bytes()
}

/// An intact line. The ranges count from the beginning of the line.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Start(Range<usize>),
    Record { seq: u64, json: Range<usize> },
}

/// Why a line is not intact.
#[derive(Debug, PartialEq, Eq)]
enum Bad {
    /// It looks as if its end never reached the disk.
    Short,
    /// It is whole and was changed.
    Changed,
}

/// `line` without its newline.
fn decode(line: &[u8]) -> Result<Line, Bad> {
    // A block that was given to the file and never written reads as zeros.
    let bad = || if line.contains(&0) { Bad::Short } else { Bad::Changed };
    let (head, rest) = line.split_at_checked(HEAD).ok_or_else(bad)?;
    let crc = head.strip_prefix(PREFIX).and_then(|head| head.strip_suffix(b"\","));
    // Compared as text: a checksum in capitals is a changed line, too.
    let sum = format!("{:08x}", crc32fast::hash(rest));
    if crc != Some(sum.as_bytes()) {
        return Err(bad());
    }
    // From here on the line is what somebody sealed.
    let inner = |key: usize| HEAD + key..line.len().saturating_sub(1);
    if rest.starts_with(START) {
        return Ok(Line::Start(inner(START.len())));
    }
    let after = rest.strip_prefix(SEQ).ok_or_else(bad)?;
    let digits = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let seq = std::str::from_utf8(&after[..digits]).ok().and_then(|text| text.parse().ok());
    match seq {
        Some(seq) if after[digits..].starts_with(RECORD) => {
            Ok(Line::Record { seq, json: inner(SEQ.len() + digits + RECORD.len()) })
        }
        _ => Err(bad()),
    }
}

/// One intact record of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) seq: u64,
    /// The whole line with its newline.
    pub(super) line: Range<usize>,
    /// The record's JSON.
    pub(super) json: Range<usize>,
}

/// What is wrong with the end of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    Intact,
    /// The last line never reached the disk whole: it was not acknowledged.
    Torn,
    /// The last lines are whole and were changed: they may have been acknowledged.
    Changed,
}

/// All that can be read of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scan {
    pub(super) start: Option<Start>,
    /// The format that the first line names, even if nothing else of it is understood.
    pub(super) format: Option<u64>,
    pub(super) entries: Vec<Entry>,
    /// Numbers of the lines that can't be read and are followed by one that can.
    pub(super) damaged: Vec<usize>,
    pub(super) tail: Tail,
    /// The file up to the end of its last intact line.
    pub(super) good: usize,
}

/// Reads around everything that is damaged. Never fails: a file of noise has no entries.
pub(super) fn scan(bytes: &[u8]) -> Scan {
    let mut scan = Scan {
        start: None,
        format: None,
        entries: Vec::new(),
        damaged: Vec::new(),
        tail: Tail::Intact,
        good: 0,
    };
    let mut pending: Vec<(usize, Bad)> = Vec::new();
    let mut at = 0;
    for (index, piece) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let begin = at;
        at += piece.len();
        let line = match piece.strip_suffix(b"\n") {
            Some(line) => decode(line),
            None => Err(Bad::Short),
        };
        let shift = |range: &Range<usize>| begin + range.start..begin + range.end;
        match line {
            Err(bad) => {
                pending.push((index + 1, bad));
                continue;
            }
            Ok(Line::Record { seq, json }) => {
                scan.entries.push(Entry { seq, line: begin..at, json: shift(&json) });
            }
            Ok(Line::Start(json)) if index == 0 => {
                let json = &bytes[shift(&json)];
                scan.start = serde_json::from_slice(json).ok();
                scan.format = serde_json::from_slice(json)
                    .ok()
                    .and_then(|start: Value| start.get("format").and_then(Value::as_u64));
            }
            // Only the first line of a file starts a generation.
            Ok(Line::Start(_)) => {
                pending.push((index + 1, Bad::Changed));
                continue;
            }
        }
        scan.damaged.extend(pending.drain(..).map(|(number, _)| number));
        scan.good = at;
    }
    scan.tail = match pending.as_slice() {
        [] => Tail::Intact,
        [(_, Bad::Short)] => Tail::Torn,
        _ => Tail::Changed,
    };
    scan
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(records: u64) -> Vec<u8> {
        let start = Start { format: 1, cluster: "home".into(), generation: 1, after: 0 };
        let mut bytes = encode_start(&start).unwrap();
        for seq in 1..=records {
            bytes.extend(encode_record(seq, &format!("{{\"seq\":{seq},\"text\":\"a b\"}}")));
        }
        bytes
    }

    #[test]
    fn every_line_is_json_that_other_programs_read() {
        for line in file(2).split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let value: serde_json::Value = serde_json::from_slice(line).unwrap();
            assert_eq!(value["crc"].as_str().map(str::len), Some(8));
        }
    }

    #[test]
    fn an_intact_file_is_read_whole() {
        let bytes = file(3);
        let scan = scan(&bytes);
        assert_eq!(scan.entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!((scan.tail, scan.good, scan.damaged.len()), (Tail::Intact, bytes.len(), 0));
        assert_eq!(scan.start.map(|start| start.generation), Some(1));
        assert_eq!(&bytes[scan.entries[2].json.clone()], br#"{"seq":3,"text":"a b"}"#);
    }

    #[test]
    fn every_cut_of_the_last_line_is_a_torn_one() {
        let bytes = file(3);
        let whole = scan(&bytes).entries[1].line.end;
        for len in whole + 1..bytes.len() {
            let scan = scan(&bytes[..len]);
            assert_eq!((scan.entries.len(), scan.tail, scan.good), (2, Tail::Torn, whole), "{len}");
        }
    }

    #[test]
    fn zeros_where_the_last_line_should_be_are_a_torn_one() {
        let bytes = file(3);
        let last = scan(&bytes).entries[2].line.clone();
        for kept in 0..last.len() {
            let mut torn = bytes.clone();
            torn[last.start + kept..].fill(0);
            assert_eq!(scan(&torn).tail, Tail::Torn, "{kept} bytes kept");
            let mut newline_came_through = torn;
            newline_came_through[last.end - 1] = b'\n';
            let scan = scan(&newline_came_through);
            assert_eq!(scan.entries.len() == 3, kept + 1 >= last.len(), "{kept} bytes kept");
            assert_ne!(scan.tail, Tail::Changed, "{kept} bytes kept");
        }
    }

    #[test]
    fn every_flipped_bit_is_found_and_costs_no_other_record() {
        let bytes = file(3);
        let middle = scan(&bytes).entries[1].line.clone();
        for at in middle.clone() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                let scan = scan(&flipped);
                let seqs: Vec<u64> = scan.entries.iter().map(|entry| entry.seq).collect();
                // Without its newline a line swallows the next one.
                let expected: &[u64] = if at + 1 == middle.end { &[1] } else { &[1, 3] };
                assert_eq!(seqs, expected, "byte {at} bit {bit}");
                assert!(!scan.damaged.is_empty() || scan.tail != Tail::Intact, "byte {at}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn noise_is_read_without_a_panic(noise in proptest::collection::vec(0_u8.., 0..600)) {
            let scan = scan(&noise);
            proptest::prop_assert!(scan.entries.is_empty() && scan.start.is_none());
        }

        #[test]
        fn noise_after_a_good_file_costs_nothing(
            noise in proptest::collection::vec(0_u8.., 1..99),
        ) {
            let mut bytes = file(2);
            let good = bytes.len();
            bytes.extend(noise);
            let scan = scan(&bytes);
            proptest::prop_assert_eq!((scan.entries.len(), scan.good), (2, good));
        }
    }
}
