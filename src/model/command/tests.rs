//! What is sent, and what never is.

use super::*;
use crate::model::action::Expect;
use crate::model::ids::{MachineName, RemedyId};
use crate::model::verdict::Target;

fn action(channel: Channel, effect: Effect) -> Action {
    Action {
        id: ActionId::fixed("3-17"),
        remedy: RemedyId::fixed("start-agents"),
        target: Target::Cluster,
        effect,
        expect: Expect {
            boot_id: Some(BootId::fixed("25aa4055-f836-4828-8291-af00e03d980a")),
            machine_id: Some(MachineId::fixed("3d1219c7c4c5404aaa1f6d2a48adfda4")),
            ..Expect::default()
        },
        channel,
        epoch: Epoch(7),
        owner: "atlas".to_owned(),
        limit: Span::millis(29_500),
    }
}

fn start() -> Effect {
    Effect::StartUnit { host: MachineName::fixed("titan-07"), unit: Unit::K3sAgent }
}

fn restart() -> Effect {
    Effect::RestartUnit { host: MachineName::fixed("titan-07"), unit: Unit::K3s }
}

#[test]
fn an_action_becomes_exactly_one_line() {
    let guarded = Command::of(&action(Channel::Guard, start())).unwrap().render().unwrap();
    assert_eq!(
        guarded,
        "sudo -n /usr/local/sbin/ananke-guard start unit=k3s-agent epoch=7 owner=atlas \
         boot=25aa4055-f836-4828-8291-af00e03d980a machine=3d1219c7c4c5404aaa1f6d2a48adfda4 \
         action=3-17 limit=30"
    );
    let plain = Command::of(&action(Channel::Unguarded, start())).unwrap().render().unwrap();
    assert_eq!(plain, "sudo -n systemctl start k3s-agent");
}

#[test]
fn what_must_not_be_sent_is_not() {
    let mut no_boot = action(Channel::Guard, restart());
    no_boot.expect.boot_id = None;
    let mut no_machine = action(Channel::Guard, restart());
    no_machine.expect.machine_id = None;
    let table = [
        (no_boot, Unsendable::NoPrecondition { what: "boot" }),
        (no_machine, Unsendable::NoPrecondition { what: "machine" }),
        (action(Channel::Unguarded, restart()), Unsendable::NeedsGuard),
        (action(Channel::Guard, Effect::WriteCanary), Unsendable::NotForMachines),
        (action(Channel::Api, start()), Unsendable::NotForMachines),
    ];
    for (action, why) in table {
        assert_eq!(Command::of(&action), Err(why));
    }
}

#[test]
fn a_value_that_no_quoting_makes_readable_is_not_sent() {
    for owner in ["", "a\nb", "a\0b", "\u{1b}[2J", &"x".repeat(513)] {
        let mut action = action(Channel::Guard, start());
        owner.clone_into(&mut action.owner);
        let sent = Command::of(&action).unwrap().render();
        assert_eq!(sent, Err(Unsendable::Value { key: "owner" }), "{owner:?}");
    }
}

#[test]
fn a_look_carries_no_verb_that_changes_and_stays_small() {
    let line = Command::Facts.render().unwrap();
    assert!(line.len() < 4_096, "{} bytes travel with every look", line.len());
    for forbidden in ["--no-block", "reset-failed", "mkdir", ">>", "ananke-guard: the only"] {
        assert!(!line.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn names_that_mean_something_else_to_sudo_are_refused() {
    for name in ["ananke", "_svc", "john.doe", "a-1"] {
        assert_eq!(SudoUser::new(name).unwrap().as_str(), name);
    }
    for name in ["", "ALL", "%sudo", "#0", "+net", "a b", "a,b", "a\nALL", "-x", "1a", "Ops"] {
        assert_eq!(SudoUser::new(name), Err(NotAUser), "{name:?}");
    }
}
