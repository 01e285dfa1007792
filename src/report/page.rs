//! The web page: the words of `ananke status` and `ananke why`, for who has a browser and no
//! terminal. It holds everything that it needs, runs no script, and changes nothing.

use std::fmt::Write as _;

use super::{status_text, why_text};
use crate::model::assessment::GateState;
use crate::model::record::TickRecord;

/// How often the browser asks again, in seconds.
const REFRESH: u32 = 10;

const STYLE: &str = "\
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1rem;\
color:#1c2430;background:#fbfbf9}\
h1{font-size:1.3rem;margin:.2rem 0}h2{font-size:1rem;margin:1.4rem 0 .4rem;color:#556}\
pre{background:#fff;border:1px solid #d8d8d2;border-radius:6px;padding:.8rem;overflow-x:auto;\
font:14px/1.45 ui-monospace,monospace}\
ol{list-style:none;display:flex;flex-wrap:wrap;gap:.4rem;padding:0;margin:.6rem 0}\
li{border:1px solid;border-radius:6px;padding:.1rem .6rem;font-size:.9rem}\
.ok{color:#23633a;background:#eaf5ec}.bad{color:#8a2318;background:#fcebe8}\
.wait{color:#6b5310;background:#fbf4dd}.off{color:#667;background:#f0f0ee}\
footer{color:#778;font-size:.85rem;margin-top:1.5rem}\
@media(prefers-color-scheme:dark){body{color:#dde3ea;background:#15191f}\
pre{background:#1c222a;border-color:#333c48}.ok{background:#163322;color:#9fdcb2}\
.bad{background:#3b1a17;color:#f3a99f}.wait{background:#362d10;color:#e8d48a}\
.off{background:#242a33;color:#9aa}}";

/// The page of a tick, or that there is none yet.
pub fn page(record: Option<&TickRecord>) -> String {
    let (title, body) = match record {
        Some(record) => (super::headline(record), body(record)),
        None => ("ananke has not looked yet".to_owned(), String::new()),
    };
    let title = escaped(&title);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta http-equiv=\"refresh\" content=\"{REFRESH}\">\
         <title>{title}</title><style>{STYLE}</style></head>\n\
         <body><h1>{title}</h1>\n{body}</body></html>\n"
    )
}

fn body(record: &TickRecord) -> String {
    let mut out = String::from("<ol>");
    for gate in &record.decision.assessment.gates {
        let class = match gate.state {
            GateState::Open => "ok",
            GateState::Closed => "bad",
            GateState::Degraded
            | GateState::Soaking { .. }
            | GateState::Waiting { .. }
            | GateState::Cut { .. } => "wait",
            GateState::Skipped { .. } => "off",
        };
        let name = escaped(gate.id.as_str());
        // Writing to a String does not fail.
        let _ = write!(out, "<li class=\"{class}\">{name} {}</li>", gate.state.word());
    }
    let status = escaped(&status_text(record));
    let _ = write!(out, "</ol>\n<h2>status</h2>\n<pre>{status}</pre>\n");
    if record.decision.assessment.gates.iter().any(|gate| !gate.state.is_open()) {
        // Without a name there is always an answer.
        let why = why_text(record, None).unwrap_or_default();
        let _ = write!(out, "<h2>why</h2>\n<pre>{}</pre>\n", escaped(&why));
    }
    let at = record.input.now.wall;
    let clock = if record.input.now.wall_trusted { "" } else { " by a clock that is not trusted" };
    let (host, version) = (escaped(&record.input.policy.owner), escaped(&record.version));
    let _ = write!(
        out,
        "<footer>looked at {at}{clock}; {host}, ananke {version}. Asked again every {REFRESH} \
         seconds. <a href=\"metrics\">metrics</a></footer>"
    );
    out
}

/// A text that no browser takes for more than a text.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_machine_says_is_never_markup() {
        assert_eq!(escaped("<b a='\"&\"'>"), "&lt;b a=&#39;&quot;&amp;&quot;&#39;&gt;");
        let mut record = crate::replay::samples::tick(1);
        record.input.policy.cluster = "<script>".to_owned();
        let page = page(Some(&record));
        assert!(!page.contains("<script"), "{page}");
    }

    #[test]
    fn before_the_first_look_there_is_a_page_too() {
        assert!(page(None).contains("has not looked yet"));
    }
}
