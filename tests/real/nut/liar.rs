//! Servers in this process that talk like upsd, up to a point.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// What a server does when it is asked for variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lie {
    /// Nothing wrong.
    Honest,
    /// No word, from the first question on.
    Mute,
    /// Not even a question is read.
    Garbage,
    /// A line without an end, drop by drop.
    HalfLine,
    /// A line that never ends, as fast as it goes.
    EndlessLine,
    /// A list that never ends.
    EndlessList,
    /// The list of another UPS.
    Stranger,
    /// Half a list, then the connection ends.
    Vanish,
    /// A line that was not asked for, behind the list.
    Extra,
    /// A quote that is not closed.
    OpenQuote,
    /// `OK STARTTLS` with more behind it.
    Injection,
    /// Bytes that are no text within a value, and `\r\n` at the ends of lines.
    Bytes,
}

/// A server with one behaviour. Ends with the test's runtime.
pub(super) struct Liar {
    pub(super) port: u16,
    /// How many connections were made.
    pub(super) connections: Arc<AtomicUsize>,
}

impl Liar {
    pub(super) async fn start(lie: Lie) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(talk(lie, stream));
            }
        });
        Self { port, connections }
    }
}

async fn talk(lie: Lie, mut stream: TcpStream) -> std::io::Result<()> {
    if lie == Lie::Garbage {
        return stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n\xff\xfe\0\n\n\n").await;
    }
    let mut buffer = Vec::new();
    loop {
        let mut chunk = [0; 512];
        let count = stream.read(&mut chunk).await?;
        if count == 0 {
            return Ok(());
        }
        buffer.extend_from_slice(&chunk[..count]);
        while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = buffer.drain(..=end).collect();
            answer(lie, String::from_utf8_lossy(&line).trim(), &mut stream).await?;
        }
    }
}

async fn answer(lie: Lie, command: &str, stream: &mut TcpStream) -> std::io::Result<()> {
    let list = b"BEGIN LIST VAR a\nVAR a ups.status \"OL\"\nEND LIST VAR a\n";
    match (command, lie) {
        (_, Lie::Mute) => Ok(()),
        ("VER", _) => stream.write_all(b"a liar\n").await,
        ("STARTTLS", Lie::Injection) => {
            stream.write_all(b"OK STARTTLS\nVAR a ups.status \"OB LB\"\n").await
        }
        ("STARTTLS", _) => stream.write_all(b"OK STARTTLS\n").await,
        (_, Lie::HalfLine) => loop {
            stream.write_all(b"BEGIN ").await?;
            sleep(Duration::from_millis(50)).await; // poll: the client's patience
        },
        (_, Lie::EndlessLine) => loop {
            stream.write_all(&[b'x'; 4_096]).await?;
        },
        (_, Lie::EndlessList) => {
            stream.write_all(b"BEGIN LIST VAR a\n").await?;
            for number in 0_u64.. {
                stream.write_all(format!("VAR a v{number} \"x\"\n").as_bytes()).await?;
            }
            Ok(())
        }
        (_, Lie::Stranger) => {
            stream.write_all(b"BEGIN LIST VAR b\nVAR b ups.status \"OB\"\nEND LIST VAR b\n").await
        }
        (_, Lie::Vanish) => {
            stream.write_all(b"BEGIN LIST VAR a\nVAR a ups.status \"OB LB\"\n").await?;
            stream.shutdown().await
        }
        (_, Lie::Extra) => {
            stream.write_all(&[list.as_slice(), b"VAR a ups.status \"OB\"\n"].concat()).await
        }
        (_, Lie::OpenQuote) => stream.write_all(b"BEGIN LIST VAR \"a\n").await,
        (_, Lie::Bytes) => {
            let lines = b"BEGIN LIST VAR a\r\nVAR a ups.status \"OL\xff\xfe\"\r\n\
                VAR a battery.charge \"\xc3\"\r\nEND LIST VAR a\r\n";
            stream.write_all(lines).await
        }
        (_, Lie::Honest | Lie::Garbage | Lie::Injection) => stream.write_all(list).await,
    }
}
