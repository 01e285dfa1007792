//! The end of ananke's own host: what switches it off, and the lock that tells when somebody else
//! does. Never that of this very host: a script stands in the place of each program.

use std::fs;

use ananke::adapters::host::inhibit::{InhibitError, Inhibitor, Word};
use ananke::adapters::host::poweroff::Systemctl;
use ananke::adapters::process::ProcessError;
use ananke::model::outcome::ActionResult;
use ananke::ports::HostSwitch;

use crate::host::{AMPLE, SHORT, is_dead, script, until};

#[tokio::test]
async fn what_the_host_said_to_its_own_end_is_told_exactly() {
    let dir = tempfile::tempdir().unwrap();
    let said = dir.path().join("said");
    let end_of = |name: &'static str, body: String| {
        let program = script(dir.path(), name, &body);
        let limit = if name == "hangs" { SHORT } else { AMPLE };
        async move { Systemctl::at(program).power_off(limit).await }
    };
    let done = end_of("good", format!("echo \"$@\" >{}", said.display())).await;
    assert_eq!(done, ActionResult::Done);
    assert_eq!(fs::read_to_string(&said).unwrap(), "poweroff --no-block -i\n");
    let failed = end_of("bad", "echo 'Call failed' >&2; exit 1".to_owned()).await;
    let is_told = |why: &String| why.contains("ended with 1: Call failed");
    assert!(matches!(&failed, ActionResult::Failed { why } if is_told(why)), "{failed:?}");
    // Whether it was heard is not known.
    let hangs = end_of("hangs", "sleep 61".to_owned()).await;
    assert!(matches!(hangs, ActionResult::Unknown { .. }), "{hangs:?}");
    let missing = Systemctl::at("/no/such/systemctl").power_off(SHORT).await;
    assert!(matches!(missing, ActionResult::Failed { .. }), "{missing:?}");
}

/// What busctl prints for the signal of logind.
fn prepares(stops: bool) -> String {
    format!(
        "{{\"type\":\"signal\",\"path\":\"/org/freedesktop/login1\",\
         \"interface\":\"org.freedesktop.login1.Manager\",\"member\":\"PrepareForShutdown\",\
         \"payload\":{{\"type\":\"b\",\"data\":[{stops}]}}}}"
    )
}

#[tokio::test]
async fn the_lock_of_logind_is_held_by_a_child_and_given_back_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let (pid, words) = (dir.path().join("pid"), dir.path().join("words"));
    let body = format!(
        "echo \"$@\" >{words}\nsleep 61 & echo $! >{pid}.new; mv {pid}.new {pid}\n\
         echo '{off}'\necho 'no JSON'\necho '{on}'\nwait",
        words = words.display(),
        pid = pid.display(),
        off = prepares(true),
        on = prepares(false),
    );
    let mut lock = Inhibitor::at(script(dir.path(), "inhibit", &body)).take().unwrap();
    assert_eq!(lock.next().await.unwrap(), Word::Stops);
    assert_eq!(lock.next().await.unwrap(), Word::Stays);
    let words = fs::read_to_string(&words).unwrap();
    assert!(words.starts_with("--what=shutdown --mode=delay --who=ananke "), "{words}");
    let child = fs::read_to_string(&pid).unwrap();
    assert!(!is_dead(&child), "it is held");
    drop(lock);
    until("the end of the child", || is_dead(&child).then_some(())).await;
}

#[tokio::test]
async fn where_there_is_no_lock_it_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let program = script(dir.path(), "inhibit", "echo 'Failed to inhibit: no logind' >&2; exit 1");
    let lost = Inhibitor::at(program).take().unwrap().next().await.unwrap_err();
    let is_told = |said: &String| said.contains("no logind");
    assert!(matches!(&lost, InhibitError::Ended { said } if is_told(said)), "{lost:?}");
    let missing = Inhibitor::at("/no/such/inhibitor").take().unwrap_err();
    assert!(matches!(missing, InhibitError::Start(ProcessError::Missing { .. })), "{missing:?}");
}
