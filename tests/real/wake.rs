//! Switching on against what really hears it: a UDP socket, a program, an upsd.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ananke::adapters::nut::{CommandError, Commander, NutError, Refusal, command as to_ups};
use ananke::adapters::wake::{WakeError, command, magic, send};
use ananke::config::settings::{Encryption, MagicPacket};
use ananke::model::time::Span;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, UdpSocket};
use tokio::time::timeout;

use crate::nut::rig::Rig;

const MAC: [u8; 6] = [0x52, 0x54, 0x00, 0x12, 0x34, 0xab];

/// Long enough for a machine under load; a test that passes never waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// The shortest time that a program can be given here.
const SHORT: Span = Span::millis(300);

fn line(script: &str) -> Vec<String> {
    ["/bin/sh", "-c", script].map(str::to_owned).to_vec()
}

#[tokio::test]
async fn a_magic_packet_arrives_byte_by_byte_three_times_from_each_address() {
    let ear = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("it works");
    let from = [1, 2].map(|last| IpAddr::from([127, 0, 0, last]));
    let packet =
        MagicPacket { mac: MAC, to: ear.local_addr().expect("it works"), from: from.to_vec() };
    send(&packet).await.expect("it works");
    let mut heard = Vec::new();
    let mut expected = vec![0xff; 6];
    expected.extend(std::iter::repeat_n(MAC, 16).flatten());
    for _ in 0..6 {
        let mut bytes = [0; 256];
        let (length, sender) = timeout(PATIENCE, ear.recv_from(&mut bytes))
            .await
            .expect("it works")
            .expect("it works");
        assert_eq!(bytes[..length], expected);
        assert_eq!(expected, magic(MAC));
        heard.push(sender.ip());
    }
    heard.sort_unstable();
    assert_eq!(heard, [from[0], from[0], from[0], from[1], from[1], from[1]]);
}

#[tokio::test]
async fn an_address_that_is_not_of_this_host_silences_only_itself() {
    let ear = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("it works");
    let to = ear.local_addr().expect("it works");
    let stranger = IpAddr::from([192, 0, 2, 77]);
    let both = vec![stranger, Ipv4Addr::LOCALHOST.into()];
    send(&MagicPacket { mac: MAC, to, from: both }).await.expect("it works");
    let mut bytes = [0; 256];
    timeout(PATIENCE, ear.recv(&mut bytes)).await.expect("it works").expect("it works");
    let none = send(&MagicPacket { mac: MAC, to, from: vec![stranger] })
        .await
        .expect_err("it can not be done");
    assert!(!none.may_have_run());
    assert!(matches!(none, WakeError::Send { from, .. } if from == stranger), "{none:?}");
}

#[tokio::test]
async fn a_command_is_good_only_if_it_says_so() {
    command(&line("exit 0"), Span::secs(30)).await.expect("it works");
    let error = command(&line("echo no such host >&2; exit 3"), Span::secs(30))
        .await
        .expect_err("it can not be done");
    assert_eq!(error.to_string(), "/bin/sh ended with status 3: no such host");
    assert!(!error.may_have_run());
    let gone = command(&["/nowhere/power".to_owned()], Span::secs(30))
        .await
        .expect_err("it can not be done");
    assert!(gone.to_string().contains("not installed") && !gone.may_have_run(), "{gone}");
}

#[tokio::test]
async fn a_command_that_hangs_is_ended_with_all_that_it_started() {
    let door = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("it works");
    let port = door.local_addr().expect("it works").port();
    // A grandchild holds the connection for as long as it lives.
    let script = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; sleep 600 & sleep 600");
    let bash = ["/bin/bash", "-c", &script].map(str::to_owned);
    let (ended, accepted) = tokio::join!(command(&bash, SHORT.times(10)), door.accept());
    let error = ended.expect_err("it can not be done");
    assert!(matches!(error, WakeError::Deadline { .. }) && error.may_have_run(), "{error:?}");
    let (mut held, _) = accepted.expect("it works");
    let mut byte = [0];
    let end = timeout(PATIENCE, held.read(&mut byte)).await;
    assert!(matches!(end, Ok(Ok(0) | Err(_))), "somebody of its family lives");
}

#[tokio::test]
async fn a_command_sees_nothing_of_our_environment() {
    let error =
        command(&line("env >&2; exit 1"), Span::secs(30)).await.expect_err("it can not be done");
    let WakeError::Status { output, .. } = error else { panic!("{error:?}") };
    assert!(output.contains("PATH=/usr/local/sbin") && !output.contains("CARGO"), "{output}");
}

fn who<'a>(user: &'a str, password: &'a str) -> Commander<'a> {
    let limit = Span::secs(5);
    Commander { user, password, encryption: &Encryption::Off, connect: limit, answer: limit }
}

/// A dummy driver has no commands. What upsd says of one says how far it came.
#[tokio::test]
async fn upsd_takes_commands_from_its_users_only() {
    let rig = Rig::start(|_| String::new()).await;
    let coord = rig.name("coord");
    let order = "outlet.2.load.on";
    let limit = Span::secs(20);
    let word = |error: CommandError| {
        let CommandError::Before(NutError::Refused(refusal)) = error else { panic!("{error:?}") };
        refusal
    };
    let refused =
        to_ups(&coord, order, who("admin", "secret"), limit).await.expect_err("it can not be done");
    assert!(!refused.may_have_run());
    assert_eq!(word(refused), Refusal::Other("CMD-NOT-SUPPORTED".to_owned()));
    // A driver that knows the command is handed it, and says that it did not do it.
    let load_off = to_ups(&coord, "load.off", who("admin", "secret"), limit)
        .await
        .expect_err("it can not be done");
    assert!(matches!(load_off, CommandError::Failed { .. }), "{load_off:?}");
    let denied = to_ups(&coord, "load.off", who("admin", "wrong"), limit)
        .await
        .expect_err("it can not be done");
    assert_eq!(word(denied), Refusal::AccessDenied);
    let nobody = to_ups(&rig.name("nobody"), order, who("admin", "secret"), limit).await;
    assert_eq!(word(nobody.expect_err("it can not be done")), Refusal::UnknownUps);
}
