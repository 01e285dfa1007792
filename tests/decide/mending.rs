//! What mends a host of the bench.

use ananke::model::action::Mending;
use ananke::model::hygiene::ClockFacts;
use ananke::model::time::{Skew, Span};

use crate::bench::Host;

/// A time daemon that hears of nothing; everything else helps.
pub(crate) fn mend(host: &mut Host, mending: &Mending) {
    let Some(hygiene) = &mut host.hygiene else { return };
    match mending {
        Mending::ResyncClock => {}
        Mending::SetClock { .. } => {
            host.clock = Some(ClockFacts { ahead: Skew::millis(500), within: Span::millis(600) });
        }
        Mending::LoadModule(module) => drop(hygiene.missing_modules.remove(module)),
        Mending::StartService(service) => {
            if let Some(idle) = &mut hygiene.idle_services {
                idle.remove(service);
            }
        }
        Mending::InstallPackages(packages) => {
            let missing = hygiene.missing_packages.as_mut().expect("there is a dpkg");
            missing.retain(|name| !packages.contains(name));
        }
    }
}
