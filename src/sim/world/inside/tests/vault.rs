//! The vault's seal, and its keys.

use super::{blackout, idle, inside, world};
use crate::model::ids::MachineName;
use crate::model::probe::Answer;
use crate::model::time::Span;
use crate::model::vault::{Seal, Taken, UNSEAL, VaultAsk};
use crate::sim::deed::Within;
use crate::sim::world::{VAULT_KEYS, Web, World};

static AGENT: MachineName = MachineName::fixed("titan-04");

fn ask() -> VaultAsk {
    VaultAsk {
        url: "http://vault.vault.svc:8200".to_owned(),
        at: None,
        unverified: false,
        trusted_way: true,
    }
}

fn seal(world: &World) -> Option<Seal> {
    let Answer::Seal(said) = world.seal_asked(&ask(), Some(&AGENT)) else { return None };
    Some(said.seal)
}

fn give(world: &mut World, key: &str) -> Result<Taken, &'static str> {
    world.key_given(&ask(), Some(&AGENT), key)
}

/// After a night without power.
fn sealed() -> World {
    let mut world = world(29);
    assert_eq!(seal(&world), Some(Seal::Open));
    blackout(&mut world, &[inside(Within::VaultSeals(true))]);
    assert_eq!(seal(&world), None, "nobody is there yet");
    world.pass(Span::mins(20));
    assert_eq!(seal(&world), Some(Seal::Keys { needs: 2, has: 0 }));
    world
}

#[test]
fn two_of_its_keys_open_it_and_one_twice_is_one() {
    let mut world = sealed();
    for _ in 0..2 {
        assert_eq!(give(&mut world, VAULT_KEYS[2]), Ok(Taken::More { has: 1 }));
    }
    assert_eq!(idle(&world), ["vault"]);
    assert_eq!(give(&mut world, VAULT_KEYS[0]), Ok(Taken::Open));
    assert_eq!(seal(&world), Some(Seal::Open));
    assert_eq!(idle(&world), Vec::<&str>::new());
    assert_eq!(world.key_given(&ask(), None, VAULT_KEYS[0]), Err("the name does not resolve"));
}

#[test]
fn what_does_not_fit_is_refused_and_all_is_forgotten() {
    let mut world = sealed();
    assert_eq!(give(&mut world, "00"), Ok(Taken::More { has: 1 }));
    assert_eq!(give(&mut world, VAULT_KEYS[0]), Ok(Taken::Refused));
    assert_eq!(seal(&world), Some(Seal::Keys { needs: 2, has: 0 }));
    world.suffer(&inside(Within::VaultRekeyed)).expect("there is a vault");
    assert_eq!(give(&mut world, VAULT_KEYS[0]), Ok(Taken::More { has: 1 }));
    assert_eq!(give(&mut world, VAULT_KEYS[1]), Ok(Taken::Refused));
    let host = "vault.vault.svc";
    for (path, body, status) in [(UNSEAL, "", 400), (UNSEAL, "{}", 400), ("/", "", 405)] {
        let said = world.put(host, path, body.as_bytes());
        let Web::Answer { status: got, .. } = said else { panic!("it answers") };
        assert_eq!(got, status, "{path} {body}");
    }
}
