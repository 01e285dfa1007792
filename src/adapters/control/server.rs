//! The daemon's side of the socket.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio::time::timeout;

use super::bind::{BindError, Bound, bind_socket, may_connect};
use super::lines::{LineError, Lines, write_line};
use super::protocol::{
    BEAT, ControlRequest, Hello, ORDER_LIMIT, OrderAnswer, PROTOCOL, READ_LIMIT, REQUEST_LIMIT,
    Reply, WORD_LIMIT,
};
use crate::model::peers::PeerFacts;
use crate::model::record::TickRecord;
use crate::model::tick::Order;
use crate::ports::Sink;

/// How many clients may be connected. A person has a few terminals.
const CLIENTS: usize = 16;

/// How many orders may wait for the loop.
const WAITING_ORDERS: usize = 8;

/// How long a text in an order may be, in bytes: it goes into the ledger and into each report.
const TEXT_LIMIT: usize = 4_096;

/// How long clients are given to read the last line when the server is closed.
const FAREWELL: Duration = Duration::from_secs(1);

/// The pause after a connection could not be accepted, for example for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Whether the daemon may change anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stance {
    /// It runs with `--execute`.
    Executes,
    /// It only observes, and refuses orders that would have it act.
    Observes,
}

/// What this host says of itself to another one, which says so of itself.
pub struct Talk(Box<dyn Fn(Option<PeerFacts>) -> Option<PeerFacts> + Send + Sync>);

impl Talk {
    /// Says it by this function, which must not wait.
    pub fn new(
        talk: impl Fn(Option<PeerFacts>) -> Option<PeerFacts> + Send + Sync + 'static,
    ) -> Self {
        Self(Box::new(talk))
    }
}

impl fmt::Debug for Talk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Talk").finish_non_exhaustive()
    }
}

/// The server: shows ticks to whoever follows, until it is closed or dropped.
#[derive(Debug)]
pub struct ControlServer {
    news: watch::Sender<News>,
    talk: Arc<OnceLock<Talk>>,
    task: JoinHandle<()>,
    socket: PathBuf,
    /// The kernel lets go of it when we die, however we die.
    _lock: File,
}

/// Orders as they come in. For the loop.
#[derive(Debug)]
pub struct Orders(mpsc::Receiver<Ordered>);

/// One order, and the way to answer it.
#[derive(Debug)]
pub struct Ordered {
    /// What is ordered.
    pub order: Order,
    answer: oneshot::Sender<OrderAnswer>,
}

/// The newest that there is to see.
#[derive(Debug, Clone, Default)]
struct News {
    tick: Option<Arc<TickRecord>>,
    done: Option<String>,
}

/// What each client's task needs.
#[derive(Debug, Clone)]
struct Desk {
    stance: Stance,
    talk: Arc<OnceLock<Talk>>,
    orders: mpsc::Sender<Ordered>,
    news: watch::Receiver<News>,
}

impl Orders {
    /// The next order. `None` when the server has ended. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Ordered> {
        self.0.recv().await
    }
}

impl Ordered {
    /// The loop took it, in tick number `tick`, and the ledger has it. Dropping an order without
    /// an answer tells the client that its fate is unknown.
    pub fn accept(self, tick: u64) {
        self.answer(OrderAnswer::Accepted { tick });
    }

    /// The loop does not take it, and nothing was changed.
    pub fn refuse(self, why: impl Into<String>) {
        self.answer(OrderAnswer::Refused { why: why.into() });
    }

    fn answer(self, answer: OrderAnswer) {
        if self.answer.send(answer).is_err() {
            tracing::debug!("a client did not wait for the answer to its order");
        }
    }
}

impl ControlServer {
    /// Offers the socket in `run_dir`, which is made if it is missing. A socket that a dead daemon
    /// left behind is replaced.
    ///
    /// # Errors
    /// [`BindError`]; nothing was changed then, except that the directory may have been made.
    pub async fn bind(run_dir: &Path, stance: Stance) -> Result<(Self, Orders), BindError> {
        let Bound { listener, socket, lock } = bind_socket(run_dir).await?;
        let (orders, waiting) = mpsc::channel(WAITING_ORDERS);
        let (news, seen) = watch::channel(News::default());
        let talk = Arc::new(OnceLock::new());
        let desk = Desk { stance, talk: Arc::clone(&talk), orders, news: seen };
        let task = tokio::spawn(accept_all(listener, desk));
        Ok((Self { news, talk, task, socket, _lock: lock }, Orders(waiting)))
    }

