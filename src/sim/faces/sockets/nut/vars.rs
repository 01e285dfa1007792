//! The variables of a simulated UPS, as a driver reports them.

use std::collections::BTreeMap;

use crate::model::power::{Reading, UpsFacts, UpsSource, UpsStatus};
use crate::sim::world::rates::{UPS_LOW_CHARGE, UPS_LOW_RUNTIME};
use crate::sim::world::{UpsView, World};

/// What `VER` says.
pub(super) const VERSION: &str = "Network UPS Tools upsd 2.8.0 - http://www.networkupstools.org/";

/// The driver that reports them, and its version.
const DRIVER: (&str, &str) = ("usbhid-ups", "2.8.0");

/// Why upsd has no variables of a UPS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silence {
    /// There is none of that name.
    Unknown,
    /// Its driver does not run.
    NoDriver,
    /// Its driver hears nothing.
    Stale,
}

/// All variables of a UPS.
pub(super) fn vars(world: &World, ups: &str) -> Result<BTreeMap<&'static str, String>, Silence> {
    let view = world.ups(ups).ok_or(Silence::Unknown)?;
    if view.driverless {
        return Err(Silence::NoDriver);
    }
    if view.silent {
        return Err(Silence::Stale);
    }
    Ok(of(ups, &view))
}

fn of(ups: &str, view: &UpsView) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("battery.charge", view.charge.to_string()),
        ("battery.charge.low", UPS_LOW_CHARGE.to_string()),
        ("battery.runtime", view.runtime.to_string()),
        ("battery.runtime.low", UPS_LOW_RUNTIME.as_secs().to_string()),
        ("device.mfr", "Simulated".to_owned()),
        ("device.model", "Line 1500".to_owned()),
        ("device.serial", serial(ups)),
        ("device.type", "ups".to_owned()),
        ("driver.name", DRIVER.0.to_owned()),
        ("driver.version", DRIVER.1.to_owned()),
        ("input.voltage", if view.mains { "230.0" } else { "0.0" }.to_owned()),
        ("output.voltage", "230.0".to_owned()),
        ("ups.load", view.load.to_string()),
        ("ups.status", view.status()),
    ])
}

fn serial(ups: &str) -> String {
    format!("SIM-{}", ups.to_ascii_uppercase())
}

/// The same as facts, for a loop that looks without sockets; what `adapters/nut` makes of the
/// answers of this server. None while nothing can be heard.
pub fn facts(world: &World, ups: &str) -> Option<UpsFacts> {
    let view = world.ups(ups).filter(|view| !view.silent && !view.driverless)?;
    Some(UpsFacts {
        status: UpsStatus::parse(&view.status()),
        charge: Reading::Said(view.charge),
        runtime: i64::try_from(view.runtime).map_or(Reading::Garbled, Reading::Said),
        charge_low: Reading::Said(UPS_LOW_CHARGE),
        runtime_low: i64::try_from(UPS_LOW_RUNTIME.as_secs())
            .map_or(Reading::Garbled, Reading::Said),
        load: Reading::Said(u16::from(view.load)),
        input_volts: Reading::Said(if view.mains { 230 } else { 0 }),
        alarm: None,
        serial: Some(serial(ups)),
        source: UpsSource {
            server: VERSION.to_owned(),
            driver: Some(format!("{} {}", DRIVER.0, DRIVER.1)),
            encrypted: false,
        },
    })
}
