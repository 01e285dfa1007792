//! Holds a tree against the table of keys: unknown keys, keys given twice, wrong types.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::key::{Entry, Stage};
use super::keys::{GROUPS, KEYS};
use super::kinds::Reading;
use super::nearest::{nearest, quoted};
use super::problem::{Code, Fault};
use super::tree::{At, Body, Node, Pair, Place};

/// The nodes of the known keys, by path.
#[derive(Debug)]
pub(super) struct Values<'a> {
    nodes: BTreeMap<&'static str, &'a Node>,
    broken: BTreeSet<&'static str>,
    home: Option<&'a Path>,
}

impl<'a> Values<'a> {
    pub(super) fn node(&self, path: &str) -> Option<&'a Node> {
        self.nodes.get(path).copied()
    }

    pub(super) fn is_broken(&self, path: &str) -> bool {
        self.broken.contains(path)
    }

    pub(super) const fn home(&self) -> Option<&'a Path> {
        self.home
    }
}

/// Finds every known key and says what is wrong with the others.
pub(super) fn walk<'a>(
    root: &'a Node,
    home: Option<&'a Path>,
    faults: &mut Vec<Fault>,
) -> Values<'a> {
    let values = Values { nodes: BTreeMap::new(), broken: BTreeSet::new(), home };
    let mut walk = Walk { values, faults };
    match &root.body {
        Body::Map(pairs) => {
            walk.duplicates(root);
            for pair in pairs {
                walk.top(pair);
            }
        }
        Body::Null => {
            let help = "`ananke config example` prints a file to start from";
            let fault = Fault::error(Code::Empty, "the file says nothing").help(help);
            walk.faults.push(fault);
            walk.all_broken();
        }
        Body::Scalar { .. } | Body::List(_) => {
            let fault = Fault::error(Code::WrongType, "keys (`key: value`) belong here");
            walk.faults.push(fault.at(root.at));
            walk.all_broken();
        }
    }
    walk.values
}

struct Walk<'a, 'f> {
    values: Values<'a>,
    faults: &'f mut Vec<Fault>,
}

impl<'a> Walk<'a, '_> {
    fn top(&mut self, pair: &'a Pair) {
        let name = pair.key.value.as_str();
        if GROUPS.iter().any(|(group, _)| *group == name) {
            return self.group(name, pair);
        }
        match KEYS.iter().find(|key| key.path() == name) {
            Some(key) => self.known(*key, pair),
            None => self.unknown(None, &pair.key),
        }
    }

    fn group(&mut self, group: &str, pair: &'a Pair) {
        match &pair.value.body {
            // All lines below the key are comments.
            Body::Null => {}
            Body::Map(pairs) => {
                for pair in pairs {
                    let name = pair.key.value.as_str();
                    let in_group = |key: &&&dyn Entry| key.group() == Some(group);
                    match KEYS.iter().filter(in_group).find(|key| key.name() == name) {
                        Some(key) => self.known(*key, pair),
                        None => self.unknown(Some(group), &pair.key),
                    }
                }
            }
            Body::Scalar { .. } | Body::List(_) => {
                let message = format!("`{group}` is a group: keys (`key: value`) belong here");
                self.faults.push(Fault::error(Code::WrongType, message).at(pair.value.at));
                self.group_broken(group);
            }
        }
    }

    fn known(&mut self, key: &dyn Entry, pair: &'a Pair) {
        let mut faults = Vec::new();
        key.check(&pair.value, &mut Reading { home: self.values.home, faults: &mut faults });
        let good = faults.is_empty();
        self.faults.extend(faults.into_iter().map(|fault| fault.about(key.path())));
        if !good {
            self.values.broken.insert(key.path());
        }
        if let (true, Stage::Later(missing)) = (good, key.stage()) {
            let message = format!("`{}` is not used by this version yet: {missing}", key.path());
            self.faults.push(Fault::warning(Code::NotUsed, message).at(pair.key.at));
        }
        self.values.nodes.entry(key.path()).or_insert(&pair.value);
    }

    fn unknown(&mut self, group: Option<&str>, key: &At<String>) {
        let name = key.value.as_str();
        let message = match group {
            None => format!("there is no key {}", quoted(name)),
            Some(group) => format!("there is no key {} in `{group}`", quoted(name)),
        };
        let fault = Fault::error(Code::UnknownKey, message).at(key.at);
        let lower = name.to_ascii_lowercase();
        let secret = ["password", "passwd", "passphrase", "secret", "token", "private_key"];
        if secret.iter().any(|word| lower.contains(word)) {
            let help = "secrets are given as files, never as values";
            self.faults.push(fault.help(help).hidden());
            return;
        }
        if name == "<<" {
            self.faults.push(fault.help("merge keys are not supported: write the keys out"));
            return;
        }
        let meant = suggestion(group, name);
        // What was meant is there, misspelt: that it is missing is not another error.
        match meant {
            Meant::Key(path) => {
                self.values.broken.insert(path);
            }
            Meant::Group(group) => self.group_broken(group),
            Meant::Nothing => {}
        }
        self.faults.push(fault.help(meant.help(group)));
    }

    fn duplicates(&mut self, node: &Node) {
        match &node.body {
            Body::Null | Body::Scalar { .. } => {}
            Body::List(items) => items.iter().for_each(|item| self.duplicates(item)),
            Body::Map(pairs) => {
                let mut first: BTreeMap<&str, Place> = BTreeMap::new();
                for pair in pairs {
                    let name = pair.key.value.as_str();
                    if let Some(other) = first.get(name) {
                        let message = format!("the key {} is here again", quoted(name));
                        let fault = Fault::error(Code::DuplicateKey, message).at(pair.key.at);
                        self.faults.push(fault.first(*other).help("keep one of them"));
                    }
                    first.entry(name).or_insert(pair.key.at);
                    self.duplicates(&pair.value);
                }
            }
        }
    }

    fn group_broken(&mut self, group: &str) {
        let paths = KEYS.iter().filter(|key| key.group() == Some(group)).map(|key| key.path());
        self.values.broken.extend(paths);
    }

    fn all_broken(&mut self) {
        self.values.broken.extend(KEYS.iter().map(|key| key.path()));
    }
}

