//! The keys of the group `power`, and those of the predecessor that belong to it.

use super::kinds::{Domains, Upses};
use super::on::Ways;
use crate::config::key::Stage::Used;
use crate::config::key::{Key, key};
use crate::config::keys::{Machines, Time, time};
use crate::config::kinds::{Count, Flag, Length, Number, Or};
use crate::config::settings::NutSettings;
use crate::config::text::Text;
use crate::model::time::Span;

/// The longest time that can be meant: no battery carries a rack for longer.
const HALF_A_DAY: Span = Span::mins(12 * 60);

/// Percent of a battery.
pub(super) const PERCENT: Count = Count { min: 1, max: 100 };

/// How long a battery may be asked for.
pub(super) const ON_BATTERY: Length = Length { min: Span::secs(10), max: HALF_A_DAY };

/// How long "low battery" may have to hold.
pub(super) const LOW_FOR: Length = Length { min: Span::ZERO, max: Span::mins(10) };

pub(in crate::config) static UPSES: Key<Upses> = key(
    "power.upses",
    Upses,
    "The UPSes, as upsd knows them: a list of name@host[:port], or a map from such names to what \
     differs for one: certificate, charge_floor, start_charge, on_battery_max, low_for.",
    "{rack@localhost: {charge_floor: 25}, hall@192.0.2.3: }",
    Used,
);
pub(in crate::config) static DOMAINS: Key<Domains> = key(
    "power.domains",
    Domains,
    "What the UPSes feed. need: how many of several are enough. carries_orders: the switch, the \
     jump host or this host is in it, so that without it nobody can be reached.",
    "{rack: {upses: [rack@localhost], machines: [cp-1, w-1, w-2], carries_orders: true}}",
    Used,
);
pub(in crate::config) static EXEMPT: Key<Machines> = key(
    "power.exempt",
    crate::config::keys::MACHINES,
    "Machines that are meant to be fed by no UPS.",
    "[bastion]",
    Used,
);
pub(in crate::config) static ON_LOW: Key<Text> = key(
    "power.on_low",
    Text::OneOf(&["cluster-only", "poweroff"]),
    "What is done when a battery gives out: Kubernetes is stopped, or the machines are switched \
     off as well. Without it nothing is done, only told.",
    "poweroff",
    Used,
);
pub(in crate::config) static CHARGE_FLOOR: Key<Count> = key(
    "power.charge_floor",
    PERCENT,
    "At this charge in percent, on battery, the cluster goes down whatever the runtime is.",
    "20",
    Used,
);
pub(in crate::config) static ON_BATTERY_MAX: Key<Length> = key(
    "power.on_battery_max",
    ON_BATTERY,
    "After so long on battery the cluster goes down whatever the runtime is.",
    "15m",
    Used,
);
pub(in crate::config) static START_CHARGE: Key<Count> = key(
    "power.start_charge",
    PERCENT,
    "Below this charge in percent the cluster is not started. Without it only the runtime counts.",
    "50",
    Used,
);
pub(in crate::config) static LOW: Key<Or<Length, Span>> = key(
    "power.low_for",
    Or(LOW_FOR, Span::ZERO),
    "How long a UPS must say \"low battery\" before it counts.",
    "0s",
    Used,
);
pub(in crate::config) static DEBOUNCE: Key<Time> = key(
    "power.debounce",
    time(Span::secs(5), Span::secs(1), Span::mins(2)),
    "How long any other reason to go down must hold.",
    "5s",
    Used,
);
pub(in crate::config) static DWELL: Key<Time> = key(
    "power.dwell",
    time(Span::secs(60), Span::secs(5), Span::mins(60)),
    "How long mains must stay before an outage counts as over.",
    "60s",
    Used,
);
pub(in crate::config) static LAG: Key<Time> = key(
    "power.lag",
    time(Span::secs(5), Span::ZERO, Span::mins(2)),
    "How long it may take from what happens at a UPS to ananke's seeing it; driver and upsd have \
     most of it.",
    "5s",
    Used,
);
pub(in crate::config) static POWER_FRESH_FOR: Key<Time> = key(
    "power.fresh_for",
    time(Span::secs(5), Span::secs(1), Span::mins(10)),
    "How old an answer of upsd may be and still count.",
    "5s",
    Used,
);
pub(in crate::config) static LOST_AFTER: Key<Time> = key(
    "power.lost_after",
    time(Span::secs(3), Span::ZERO, Span::mins(2)),
    "How long nothing may be heard of a UPS before it counts as unknown.",
    "3s",
    Used,
);
pub(in crate::config) static BLIND_MAX: Key<Time> = key(
    "power.blind_max",
    time(Span::secs(60), Span::secs(1), Span::mins(60)),
    "Unknown, on battery when last seen, and never a runtime that could be believed: after so \
     long the cluster goes down.",
    "60s",
    Used,
);
pub(in crate::config) static HOST_OFF: Key<Time> = key(
    "power.host_off",
    time(Span::secs(60), Span::ZERO, Span::mins(30)),
    "How long this host needs to switch itself off after everything else.",
    "60s",
    Used,
);
pub(in crate::config) static POWER_POLL: Key<Time> = key(
    "power.poll",
    time(NutSettings::POLL, Span::millis(50), Span::secs(30)),
    "The pause between two questions to upsd, which answers from memory.",
    "250ms",
    Used,
);
pub(in crate::config) static POWER_CONNECT: Key<Time> = key(
    "power.connect_timeout",
    time(NutSettings::CONNECT, Span::millis(100), Span::mins(1)),
    "Deadline for the connection to upsd, and for its TLS handshake.",
    "3s",
    Used,
);
pub(in crate::config) static POWER_ANSWER: Key<Time> = key(
    "power.answer_timeout",
    time(NutSettings::ANSWER, Span::millis(100), Span::mins(1)),
    "Deadline for one answer of upsd.",
    "2s",
    Used,
);
pub(in crate::config) static CERTIFICATE: Key<Text> = key(
    "power.certificate",
    Text::Path,
    "PEM file with the certificates that upsd may show. With it only STARTTLS is spoken; without \
     it plain text.",
    "/etc/ananke/upsd.pem",
    Used,
);