    /// Answers other ananke hosts from now on. The first one that is given counts.
    pub fn answer_peers(&self, talk: Talk) {
        self.talk.get_or_init(|| talk);
    }

    /// Shows a tick. Never waits: a client that is slow misses ticks.
    pub fn show(&self, tick: Arc<TickRecord>) {
        self.news.send_modify(|news| news.tick = Some(tick));
    }

    /// Tells whoever follows that the loop has ended, and why, and removes the socket. Takes two
    /// seconds at the most.
    pub async fn close(mut self, why: impl Into<String>) {
        let why = why.into();
        self.news.send_modify(|news| news.done = Some(why));
        if timeout(FAREWELL * 2, &mut self.task).await.is_err() {
            tracing::debug!("a client did not read the last line");
        }
    }
}

impl Drop for ControlServer {
    fn drop(&mut self) {
        self.task.abort();
        // The lock is held until after this, so the socket is still ours.
        if let Err(error) = std::fs::remove_file(&self.socket) {
            tracing::debug!(%error, "the control socket was gone already");
        }
    }
}

impl Sink for ControlServer {
    async fn publish(&mut self, tick: &Arc<TickRecord>) {
        self.show(Arc::clone(tick));
    }
}

/// Accepts clients until the news says that it is over.
async fn accept_all(listener: UnixListener, desk: Desk) {
    let mut news = desk.news.clone();
    let mut clients = JoinSet::new();
    loop {
        // Those who have left don't count against the limit.
        while let Some(left) = clients.try_join_next() {
            note(left);
        }
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((mut stream, _)) if clients.len() >= CLIENTS => {
                    refuse(&mut stream, format!("{CLIENTS} clients are connected already")).await;
                }
                Ok((stream, _)) => {
                    clients.spawn(serve(stream, desk.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "the control socket can't accept a client");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(left) = clients.join_next() => note(left),
            () = over(&mut news) => break,
        }
    }
    drop(listener);
    let farewell = async { while clients.join_next().await.is_some() {} };
    if timeout(FAREWELL, farewell).await.is_err() {
        tracing::debug!("a client did not read the last line");
    }
}

/// A client's task ends without a word, unless it had a defect.
fn note(left: Result<(), JoinError>) {
    if let Err(error) = left {
        tracing::error!(%error, "serving a control client failed");
    }
}

/// Returns when the server is closed or dropped.
async fn over(news: &mut watch::Receiver<News>) {
    if news.wait_for(|news| news.done.is_some()).await.is_err() {
        tracing::debug!("the control server was dropped");
    }
}

/// Tells a client why it is not served. The socket's buffer takes one short line at once, so the
/// deadline is only for the sake of having one.
async fn refuse(stream: &mut UnixStream, why: impl Into<String>) {
    let line: Reply<()> = Reply::Refused { why: why.into() };
    if let Err(error) = write_line(stream, &line, WORD_LIMIT).await {
        tracing::debug!(%error, "a client left before it was refused");
    }
}

/// One client from hello to its end.
async fn serve(mut stream: UnixStream, desk: Desk) {
    match stream.peer_cred() {
        Ok(peer) if may_connect(peer.uid()) => {}
        Ok(peer) => {
            tracing::warn!(uid = peer.uid(), pid = ?peer.pid(), "refused a control client");
            return refuse(&mut stream, "only root may connect").await;
        }
        Err(error) => {
            tracing::warn!(%error, "refused a control client that the kernel does not know");
            return;
        }
    }
    let mut lines = Lines::new(stream, REQUEST_LIMIT);
    match converse(&mut lines, &desk).await {
        Ok(()) | Err(LineError::Closed) => {}
        Err(LineError::Io(error)) => tracing::debug!(%error, "a control client vanished"),
        Err(error @ (LineError::TooLong(_) | LineError::Garbled(_))) => {
            tracing::warn!(%error, "a control client does not keep to the protocol");
            refuse(lines.stream(), error.to_string()).await;
        }
    }
}

async fn converse(lines: &mut Lines<UnixStream>, desk: &Desk) -> Result<(), LineError> {
    say(lines, &Reply::Hello(desk.hello())).await?;
    loop {
        let request = timeout(WORD_LIMIT, lines.next())
            .await
            .unwrap_or_else(|_| Err(LineError::Io(io::ErrorKind::TimedOut.into())))?;
        match request {
            ControlRequest::Order(order) => {
                let answer = desk.hand_over(order).await;
                say(lines, &Reply::Answer(answer)).await?;
            }
            ControlRequest::Status => {
                let tick = desk.news.borrow().tick.clone();
                say(lines, &Reply::Status(tick.as_deref())).await?;
            }
            ControlRequest::Peer(told) => {
                let talk = desk.talk.get();
                let facts = talk.and_then(|talk| (talk.0)(told.map(|facts| *facts)));
                say(lines, &Reply::Peer(facts.map(Box::new))).await?;
            }
            ControlRequest::Follow => return follow(lines, desk.news.clone()).await,
        }
    }
}

async fn say(lines: &mut Lines<UnixStream>, reply: &Reply<&TickRecord>) -> Result<(), LineError> {
    write_line(lines.stream(), reply, READ_LIMIT).await.map_err(LineError::Io)
}

/// Writes the newest tick whenever there is a newer one. What comes while a client reads is
/// replaced by what comes later.
async fn follow(
    lines: &mut Lines<UnixStream>,
    mut news: watch::Receiver<News>,
) -> Result<(), LineError> {
    let mut shown: Option<Arc<TickRecord>> = None;
    loop {
        let News { tick, done } = news.borrow_and_update().clone();
        if let Some(tick) = tick
            && !shown.as_ref().is_some_and(|shown| Arc::ptr_eq(shown, &tick))
        {
            say(lines, &Reply::Tick(&tick)).await?;
            shown = Some(tick);
        }
        if let Some(why) = done {
            return say(lines, &Reply::Done { why }).await;
        }
        tokio::select! {
            changed = news.changed() => if changed.is_err() {
                return say(lines, &Reply::Done { why: "the loop has ended".to_owned() }).await;
            },
            () = tokio::time::sleep(BEAT) => say(lines, &Reply::Beat).await?,
            () = lines.ended() => return Ok(()),
        }
    }
}

impl Desk {
    fn hello(&self) -> Hello {
        Hello {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            executes: self.stance == Stance::Executes,
        }
    }

    /// Gives an order to the loop and waits for its answer. A lost answer is unknown, not refused.
    async fn hand_over(&self, order: Order) -> OrderAnswer {
        tracing::info!(?order, "a person gives an order");
        if let Some(why) = objection(self.stance, &order) {
            return OrderAnswer::Refused { why };
        }
        let (answer, answered) = oneshot::channel();
        if self.orders.try_send(Ordered { order, answer }).is_err() {
            let why = format!("the loop has ended, or {WAITING_ORDERS} orders wait for it");
            return OrderAnswer::Refused { why };
        }
        match timeout(ORDER_LIMIT, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => OrderAnswer::Unknown { why: "the loop ended over it".to_owned() },
            Err(_) => {
                let secs = ORDER_LIMIT.as_secs();
                let why = format!("the loop did not answer within {secs} s; it may still take it");
                OrderAnswer::Unknown { why }
            }
        }
    }
}

/// Why an order does not even reach the loop.
fn objection(stance: Stance, order: &Order) -> Option<String> {
    if stance == Stance::Observes {
        return Some("the daemon only observes: it was started without --execute".to_owned());
    }
    let texts: &[&String] = match order {
        Order::Startup { by }
        | Order::Converge { by }
        | Order::AllowOnBattery { by }
        | Order::AllowPeer { by, .. }
        | Order::Resume { by }
        | Order::ClearIntent { by } => &[by],
        Order::Shutdown { by, why, host_stays: Some(stays), .. } => &[by, why, stays],
        Order::Pause { by, why } | Order::Shutdown { by, why, host_stays: None, .. } => &[by, why],
        Order::Ack { by, name } => &[by, name],
        Order::HostStops { .. } => &[],
    };
    let longest = texts.iter().map(|text| text.len()).max().unwrap_or(0);
    (longest > TEXT_LIMIT).then(|| format!("a text in the order is longer than {TEXT_LIMIT} bytes"))
}
