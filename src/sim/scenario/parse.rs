//! From the text of a file to a scenario, or to everything that is wrong with it.

use std::collections::BTreeMap;

use crate::config::{Code, Fault, Place, Problem, Source};

use super::ast::{Alone, Event, Expectation, Life, Scenario, Setting, Size, Step, What};
use super::forms::{DEEDS, HEADERS, Header, INSIDE, LIVES, STATES};
use super::names::strangers;
use super::pattern::{Beginning, Miss, Word, fit, words};
use super::slots::{Slot, Value, is_name};

/// A file of scenarios has a few kilobytes; this keeps a mistaken path from filling the memory.
const MAX_BYTES: usize = 64 * 1024;

/// The most problems that are reported; a person mends the first ones first.
const MAX_PROBLEMS: usize = 100;

/// First words of lines that are no events.
const OTHER_WORDS: &[&str] =
    &["scenario", "title", "site", "alone", "needs", "speed", "with", "wait", "after", "expect"];

/// So many of them, from the first, belong to the header.
const HEADER_WORDS: usize = 7;

const SENTENCE: Beginning = Beginning { says: "no sentence begins with", also: OTHER_WORDS };
const STATE: Beginning =
    Beginning { says: "nothing can be expected that begins with", also: &["stays", "never"] };
const HAPPENING: Beginning = Beginning { says: "nothing happens that begins with", also: &[] };

/// Reads a scenario. `source_name` is the path that messages name.
///
/// # Errors
/// Every problem of the text, in its order.
pub fn parse(text: &str, source_name: &str) -> Result<Scenario, Vec<Problem>> {
    if text.len() > MAX_BYTES {
        let message = format!("the file has {} bytes; at most {MAX_BYTES} are read", text.len());
        return Err(vec![
            Fault::error(Code::TooLarge, message).into_problem(&Source::new(source_name, "")),
        ]);
    }
    let source = Source::new(source_name, text);
    let mut reader = Reader::new(source.text());
    reader.lines();
    let scenario = reader.finish();
    let mut faults = reader.faults;
    match scenario {
        Some(scenario) if faults.is_empty() => Ok(scenario),
        Some(_) | None => {
            let more = faults.len().saturating_sub(MAX_PROBLEMS);
            faults.truncate(MAX_PROBLEMS);
            if more > 0 {
                faults.push(Fault::error(Code::More, format!("there are {more} more problems")));
            }
            Err(faults.into_iter().map(|fault| fault.into_problem(&source)).collect())
        }
    }
}

/// The header so far, each line with its place.
#[derive(Debug, Default)]
struct Head {
    once: BTreeMap<&'static str, Place>,
    name: Option<String>,
    title: Option<String>,
    site: Option<Size>,
    alone: Option<Alone>,
    speed: Option<u32>,
    needs: Vec<super::ast::Need>,
    settings: Vec<Setting>,
}

