//! The other ananke hosts: what they say of themselves, and what they are told of this one. Both
//! go in one exchange, over SSH, so that a way that is open in one direction only is enough.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Read};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::failure::{Ended, Failure};
use super::hands::reply;
use super::load::Loaded;
use crate::adapters::control::{ControlClient, Talk};
use crate::adapters::guard::Reply;
use crate::adapters::ssh::Fleet;
use crate::cli::{Format, print_data};
use crate::config::settings::Settings;
use crate::model::command::Command;
use crate::model::facts::{Blind, BlindKind, Seen};
use crate::model::ids::MachineName;
use crate::model::observation::{Steady, file_look, not_looked_at};
use crate::model::peers::{PeerFacts, TALK, WORD_COUNTS, age};
use crate::model::record::TickRecord;
use crate::model::time::{Mono, Span};
use crate::ports::Clock;
use crate::report;

/// How long an exchange may take, connecting not counted: two short processes on the other host.
const EXCHANGE: Span = Span::secs(5);

/// The shortest pause between two exchanges with one host, however much is new.
const PAUSE: Span = Span::millis(500);

/// The longest word that is read, in bytes. One is below 2 kB, and grows with the machines of a
/// power domain.
const LONGEST: u64 = 64 * 1_024;

/// What is known of the others, and of this one. One for each process.
#[derive(Debug, Clone)]
pub(super) struct Peers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    heard: Mutex<BTreeMap<MachineName, Seen<PeerFacts>>>,
    news: watch::Sender<u64>,
    said: watch::Sender<Option<(PeerFacts, Mono)>>,
}

impl Peers {
    /// The others of the configuration, none of which has been heard yet.
    pub(super) fn new(settings: &Settings, now: Mono) -> Self {
        let names = &settings.policy.coordination.peers;
        let heard = Mutex::new(not_looked_at(names.iter(), now));
        let (news, said) = (watch::Sender::new(0), watch::Sender::new(None));
        Self(Arc::new(Inner { heard, news, said }))
    }

    /// What is known of the others.
    pub(super) fn heard(&self) -> BTreeMap<MachineName, Seen<PeerFacts>> {
        self.0.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Moves with all that is new of them.
    pub(super) fn changed(&self) -> watch::Receiver<u64> {
        self.0.news.subscribe()
    }

    /// Takes down what a tick says of this host. What is news is told to the others at once.
    pub(super) fn say(&self, record: &TickRecord) {
        let facts = report::peer_facts(record, Span::ZERO);
        let at = record.input.now.mono;
        self.0.said.send_if_modified(|said| {
            let same = said.as_ref().is_some_and(|(before, _)| before.steady() == facts.steady());
            *said = Some((facts, at));
            !same
        });
    }

    /// What this host says of itself now. None before its first tick.
    fn own(&self, now: Mono) -> Option<PeerFacts> {
        let said = self.0.said.borrow();
        said.as_ref().map(|(facts, at)| PeerFacts { age: now.since(*at), ..facts.clone() })
    }

    /// Files the word of another host, or that none came. One that counts is not forgotten because
    /// the way there is closed: the other one may have told it by itself.
    fn hear(&self, name: &MachineName, word: Result<PeerFacts, Blind>, now: Mono) {
        let mut heard = self.0.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(before) = heard.get(name) else { return };
        let counts = matches!(before, Seen::Known { .. }) && age(before, now) <= WORD_COUNTS;
        if word.is_err() && counts {
            return;
        }
        if file_look(&mut *heard, name, word, now) {
            self.0.news.send_modify(|count| *count += 1);
        }
    }

    /// The other side of an exchange, for the control socket.
    pub(super) fn talk<C: Clock + 'static>(&self, clock: C) -> Talk {
        let peers = self.clone();
        Talk::new(move |told: Option<PeerFacts>| {
            let now = clock.now().mono;
            if let Some(facts) = told {
                peers.hear(&MachineName::new(facts.host.clone()), Ok(facts), now);
            }
            peers.own(now)
        })
    }

    /// Talks with every other host from now on.
    pub(super) fn start<C>(&self, clock: &C, fleet: &Fleet) -> JoinSet<()>
    where
        C: Clock + Clone + 'static,
    {
        let mut talks = JoinSet::new();
        for name in self.heard().into_keys() {
            talks.spawn(converse(self.clone(), name, clock.clone(), fleet.clone()));
        }
        talks
    }
}

/// One exchange after the other with one host.
async fn converse<C: Clock>(peers: Peers, name: MachineName, clock: C, fleet: Fleet) {
    let mut said = peers.0.said.subscribe();
    loop {
        drop(said.borrow_and_update());
        let own = peers.own(clock.now().mono);
        let word = exchange(&fleet, &name, own.as_ref()).await;
        let now = clock.now().mono;
        peers.hear(&name, word, now);
        clock.sleep_until(now + PAUSE).await;
        tokio::select! {
            Ok(()) = said.changed() => {}
            () = clock.sleep_until(now + TALK) => {}
        }
    }
}

