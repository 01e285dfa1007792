//! The traps of NUT that cost real sites an outage, as far as this host shows them.

use super::text::listed;
use crate::model::power::NutHost;
use crate::model::record::TickRecord;

/// The lines below `ananke why power`.
pub fn nut_traps(record: &TickRecord, host: &NutHost) -> String {
    let mut lines = found(record, host);
    if lines.is_empty() {
        lines.push("none that can be seen on this host".to_owned());
    }
    lines.extend(host.unread.iter().map(|why| format!("not looked at: {why}")));
    format!("\n{}", listed("  traps", &lines).join("\n"))
}

fn found(record: &TickRecord, host: &NutHost) -> Vec<String> {
    let mut lines = Vec::new();
    let serves = matches!(host.mode.as_deref(), Some("netserver" | "standalone"));
    if !host.sections.is_empty() && !serves && host.hook {
        let mode = host.mode.as_deref().unwrap_or("(nothing)");
        lines.push(format!(
            "/etc/nut/nut.conf says MODE={mode}: `upsmon -K` then answers 0, and every power-off \
             and reboot of this host switches its UPS off. Write MODE=netserver"
        ));
    }
    if let Some(flag) = &host.flag {
        lines.push(format!(
            "the flag {flag} lies there: the next power-off or reboot of this host switches its \
             UPS off. sudo rm {flag}"
        ));
    }
    if let [_, _, ..] = host.sections.as_slice() {
        lines.push(format!(
            "`upsdrvctl shutdown` without a name switches off every UPS of ups.conf ({}), also \
             one that never lost mains: always give the name",
            host.sections.join(", ")
        ));
    }
    let old = record.input.observation.upses.iter().filter(|(_, seen)| {
        seen.any_age().is_some_and(|facts| facts.source.server.contains("upsd 2.8.0"))
    });
    let old: Vec<_> = old.map(|(name, _)| name.to_string()).collect();
    if !old.is_empty() {
        lines.push(format!(
            "NUT 2.8.0 serves {}: after one calibration its upsmon takes no low battery for one \
             until it is restarted, so it is no second line of defence (from 2.8.3 on it is)",
            old.join(", ")
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::samples::tick;

    #[test]
    fn each_trap_is_named_with_its_way_out() {
        let record = tick(1);
        let said = |host: NutHost| {
            nut_traps(&record, &host).split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let host = |mode: Option<&str>, sections: &[&str], hook| NutHost {
            mode: mode.map(str::to_owned),
            sections: sections.iter().map(|it| (*it).to_owned()).collect(),
            hook,
            ..NutHost::default()
        };
        let none = "none that can be seen";
        let table = [
            (NutHost::default(), none),
            (host(None, &[], true), none),
            (host(Some("none"), &["a"], false), none),
            (host(Some("none"), &["a"], true), "says MODE=none"),
            (host(None, &["a"], true), "says MODE=(nothing)"),
            (host(Some("netserver"), &["a"], true), none),
            (host(Some("netserver"), &["a", "b"], true), "(a, b)"),
            (
                NutHost { flag: Some("/etc/killpower".into()), ..NutHost::default() },
                "sudo rm /etc/killpower",
            ),
            (
                NutHost { unread: vec!["x: denied".into()], ..NutHost::default() },
                "not looked at: x: denied",
            ),
        ];
        for (host, words) in table {
            let text = said(host.clone());
            assert!(text.contains(words), "{host:?}: {text}");
        }
    }
}
