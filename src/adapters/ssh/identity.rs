//! Private keys, read once and kept out of every message.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::keys::{Error as KeyError, PrivateKey, decode_secret_key};

use super::known_hosts::{ALGORITHMS, fingerprint};

/// Larger files are no keys. The largest key that is used has 700 bytes.
const MAX_BYTES: u64 = 64 << 10;

/// Why a private key can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Missing, not permitted, or not a file.
    #[error("key file {} can't be read: {why}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        why: String,
    },
    /// Somebody else may have read it.
    #[error(
        "key file {} can be read by others (mode {mode:04o}); do: chmod 600 {}",
        file.display(), file.display()
    )]
    OpenToOthers {
        /// The file.
        file: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Nobody is there to type the passphrase.
    #[error(
        "key file {} is encrypted and ananke must start without a person; make a key of its own: \
         ssh-keygen -t ed25519 -N '' -f FILE", file.display()
    )]
    Encrypted {
        /// The file.
        file: PathBuf,
    },
    /// RSA, DSA or a hardware token.
    #[error(
        "key file {} has a key of type {algorithm}; ananke uses ed25519 and ecdsa keys",
        file.display()
    )]
    Unsupported {
        /// The file.
        file: PathBuf,
        /// The key's type.
        algorithm: String,
    },
    /// It is no private key.
    #[error("key file {} holds no private key that can be read", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
    },
    /// The configuration names no key for a machine.
    #[error("no key file is configured for {machine}")]
    Missing {
        /// The machine or jump host.
        machine: String,
    },
}

/// One private key and where it came from.
#[derive(Clone)]
pub(super) struct Identity {
    pub(super) file: PathBuf,
    pub(super) key: Arc<PrivateKey>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({self})")
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.file.display(), fingerprint(self.key.public_key()))
    }
}

impl Identity {
    /// Reads a key file.
    pub(super) fn load(file: &Path) -> Result<Self, IdentityError> {
        let text = read(file)?;
        let file = file.to_owned();
        let key = match decode_secret_key(&text, None) {
            Ok(key) => key,
            Err(KeyError::KeyIsEncrypted) => return Err(IdentityError::Encrypted { file }),
            Err(KeyError::UnsupportedKeyType { key_type_string, .. }) => {
                return Err(IdentityError::Unsupported { file, algorithm: key_type_string });
            }
            // The parser's own words could quote the file.
            Err(_) if text.contains("ENCRYPTED") => return Err(IdentityError::Encrypted { file }),
            Err(_) => return Err(IdentityError::Malformed { file }),
        };
        if key.is_encrypted() {
            return Err(IdentityError::Encrypted { file });
        }
        if !ALGORITHMS.contains(&key.algorithm()) {
            let algorithm = key.algorithm().to_string();
            return Err(IdentityError::Unsupported { file, algorithm });
        }
        Ok(Self { file, key: Arc::new(key) })
    }
}

fn read(file: &Path) -> Result<String, IdentityError> {
    let unreadable = |why: String| IdentityError::Unreadable { file: file.to_owned(), why };
    // Without waiting: a named pipe in the place of the key must not hang the start.
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let opened = File::options().read(true).custom_flags(nonblocking).open(file);
    let opened = opened.map_err(|e| unreadable(e.to_string()))?;
    // Asked of the open file, so that nobody can swap it in between.
    let meta = opened.metadata().map_err(|e| unreadable(e.to_string()))?;
    if !meta.is_file() {
        return Err(unreadable("not a file".into()));
    }
    let mode = meta.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(IdentityError::OpenToOthers { file: file.to_owned(), mode });
    }
    let mut text = String::new();
    opened.take(MAX_BYTES).read_to_string(&mut text).map_err(|e| {
        // A file that is no text.
        let no_text = e.kind() == std::io::ErrorKind::InvalidData;
        let file = file.to_owned();
        if no_text { IdentityError::Malformed { file } } else { unreadable(e.to_string()) }
    })?;
    Ok(text)
}
