//! A sealed vault: opened where its keys are and may go, and a person's where not.

use ananke::model::action::{Action, Effect};
use ananke::model::assessment::{GateState, Phase};
use ananke::model::ids::GateId;
use ananke::model::outcome::ActionResult;
use ananke::model::probe::{Answer, Ask, Probe, ProbeName};
use ananke::model::tick::{Decision, Order, Verb};
use ananke::model::time::Span;
use ananke::model::vault::{Seal, SealStatus, VaultAsk};
use ananke::model::verdict::Target;
use ananke::remedies;
use ananke::report::{alarm_text, plan_text, why_text};

use crate::answers::Answered;
use crate::rig::{Rig, gate, holds, story};

const NAMES: [&str; 3] = ["vault-0", "vault-1", "vault-2"];

const fn seal_of(seal: Seal) -> Answer {
    Answer::Seal(SealStatus { seal, certificate_until: None })
}

const fn says(seal: Seal) -> Answered {
    Answered::Now(seal_of(seal))
}

/// A screen as one line.
fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

const fn sealed() -> Seal {
    Seal::Keys { needs: 3, has: 0 }
}

/// A site whose vaults are named one by one, and a host that has their keys.
fn with(vaults: &[&'static str], seal: &Seal) -> Rig {
    let mut rig = Rig::startup(1, 1);
    for name in vaults {
        let url = format!("https://{name}.example:8200");
        let ask = VaultAsk { url, at: None, unverified: false, trusted_way: false };
        let probe = Probe { gate: GateId::fixed("secrets"), ask: Ask::Vault(ask), via: None };
        rig.policy.probes.insert(ProbeName::new(*name), probe);
        rig.world.answers.0.insert(*name, says(seal.clone()));
    }
    rig.policy.vault_keys = true;
    rig
}

fn one(seal: &Seal) -> Rig {
    with(&NAMES[..1], seal)
}

fn edit(rig: &mut Rig, edit: impl Fn(&mut VaultAsk)) {
    for probe in rig.policy.probes.values_mut() {
        if let Ask::Vault(ask) = &mut probe.ask {
            edit(ask);
        }
    }
}

fn target() -> Target {
    Target::Service(NAMES[0].to_owned())
}

fn unsealed(rig: &Rig) -> Vec<String> {
    let repairs = rig.repairs().into_iter();
    repairs.filter(|it| it.starts_with("unseal")).collect()
}

/// What is said loudly of the vault.
fn alarm(decision: &Decision) -> Option<String> {
    let now = decision.memory.passing.last_tick;
    let about = decision.alarms.iter().find(|alarm| alarm.target == target());
    about.map(|alarm| line(&alarm_text(alarm, now)))
}

#[test]
fn each_vault_that_is_named_is_opened_and_proven_by_its_own_word() {
    let mut rig = with(&NAMES, &sealed());
    rig.world.answers.0.insert("vault-1", says(Seal::Open));
    rig.converged();
    assert_eq!(unsealed(&rig), ["unseal the vault vault-0", "unseal the vault vault-2"]);
    let tried = &rig.memory.durable.attempts[&remedies::UNSEAL_VAULT.id];
    assert!(tried.values().all(|it| it.count == 1 && it.verify_until.is_none()), "{tried:?}");
}

#[test]
fn one_that_is_open_is_left_alone_and_one_that_opens_by_itself_is_waited_for() {
    let mut rig = one(&Seal::Open);
    rig.converged();
    let elsewhere = Seal::Elsewhere { kind: "transit".to_owned() };
    let mut other = one(&elsewhere);
    other.throughout(300, |decision| !gate(decision, "secrets").is_open());
    other.world.answers.0.insert(NAMES[0], says(Seal::Open));
    other.converged();
    assert!(unsealed(&rig).is_empty() && unsealed(&other).is_empty());
}

#[test]
fn what_opens_vaults_within_the_cluster_has_its_time() {
    let mut rig = one(&sealed());
    let settling = |decision: &Decision| gate(decision, "secrets").word() == "closed";
    rig.until(300, settling);
    rig.throughout(50, |decision| decision.plan.steps.is_empty());
    rig.until(30, |decision| !decision.plan.steps.is_empty());
    assert_eq!(unsealed(&rig).len(), 1);
}

#[test]
fn a_key_that_is_refused_is_given_once_and_then_a_person_is_asked_by_name() {
    let mut rig = one(&sealed());
    let why = "it refuses a key of /etc/ananke/keys: it is not its own";
    rig.world.answers.1 = Some(ActionResult::Refused { why: why.to_owned() });
    let decision = rig.until(600, |decision| alarm(decision).is_some());
    assert_eq!(decision.phase, Phase::Blocked, "{}", story(&decision));
    assert!(holds(&decision, &target()).contains(&"no-key"), "{}", story(&decision));
    let said = alarm(&decision).unwrap_or_default();
    for words in ["unseal-vault (1x, refused", "vault operator unseal", "ananke ack secrets"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    rig.throughout(900, |decision| decision.plan.steps.is_empty());
    let record = rig.last.as_ref().expect("a tick");
    let told = line(&why_text(record, Some("secrets")).expect("a gate"));
    assert!(told.contains("no key that fits: it refuses a key of"), "{told}");
    // They put the right ones there.
    rig.world.answers.1 = None;
    rig.order(Order::Ack { by: "brad".to_owned(), name: "secrets".to_owned() });
    rig.converged();
    assert_eq!(unsealed(&rig).len(), 2);
}

#[test]
fn without_a_key_or_a_safe_way_for_it_nothing_is_sent() {
    type Edit = fn(&mut Rig);
    let table: [(Edit, &str); 3] = [
        (|rig| rig.policy.vault_keys = false, "vault_unseal_key_file"),
        (|rig| edit(rig, |ask| ask.url = "http://vault-0.example:8200".to_owned()), "unencrypted"),
        (|rig| edit(rig, |ask| ask.unverified = true), "whoever answers"),
    ];
    for (change, words) in table {
        let mut rig = one(&sealed());
        change(&mut rig);
        let decision = rig.until(600, |decision| alarm(decision).is_some());
        assert_eq!(decision.phase, Phase::Blocked, "{words}: {}", story(&decision));
        let plan = line(&plan_text(rig.last.as_ref().expect("a tick")));
        assert!(plan.contains("no key that fits") && plan.contains(words), "{words}: {plan}");
        assert!(unsealed(&rig).is_empty());
        // A person's word makes the way good; a key it does not make.
        edit(&mut rig, |ask| ask.trusted_way = true);
        rig.policy.vault_keys = true;
        rig.converged();
        assert_eq!(unsealed(&rig).len(), 1, "{words}");
    }
}

#[test]
fn a_vault_that_holds_nothing_is_a_persons_and_never_initialised() {
    let mut rig = one(&Seal::Empty);
    let decision = rig.until(600, |decision| alarm(decision).is_some());
    assert_eq!(decision.phase, Phase::Blocked, "{}", story(&decision));
    let said = alarm(&decision).unwrap_or_default();
    assert!(said.contains("not initialised") && said.contains("snapshot"), "{said}");
    assert!(!said.contains("operator unseal"), "{said}");
    rig.throughout(300, |decision| decision.plan.steps.is_empty());
}

#[test]
fn what_fails_is_tried_three_times_and_an_old_word_proves_nothing() {
    let mut rig = one(&sealed());
    let why = "connection refused".to_owned();
    rig.world.answers.1 = Some(ActionResult::Failed { why });
    rig.until(1_200, |decision| alarm(decision).is_some());
    assert_eq!(unsealed(&rig).len(), 3);
    // Done, and nobody has seen it since.
    let mut rig = one(&sealed());
    rig.world.answers.1 = Some(ActionResult::Done);
    let unseals = |step: &Action| matches!(step.effect, Effect::UnsealVault { .. });
    rig.until(300, |decision| decision.plan.steps.iter().any(unseals));
    rig.world.answers.0.insert(NAMES[0], Answered::Old(Span::secs(40), seal_of(Seal::Open)));
    rig.step(5);
    let tried = &rig.memory.durable.attempts[&remedies::UNSEAL_VAULT.id][&target()];
    assert!(tried.verify_until.is_some(), "{tried:?}");
}

#[test]
fn nobody_could_ask_is_no_reason_to_send_a_key() {
    let mut rig = one(&sealed());
    for answered in [
        Answered::Blind("cp-1 can't be used"),
        Answered::Old(Span::secs(61), seal_of(sealed())),
        Answered::Now(Answer::Nothing { why: "connection refused".to_owned() }),
    ] {
        rig.world.answers.0.insert(NAMES[0], answered);
        rig.throughout(300, |decision| !gate(decision, "secrets").is_open());
    }
    assert!(unsealed(&rig).is_empty());
}

#[test]
fn one_that_a_person_seals_on_a_quiet_day_stays_sealed() {
    let mut rig = one(&Seal::Open);
    rig.converged();
    rig.request.verb = Verb::Daemon;
    rig.world.answers.0.insert(NAMES[0], says(sealed()));
    let decision = rig.until(120, |decision| !holds(decision, &target()).is_empty());
    assert_eq!(holds(&decision, &target()), ["no-episode"]);
    rig.throughout(900, |decision| *gate(decision, "secrets") == GateState::Closed);
    assert!(unsealed(&rig).is_empty());
}

#[test]
fn paused_means_sealed() {
    let mut rig = one(&sealed());
    rig.order(Order::Pause { by: "brad".to_owned(), why: "an intruder".to_owned() });
    rig.throughout(600, |decision| decision.plan.steps.is_empty());
    rig.order(Order::Resume { by: "brad".to_owned() });
    rig.converged();
    assert_eq!(unsealed(&rig).len(), 1);
}
