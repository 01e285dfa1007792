//! The same lines to the simulated upsd and to the real one: they must say the same.

use std::num::NonZeroU32;
use std::time::Duration;

use ananke::sim::deed::Deed;
use ananke::sim::faces::Stage;
use ananke::sim::faces::sockets::nut::NutServer;
use ananke::sim::site::{Site, UpsSpec};
use ananke::sim::world::World;
use rustix::process::Signal;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::nut::rig::{PATIENCE, Rig};

/// Nothing that upsd answers takes so long.
const LIMIT: Duration = Duration::from_secs(10);

/// Without a user, with a wrong one, and what every client may ask.
const STRANGER: &[&str] = &[
    "NETVER",
    "PROTVER",
    "HELP",
    "LIST UPS",
    "list ups",
    "GET VAR COORD UPS.STATUS",
    "GET VAR coord no.such",
    "GET VAR nobody ups.status",
    "GET VAR coord",
    "GET VAR",
    "GET",
    "LIST",
    "LIST VAR",
    "LIST VAR nobody",
    "LIST FOO",
    "LIST FOO coord",
    "GET FOO coord",
    "FOO bar",
    "USERNAME",
    "USERNAME a b",
    "LOGIN",
    "LOGIN coord",
    "INSTCMD coord x",
    "PRIMARY coord",
    "USERNAME stranger",
    "USERNAME b",
    "LOGIN coord",
    "PASSWORD wrong",
    "PASSWORD x",
    "LOGIN coord",
    "LOGIN nobody",
    "PRIMARY coord",
    "PRIMARY nobody",
    "FSD coord",
    "INSTCMD coord x",
    "INSTCMD coord load.off",
    "STARTTLS",
    "GET NUMLOGINS coord",
    "GET NUMLOGINS nobody",
    "GET UPSDESC coord",
    "GET UPSDESC nobody",
    "GET CMDDESC coord load.off",
    "LIST CLIENT coord",
    "LIST CMD nobody",
    "LIST CLIENT nobody",
    "LIST RW nobody",
    "GET VAR coord \"ups.status\"",
    "LOGOUT",
];

/// With the user that both have.
const USER: &[&str] = &[
    "USERNAME ananke",
    "PASSWORD rehearsal",
    "LOGIN nobody",
    "LOGIN coord",
    "LOGIN coord",
    "LOGIN peer",
    "GET NUMLOGINS coord",
    "LIST CLIENT coord",
    "PRIMARY coord",
    "MASTER coord",
    "SET VAR coord a b",
    "INSTCMD coord no.such",
    "INSTCMD coord",
    "INSTCMD nobody x",
    "LOGOUT",
];

/// While nothing is heard of a UPS.
const SILENT: &[&str] = &[
    "USERNAME ananke",
    "PASSWORD rehearsal",
    "GET VAR coord ups.status",
    "LIST VAR coord",
    "GET NUMLOGINS coord",
    "LIST CMD coord",
    "LIST RW coord",
    "LIST CLIENT coord",
    "GET UPSDESC coord",
    "LIST UPS",
    "PRIMARY coord",
    "INSTCMD coord x",
    "LOGIN coord",
    "LOGOUT",
];

/// What was said to each line, a list in one piece.
async fn said(port: u16, lines: &[&str]) -> Vec<String> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("it listens");
    let mut stream = BufReader::new(stream);
    let mut all = Vec::new();
    for line in lines {
        let sent = stream.get_mut().write_all(format!("{line}\n").as_bytes()).await;
        sent.expect("it takes a line");
        let mut answer = String::new();
        loop {
            let read = timeout(LIMIT, stream.read_line(&mut answer)).await;
            assert!(read.is_ok_and(|read| read.is_ok_and(|bytes| bytes > 0)), "{line}: {answer}");
            let last = answer.lines().last().unwrap_or_default();
            if !answer.starts_with("BEGIN") || last.starts_with("END") {
                break;
            }
        }
        all.push(format!("{line} -> {answer}"));
    }
    all
}

fn compare(real: &[String], simulated: &[String]) {
    for (real, simulated) in real.iter().zip(simulated) {
        assert_eq!(real, simulated);
    }
    assert_eq!(real.len(), simulated.len());
}

/// Until upsd says this of the status.
async fn until(port: u16, word: &str) {
    let wait = async {
        while !said(port, &["GET VAR coord ups.status"]).await[0].contains(word) {
            // poll: ups.status
            sleep(Duration::from_millis(100)).await;
        }
    };
    assert!(timeout(PATIENCE, wait).await.is_ok(), "never {word}");
}

#[tokio::test]
async fn the_simulated_upsd_says_what_the_real_one_says() {
    let mut rig = Rig::start(|_| String::new()).await;
    let mut site = Site::small();
    let spec = UpsSpec { runtime: ananke::model::time::Span::mins(30) };
    site.upses = ["coord", "peer"].map(|name| (name.to_owned(), spec.clone())).into();
    let stage = Stage::new(World::new(&site, 1), NonZeroU32::MIN);
    let server = NutServer::open(&stage).await.unwrap();
    let port = server.address().port();

    let real = said(rig.port, &["VER"]).await;
    assert!(real[0].starts_with("VER -> Network UPS Tools upsd 2.8."), "{real:?}");
    assert!(said(port, &["VER"]).await[0].starts_with("VER -> Network UPS Tools upsd 2.8."));
    compare(&said(rig.port, STRANGER).await, &said(port, STRANGER).await);
    compare(&said(rig.port, USER).await, &said(port, USER).await);

    rig.coord.as_ref().unwrap().signal(Signal::STOP);
    stage.suffer(&Deed::UpsSilent { ups: "coord".to_owned(), on: true }).unwrap();
    until(rig.port, "DATA-STALE").await;
    compare(&said(rig.port, SILENT).await, &said(port, SILENT).await);

    rig.coord = None;
    stage.suffer(&Deed::UpsDriver { ups: "coord".to_owned(), on: false }).unwrap();
    until(rig.port, "DRIVER-NOT-CONNECTED").await;
    compare(&said(rig.port, SILENT).await, &said(port, SILENT).await);
}
