//! What upsd answers to one line, and what it remembers of a client.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use crate::adapters::nut::words;
use crate::sim::faces::Stage;

use super::vars::{Silence, VERSION, vars};
use super::{PASSWORD, USER};

/// The instant commands that a simulated UPS knows, with what they do.
const COMMANDS: [(&str, &str); 3] = [
    ("beeper.mute", "Temporarily mute the UPS beeper"),
    ("load.off", "Turn off the load immediately"),
    ("load.on", "Turn on the load immediately"),
];

/// How many clients are logged in to each UPS.
#[derive(Debug, Default)]
pub(super) struct Logins(Mutex<BTreeMap<String, u32>>);

impl Logins {
    fn change(&self, ups: &str, by: i32) {
        // Counts: a panic while the lock was held leaves nothing half done.
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(ups.to_owned()).or_default();
        *count = count.saturating_add_signed(by);
    }

    fn count(&self, ups: &str) -> u32 {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(ups).copied().unwrap_or_default()
    }
}

/// One client.
#[derive(Debug)]
pub(super) struct Session {
    stage: Stage,
    logins: Arc<Logins>,
    user: Option<String>,
    password: Option<String>,
    /// The UPS that it is logged in to.
    ups: Option<String>,
    over: bool,
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(ups) = &self.ups {
            self.logins.change(ups, -1);
        }
    }
}

impl Session {
    pub(super) const fn new(stage: Stage, logins: Arc<Logins>) -> Self {
        Self { stage, logins, user: None, password: None, ups: None, over: false }
    }

    /// It said goodbye.
    pub(super) const fn is_over(&self) -> bool {
        self.over
    }

    /// The answer to a line, with its end. An empty line is not answered.
    pub(super) fn answer(&mut self, line: &str) -> String {
        let Ok(words) = words(line.trim_end_matches(['\r', '\n'])) else {
            return err("INVALID-ARGUMENT");
        };
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let Some((verb, rest)) = words.split_first() else { return String::new() };
        match (verb.to_ascii_uppercase().as_str(), rest) {
            ("VER", _) => format!("{VERSION}\n"),
            ("PROTVER" | "NETVER", _) => "1.3\n".to_owned(),
            ("HELP", _) => "Commands: HELP VER GET LIST SET INSTCMD LOGIN LOGOUT USERNAME \
                            PASSWORD STARTTLS\n"
                .to_owned(),
            ("STARTTLS", _) => err("FEATURE-NOT-CONFIGURED"),
            ("LOGOUT", _) => {
                self.over = true;
                "OK Goodbye\n".to_owned()
            }
            ("GET", rest) => self.get(rest),
            ("LIST", rest) => self.list(rest),
            ("USERNAME", [user]) => take(&mut self.user, user, "ALREADY-SET-USERNAME"),
            ("PASSWORD", [word]) => take(&mut self.password, word, "ALREADY-SET-PASSWORD"),
            ("USERNAME" | "PASSWORD", _) => err("INVALID-ARGUMENT"),
            (verb @ ("LOGIN" | "PRIMARY" | "MASTER" | "FSD" | "SET" | "INSTCMD"), rest) => {
                self.named_user(verb, rest)
            }
            _ => err("UNKNOWN-COMMAND"),
        }
    }

    fn get(&self, words: &[&str]) -> String {
        let Some((topic, rest)) = words.split_first() else { return err("INVALID-ARGUMENT") };
        match (topic.to_ascii_uppercase().as_str(), rest) {
            ("VAR", [ups, name]) => match self.vars(ups) {
                Err(silence) => silence,
                Ok(vars) => match vars.get(name.to_ascii_lowercase().as_str()) {
                    Some(value) => format!("VAR {ups} {name} {}\n", quoted(value)),
                    None => err("VAR-NOT-SUPPORTED"),
                },
            },
            ("NUMLOGINS", [ups]) => match self.vars(ups) {
                Err(silence) => silence,
                Ok(_) => {
                    let count = self.logins.count(&ups.to_ascii_lowercase());
                    format!("NUMLOGINS {ups} {count}\n")
                }
            },
            ("CMDDESC", [ups, command]) => match self.vars(ups) {
                Err(silence) => silence,
                Ok(_) => {
                    let found = COMMANDS.iter().find(|(it, _)| it.eq_ignore_ascii_case(command));
                    let words = found.map_or("Unavailable", |(_, words)| words);
                    format!("CMDDESC {ups} {command} {}\n", quoted(words))
                }
            },
            ("UPSDESC", [ups]) => match self.known(ups) {
                Some(name) => format!("UPSDESC {ups} {}\n", quoted(&name)),
                None => err("UNKNOWN-UPS"),
            },
            _ => err("INVALID-ARGUMENT"),
        }
    }

