//! Power, firmware, kernel, sshd.

use jiff::Timestamp;

use super::World;
use super::agenda::{Event, Here};
use super::doors::Life;
use super::look::later;
use super::machine::{Kubelet, MAINLAND, Machine, Phase};
use super::rates::{
    BOOT_JITTER, FIRMWARE_SHARE, LOOP_STAYS_UP, NETWORK_TIME, POWER_OFF_BARE, POWER_OFF_WITH_PODS,
};
use crate::model::ids::{BootId, MachineName};
use crate::model::time::{Mono, Span};

impl World {
    /// Power is gone: what only memory knew is lost.
    pub(super) fn power_off(&mut self, name: &MachineName) {
        if let Some(it) = self.machines.get_mut(name) {
            it.powered = false;
        }
        self.lose_itself(name);
    }

    /// Power is there. A machine that has it already does not notice.
    pub(super) fn power_on(&mut self, name: &MachineName) {
        let Some(it) = self.machines.get_mut(name).filter(|it| !it.powered) else { return };
        it.powered = true;
        if !it.never_boots && it.restores {
            self.boot(name);
        }
    }

    /// Somebody tells a running machine to power itself off, as `systemctl poweroff` does: its
    /// units end at once, and it is off when what runs in containers has had its time.
    pub fn shut_down(&mut self, name: &MachineName) {
        if !self.machines.get(name).is_some_and(Machine::runs) {
            return;
        }
        self.stop_unit(name);
        let pods = self.pods.values().any(|pod| pod.node == *name && self.works(pod));
        let takes = if pods { POWER_OFF_WITH_PODS } else { POWER_OFF_BARE };
        let hangs = self.machines.get(name).is_some_and(|it| it.hangs_in_power_off);
        let until = if hangs { Mono(u64::MAX) } else { self.now + takes };
        if !hangs {
            self.agenda.add(until, Event::On(name.clone(), Here::PoweredOff));
        }
        if let Some(it) = self.machines.get_mut(name) {
            it.life = Life::Stopping { until };
        }
        self.settle();
    }

    /// It is off, though power is there: nothing answers until somebody wakes it, or until power
    /// goes and comes back and its firmware starts it.
    pub(super) fn is_powered_off(&mut self, name: &MachineName) {
        self.lose_itself(name);
    }

    /// A magic packet for it arrives (Wake-on-LAN), or somebody presses its button. One that is on,
    /// or has no power, does not notice. Its network card listens while power is there.
    pub fn wake(&mut self, name: &MachineName) {
        let hears = |it: &&mut Machine| {
            it.powered && it.life == Life::Off && it.island == MAINLAND && !it.never_boots
        };
        if self.machines.get_mut(name).filter(hears).is_some() {
            self.boot(name);
        }
    }

    /// Everything that runs on the machine is gone, as with the power.
    pub(super) fn lose_itself(&mut self, name: &MachineName) {
        let wall = self.wall();
        let Some(it) = self.machines.get_mut(name) else { return };
        self.agenda.take(name);
        if matches!(it.life, Life::Up | Life::Stopping { .. }) && it.clock.began.is_none() {
            it.clock.stamp = wall;
        }
        it.life = Life::Off;
        it.boot_id = None;
        it.frozen = None;
        it.kubelet = Kubelet { hangs: it.kubelet.hangs, ..Kubelet::default() };
        if let Some(service) = &mut it.service {
            service.phase = Phase::Inactive;
            service.result = "success";
            service.restarts = 0;
            service.since = None;
            service.began = None;
            service.starts.clear();
        }
        if let Some(memory) = &mut it.guard {
            memory.done.clear();
            memory.down = None;
        }
        self.load_changes(name);
        self.settle();
    }

    fn boot(&mut self, name: &MachineName) {
        let Some(takes) = self.machines.get(name).map(|it| it.boot_takes) else { return };
        let takes = self.chance.around(takes, BOOT_JITTER);
        let firmware = Span::millis(takes.as_millis() * FIRMWARE_SHARE / 100);
        let until = self.now + firmware;
        if let Some(it) = self.machines.get_mut(name) {
            it.life = Life::Firmware { until };
            self.agenda.add(until, Event::On(name.clone(), Here::Kernel));
            self.agenda.add(self.now + takes, Event::On(name.clone(), Here::Sshd));
        }
        self.load_changes(name);
    }

