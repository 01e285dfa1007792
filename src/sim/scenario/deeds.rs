//! The sentences about what befalls the site.

use crate::sim::deed::Deed;

use super::ast::Event;
use super::forms::{Form, form};
use super::slots::Values;

fn deed(deed: Option<Deed>) -> Option<Event> {
    deed.map(Event::Deed)
}

fn ups_mains(it: &mut Values, on: bool) -> Option<Event> {
    Some(Event::Deed(Deed::UpsMains { ups: it.word()?, on }))
}

fn ups_silent(it: &mut Values, on: bool) -> Option<Event> {
    Some(Event::Deed(Deed::UpsSilent { ups: it.word()?, on }))
}

/// What befalls the site.
pub(super) static DEEDS: &[Form<Event>] = &[
    form("power off <machines>", "Without warning.", "power off all", |it| {
        deed(it.machines().map(Deed::PowerOff))
    }),
    form(
        "power on <machines>",
        "Machines that start by themselves do so.",
        "power on servers",
        |it| deed(it.machines().map(Deed::PowerOn)),
    ),
    form(
        "node|nodes <machines> boots|boot in <time>",
        "From now on a boot takes so long, from power to a login over SSH.",
        "node titan-07 boots in 90s",
        |it| Some(Event::Deed(Deed::BootTakes(it.machines()?, it.time()?))),
    ),
    form(
        "node|nodes <machines> never boots|boot",
        "From now on it does not come up when power is there.",
        "node titan-07 never boots",
        |it| deed(it.machines().map(Deed::NeverBoots)),
    ),
    form(
        "node|nodes <machines> hangs|hang in power-off",
        "Told to switch themselves off these end what runs, and their kernel goes on answering.",
        "node titan-07 hangs in power-off",
        |it| deed(it.machines().map(Deed::HangsInPowerOff)),
    ),
    form(
        "node|nodes <machines> loses|lose itself <count> times while booting",
        "It boots, and loses itself so many times before it stays.",
        "node titan-07 loses itself 3 times while booting",
        |it| Some(Event::Deed(Deed::BootLoop(it.machines()?, it.number()?))),
    ),
    form(
        "node|nodes <machines> freezes|freeze",
        "A hung machine: nothing answers, no heartbeat is renewed.",
        "node titan-07 freezes",
        |it| deed(it.machines().map(Deed::Freeze)),
    ),
    form(
        "node|nodes <machines> goes|go on",
        "A frozen machine goes on where it stood.",
        "node titan-07 goes on",
        |it| deed(it.machines().map(Deed::Thaw)),
    ),
    form(
        "network of <machines> is cut",
        "Nothing passes between these and everybody else.",
        "network of titan-06 is cut",
        |it| deed(it.machines().map(Deed::NetCut)),
    ),
    form("network of <machines> is whole", "Mended.", "network of titan-06 is whole", |it| {
        deed(it.machines().map(Deed::NetJoin))
    }),
    form(
        "clock of <machines> begins in 1970",
        "From the next boot on, and stays there.",
        "clock of titan-06 begins in 1970",
        |it| deed(it.machines().map(Deed::ClockLost)),
    ),
    form("clock of <machines> is right", "Mended.", "clock of titan-06 is right", |it| {
        deed(it.machines().map(Deed::ClockRight))
    }),
    form(
        "unit <unit> on <machines> fails <count> times",
        "Its next so many starts fail.",
        "unit k3s-agent on titan-04 fails 2 times",
        |it| {
            let (unit, on) = (it.unit()?, it.machines()?);
            Some(Event::Deed(Deed::UnitFails(on, unit, it.number()?)))
        },
    ),
    form(
        "unit <unit> on <machines> starts in <time>",
        "A start takes so long.",
        "unit k3s on titan-01 starts in 2m",
        |it| {
            let (unit, on) = (it.unit()?, it.machines()?);
            Some(Event::Deed(Deed::UnitSlow(on, unit, it.time()?)))
        },
    ),
    form(
        "unit <unit> on <machines> does not start at boot",
        "Nobody enabled it.",
        "unit k3s-agent on titan-04 does not start at boot",
        |it| {
            let unit = it.unit()?;
            Some(Event::Deed(Deed::UnitNotAtBoot(it.machines()?, unit)))
        },
    ),
    form(
        "unit <unit> on <machines> is stopped",
        "By a person.",
        "unit k3s-agent on titan-04 is stopped",
        |it| {
            let unit = it.unit()?;
            Some(Event::Deed(Deed::UnitStopped(it.machines()?, unit)))
        },
    ),
    form(
        "unit <unit> on <machines> is started",
        "By a person.",
        "unit k3s-agent on titan-04 is started",
        |it| {
            let unit = it.unit()?;
            Some(Event::Deed(Deed::UnitStarted(it.machines()?, unit)))
        },
    ),
    form(
        "node|nodes <machines> hangs|hang its kubelet",
        "The unit runs and does nothing; a restart mends it.",
        "node titan-05 hangs its kubelet",
        |it| deed(it.machines().map(Deed::KubeletHangs)),
    ),
    form(
        "node|nodes <machines> hangs|hang its kubelet through <count> restarts",
        "As above, and so many restarts mend nothing.",
        "node titan-05 hangs its kubelet through 9 restarts",
        |it| Some(Event::Deed(Deed::KubeletHangsThrough(it.machines()?, it.number()?))),
    ),
    form(
        "sudo on <machines> is refused",
        "It asks for a password.",
        "sudo on titan-04 is refused",
        |it| deed(it.machines().map(Deed::SudoRefused)),
    ),
    form("sudo on <machines> works", "Again.", "sudo on titan-04 works", |it| {
        deed(it.machines().map(Deed::SudoWorks))
    }),
    form(
        "host key of <machines> changes",
        "It shows another one from now on.",
        "host key of titan-04 changes",
        |it| deed(it.machines().map(Deed::HostKeyChanged)),
    ),
    form("the api is down", "It answers nobody, though etcd is well.", "the api is down", |_| {
        Some(Event::Deed(Deed::ApiDown))
    }),
    form("the api is up", "It answers again.", "the api is up", |_| Some(Event::Deed(Deed::ApiUp))),
    form(
        "the api answers for <time> and not for <time>",
        "Over and over, until `the api is up`.",
        "the api answers for 20s and not for 40s",
        |it| Some(Event::Deed(Deed::ApiFlaps { up: it.time()?, down: it.time()? })),
    ),
    form("<word> cordons <machine>", "A person does.", "somebody cordons titan-05", |it| {
        it.word().and_then(|_| deed(it.machine().map(Deed::Cordon)))
    }),
    form("<word> uncordons <machine>", "A person does.", "somebody uncordons titan-05", |it| {
        it.word().and_then(|_| deed(it.machine().map(Deed::Uncordon)))
    }),
    form("ups <word> on battery", "It loses its mains.", "ups statera on battery", |it| {
        ups_mains(it, false)
    }),
    form("ups <word> on mains", "It has them again.", "ups statera on mains", |it| {
        ups_mains(it, true)
    }),
    form("ups <word> at <percent>", "So full is its battery.", "ups statera at 40%", |it| {
        let ups = it.word()?;
        let percent = u8::try_from(it.number()?).ok()?;
        Some(Event::Deed(Deed::UpsCharge { ups, percent }))
    }),
    form("ups <word> is silent", "Nothing is heard of it.", "ups statera is silent", |it| {
        ups_silent(it, true)
    }),
    form("ups <word> is heard", "Again.", "ups statera is heard", |it| ups_silent(it, false)),
    form(
        "driver of ups <word> is dead",
        "upsd has no driver for it.",
        "driver of ups statera is dead",
        |it| Some(Event::Deed(Deed::UpsDriver { ups: it.word()?, on: false })),
    ),
    form("driver of ups <word> runs", "Again.", "driver of ups statera runs", |it| {
        Some(Event::Deed(Deed::UpsDriver { ups: it.word()?, on: true }))
    }),
];
