//! Takes the socket's place in the run directory, safely.

use std::fs::{DirBuilder, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

use super::protocol::WORD_LIMIT;
use super::{LOCK, SOCKET};

/// Nobody but the owner may connect, or take the lock.
const FILE_MODE: u32 = 0o600;

/// The same for a run directory that we make ourselves.
const DIR_MODE: u32 = 0o700;

/// Writable by group or others.
const OTHERS_WRITE: u32 = 0o022;

/// Why the socket could not be offered.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// There is one loop per host: use that one, or end it.
    #[error("another ananke runs on this host and holds {0}")]
    OtherDaemon(PathBuf),
    /// Somebody else could put their own socket there: correct owner and mode.
    #[error("{0} belongs to another user, or others may write to it")]
    UnsafeDir(PathBuf),
    /// Something that is no socket lies there, and is not ours to remove.
    #[error("{0} is not a socket")]
    NotASocket(PathBuf),
    /// The kernel's reason.
    #[error("{path} can't be used")]
    Io {
        /// Of what.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The place, taken.
pub(super) struct Bound {
    pub(super) listener: UnixListener,
    pub(super) socket: PathBuf,
    /// Held for as long as the socket is ours.
    pub(super) lock: File,
}

/// Makes the directory if it is missing, refuses where another daemon lives, replaces the socket
/// of a dead one.
pub(super) async fn bind_socket(run_dir: &Path) -> Result<Bound, BindError> {
    make_dir(run_dir)?;
    let lock = take_lock(&run_dir.join(LOCK))?;
    let socket = run_dir.join(SOCKET);
    remove_dead(&socket).await?;
    let failed = |source| io_error(&socket, source);
    let listener = UnixListener::bind(&socket).map_err(failed)?;
    // Between these two lines the umask decides who may connect; the peer's credentials are
    // checked in any case.
    std::fs::set_permissions(&socket, Permissions::from_mode(FILE_MODE)).map_err(failed)?;
    Ok(Bound { listener, socket, lock })
}

fn io_error(path: &Path, source: io::Error) -> BindError {
    BindError::Io { path: path.to_owned(), source }
}

/// The directory must be one in which nobody else can put a socket of their own.
fn make_dir(dir: &Path) -> Result<(), BindError> {
    let failed = |source| io_error(dir, source);
    DirBuilder::new().recursive(true).mode(DIR_MODE).create(dir).map_err(failed)?;
    let meta = dir.metadata().map_err(failed)?;
    if !may_connect(meta.uid()) || meta.mode() & OTHERS_WRITE != 0 {
        return Err(BindError::UnsafeDir(dir.to_owned()));
    }
    Ok(())
}

/// A lock says more than a socket that answers: it also holds for a daemon that hangs. Nobody else
/// may open the file, or they could take the lock.
fn take_lock(path: &Path) -> Result<File, BindError> {
    let failed = |source| io_error(path, source);
    let lock =
        File::options().create(true).append(true).mode(FILE_MODE).open(path).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(BindError::OtherDaemon(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Removes a socket that nobody listens on. Asked although we hold the lock: somebody may have
/// removed the lock file of a daemon that lives.
async fn remove_dead(socket: &Path) -> Result<(), BindError> {
    let failed = |source| io_error(socket, source);
    match socket.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(meta) if !meta.file_type().is_socket() => {
            return Err(BindError::NotASocket(socket.to_owned()));
        }
        Ok(_) => {}
    }
    match timeout(WORD_LIMIT, UnixStream::connect(socket)).await {
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(socket).map_err(failed)
        }
        // A full queue (WouldBlock) and silence are signs of a listener too.
        Ok(Ok(_) | Err(_)) | Err(_) => Err(BindError::OtherDaemon(socket.to_owned())),
    }
}

/// Root, and the user that ananke itself runs as.
pub(super) fn may_connect(uid: u32) -> bool {
    uid == 0 || uid == rustix::process::geteuid().as_raw()
}