struct Reader<'a> {
    text: &'a str,
    head: Head,
    steps: Vec<Step>,
    faults: Vec<Fault>,
    /// ananke was started in a step before.
    runs: bool,
    /// Some line was wrong: what is missing may be in it.
    torn: bool,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        let (steps, faults) = (Vec::new(), Vec::new());
        Self { text, head: Head::default(), steps, faults, runs: false, torn: false }
    }

    fn lines(&mut self) {
        let mut start = 0;
        for (at, line) in self.text.split('\n').enumerate() {
            let here = words(&line[..comment(line)], start);
            start += line.len() + 1;
            if here.is_empty() {
                continue;
            }
            let place = Place::new(here[0].start, here[here.len() - 1].end());
            let count = self.faults.len();
            if OTHER_WORDS[..HEADER_WORDS].contains(&here[0].text) {
                self.header(&here, place);
            } else {
                self.step(&here, place, at + 1);
            }
            self.torn |= self.faults.len() > count;
        }
    }

    fn miss(&mut self, miss: Miss) {
        let code = if miss.value { Code::BadValue } else { Code::Syntax };
        let fault = Fault::error(code, miss.message).at(Place::new(miss.start, miss.end));
        self.faults.push(match miss.help {
            Some(help) => fault.help(help),
            None => fault,
        });
    }

    fn wrong(&mut self, code: Code, place: Place, message: &str, help: &str) {
        self.faults.push(Fault::error(code, message).at(place).help(help));
    }

    fn header(&mut self, here: &[Word<'_>], place: Place) {
        if !self.steps.is_empty() {
            let help = "move it up, below the line with `scenario`";
            self.wrong(Code::Conflict, place, "this line belongs above the first step", help);
        }
        match fit(&[HEADERS], here, self.text, SENTENCE) {
            Ok(header) => self.take(header, place),
            Err(miss) => self.miss(miss),
        }
    }

    fn take(&mut self, header: Header, place: Place) {
        let head = &mut self.head;
        let word = match header {
            Header::Name(name) if is_name(&name) => {
                head.name = Some(name);
                "scenario"
            }
            Header::Name(_) => {
                let help = "write it like the file: small letters, digits and dashes";
                return self.wrong(Code::BadValue, place, "this is no name of a scenario", help);
            }
            Header::Title(title) => {
                head.title = Some(title);
                "title"
            }
            Header::Site(size) => {
                if !sensible(size) {
                    let help = "from 1 to 9 servers, and up to 99 agents";
                    return self.wrong(Code::OutOfRange, place, "there is no such site", help);
                }
                head.site = Some(size);
                "site"
            }
            Header::Alone(alone) => {
                head.alone = Some(alone);
                "alone"
            }
            Header::Speed(0) => {
                let help = "1 is real time, 20 is usual";
                return self.wrong(Code::OutOfRange, place, "time would stand still", help);
            }
            Header::Speed(speed) => {
                head.speed = Some(speed);
                "speed"
            }
            Header::Need(need) => return head.needs.push(need),
            Header::With(setting) => return head.settings.push(setting),
        };
        if let Some(first) = head.once.insert(word, place) {
            let message = format!("`{word}` is said twice");
            self.faults.push(Fault::error(Code::DuplicateKey, message).at(place).first(first));
        }
    }

    fn step(&mut self, here: &[Word<'_>], place: Place, line: usize) {
        let what = match here[0].text {
            "wait" => time(&here[1..], here[0]).map(What::Wait),
            "after" => self.later(here),
            "expect" => expectation(here, self.text).map(What::Expect),
            _ => self.event(here, SENTENCE).map(What::Happens),
        };
        match what {
            Ok(what) => {
                self.judge(&what, here, place);
                self.steps.push(Step { line, what });
            }
            Err(miss) => self.miss(miss),
        }
    }

    fn event(&self, here: &[Word<'_>], beginning: Beginning) -> Result<Event, Miss> {
        fit(&[DEEDS, INSIDE, LIVES], here, self.text, beginning)
    }

    fn later(&self, here: &[Word<'_>]) -> Result<What, Miss> {
        let colon = here.iter().position(|word| word.text == ":");
        let Some(colon) = colon else {
            return Err(short(here, "write `after 2m: power on all`"));
        };
        let after = time(&here[1..colon], here[0])?;
        let rest = &here[colon + 1..];
        if rest.is_empty() {
            return Err(short(here, "say what happens then"));
        }
        Ok(What::Later(after, self.event(rest, HAPPENING)?))
    }

    /// What can't be, though every word of it is right.
    fn judge(&mut self, what: &What, here: &[Word<'_>], place: Place) {
        if let Some(size) = self.head.site {
            self.faults.extend(strangers(what, here, &size.roster()));
        }
        let needs_run = match what {
            What::Happens(Event::Ananke(Life::Runs { .. } | Life::Shutdown { .. })) => {
                self.runs = true;
                false
            }
            What::Happens(event) | What::Later(_, event) => needs_ananke(event),
            What::Wait(_) | What::Expect(Expectation::Never(_)) => false,
            What::Expect(
                Expectation::Now(state)
                | Expectation::Within(state, _)
                | Expectation::Stays(state, _),
            ) => state.is_of_ananke(),
        };
        if needs_run && !self.runs {
            let help = "start it above, for example with `ananke runs startup`";
            self.wrong(Code::Conflict, place, "ananke does not run yet", help);
        }
    }

    fn finish(&mut self) -> Option<Scenario> {
        let head = std::mem::take(&mut self.head);
        let expects = self.steps.iter().any(|step| matches!(step.what, What::Expect(_)));
        let missing = [
            (head.name.is_none(), "scenario", "scenario cold-start"),
            (head.title.is_none(), "title", "title Everything loses power and comes back."),
            (head.site.is_none(), "site", "site big"),
            (!expects && !self.torn, "expect", "expect converged within 8m"),
        ];
        for (_, word, example) in missing.into_iter().filter(|(is_missing, ..)| *is_missing) {
            let message = format!("there is no line with `{word}`");
            let help = format!("for example `{example}`");
            self.faults.push(Fault::error(Code::MissingKey, message).help(help));
        }
        Some(Scenario {
            name: head.name?,
            title: head.title?,
            site: head.site?,
            alone: head.alone,
            needs: head.needs,
            speed: head.speed,
            settings: head.settings,
            steps: std::mem::take(&mut self.steps),
        })
    }
}

/// Where the comment of a line begins: at a `#` with nothing or a space before it.
fn comment(line: &str) -> usize {
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        if c == '#' && before.is_whitespace() {
            return at;
        }
        before = c;
    }
    line.len()
}

const fn sensible(size: Size) -> bool {
    match size {
        Size::Big | Size::Small => true,
        Size::Of { servers, agents, .. } => servers >= 1 && servers <= 9 && agents <= 99,
    }
}

fn time(here: &[Word<'_>], before: Word<'_>) -> Result<crate::model::time::Span, Miss> {
    let Some((first, rest)) = here.split_first() else {
        return Err(short(&[before], "expected <time>"));
    };
    let (start, end) = (first.start, rest.last().unwrap_or(first).end());
    let texts: Vec<&str> = here.iter().map(|word| word.text).collect();
    match Slot::Time.read(&texts) {
        Ok(Value::Time(time)) => Ok(time),
        Ok(_) => Err(short(here, "expected <time>")),
        Err((message, help)) => Err(Miss { start, end, message, help: Some(help), value: true }),
    }
}

/// The sentence ends too early.
fn short(here: &[Word<'_>], help: &str) -> Miss {
    let end = here.last().map_or(0, Word::end);
    let message = "the sentence is not at its end".to_owned();
    Miss { start: end, end, message, help: Some(help.to_owned()), value: false }
}

fn expectation(here: &[Word<'_>], text: &str) -> Result<Expectation, Miss> {
    let state = |words: &[Word<'_>]| match words {
        [] => Err(short(here, "say what is expected, for example `converged within 8m`")),
        words => fit(&[STATES], words, text, STATE),
    };
    let tail = here.len().checked_sub(2).filter(|at| *at > 0);
    let tail = tail.map(|at| (at, here[at].text)).filter(|(_, it)| ["within", "for"].contains(it));
    let first = here.get(1).map_or("", |word| word.text);
    match (first, tail) {
        ("never", _) => state(&here[2..]).map(Expectation::Never),
        ("stays", Some((at, "for"))) => {
            let time = time(&here[at + 1..], here[at])?;
            state(&here[2..at]).map(|state| Expectation::Stays(state, time))
        }
        ("stays", _) => Err(short(here, "say for how long: `expect stays broken for 10m`")),
        (_, Some((at, "within"))) => {
            let time = time(&here[at + 1..], here[at])?;
            state(&here[1..at]).map(|state| Expectation::Within(state, time))
        }
        (_, Some((at, _))) => Err(Miss {
            start: here[at].start,
            end: here[at].end(),
            message: "`for` needs `stays`".to_owned(),
            help: Some("write `expect stays broken for 10m`".to_owned()),
            value: false,
        }),
        (_, None) => state(&here[1..]).map(Expectation::Now),
    }
}

const fn needs_ananke(event: &Event) -> bool {
    match event {
        Event::Ananke(life) => match life {
            Life::RunsAgain { .. } | Life::Killed | Life::KilledAtRandom { .. } | Life::Stopped => {
                true
            }
            Life::Runs { .. }
            | Life::Shutdown { .. }
            | Life::Paused { .. }
            | Life::Resumed { .. }
            | Life::Acked { .. }
            | Life::DiskFull
            | Life::DiskFree => false,
        },
        Event::Deed(_) => false,
    }
}
