//! k3s' units under systemd: `Type=notify`, `TimeoutStartSec=0`, `Restart=always`,
//! `RestartSec=5s`, as k3s' installer and the testbed write them.

use super::World;
use super::agenda::{Event, Here};
use super::machine::{Kubelet, Phase};
use super::rates::{
    AGENT_READY, AGENT_RETRY, BOOT_JITTER, FAILS_AFTER, MEMBER_JOINS, SERVER_READY,
    START_LIMIT_BURST, START_LIMIT_INTERVAL, UNIT_RESTART,
};
use crate::model::ids::MachineName;
use crate::model::policy::Role;
use crate::model::time::{Mono, Span};

impl World {
    /// A start by hand or at boot. One that runs, or is on its way, stays as it is
    /// (systemd, `service_start`: `auto-restart` goes on, too).
    pub(super) fn start_unit(&mut self, name: &MachineName) {
        if matches!(self.phase(name), Phase::Inactive | Phase::Failed) {
            if let Some(service) = self.service(name) {
                service.restarts = 0;
            }
            self.spawn(name);
        }
    }

    pub(super) fn stop_unit(&mut self, name: &MachineName) {
        if self.phase(name) != Phase::Failed {
            self.enter(name, Phase::Inactive, "success");
        }
    }

    /// `systemctl reset-failed`: the count of starts begins anew.
    pub(super) fn reset_unit(&mut self, name: &MachineName) {
        let Some(service) = self.service(name) else { return };
        service.starts.clear();
        service.restarts = 0;
        if service.phase == Phase::Failed {
            self.enter(name, Phase::Inactive, "success");
        }
    }

    /// The unit's process ends by itself.
    pub(super) fn unit_exits(&mut self, name: &MachineName) {
        self.enter(name, Phase::Restarts, "exit-code");
        self.step_in(name, UNIT_RESTART);
    }

    /// Its next step, for those phases that time alone ends.
    pub(super) fn unit_step(&mut self, name: &MachineName) {
        match self.phase(name) {
            Phase::Restarts => {
                if let Some(service) = self.service(name) {
                    service.restarts += 1;
                }
                self.spawn(name);
            }
            Phase::Process => self.comes_far(name),
            Phase::Asks => self.asks(name),
            Phase::Rises => {
                self.enter(name, Phase::Active, "success");
                self.kubelet_starts(name);
            }
            Phase::Inactive | Phase::Failed | Phase::Member | Phase::Active => {}
        }
    }

    /// A new process, unless there were too many.
    fn spawn(&mut self, name: &MachineName) {
        let now = self.now;
        let face = self.machines.get(name).map(|it| self.wall_of(it));
        let Some(service) = self.service(name) else { return };
        service.starts.retain(|at| now.since(*at) < START_LIMIT_INTERVAL);
        if service.starts.len() >= START_LIMIT_BURST {
            self.enter(name, Phase::Failed, "start-limit-hit");
            return;
        }
        service.starts.push_back(now);
        service.began = face.map(|face| (now, face));
        let fails = service.fails > 0;
        let takes = if fails || !self.clock_starts_k3s(name) { FAILS_AFTER } else { MEMBER_JOINS };
        self.enter(name, Phase::Process, "success");
        let takes = self.chance.around(takes, BOOT_JITTER);
        self.step_in(name, takes);
    }

    /// The process has read its configuration.
    fn comes_far(&mut self, name: &MachineName) {
        let clock_is_good = self.clock_starts_k3s(name);
        let server = self.machines.get(name).is_some_and(|it| it.role == Role::Server);
        let Some(service) = self.service(name) else { return };
        if service.fails > 0 || !clock_is_good {
            service.fails = service.fails.saturating_sub(u32::from(clock_is_good));
            self.unit_exits(name);
        } else if server {
            // What comes next waits for the other members: `settle` sees to it.
            self.enter(name, Phase::Member, "success");
        } else {
            self.enter(name, Phase::Asks, "success");
            self.asks(name);
        }
    }

    fn asks(&mut self, name: &MachineName) {
        if self.api_for(name) {
            self.rises(name, AGENT_READY);
        } else {
            self.step_in(name, AGENT_RETRY);
        }
    }

    /// It has what it waited for.
    pub(super) fn rises(&mut self, name: &MachineName, takes: Span) {
        let slow = self.service(name).and_then(|service| service.slow);
        let takes = self.chance.around(slow.unwrap_or(takes), BOOT_JITTER);
        // Without `enter`: nobody else is touched, and `settle` itself comes here.
        self.change_phase(name, Phase::Rises, "success");
        self.step_in(name, takes);
    }

    /// A member has a leader, or has lost it while it rose.
    pub(super) fn servers_go_on(&mut self) {
        for name in self.servers() {
            let led = self.leader_of(&name).is_some();
            match (self.phase(&name), led) {
                (Phase::Member, true) => self.rises(&name, SERVER_READY),
                (Phase::Rises, false) => self.change_phase(&name, Phase::Member, "success"),
                _ => {}
            }
        }
    }

    fn enter(&mut self, name: &MachineName, phase: Phase, result: &'static str) {
        self.change_phase(name, phase, result);
        self.settle();
    }

    fn change_phase(&mut self, name: &MachineName, phase: Phase, result: &'static str) {
        let now = self.now;
        self.agenda.cancel(|event| {
            matches!(event,
            Event::On(on, here) if on == name
                && (*here == Here::UnitStep || here.of_kubelet() && phase != Phase::Active))
        });
        let Some(it) = self.machines.get_mut(name) else { return };
        if phase != Phase::Active {
            // It lives in k3s' process and ends with it.
            it.kubelet = Kubelet { hangs: it.kubelet.hangs, ..Kubelet::default() };
        }
        if let Some(service) = &mut it.service {
            // StateChangeTimestamp moves with every change of the state below, too.
            let waits = |phase| {
                matches!(phase, Phase::Process | Phase::Member | Phase::Asks | Phase::Rises)
            };
            if service.phase != phase && !(waits(service.phase) && waits(phase)) {
                service.since = Some(now);
            }
            service.phase = phase;
            service.result = result;
        }
    }

    pub(super) fn step_in(&mut self, name: &MachineName, span: Span) {
        let at: Mono = self.now + span;
        self.agenda.add(at, Event::On(name.clone(), Here::UnitStep));
    }
}
