//! `rehearse`: a simulated site behind real sockets on the loopback loses power, and the loop that
//! is shipped, with its real adapters, brings it back. Nothing outside of this process and of one
//! temporary folder is touched.

mod ananke;
mod theatre;
mod view;

use std::io::IsTerminal;
use std::num::NonZeroU32;
use std::path::Path;

use serde::Serialize;

use super::failure::{Ended, Failure};
use super::signals::interrupt;
use super::words;
use crate::cli::{Format, RehearseArgs, print_data, print_text};
use crate::decide::LIBRARY;
use crate::report::{Ending, ending_text};
use crate::sim::scenario::outcome::Word;
use crate::sim::scenario::shipped::{DEFAULT, SHIPPED, Unfound, shipped};
use crate::sim::scenario::{Outcome, Scenario, parse};
use theatre::Theatre;
use view::View;

/// How many times as fast as life a scenario runs that does not say.
const SPEED: NonZeroU32 = NonZeroU32::new(10).expect("it is not zero");

/// The largest scenario that is read. The longest that is shipped has 1 kB.
const LARGEST: u64 = 64 << 10;

/// Runs a scenario, or lists those that are shipped.
pub(super) async fn rehearse(args: RehearseArgs, format: Format) -> Result<Ended, Failure> {
    if args.list {
        return list(format);
    }
    let named = args.scenario.as_deref().unwrap_or(DEFAULT);
    let scenario = scenario(named)?;
    if let Some(outcome) = not_built(&scenario, args.seed) {
        return print_end(&End { outcome, ending: None }, format);
    }
    let own = scenario.speed.and_then(NonZeroU32::new);
    let speed = args.speed.or(own).unwrap_or(SPEED);
    let text = format == Format::Text;
    let interrupted = interrupt();
    let theatre = Theatre::open(&scenario, args.seed, speed).await?;
    if text {
        print_text(&theatre.programme()).map_err(|error| Failure::Failed(words::chain(&error)))?;
    }
    let live = text && std::io::stdout().is_terminal();
    let mut view = View::new(&scenario, speed, text, live);
    let outcome = tokio::select! {
        outcome = theatre.play(&scenario, args.seed, &mut view) => outcome?,
        () = interrupted => {
            view.close();
            return Err(Failure::Failed("the rehearsal was broken off; nothing is left".to_owned()));
        }
    };
    view.close();
    let again = again(named, args.seed, args.speed);
    print_end(&End { outcome, ending: Some(view.ending(again)) }, format)
}

/// The command that shows the same again.
fn again(named: &str, seed: u64, speed: Option<NonZeroU32>) -> String {
    let speed = speed.map(|speed| format!(" --speed {speed}")).unwrap_or_default();
    format!("ananke rehearse {named} --seed {seed}{speed}")
}

/// The outcome of a scenario that needs what this version does not have.
fn not_built(scenario: &Scenario, seed: u64) -> Option<Outcome> {
    let gates: Vec<&str> = LIBRARY.up.iter().map(|gate| gate.id.as_str()).collect();
    Outcome::not_built(scenario, seed, &gates)
}

/// A scenario that is shipped, or one in a file.
fn scenario(named: &str) -> Result<Scenario, Failure> {
    let is_file = named.contains('/') || named.ends_with(".txt");
    if !is_file {
        return shipped(named).map_err(|error| match error {
            Unfound::NoSuch { .. } | Unfound::Wrong(_) => Failure::Usage(error.to_string()),
        });
    }
    let path = Path::new(named);
    let unread = |error: std::io::Error| Failure::Usage(format!("{named}: {error}"));
    let meta = std::fs::metadata(path).map_err(unread)?;
    if meta.len() > LARGEST {
        return Err(Failure::Usage(format!("{named} has more than {} kB", LARGEST >> 10)));
    }
    let text = std::fs::read_to_string(path).map_err(unread)?;
    parse(&text, named)
        .map_err(|problems| Failure::Usage(crate::config::problems_to_text(&problems)))
}

/// One scenario of the list.
#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    title: String,
    needs: Vec<String>,
}

fn list(format: Format) -> Result<Ended, Failure> {
    let listed = SHIPPED.iter().map(|(name, _)| {
        let scenario = scenario(name)?;
        let needs = not_built(&scenario, 0).map(|it| it.needs).unwrap_or_default();
        Ok(Listed { name, title: scenario.title, needs })
    });
    let listed = listed.collect::<Result<Vec<_>, Failure>>()?;
    let printed = match format {
        Format::Json | Format::Yaml => print_data(format, &listed),
        Format::Text => {
            let line = |it: &Listed<'_>| {
                let needs = match it.needs.as_slice() {
                    [] => String::new(),
                    needs => format!("\n{:24}not built yet: {}", "", needs.join(", ")),
                };
                format!("{:<24}{}{needs}", it.name, it.title)
            };
            print_text(&listed.iter().map(line).collect::<Vec<_>>().join("\n"))
        }
    };
    printed.map_err(|error| Failure::Failed(words::chain(&error)))?;
    Ok(Ended::GOOD)
}

/// What is told at the end.
#[derive(Serialize)]
struct End {
    #[serde(flatten)]
    outcome: Outcome,
    /// None of what could not be run.
    #[serde(flatten)]
    ending: Option<Ending>,
}

fn print_end(end: &End, format: Format) -> Result<Ended, Failure> {
    let End { outcome, ending } = end;
    let printed = match format {
        Format::Json | Format::Yaml => print_data(format, end),
        Format::Text => {
            let ending = ending.as_ref().map(|it| ending_text(outcome.took_ms, it));
            print_text(&format!("\n{outcome}\n{}", ending.unwrap_or_default()))
        }
    };
    printed.map_err(|error| Failure::Failed(words::chain(&error)))?;
    Ok(match outcome.result {
        Word::Passed => Ended::GOOD,
        Word::Failed | Word::NotBuilt => Ended::FAILED,
    })
}
