//! The control socket, for real: two ends of a Unix socket, foreign users, vanishing clients.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ananke::adapters::control::{
    BindError, ControlClient, ControlError, ControlEvent, ControlServer, LOCK, OrderAnswer, Orders,
    SOCKET, Stance, Talk,
};
use ananke::adapters::process::{ChildSpec, End, run};
use ananke::model::assessment::{Assessment, Phase};
use ananke::model::cluster::ClusterFacts;
use ananke::model::facts::{ApiFacts, Blind, BlindKind, Link, Seen};
use ananke::model::ids::BootId;
use ananke::model::intent::Author;
use ananke::model::memory::{Durable, Memory, Passing};
use ananke::model::observation::Observation;
use ananke::model::peers::{PeerFacts, Standing};
use ananke::model::plan::Plan;
use ananke::model::power::PowerView;
use ananke::model::record::{TICK_FORMAT, TickRecord};
use ananke::model::tick::{Decision, Order, Request, TickInput, Verb, Wake};
use ananke::model::time::{Moment, Mono, Span};
use ananke::ports::Sink;
use ananke::report::peer_facts;
use tempfile::TempDir;
use tokio::task::JoinSet;

#[path = "../decide/site.rs"]
mod site;

/// Until when something that must happen has to have happened.
const PATIENCE: Duration = Duration::from_secs(10);

#[expect(clippy::disallowed_methods, reason = "a test measures in real time")]
fn now() -> Instant {
    Instant::now()
}

/// What must come in time.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("it did not come in time")
}

async fn server(stance: Stance) -> (TempDir, ControlServer, Orders) {
    let dir = tempfile::tempdir().unwrap();
    let (server, orders) = ControlServer::bind(dir.path(), stance).await.unwrap();
    (dir, server, orders)
}

async fn client(dir: &TempDir) -> ControlClient {
    soon(ControlClient::connect(dir.path())).await.unwrap().expect("nobody listens")
}

fn startup() -> Order {
    Order::Startup { by: "alice".to_owned() }
}

/// Speaks to the server without our client.
fn raw(dir: &TempDir) -> UnixStream {
    let stream = UnixStream::connect(dir.path().join(SOCKET)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Everything that the server says until it hangs up.
async fn rest(stream: UnixStream) -> String {
    let reading = tokio::task::spawn_blocking(move || {
        let (mut stream, mut text) = (stream, Vec::new());
        match stream.read_to_end(&mut text) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}"),
        }
        String::from_utf8_lossy(&text).into_owned()
    });
    soon(reading).await.unwrap()
}

async fn write_raw(stream: &UnixStream, bytes: Vec<u8>) -> io::Result<()> {
    let mut stream = stream.try_clone().unwrap();
    soon(tokio::task::spawn_blocking(move || stream.write_all(&bytes))).await.unwrap()
}

/// A tick that carries its number and is `ballast` bytes long and more.
fn tick(number: u64, ballast: usize) -> TickRecord {
    let now = Moment {
        boot: BootId::fixed("b"),
        mono: Mono(number),
        wall: "2026-11-21T03:12:00Z".parse().unwrap(),
        wall_trusted: true,
    };
    let unseen = Blind::new(BlindKind::NotYet, "x".repeat(ballast));
    let memory = Memory {
        durable: Durable::fresh(&now),
        passing: Passing { tick: number, ..Passing::default() },
    };
    TickRecord {
        format: TICK_FORMAT,
        version: "0.1.0".to_owned(),
        input: TickInput {
            now,
            policy: site::policy(0, 0),
            request: Request {
                verb: Verb::Daemon,
                execute: true,
                by: Author::Ananke,
                orders: Vec::new(),
                stand_in: false,
            },
            observation: Observation {
                probes: BTreeMap::new(),
                hosts: BTreeMap::new(),
                hygiene: BTreeMap::new(),
                upses: BTreeMap::new(),
                peers: BTreeMap::new(),
                api: ApiFacts {
                    link: Link::Probing,
                    endpoints: BTreeMap::new(),
                    version: None,
                    nodes: Seen::Unknown { why: unseen.clone(), since: Mono(0) },
                    canary: Seen::Unknown { why: unseen, since: Mono(0) },
                    serves: Vec::new(),
                    holder: None,
                },
                cluster: ClusterFacts::bare(Mono(0)),
                disk: Ok(()),
            },
            outcomes: Vec::new(),
            memory: memory.clone(),
        },
        decision: Decision {
            assessment: Assessment::default(),
            phase: Phase::Recovering,
            plan: Plan::default(),
            power: PowerView::default(),
            standing: Standing::default(),
            alarms: Vec::new(),
            memory,
            wake: Wake { at: Mono(number + 1), why: "test".to_owned() },
        },
    }
}

