//! What goes over the socket: JSON, one value a line.
//!
//! The server speaks first, with a [`Hello`]. Then the client sends requests, one after the other;
//! `follow` is the last one, from there on only the server speaks.
//!
//! ```text
//! S {"hello":{"protocol":1,"version":"0.1.0","pid":812,"executes":true}}
//! C {"order":{"startup":{"by":"alice"}}}
//! S {"answer":{"accepted":{"tick":41}}}
//! C "follow"
//! S {"tick":{..}}
//! S "beat"
//! S {"done":{"why":"ananke was stopped"}}
//! ```

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::peers::PeerFacts;
use crate::model::record::TickRecord;
use crate::model::tick::Order;

/// The version of the protocol. Another one is refused by the client: daemon and command are the
/// same program, and differ only between an upgrade and the restart that belongs to it.
pub const PROTOCOL: u32 = 1;

/// How long a request may be, in bytes.
pub(super) const REQUEST_LIMIT: usize = 1_024 * 1_024;

/// How long a line of the server may be, in bytes. A tick of 25 nodes is at most 64 kB, so this is
/// room for a hundred times as many.
pub(super) const REPLY_LIMIT: usize = 16 * 1_024 * 1_024;

/// How long each side waits for the other's next word where one is due at once.
pub(super) const WORD_LIMIT: Duration = Duration::from_secs(5);

/// How long the loop may take to accept an order: it writes the ledger first, and a disk that is
/// about to fail takes its time.
pub(super) const ORDER_LIMIT: Duration = Duration::from_secs(30);

/// How long a client may take to read one tick; one that was suspended by Ctrl-Z is dropped.
pub(super) const READ_LIMIT: Duration = Duration::from_secs(30);

/// How often a follower hears something, even if it is only that the daemon is there.
pub(super) const BEAT: Duration = Duration::from_secs(10);

/// How long a follower waits for that: three beats, as one or two may be late on a busy host.
pub(super) const SILENCE_LIMIT: Duration = Duration::from_secs(30);

/// The server's first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL`]
    pub protocol: u32,
    /// The daemon's version.
    pub version: String,
    /// The daemon's process id.
    pub pid: u32,
    /// Whether the daemon runs with `--execute`. Without it, it only observes.
    pub executes: bool,
}

/// What a client asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ControlRequest {
    /// The loop is to do something.
    Order(Order),
    /// The newest tick.
    Status,
    /// The newest tick, and each newer one.
    Follow,
    /// What this ananke host says of itself, for another one that says so of itself.
    Peer(Option<Box<PeerFacts>>),
}

/// What became of an order. That the loop took it does not mean that it is carried out: the
/// following ticks tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderAnswer {
    /// The loop took it.
    Accepted {
        /// The number of the tick that took it (`Passing::tick`): what earlier ones say was
        /// decided without the order.
        tick: u64,
    },
    /// It was not taken, and nothing was changed.
    Refused {
        /// Why not.
        why: String,
    },
    /// Nobody knows whether it will be taken.
    Unknown {
        /// Why not.
        why: String,
    },
}

/// What a follower sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlEvent {
    /// The newest tick. A follower that is slow misses ticks, never the newest.
    Tick(Box<TickRecord>),
    /// The loop has ended; nothing more will come.
    Done {
        /// Why.
        why: String,
    },
    /// The daemon does not serve this client.
    Refused {
        /// Why not.
        why: String,
    },
}

/// A line of the server. `T` is the tick: borrowed where it is written, owned where it is read.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Reply<T> {
    Hello(Hello),
    Answer(OrderAnswer),
    /// The answer to `status`: nothing before the first tick.
    Status(Option<T>),
    /// The answer to `peer`: nothing before the first tick.
    Peer(Option<Box<PeerFacts>>),
    Tick(T),
    Beat,
    Done {
        why: String,
    },
    Refused {
        why: String,
    },
}

/// What a client reads.
pub(super) type Received = Reply<Box<TickRecord>>;