/// Tells another host what this one says of itself, and gives its answer.
pub(super) async fn exchange(
    fleet: &Fleet,
    name: &MachineName,
    own: Option<&PeerFacts>,
) -> Result<PeerFacts, Blind> {
    let garbled = |why: String| Blind::new(BlindKind::Garbled, why);
    let line = Command::Peer.render().map_err(|error| garbled(error.to_string()))?;
    let told = own.map(serde_json::to_vec).transpose();
    let told = told.map_err(|error| garbled(error.to_string()))?.unwrap_or_default();
    match fleet.run(name, &line, Some(told), EXCHANGE).await {
        Ok(output) => word(&reply(output)),
        Err(error) => Err(Blind::new(error.kind(), error.to_string())),
    }
}

/// What an answer says.
fn word(reply: &Reply) -> Result<PeerFacts, Blind> {
    let first = String::from_utf8_lossy(&reply.stderr);
    let first = first.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control());
    let words: String = first.take(200).collect();
    match reply.status {
        None => Err(Blind::new(BlindKind::TimedOut, "the answer broke off")),
        Some(0) => {
            // A login shell may greet first.
            let begins = reply.stdout.iter().position(|byte| *byte == b'{').unwrap_or_default();
            serde_json::from_slice(reply.stdout.get(begins..).unwrap_or_default())
                .map_err(|error| Blind::new(BlindKind::Garbled, format!("its answer: {error}")))
        }
        Some(1) if !words.starts_with("sudo:") => {
            Err(Blind::new(BlindKind::Refused, format!("no ananke answers there: {words}")))
        }
        Some(status) => {
            let why = format!("`ananke peer` ended with {status} there: {words}");
            Err(Blind::new(BlindKind::Denied, why))
        }
    }
}

/// `ananke peer`: what the daemon of this host says of itself, for another host that says on
/// standard input what it says of itself.
pub(super) async fn peer(loaded: Loaded) -> Result<Ended, Failure> {
    let told = told()?;
    let run_dir = &loaded.settings.run_dir;
    let daemon = ControlClient::connect(run_dir).await.map_err(|error| Failure::of(&error))?;
    let Some(mut daemon) = daemon else {
        return Err(Failure::Failed("no daemon runs on this host".to_owned()));
    };
    match daemon.peer(told).await.map_err(|error| Failure::of(&error))? {
        Some(facts) => {
            print_data(Format::Json, &facts).map_err(|error| Failure::of(&error))?;
            Ok(Ended::GOOD)
        }
        None => Err(Failure::Failed("the daemon has not looked yet".to_owned())),
    }
}

/// What stands on standard input: nothing, or the word of another host.
fn told() -> Result<Option<PeerFacts>, Failure> {
    let mut text = Vec::new();
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        let read = stdin.lock().take(LONGEST).read_to_end(&mut text);
        read.map_err(|error| Failure::of(&error))?;
    }
    if text.trim_ascii().is_empty() {
        return Ok(None);
    }
    let facts = serde_json::from_slice(&text);
    facts.map(Some).map_err(|error| Failure::Usage(format!("standard input: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: Option<u32>, stdout: &str, stderr: &str) -> Reply {
        Reply { status, stdout: stdout.into(), stderr: stderr.into() }
    }

    #[test]
    fn an_answer_that_is_none_says_what_helps() {
        let table = [
            (answer(None, "", ""), BlindKind::TimedOut),
            (answer(Some(0), "{}", ""), BlindKind::Garbled),
            (answer(Some(1), "", "ananke: no daemon runs on this host"), BlindKind::Refused),
            (answer(Some(1), "", "sudo: a password is required"), BlindKind::Denied),
            (answer(Some(127), "", "sh: sudo: not found"), BlindKind::Denied),
        ];
        for (reply, kind) in table {
            assert_eq!(word(&reply).unwrap_err().kind, kind, "{reply:?}");
        }
    }

    #[test]
    fn a_word_that_counts_is_not_forgotten_for_a_closed_way() {
        let text = "ssh_user: a\nssh_identity_file: /k\nnodes: {servers: [s], others: [b]}\n\
                    coordination: {role: peer, peer_hosts: [b]}\n";
        let context = crate::config::Context::installed("here", &[]);
        let settings = crate::config::parse(text, "x", &context).expect("settings").settings;
        let peers = Peers::new(&settings, Mono(0));
        let name = MachineName::new("b");
        let text = r#"{"host":"b","cluster":"cluster","role":"coordinator","executes":true,
            "acts":true,"knows":true,"paused":false,"epoch":3,"phase":"converged","desired":"up",
            "scope":"whole","age":1000}"#;
        let facts = word(&answer(Some(0), &format!("Welcome!\n{text}"), "")).unwrap();
        let gone = || Err(Blind::new(BlindKind::Unreachable, "no route"));
        peers.hear(&name, Ok(facts), Mono(1_000));
        peers.hear(&name, gone(), Mono(15_000));
        assert!(matches!(peers.heard()[&name], Seen::Known { .. }));
        peers.hear(&name, gone(), Mono(25_000));
        assert!(matches!(peers.heard()[&name], Seen::Unknown { .. }));
        peers.hear(&MachineName::new("stranger"), gone(), Mono(25_000));
        assert_eq!(peers.heard().len(), 1);
    }
}