const fn number(tick: &TickRecord) -> u64 {
    tick.input.memory.passing.tick
}

// --- the place

#[tokio::test]
async fn no_daemon_is_not_an_error() {
    let dir = tempfile::tempdir().unwrap();
    assert!(ControlClient::connect(&dir.path().join("missing")).await.unwrap().is_none());
    assert!(ControlClient::connect(dir.path()).await.unwrap().is_none());
    drop(UnixListener::bind(dir.path().join(SOCKET)).unwrap());
    assert!(ControlClient::connect(dir.path()).await.unwrap().is_none());
}

#[tokio::test]
async fn the_socket_is_for_the_owner_and_goes_with_the_server() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("run").join("ananke");
    let (server, _orders) = ControlServer::bind(&dir, Stance::Executes).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&dir), mode(&dir.join(SOCKET))), (0o700, 0o600));
    assert_eq!(mode(&dir.join(LOCK)), 0o600);
    let hello = ControlClient::connect(&dir).await.unwrap().unwrap().daemon().clone();
    assert_eq!((hello.pid, hello.executes), (std::process::id(), true));
    server.close("test").await;
    assert!(!dir.join(SOCKET).exists());
    assert!(ControlClient::connect(&dir).await.unwrap().is_none());
    // The place can be taken again at once.
    ControlServer::bind(&dir, Stance::Observes).await.unwrap();
}

