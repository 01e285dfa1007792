//! Questions through a machine: what is in the cluster's network answers, by name and by address.

use ananke::adapters::ssh::{SshError, Stage};
use ananke::sim::deed::{Deed, Within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::site::{AGENT, PATIENCE, Simulated, eventually};

/// The whole answer to `GET path`, asked through the agent.
async fn get(site: &Simulated, host: &str, port: u16, path: &str) -> Result<String, SshError> {
    let mut stream = site.fleet.forward(&AGENT, host, port).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: any\r\nConnection: close\r\n\r\n");
    let whole = async {
        stream.write_all(request.as_bytes()).await.expect("it is taken");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        answer
    };
    Ok(timeout(PATIENCE, whole).await.expect("an answer in time"))
}

/// Whether nobody answered there: what an `ssh -L` of a person would show as `connect failed`.
fn is_refused<T>(result: &Result<T, SshError>) -> bool {
    matches!(result, Err(SshError::Unreachable { stage: Stage::Channel, .. }))
}

#[tokio::test]
async fn a_service_answers_through_a_machine_and_one_that_is_gone_does_not() {
    let site = Simulated::open(1).await;
    let vault = get(&site, "vault.vault.svc", 8200, "/v1/sys/health").await.expect("it is there");
    assert!(vault.starts_with("HTTP/1.1 200 ") && vault.contains("\"sealed\":false"), "{vault}");
    let nobody = get(&site, "nobody.vault.svc", 8200, "/").await;
    assert!(is_refused(&nobody), "{nobody:?}");

    site.suffer(&Deed::Inside(Within::Mute { workload: "vault".to_owned(), on: true }));
    eventually("it is refused once the cluster knows", || async {
        match site.fleet.forward(&AGENT, "vault.vault.svc", 8200).await {
            Ok(_) => Err("it is there".to_owned()),
            Err(SshError::Unreachable { stage: Stage::Channel, .. }) => Ok(()),
            Err(other) => Err(other.to_string()),
        }
    })
    .await;
}

#[tokio::test]
async fn the_name_server_answers_over_tcp_through_a_machine() {
    let site = Simulated::open(1).await;
    let ask = async |name: &str| {
        let mut stream = site.fleet.forward(&AGENT, "10.43.0.10", 53).await.expect("it is there");
        let mut question = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            question.push(u8::try_from(label.len()).expect("a short label"));
            question.extend(label.bytes());
        }
        question.extend([0, 0, 1, 0, 1]);
        stream.write_u16(u16::try_from(question.len()).expect("short")).await.expect("taken");
        stream.write_all(&question).await.expect("it is taken");
        let length =
            timeout(PATIENCE, stream.read_u16()).await.expect("in time").expect("a length");
        let mut answer = vec![0; length.into()];
        stream.read_exact(&mut answer).await.expect("an answer");
        // The code, and how many addresses there are.
        (answer[3] & 0x0f, answer[7])
    };
    assert_eq!(ask("kubernetes.default.svc.cluster.local").await, (0, 1));
    assert_eq!(ask("nobody.default.svc.cluster.local").await, (3, 0));
}
