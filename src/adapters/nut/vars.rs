//! The variables of a UPS as facts.

use std::collections::BTreeMap;

use crate::model::power::{Reading, UpsFacts, UpsSource, UpsStatus};

use super::error::short;

/// What `LIST VAR` said. Without `ups.status` the status is empty, which means unknown.
pub(super) fn facts(vars: &BTreeMap<String, String>, server: &str, encrypted: bool) -> UpsFacts {
    let text = |name: &str| vars.get(name).map(|value| value.trim()).filter(|it| !it.is_empty());
    let number = |name: &str| number(vars.get(name).map(String::as_str));
    let driver = text("driver.name")
        .map(|name| short(format!("{name} {}", text("driver.version").unwrap_or_default()).trim()));
    let percent = |name: &str| within(number(name), 0.0, 100.0, f64::floor);
    UpsFacts {
        status: UpsStatus::parse(text("ups.status").unwrap_or_default()),
        charge: percent("battery.charge"),
        runtime: seconds(number("battery.runtime")),
        charge_low: percent("battery.charge.low"),
        runtime_low: seconds(number("battery.runtime.low")),
        load: within(number("ups.load"), 0.0, 1_000.0, f64::ceil),
        input_volts: within(number("input.voltage"), 0.0, 10_000.0, f64::floor),
        alarm: text("ups.alarm").map(short),
        serial: text("device.serial").or_else(|| text("ups.serial")).map(short),
        source: UpsSource { server: short(server), driver, encrypted },
    }
}

fn number(text: Option<&str>) -> Reading<f64> {
    match text.map(|text| text.trim().parse::<f64>()) {
        None => Reading::Absent,
        Some(Ok(value)) if value.is_finite() => Reading::Said(value),
        Some(Ok(_) | Err(_)) => Reading::Garbled,
    }
}

/// Whole seconds, lies included; what no clock could count is garbage.
fn seconds(reading: Reading<f64>) -> Reading<i64> {
    const LARGEST: f64 = 1e12;
    match reading {
        Reading::Absent => Reading::Absent,
        Reading::Said(value) if value.abs() <= LARGEST => {
            format!("{:.0}", value.floor()).parse().map_or(Reading::Garbled, Reading::Said)
        }
        Reading::Said(_) | Reading::Garbled => Reading::Garbled,
    }
}

/// A whole number within bounds.
fn within<T: std::str::FromStr>(
    reading: Reading<f64>,
    least: f64,
    most: f64,
    whole: impl Fn(f64) -> f64,
) -> Reading<T> {
    match reading {
        Reading::Absent => Reading::Absent,
        Reading::Said(value) if (least..=most).contains(&value) => {
            format!("{:.0}", whole(value)).parse().map_or(Reading::Garbled, Reading::Said)
        }
        Reading::Said(_) | Reading::Garbled => Reading::Garbled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> UpsFacts {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        facts(&pairs.collect(), "upsd", false)
    }

    #[test]
    fn numbers_are_kept_as_they_are_said() {
        let table = [
            ("1800", Reading::Said(1_800)),
            ("1800.00", Reading::Said(1_800)),
            (" 59.9 ", Reading::Said(59)),
            ("-1", Reading::Said(-1)),
            ("-0.5", Reading::Said(-1)),
            ("65535", Reading::Said(65_535)),
            ("0", Reading::Said(0)),
            ("", Reading::Garbled),
            ("abc def", Reading::Garbled),
            ("NaN", Reading::Garbled),
            ("inf", Reading::Garbled),
            ("1e300", Reading::Garbled),
        ];
        for (text, runtime) in table {
            assert_eq!(of(&[("battery.runtime", text)]).runtime, runtime, "{text:?}");
        }
        let table = [
            ("100", Reading::Said(100)),
            ("99.9", Reading::Said(99)),
            ("0", Reading::Said(0)),
            ("100.5", Reading::Garbled),
            ("-1", Reading::Garbled),
            ("2 %", Reading::Garbled),
        ];
        for (text, charge) in table {
            assert_eq!(of(&[("battery.charge", text)]).charge, charge, "{text:?}");
        }
        assert_eq!(of(&[]).runtime, Reading::Absent);
        assert_eq!(of(&[("input.voltage", "0.0")]).input_volts, Reading::Said(0));
        assert_eq!(of(&[("ups.load", "23.2")]).load, Reading::Said(24));
    }

    #[test]
    fn texts_are_bounded_and_printable() {
        let long = "x\u{7}".repeat(10_000);
        let facts = of(&[
            ("ups.status", "OB LB"),
            ("ups.alarm", &long),
            ("ups.serial", " 42 "),
            ("driver.name", "usbhid-ups"),
            ("driver.version", "2.8.0"),
        ]);
        assert_eq!(facts.status, UpsStatus::parse("LB OB"));
        assert_eq!(facts.serial.as_deref(), Some("42"));
        assert_eq!(facts.source.driver.as_deref(), Some("usbhid-ups 2.8.0"));
        let alarm = facts.alarm.unwrap();
        assert!(alarm.chars().count() <= 200 && !alarm.contains('\u{7}'));
        assert_eq!(of(&[("ups.alarm", "")]).alarm, None);
    }
}