    fn list(&self, words: &[&str]) -> String {
        let Some((topic, rest)) = words.split_first() else { return err("INVALID-ARGUMENT") };
        match (topic.to_ascii_uppercase().as_str(), rest) {
            ("UPS", []) => {
                let names = self.stage.with(|world| world.site().upses.keys().cloned().collect());
                let names: Vec<String> = names;
                framed("UPS", names.iter().map(|name| format!("UPS {name} {}", quoted(name))))
            }
            ("VAR", [ups]) => match self.vars(ups) {
                Err(silence) => silence,
                Ok(vars) => {
                    let line = |(name, value): (&&str, &String)| {
                        format!("VAR {ups} {name} {}", quoted(value))
                    };
                    framed(&format!("VAR {ups}"), vars.iter().map(line))
                }
            },
            ("CMD", [ups]) => match self.vars(ups) {
                Err(silence) => silence,
                Ok(_) => {
                    let line = |(name, _): &(&str, &str)| format!("CMD {ups} {name}");
                    framed(&format!("CMD {ups}"), COMMANDS.iter().map(line))
                }
            },
            ("RW", [ups]) => match self.vars(ups) {
                Err(silence) => silence,
                // Its driver has nothing that can be set.
                Ok(_) => framed(&format!("RW {ups}"), std::iter::empty()),
            },
            ("CLIENT", [ups]) => match self.known(ups) {
                Some(name) => {
                    let each =
                        (0..self.logins.count(&name)).map(|_| format!("CLIENT {ups} 127.0.0.1"));
                    framed(&format!("CLIENT {ups}"), each)
                }
                None => err("UNKNOWN-UPS"),
            },
            _ => err("INVALID-ARGUMENT"),
        }
    }

    /// The variables of a UPS, or upsd's word for why there are none.
    fn vars(&self, ups: &str) -> Result<BTreeMap<&'static str, String>, String> {
        let name = ups.to_ascii_lowercase();
        let vars = self.stage.with(|world| vars(world, &name));
        vars.map_err(|silence| {
            err(match silence {
                Silence::Unknown => "UNKNOWN-UPS",
                Silence::NoDriver => "DRIVER-NOT-CONNECTED",
                Silence::Stale => "DATA-STALE",
            })
        })
    }

    fn known(&self, ups: &str) -> Option<String> {
        let name = ups.to_ascii_lowercase();
        self.stage.with(|world| world.ups(&name).is_some()).then_some(name)
    }

    /// A verb that only a user may say. upsd asks for a name and a word first, whatever they are,
    /// then whether what is asked makes sense, and last whether it is allowed.
    fn named_user(&mut self, verb: &str, words: &[&str]) -> String {
        if self.user.is_none() {
            return err("USERNAME-REQUIRED");
        }
        if self.password.is_none() {
            return err("PASSWORD-REQUIRED");
        }
        match (verb, words) {
            ("INSTCMD", [ups, command, ..]) => self.command(ups, command),
            ("LOGIN", [ups]) => self.login(ups),
            // Its user is no primary and may set nothing.
            ("PRIMARY" | "MASTER" | "FSD", [ups]) => match self.known(ups) {
                Some(_) => err("ACCESS-DENIED"),
                None => err("UNKNOWN-UPS"),
            },
            ("SET", [_, _, ..]) => err("ACCESS-DENIED"),
            _ => err("INVALID-ARGUMENT"),
        }
    }

    /// Whether the user is the one that there is, with its password.
    fn is_known_user(&self) -> bool {
        self.user.as_deref() == Some(USER) && self.password.as_deref() == Some(PASSWORD)
    }

    fn login(&mut self, ups: &str) -> String {
        if self.ups.is_some() {
            return err("ALREADY-LOGGED-IN");
        }
        let Some(name) = self.known(ups) else { return err("UNKNOWN-UPS") };
        if !self.is_known_user() {
            return err("ACCESS-DENIED");
        }
        self.logins.change(&name, 1);
        self.ups = Some(name);
        "OK\n".to_owned()
    }

    fn command(&self, ups: &str, command: &str) -> String {
        let Some(name) = self.known(ups) else { return err("UNKNOWN-UPS") };
        if let Err(silence) = self.vars(ups) {
            return silence;
        }
        let command = command.to_ascii_lowercase();
        if !COMMANDS.iter().any(|(it, _)| *it == command) {
            return err("CMD-NOT-SUPPORTED");
        }
        if !self.is_known_user() {
            return err("ACCESS-DENIED");
        }
        match command.as_str() {
            "load.off" => self.stage.touch(|world| world.outlet(&name, false)),
            "load.on" => self.stage.touch(|world| world.outlet(&name, true)),
            _ => {}
        }
        "OK\n".to_owned()
    }
}

fn take(place: &mut Option<String>, word: &str, already: &str) -> String {
    if place.is_some() {
        return err(already);
    }
    *place = Some(word.to_owned());
    "OK\n".to_owned()
}

fn err(word: &str) -> String {
    format!("ERR {word}\n")
}

fn framed(topic: &str, lines: impl Iterator<Item = String>) -> String {
    let mut out = format!("BEGIN LIST {topic}\n");
    for line in lines {
        let _ = writeln!(out, "{line}");
    }
    let _ = writeln!(out, "END LIST {topic}");
    out
}

/// A value in quotes, as upsd writes each (`pconf_encode`).
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}