/// What somebody meant who wrote an unknown key.
#[derive(Clone, Copy)]
enum Meant {
    Key(&'static str),
    Group(&'static str),
    Nothing,
}

impl Meant {
    fn help(self, group: Option<&str>) -> String {
        match (self, group) {
            (Self::Key(path), group) => match (path.split_once('.'), group) {
                (Some((to, name)), from) if from != Some(to) => {
                    format!("did you mean `{name}` below `{to}:`?")
                }
                (Some((_, name)), _) => format!("did you mean `{name}`?"),
                (None, Some(_)) => format!("did you mean `{path}`, which belongs to no group?"),
                (None, None) => format!("did you mean `{path}`?"),
            },
            (Self::Group(name), _) => format!("did you mean the group `{name}:`?"),
            (Self::Nothing, None) => "`ananke config example` shows every key".to_owned(),
            (Self::Nothing, Some(group)) => {
                let keys = KEYS.iter().filter(|key| key.group() == Some(group));
                let names: Vec<&str> = keys.map(|key| key.name()).collect();
                format!("the keys of `{group}` are: {}", names.join(", "))
            }
        }
    }
}

/// Words of other tools and of plain speech for keys that have another name here.
const SYNONYMS: [(&str, &str); 10] = [
    ("control_plane", "nodes.servers"),
    ("control_planes", "nodes.servers"),
    ("masters", "nodes.servers"),
    ("workers", "nodes.agents"),
    ("user", "ssh_user"),
    ("port", "ssh_port"),
    ("hosts", "ssh_node_hosts"),
    ("known_hosts", "ssh_known_hosts_file"),
    ("proxy_jump", "ssh_jump_host"),
    ("peers", "coordination.peer_hosts"),
];

/// First among the keys that may stand here, then everywhere.
fn suggestion(group: Option<&str>, name: &str) -> Meant {
    let here = KEYS.iter().filter(|key| key.group() == group);
    let groups = GROUPS.iter().map(|(name, _)| *name).filter(|_| group.is_none());
    let near_here = nearest(name, here.map(|key| key.name()).chain(groups));
    if let (None, Some((_, path))) = (near_here, SYNONYMS.iter().find(|(word, _)| *word == name)) {
        return Meant::Key(path);
    }
    let found = match near_here {
        Some(word) => KEYS.iter().find(|key| key.group() == group && key.name() == word),
        None => {
            // `startup.soak` written as one word, or a key that stands in the wrong place.
            let last = name.rsplit('.').next().unwrap_or(name);
            let path = nearest(name, KEYS.iter().map(|key| key.path()));
            let word = nearest(last, KEYS.iter().map(|key| key.name()));
            let by_path = KEYS.iter().find(|key| Some(key.path()) == path);
            by_path.or_else(|| KEYS.iter().find(|key| Some(key.name()) == word))
        }
    };
    match (found, near_here) {
        (Some(key), _) => Meant::Key(key.path()),
        (None, Some(word)) => GROUPS
            .iter()
            .find(|(name, _)| *name == word)
            .map_or(Meant::Nothing, |(name, _)| Meant::Group(name)),
        (None, None) => Meant::Nothing,
    }
}
