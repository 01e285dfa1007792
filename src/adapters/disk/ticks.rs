//! Reads what the flight recorder kept, line by line.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::model::record::{TICK_FORMAT, TickRecord};

use super::dir;
use super::recorder::{FILES, LINE_MAX, file_name};

/// The recorder's files in `dir` that are there, oldest first.
pub fn tick_files(dir: &Path) -> Vec<PathBuf> {
    let all = (0..FILES).rev().map(|index| dir.join(file_name(index)));
    all.filter(|path| path.is_file()).collect()
}

/// Why a line gives no tick. The lines after it can still be read.
#[derive(Debug, thiserror::Error)]
pub enum TickReadError {
    /// It is not a tick: torn when the process ended, or damaged.
    #[error("line {line} is not a recorded tick")]
    Garbled {
        /// Which line.
        line: u64,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// It is longer than any tick.
    #[error("line {line} is longer than {LINE_MAX} bytes")]
    TooLong {
        /// Which line.
        line: u64,
    },
    /// A newer ananke wrote it.
    #[error("line {line} is of format {found} and this ananke knows {TICK_FORMAT}")]
    Future {
        /// Which line.
        line: u64,
        /// Its format.
        found: u64,
    },
    /// The disk refused. Nothing more comes.
    #[error("line {line} can't be read")]
    Io {
        /// Which line.
        line: u64,
        /// What the disk said.
        #[source]
        source: io::Error,
    },
}

/// The ticks of one file, in order. Holds one line at a time.
#[derive(Debug)]
pub struct TickReader<R = BufReader<File>> {
    input: R,
    line: u64,
    ended: bool,
}

impl TickReader {
    /// Reads a file of the flight recorder.
    ///
    /// # Errors
    /// The file can't be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self::new(BufReader::new(dir::open(OpenOptions::new().read(true), path)?)))
    }
}

impl<R: BufRead> TickReader<R> {
    /// Reads ticks from anything.
    pub const fn new(input: R) -> Self {
        Self { input, line: 0, ended: false }
    }

    /// The next line without its newline; `None` at the end; an empty one if it was too long.
    fn next_line(&mut self) -> io::Result<Option<Result<Vec<u8>, ()>>> {
        let mut line = Vec::new();
        let max = LINE_MAX as u64 + 1;
        if self.input.by_ref().take(max).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        if line.pop_if(|byte| *byte == b'\n').is_some() || (line.len() as u64) < max {
            return Ok(Some(Ok(line)));
        }
        self.input.skip_until(b'\n')?;
        Ok(Some(Err(())))
    }
}

impl<R: BufRead> Iterator for TickReader<R> {
    type Item = Result<TickRecord, TickReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            self.line += 1;
            let line = self.line;
            match self.next_line() {
                Ok(None) => self.ended = true,
                // Left by the recorder between a torn line and the next.
                Ok(Some(Ok(text))) if text.is_empty() => {}
                Ok(Some(Ok(text))) => return Some(parse(&text, line)),
                Ok(Some(Err(()))) => return Some(Err(TickReadError::TooLong { line })),
                Err(source) => {
                    self.ended = true;
                    return Some(Err(TickReadError::Io { line, source }));
                }
            }
        }
        None
    }
}

fn parse(text: &[u8], line: u64) -> Result<TickRecord, TickReadError> {
    #[derive(Deserialize)]
    struct Version {
        format: u64,
    }
    let garbled = |source| TickReadError::Garbled { line, source };
    let version: Version = serde_json::from_slice(text).map_err(garbled)?;
    if version.format > u64::from(TICK_FORMAT) {
        return Err(TickReadError::Future { line, found: version.format });
    }
    serde_json::from_slice(text).map_err(garbled)
}
