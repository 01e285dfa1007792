//! What is made of servers that hang, lie and never end.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ananke::adapters::nut::{NutError, NutLink, Upsd};
use ananke::config::settings::{Encryption, NutSettings};
use ananke::model::facts::{BlindKind, Seen};
use ananke::model::power::{Reading, UpsName, UpsStatus};
use ananke::model::time::Span;
use tokio::time::{Instant, sleep};

use super::liar::{Liar, Lie};
use super::rig::{clock, until};

/// Short, so that a test does not wait; long enough for an honest answer on a busy machine.
const LIMIT: Span = Span::millis(700);

async fn connect(liar: &Liar, encryption: &Encryption) -> Result<Upsd, NutError> {
    Upsd::connect("127.0.0.1", liar.port, encryption, LIMIT, LIMIT).await
}

#[tokio::test]
async fn every_lie_becomes_a_reason_in_bounded_time() {
    let table = [
        (Lie::Mute, Some(BlindKind::TimedOut)),
        (Lie::HalfLine, Some(BlindKind::TimedOut)),
        (Lie::EndlessLine, Some(BlindKind::Garbled)),
        (Lie::EndlessList, Some(BlindKind::Garbled)),
        (Lie::Stranger, Some(BlindKind::Garbled)),
        (Lie::Vanish, Some(BlindKind::Unreachable)),
        (Lie::OpenQuote, Some(BlindKind::Garbled)),
        (Lie::Honest, None),
        (Lie::Bytes, None),
    ];
    for (lie, expected) in table {
        let liar = Liar::start(lie).await;
        let began = Instant::now();
        let look = async { connect(&liar, &Encryption::Off).await?.list_var("a").await };
        let found = look.await.err();
        assert_eq!(found.as_ref().map(|it| it.blind().kind), expected, "{lie:?}: {found:?}");
        assert!(began.elapsed() < Duration::from_secs(5), "{lie:?} took {:?}", began.elapsed());
        assert!(found.is_none_or(|error| !error.keeps_connection()), "{lie:?}");
    }
}

#[tokio::test]
async fn an_answer_to_no_question_ends_the_connection() {
    let liar = Liar::start(Lie::Extra).await;
    let mut upsd = connect(&liar, &Encryption::Off).await.unwrap();
    // It may come with the list or a moment later: then it is in the way of the next answer.
    let mut looks = Vec::new();
    for _ in 0..3 {
        looks.push(upsd.list_var("a").await);
    }
    assert!(looks.iter().any(|look| matches!(look, Err(NutError::Garbled(_)))), "{looks:?}");
}

#[tokio::test]
async fn nothing_is_taken_for_encrypted_that_came_before() {
    let file = PathBuf::from("/nonexistent/pin.pem");
    let liar = Liar::start(Lie::Injection).await;
    let error = connect(&liar, &Encryption::Pinned { file }).await.unwrap_err();
    assert!(matches!(error, NutError::Garbled(_)), "{error:?}");
}

fn link_to(liar: &Liar) -> (NutLink, UpsName) {
    let name = UpsName::parse(&format!("a@127.0.0.1:{}", liar.port)).unwrap();
    let settings = NutSettings {
        upses: [(name.clone(), Encryption::Off)].into(),
        poll: Span::millis(20),
        connect: LIMIT,
        answer: LIMIT,
    };
    (NutLink::start(settings, clock()), name)
}

#[tokio::test]
async fn garbage_is_never_a_status_and_is_not_hammered() {
    for lie in [Lie::Garbage, Lie::Vanish, Lie::Stranger] {
        let liar = Liar::start(lie).await;
        let (link, name) = link_to(&liar);
        let refused = |seen: &Seen<_>| match seen {
            Seen::Known { .. } => panic!("{lie:?} was believed"),
            Seen::Unknown { why, .. } => why.kind != BlindKind::NotYet,
        };
        until(&link, &name, "refused", refused).await;
        let deadline = Instant::now() + Duration::from_secs(2);
        while Instant::now() < deadline {
            let seen = link.facts().remove(&name).unwrap();
            assert!(seen.any_age().is_none(), "{lie:?}: {seen:?}");
            // poll: that nothing is believed later either
            sleep(Duration::from_millis(20)).await;
        }
        let connections = liar.connections.load(Ordering::SeqCst);
        assert!((2..=12).contains(&connections), "{lie:?}: {connections} connections in 2 s");
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_spoil_their_own_value_only() {
    let liar = Liar::start(Lie::Bytes).await;
    let (link, name) = link_to(&liar);
    let seen = until(&link, &name, "seen", |seen| seen.any_age().is_some()).await;
    let facts = seen.any_age().unwrap();
    assert_ne!(facts.status, UpsStatus::parse("OL"), "no token is guessed");
    assert_eq!(facts.charge, Reading::Garbled);
}

#[tokio::test]
async fn a_dropped_link_closes_its_connections() {
    let liar = Liar::start(Lie::Honest).await;
    let (link, name) = link_to(&liar);
    until(&link, &name, "seen", |seen| seen.any_age().is_some()).await;
    let connections = liar.connections.load(Ordering::SeqCst);
    assert_eq!(connections, 1, "one connection serves all questions");
    let changed = link.changed();
    drop(link);
    let deadline = Instant::now() + Duration::from_secs(5);
    while changed.has_changed().is_ok() {
        assert!(Instant::now() < deadline, "the watcher lives on");
        // poll: the end of the watcher, which owns the sender
        sleep(Duration::from_millis(10)).await;
    }
}