#[tokio::test]
async fn a_second_daemon_is_refused_and_a_dead_ones_socket_is_replaced() {
    let (dir, server, _orders) = server(Stance::Executes).await;
    let second = ControlServer::bind(dir.path(), Stance::Executes).await.unwrap_err();
    assert!(matches!(second, BindError::OtherDaemon(_)), "{second:?}");
    // Somebody removed the lock file: the socket that answers still says that there is a daemon.
    fs::remove_file(dir.path().join(LOCK)).unwrap();
    let second = ControlServer::bind(dir.path(), Stance::Executes).await.unwrap_err();
    assert!(matches!(second, BindError::OtherDaemon(_)), "{second:?}");
    // The first one has lost nothing by it.
    assert!(client(&dir).await.status().await.unwrap().is_none());
    drop(server);
    // Somebody removed the socket: the lock still says it.
    let (server, _orders) = ControlServer::bind(dir.path(), Stance::Executes).await.unwrap();
    fs::remove_file(dir.path().join(SOCKET)).unwrap();
    let second = ControlServer::bind(dir.path(), Stance::Executes).await.unwrap_err();
    assert!(matches!(second, BindError::OtherDaemon(_)), "{second:?}");
    drop(server);

    // A daemon that was killed leaves its socket behind.
    drop(UnixListener::bind(dir.path().join(SOCKET)).unwrap());
    let (server, _orders) = ControlServer::bind(dir.path(), Stance::Executes).await.unwrap();
    assert!(client(&dir).await.daemon().executes);
    drop(server);

    // What is no socket is not ours to remove.
    fs::write(dir.path().join(SOCKET), "a person's file").unwrap();
    let foreign = ControlServer::bind(dir.path(), Stance::Executes).await.unwrap_err();
    assert!(matches!(foreign, BindError::NotASocket(_)), "{foreign:?}");
    assert!(dir.path().join(SOCKET).exists());

    let open = tempfile::tempdir().unwrap();
    fs::set_permissions(open.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let unsafe_dir = ControlServer::bind(open.path(), Stance::Executes).await.unwrap_err();
    assert!(matches!(unsafe_dir, BindError::UnsafeDir(_)), "{unsafe_dir:?}");
}

#[tokio::test]
async fn a_daemon_that_hangs_still_counts_as_one() {
    let dir = tempfile::tempdir().unwrap();
    // A listener that never accepts: the kernel completes the connection all the same.
    let _hanging = UnixListener::bind(dir.path().join(SOCKET)).unwrap();
    let error = soon(ControlClient::connect(dir.path())).await.unwrap_err();
    assert!(matches!(error, ControlError::Silent), "{error:?}");
    let second = soon(ControlServer::bind(dir.path(), Stance::Executes)).await.unwrap_err();
    assert!(matches!(second, BindError::OtherDaemon(_)), "{second:?}");
}

/// Connects as nobody, and prints the first line that comes.
async fn as_nobody(socket: &Path) -> String {
    let script = "use IO::Socket::UNIX; \
        my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or do { print \"$!\"; exit }; \
        print scalar <$s>;";
    let nobody = "--reuid=65534 --regid=65534 --clear-groups".split(' ');
    let args = nobody.chain(["perl", "-e", script]).map(Into::into);
    let spec =
        ChildSpec::new("setpriv", Span::secs(20)).args(args.chain([socket.as_os_str().to_owned()]));
    let done = run(spec).await.expect("setpriv is needed: apt-get install util-linux");
    assert_eq!(
        done.end,
        End::Exited(0),
        "this test needs root, setpriv and perl: {}",
        done.stderr.text()
    );
    done.stdout.text()
}

#[tokio::test]
async fn nobody_but_root_gets_in() {
    let (dir, _server, _orders) = server(Stance::Executes).await;
    let socket = dir.path().join(SOCKET);
    let open = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    assert_eq!(as_nobody(&socket).await, "Permission denied", "the directory lets them in");
    open(dir.path(), 0o755);
    assert_eq!(as_nobody(&socket).await, "Permission denied", "the socket lets them in");
    // The file's mode is one lock; what the kernel says of the peer is the other.
    open(&socket, 0o666);
    let said = as_nobody(&socket).await;
    assert_eq!(said, "{\"refused\":{\"why\":\"only root may connect\"}}\n");
    assert!(client(&dir).await.status().await.unwrap().is_none());
}

// --- other ananke hosts

#[tokio::test]
async fn another_host_is_told_and_heard_in_one_exchange() {
    let (dir, server, _orders) = server(Stance::Observes).await;
    let said = peer_facts(&tick(1, 0), Span::ZERO);
    let mut client = client(&dir).await;
    assert_eq!(soon(client.peer(Some(said.clone()))).await.unwrap(), None, "nobody answers yet");
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (ours, notes) = (said.clone(), Arc::clone(&heard));
    server.answer_peers(Talk::new(move |told: Option<PeerFacts>| {
        notes.lock().unwrap().push(told);
        Some(ours.clone())
    }));
    let other = PeerFacts { host: "watch-2".to_owned(), ..said.clone() };
    for told in [None, Some(other.clone())] {
        assert_eq!(soon(client.peer(told)).await.unwrap(), Some(said.clone()));
    }
    assert_eq!(*heard.lock().unwrap(), [None, Some(other)]);
}

// --- orders

#[tokio::test]
async fn an_order_reaches_the_loop_and_its_answer_the_person() {
    let (dir, server, mut orders) = server(Stance::Executes).await;
    let given = [
        startup(),
        Order::Pause { by: "alice".to_owned(), why: "new disk".to_owned() },
        Order::Ack { by: "alice".to_owned(), name: "titan-07".to_owned() },
    ];
    let expected = given.clone();
    let engine = tokio::spawn(async move {
        let mut seen = Vec::new();
        while let Some(ordered) = orders.next().await {
            seen.push(ordered.order.clone());
            match seen.len() {
                1 => ordered.accept(41),
                2 => ordered.refuse("not now"),
                _ => drop(ordered),
            }
        }
        seen
    });
    let mut client = client(&dir).await;
    let mut answers = Vec::new();
    for order in given {
        answers.push(soon(client.order(order)).await.unwrap());
    }
    assert_eq!(
        answers,
        [
            OrderAnswer::Accepted { tick: 41 },
            OrderAnswer::Refused { why: "not now".to_owned() },
            OrderAnswer::Unknown { why: "the loop ended over it".to_owned() },
        ]
    );
    drop(client);
    server.close("test").await;
    assert_eq!(soon(engine).await.unwrap(), expected);
}

#[tokio::test]
async fn a_daemon_that_only_observes_takes_no_orders() {
    let (dir, _server, _orders) = server(Stance::Observes).await;
    let mut client = client(&dir).await;
    assert!(!client.daemon().executes);
    for order in [startup(), Order::Resume { by: "alice".to_owned() }] {
        let answer = soon(client.order(order)).await.unwrap();
        let OrderAnswer::Refused { why } = answer else { panic!("{answer:?}") };
        assert!(why.contains("without --execute"), "{why}");
    }
}

#[tokio::test]
async fn an_order_that_is_too_long_does_not_reach_the_loop() {
    let (dir, _server, mut orders) = server(Stance::Executes).await;
    let mut client = client(&dir).await;
    let long = Order::Pause { by: "alice".to_owned(), why: "x".repeat(5_000) };
    let answer = soon(client.order(long)).await.unwrap();
    let OrderAnswer::Refused { why } = answer else { panic!("{answer:?}") };
    assert!(why.contains("longer than 4096 bytes"), "{why}");
    // It did not get through; this one does.
    let asking = tokio::spawn(async move {
        client.order(Order::Resume { by: "alice".to_owned() }).await.unwrap()
    });
    let ordered = soon(orders.next()).await.unwrap();
    assert_eq!(ordered.order, Order::Resume { by: "alice".to_owned() });
    ordered.accept(1);
    assert_eq!(soon(asking).await.unwrap(), OrderAnswer::Accepted { tick: 1 });
}

#[tokio::test]
async fn a_loop_that_takes_no_orders_gets_only_so_many() {
    let (dir, _server, mut orders) = server(Stance::Executes).await;
    let mut asking = JoinSet::new();
    for _ in 0..12 {
        let mut client = client(&dir).await;
        asking.spawn(async move { client.order(startup()).await.unwrap() });
    }
    // Eight wait for the loop, the other four are refused at once.
    for _ in 0..4 {
        let answer = soon(asking.join_next()).await.unwrap().unwrap();
        let OrderAnswer::Refused { why } = answer else { panic!("{answer:?}") };
        assert!(why.contains("8 orders wait"), "{why}");
    }
    for n in 0..8 {
        soon(orders.next()).await.unwrap().accept(n);
        let answer = soon(asking.join_next()).await.unwrap().unwrap();
        assert_eq!(answer, OrderAnswer::Accepted { tick: n });
    }
    assert!(asking.is_empty());
}

#[tokio::test]
async fn an_answer_that_is_lost_is_unknown() {
    let (dir, server, mut orders) = server(Stance::Executes).await;
    let mut client = client(&dir).await;
    let asking = tokio::spawn(async move { client.order(startup()).await.unwrap() });
    let _held = soon(orders.next()).await.unwrap();
    drop(server);
    let answer = soon(asking).await.unwrap();
    assert!(matches!(answer, OrderAnswer::Unknown { .. }), "{answer:?}");
}

// --- looking

#[tokio::test]
async fn status_and_followers_see_the_newest_tick_and_the_end() {
    let (dir, mut server, _orders) = server(Stance::Executes).await;
    let mut looking = client(&dir).await;
    assert!(looking.status().await.unwrap().is_none());
    server.publish(&tick(1, 10).into()).await;
    server.publish(&tick(2, 10).into()).await;
    assert_eq!(*looking.status().await.unwrap().unwrap(), tick(2, 10));
    // A client may look, and then follow.
    let mut follow = looking.follow().await.unwrap();
    let mut seen = Vec::new();
    for more in [3, 4] {
        let event = soon(follow.next()).await.unwrap();
        let Some(ControlEvent::Tick(record)) = event else { panic!("{event:?}") };
        seen.push(number(&record));
        server.publish(&tick(more, 10).into()).await;
    }
    assert_eq!(seen, [2, 3]);
    let last = soon(follow.next()).await.unwrap();
    assert_eq!(last, Some(ControlEvent::Tick(Box::new(tick(4, 10)))));
    server.close("stopped by a person").await;
    let done = ControlEvent::Done { why: "stopped by a person".to_owned() };
    assert_eq!(soon(follow.next()).await.unwrap(), Some(done));
    assert_eq!(soon(follow.next()).await.unwrap(), None);
}

#[tokio::test]
async fn a_daemon_that_dies_is_not_taken_for_one_that_is_done() {
    let (dir, server, _orders) = server(Stance::Executes).await;
    let mut follow = client(&dir).await.follow().await.unwrap();
    server.show(Arc::new(tick(1, 10)));
    soon(follow.next()).await.unwrap();
    drop(server);
    let error = soon(follow.next()).await.unwrap_err();
    assert!(matches!(error, ControlError::Lost(_)), "{error:?}");
}

#[tokio::test]
async fn a_slow_follower_misses_ticks_and_holds_nobody() {
    let (dir, server, _orders) = server(Stance::Executes).await;
    // Each tick is larger than the socket's buffer, so that writing to a reader that does not
    // read blocks at the first one.
    let ballast = 1_000_000;
    let mut slow = client(&dir).await.follow().await.unwrap();
    let mut quick = client(&dir).await.follow().await.unwrap();
    let mut longest = Duration::ZERO;
    for n in 1..=20 {
        let record = Arc::new(tick(n, ballast));
        let began = now();
        server.show(record);
        longest = longest.max(began.elapsed());
        let event = soon(quick.next()).await.unwrap();
        let Some(ControlEvent::Tick(record)) = event else { panic!("{event:?}") };
        assert_eq!(number(&record), n);
    }
    // A server that waited for the slow one would wait for ever.
    assert!(longest < Duration::from_secs(1), "showing a tick took {longest:?}");
    let mut seen = Vec::new();
    while seen.last() != Some(&20) {
        let event = soon(slow.next()).await.unwrap();
        let Some(ControlEvent::Tick(record)) = event else { panic!("{event:?}") };
        seen.push(number(&record));
    }
    assert!(seen.len() < 5, "it saw {seen:?}");
}

#[tokio::test]
async fn waiting_for_the_next_tick_can_be_given_up_at_any_time() {
    let (dir, server, _orders) = server(Stance::Executes).await;
    let mut follow = client(&dir).await.follow().await.unwrap();
    let mut given_up = 0;
    let mut seen = 0;
    for n in 1..=5 {
        server.show(Arc::new(tick(n, 300_000)));
        while seen < n {
            match tokio::time::timeout(Duration::from_micros(300), follow.next()).await {
                Err(_) => given_up += 1,
                Ok(event) => {
                    let Some(ControlEvent::Tick(record)) = event.unwrap() else { panic!() };
                    seen = number(&record);
                }
            }
            assert!(given_up < 100_000, "no tick came");
        }
    }
    assert!(given_up > 0, "this never gave up, so it proves nothing");
}

// --- clients that misbehave

#[tokio::test]
async fn what_is_not_the_protocol_is_refused_and_harms_nobody() {
    let (dir, server, mut orders) = server(Stance::Executes).await;
    let oversized = vec![b'x'; 1_100_000];
    let mut deep = b"[".repeat(100_000);
    deep.push(b'\n');
    let table: [(Vec<u8>, &str); 6] = [
        (b"hello?\n".to_vec(), "not understood"),
        (b"\n".to_vec(), "not understood"),
        (b"\xff\xfe\x00\n".to_vec(), "not understood"),
        (b"{\"order\":{\"explode\":{\"by\":\"me\"}}}\n".to_vec(), "not understood"),
        (deep, "not understood"),
        (oversized, "longer than 1048576 bytes"),
    ];
    for (bytes, why) in table {
        let stream = raw(&dir);
        let shown = String::from_utf8_lossy(bytes.get(..bytes.len().min(40)).unwrap()).into_owned();
        if let Err(error) = write_raw(&stream, bytes).await {
            // The server may hang up while we still write.
            let kinds = [io::ErrorKind::BrokenPipe, io::ErrorKind::ConnectionReset];
            assert!(kinds.contains(&error.kind()), "{shown}: {error}");
        }
        let said = rest(stream).await;
        let last = said.lines().last().unwrap_or_default();
        assert!(last.contains("refused") && last.contains(why), "{shown}: {said}");
    }
    drop(server);
    assert!(soon(orders.next()).await.is_none(), "some of it became an order");
}

#[tokio::test]
async fn a_client_that_says_nothing_is_sent_away() {
    let (dir, _server, _orders) = server(Stance::Executes).await;
    let began = now();
    let said = rest(raw(&dir)).await;
    assert!(said.contains("hello") && !said.contains("refused"), "{said}");
    assert!(began.elapsed() >= Duration::from_secs(4), "{:?}", began.elapsed());
}

#[tokio::test]
async fn clients_that_vanish_leave_their_places_to_others() {
    let (dir, server, _orders) = server(Stance::Executes).await;
    server.show(Arc::new(tick(1, 1_000_000)));
    // Three times as many as there are places; each goes in the middle of a tick of 2 MB.
    for _ in 0..3 {
        for _ in 0..16 {
            let mut stream = raw(&dir);
            write_raw(&stream, b"\"follow\"\n".to_vec()).await.unwrap();
            let reading = tokio::task::spawn_blocking(move || stream.read_exact(&mut [0; 1_000]));
            soon(reading).await.unwrap().unwrap();
        }
        let place = async {
            while ControlClient::connect(dir.path()).await.is_err() {
                // poll: a free place, until the deadline of soon()
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        soon(place).await;
    }
    assert_eq!(number(&client(&dir).await.status().await.unwrap().unwrap()), 1);
}

#[tokio::test]
async fn there_are_only_so_many_places() {
    let (dir, server, _orders) = server(Stance::Executes).await;
    let mut inside = Vec::new();
    for _ in 0..16 {
        inside.push(client(&dir).await.follow().await.unwrap());
    }
    let error = soon(ControlClient::connect(dir.path())).await.unwrap_err();
    let ControlError::Refused { why } = error else { panic!("{error:?}") };
    assert!(why.contains("16 clients"), "{why}");
    // A follower that only waits and goes is noticed at once, without a tick.
    drop(inside.pop());
    let place = async {
        while ControlClient::connect(dir.path()).await.is_err() {
            // poll: a free place, until the deadline of soon()
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(place).await;
    server.close("test").await;
}
