//! The state directory: every change of it goes through here, one system call for each step, so
//! that a test can stop between any two of them or let any of them fail.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Only root reads what ananke knows about the machines.
const DIR_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// A file under this suffix is being written; it counts for nothing until it is renamed.
const NEW: &str = ".new";

/// One change of the directory, announced before it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step<'a> {
    Create(&'a str),
    Write { name: &'a str, at: u64, bytes: &'a [u8] },
    Cut { name: &'a str, len: u64 },
    Sync(&'a str),
    Rename { from: &'a str, to: &'a str },
    Link { from: &'a str, to: &'a str },
    Remove(&'a str),
    SyncDir,
}

/// Called before each step; an error takes the place of the step.
pub(super) type Tap = Box<dyn Fn(Step<'_>) -> io::Result<()> + Send + Sync>;

/// The state directory.
pub(super) struct StateDir {
    path: PathBuf,
    tap: Option<Tap>,
}

impl std::fmt::Debug for StateDir {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StateDir").field("path", &self.path).finish_non_exhaustive()
    }
}

impl StateDir {
    /// A directory that is there, or is only read.
    pub(super) fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), tap: None }
    }

    /// The directory, made if it is missing. The mode of one that exists is left alone.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        if !path.is_dir() {
            DirBuilder::new().recursive(true).mode(DIR_MODE).create(path)?;
            if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                File::open(parent)?.sync_all()?;
            }
        }
        Ok(Self::at(path))
    }

    #[cfg(test)]
    pub(super) fn tapped(path: &Path, tap: Tap) -> Self {
        Self { path: path.to_owned(), tap: Some(tap) }
    }

    pub(super) fn root(&self) -> &Path {
        &self.path
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn announce(&self, step: Step<'_>) -> io::Result<()> {
        self.tap.as_ref().map_or(Ok(()), |tap| tap(step))
    }

    /// Whether something of that name is there, whatever it is.
    pub(super) fn has(&self, name: &str) -> io::Result<bool> {
        match self.path(name).symlink_metadata() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The whole file, `None` if there is none.
    ///
    /// # Errors
    /// `FileTooLarge` beyond `max` bytes, so that a strange file can't fill the memory.
    pub(super) fn read(&self, name: &str, max: u64) -> io::Result<Option<Vec<u8>>> {
        let file = match open(OpenOptions::new().read(true), &self.path(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(max + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > max {
            let why = format!("larger than {max} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
        }
        Ok(Some(bytes))
    }

    /// An existing file, to be written to.
    pub(super) fn open(&self, name: &str) -> io::Result<File> {
        open(OpenOptions::new().read(true).write(true), &self.path(name))
    }

    /// The file, made if it is missing; what is in it stays.
    pub(super) fn open_or_create(&self, name: &str) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(FILE_MODE);
        open(&mut options, &self.path(name))
    }

    fn create_new(&self, name: &str) -> io::Result<File> {
        self.remove(name)?;
        self.announce(Step::Create(name))?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(FILE_MODE);
        open(&mut options, &self.path(name))
    }

    pub(super) fn write(&self, file: &File, name: &str, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.announce(Step::Write { name, at, bytes })?;
        file.write_all_at(bytes, at)
    }

    pub(super) fn cut(&self, file: &File, name: &str, len: u64) -> io::Result<()> {
        self.announce(Step::Cut { name, len })?;
        file.set_len(len)
    }

    /// Data and what is needed to read it back (length), not the times.
    pub(super) fn sync(&self, file: &File, name: &str) -> io::Result<()> {
        self.announce(Step::Sync(name))?;
        file.sync_data()
    }

    pub(super) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.announce(Step::Rename { from, to })?;
        std::fs::rename(self.path(from), self.path(to))
    }

    pub(super) fn link(&self, from: &str, to: &str) -> io::Result<()> {
        self.announce(Step::Link { from, to })?;
        std::fs::hard_link(self.path(from), self.path(to))
    }

    /// Removes the file if it is there.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        if !self.has(name)? {
            return Ok(());
        }
        self.announce(Step::Remove(name))?;
        std::fs::remove_file(self.path(name))
    }

    /// Makes renames, links and removals durable.
    pub(super) fn sync_dir(&self) -> io::Result<()> {
        self.announce(Step::SyncDir)?;
        File::open(&self.path)?.sync_all()
    }

    /// Writes `NAME.new` and makes it durable. It counts once it is renamed.
    pub(super) fn write_new(&self, name: &str, bytes: &[u8]) -> io::Result<(File, String)> {
        let new = format!("{name}{NEW}");
        let file = self.create_new(&new)?;
        let written = self.write(&file, &new, 0, bytes).and_then(|()| self.sync(&file, &new));
        match written {
            Ok(()) => Ok((file, new)),
            Err(error) => {
                // On a full disk the half-written file would keep its space.
                drop(self.remove(&new));
                Err(error)
            }
        }
    }

    /// Replaces the file as a whole: after a crash it is the old one or the new one.
    pub(super) fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let (_, new) = self.write_new(name, bytes)?;
        self.rename(&new, name)?;
        self.sync_dir()
    }
}

/// Opens a regular file only: a link could lead elsewhere, a pipe could block for ever.
pub(super) fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    use rustix::fs::OFlags;
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = options.custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
    }
}
