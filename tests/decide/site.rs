//! The policy of a bench site: N servers, M agents, short but realistic times.

use std::collections::BTreeMap;

use ananke::model::ids::{GateId, MachineName};
use ananke::model::ingress::IngressPolicy;
use ananke::model::peers::Coordination;
use ananke::model::policy::{
    FluxPolicy, HostNeeds, Limits, Machine, Policy, Role, ShutdownRules, Timing,
};
use ananke::model::power::PowerPolicy;
use ananke::model::time::Span;

pub(crate) fn name(text: &str) -> MachineName {
    MachineName::new(text)
}

/// Servers are `s-1`.., agents `a-01`...
pub(crate) fn policy(servers: usize, agents: usize) -> Policy {
    let machine = |role| Machine { role, critical: false, managed: true };
    let mut machines = BTreeMap::new();
    for n in 1..=servers {
        machines.insert(name(&format!("s-{n}")), machine(Role::Server));
    }
    for n in 1..=agents {
        machines.insert(name(&format!("a-{n:02}")), machine(Role::Agent));
    }
    Policy {
        cluster: "home".to_owned(),
        owner: "watch-1".to_owned(),
        machines,
        skip: BTreeMap::<GateId, String>::new(),
        timing: Timing {
            fresh_for: Span::secs(30),
            boot: Span::secs(90),
            server_start: Span::mins(5),
            agent_start: Span::mins(3),
            patience: Span::mins(10),
            soak: Span::secs(60),
            cordon_lease: Span::mins(60),
            backoff: Span::secs(15),
            tick: Span::secs(5),
        },
        limits: Limits { wave: 5, cordons: 1, storm_percent: 50 },
        flux: FluxPolicy::default(),
        time: None,
        hosts: HostNeeds::default(),
        power: PowerPolicy::default(),
        shutdown: ShutdownRules::default(),
        probes: BTreeMap::new(),
        // Who asks nobody needs no answers: tests of the probes switch it on.
        ingress: IngressPolicy { check: false, ..IngressPolicy::default() },
        vault_keys: false,
        coordination: Coordination::default(),
    }
}