    pub(super) fn kernel_starts(&mut self, name: &MachineName) {
        let until = self.due(name, Here::Sshd);
        let boot_id = BootId::new(dashed(&self.chance.hex()));
        let now = self.now;
        let Some(it) = self.machines.get_mut(name) else { return };
        it.life = Life::Kernel { until: until.unwrap_or(now) };
        it.boots += 1;
        it.boot_id = Some(boot_id);
        it.kernel_since = now;
        it.up_before = Span::ZERO;
        // systemd takes the time of its last stamp where the clock is older than that
        // (systemd-timesyncd.service(8), /var/lib/systemd/timesync/clock).
        it.clock.began = match (it.clock.lost, it.clock.battery) {
            (true, _) => Some(Timestamp::UNIX_EPOCH),
            (false, true) => None,
            (false, false) => Some(it.clock.stamp),
        };
        it.clock.told = false;
    }

    fn due(&self, name: &MachineName, here: Here) -> Option<Mono> {
        self.agenda.when(&Event::On(name.clone(), here))
    }

    pub(super) fn sshd_answers(&mut self, name: &MachineName) {
        let Some(it) = self.machines.get_mut(name) else { return };
        it.life = Life::Up;
        let on = |here| Event::On(name.clone(), here);
        if it.loops_left > 0 {
            it.loops_left -= 1;
            self.agenda.add(self.now + LOOP_STAYS_UP, on(Here::LosesItself));
        }
        if !it.clock.lost {
            self.agenda.add(self.now + NETWORK_TIME, on(Here::NetworkTime));
        }
        if it.service.as_ref().is_some_and(|service| service.at_boot) {
            self.start_unit(name);
        }
    }

    pub(super) fn loses_itself(&mut self, name: &MachineName) {
        self.lose_itself(name);
        self.boot(name);
    }

    pub(super) fn network_tells_time(&mut self, name: &MachineName) {
        let (now, wall) = (self.now, self.wall());
        let Some(it) = self.machines.get_mut(name) else { return };
        if it.island == MAINLAND {
            it.clock.began = None;
            it.clock.told = true;
            it.clock.stamp = wall;
        } else {
            self.agenda.add(now + NETWORK_TIME, Event::On(name.clone(), Here::NetworkTime));
        }
    }

    /// The machine's time daemon is told to ask at once.
    pub(super) fn time_daemon_asks(&mut self, name: &MachineName) {
        let hears =
            self.machines.get(name).is_some_and(|it| !it.clock.lost && it.island == MAINLAND);
        if hears {
            self.network_tells_time(name);
        }
    }

    /// Somebody sets the machine's clock to what was right when it had been up for so long.
    pub(super) fn clock_is_set(&mut self, name: &MachineName, to: Timestamp, up: Span) {
        let (now, wall) = (self.now, self.wall());
        let Some(up_for) = self.machines.get(name).map(|it| self.up_for(it)) else { return };
        let Some(it) = self.machines.get_mut(name) else { return };
        let face = later(to, up_for.less(up));
        // What is so near to the truth is the truth, as far as whole seconds go.
        let near = (face.as_second() - wall.as_second()).abs() <= 1;
        let since_kernel = now.since(it.kernel_since).as_millis().cast_signed();
        let began = Timestamp::from_millisecond(face.as_millisecond() - since_kernel).ok();
        it.clock.began = if near { None } else { began };
    }

    /// A machine hangs: what it would have done waits, and nobody hears of it.
    pub(super) fn freeze(&mut self, name: &MachineName) {
        let now = self.now;
        let Some(it) = self.machines.get_mut(name) else { return };
        if it.frozen.is_some() || it.life == Life::Off {
            return;
        }
        let held = self.agenda.take(name);
        it.frozen = Some(held.into_iter().map(|(at, here)| (now.until(at), here)).collect());
        self.settle();
    }

    /// It goes on where it stood.
    pub(super) fn thaw(&mut self, name: &MachineName) {
        let now = self.now;
        let held = self.machines.get_mut(name).and_then(|it| it.frozen.take());
        for (left, here) in held.into_iter().flatten() {
            self.agenda.add(now + left, Event::On(name.clone(), here));
        }
        let sshd = self.due(name, Here::Sshd);
        let kernel = self.due(name, Here::Kernel);
        if let Some(it) = self.machines.get_mut(name) {
            it.life = match (it.life, kernel, sshd) {
                (Life::Firmware { .. }, Some(until), _) => Life::Firmware { until },
                (Life::Kernel { .. }, _, Some(until)) => Life::Kernel { until },
                (life, ..) => life,
            };
        }
        self.settle();
    }

    /// Whether the machine's clock is one with which k3s starts.
    pub(super) fn clock_starts_k3s(&self, name: &MachineName) -> bool {
        let Some(it) = self.machines.get(name) else { return false };
        self.wall_of(it) >= later(Timestamp::UNIX_EPOCH, super::rates::K3S_EARLIEST)
    }
}

/// As the kernel writes a boot id.
pub(super) fn dashed(hex: &str) -> String {
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}