pub(in crate::config) static TURN_ON: Key<Ways> = key(
    "power.turn_on",
    Ways,
    "How a machine that a shutdown switched off is switched on again: wake (Wake-on-LAN; \
     broadcast, from: the address of a network card here), outlet (load.on of a UPS whose cable \
     is on this host), or command. Without it its firmware does it, or a person.",
    "{w-1: {wake: {mac: 52-54-00-12-34-56}}, w-2: {outlet: {ups: rack@localhost, outlet: 2}}}",
    Used,
);
pub(in crate::config) static UPSD_USER: Key<Text> = key(
    "power.upsd_user",
    Text::User,
    "User of upsd.users who may switch outlets (`instcmds`). Only outlets need it.",
    "ananke",
    Used,
);
pub(in crate::config) static UPSD_LOGIN_FILE: Key<Text> = key(
    "power.upsd_login_file",
    Text::Path,
    "File with that user's password on its first line, readable by its owner only.",
    "/etc/ananke/upsd.login",
    Used,
);

pub(in crate::config) static SAFETY_FACTOR: Key<Or<Number, &str>> = key(
    "runtime_safety_factor",
    Or(Number { min: 1.0, max: 10.0 }, "1.10"),
    "By how much a UPS must outlast the shutdown.",
    "1.10",
    Used,
);
pub(in crate::config) static DEFAULT_BUDGET: Key<Or<Count, u64>> = key(
    "default_budget_seconds",
    Or(Count { min: 1, max: 86_400 }, 300),
    "Seconds that a shutdown is thought to take while not every stage was measured often enough.",
    "300",
    Used,
);
pub(in crate::config) static ALLOW_ON_BATTERY: Key<Or<Flag, bool>> = key(
    "coordination.allow_startup_on_battery",
    Or(Flag, false),
    "Whether the cluster may be started while a UPS is on battery.",
    "false",
    Used,
);
