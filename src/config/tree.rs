//! YAML text as a tree whose nodes know their place, so that every error can be reported at once.
//!
//! serde stops at the first error and forgets places; the parser below serde-saphyr does neither.
//! Aliases are resolved within a budget of nodes; tags and several documents are refused.

use std::collections::BTreeMap;

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, StructureStyle};

use super::problem::{Code, Fault};

/// The most nodes that a file may have, aliases counted as what they stand for. A configuration
/// of 100 machines has fewer than 1,000.
const MAX_NODES: usize = 20_000;

/// How deep collections may lie within each other. The deepest key needs 3.
const MAX_DEPTH: usize = 16;

/// A range of bytes of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Place {
    pub(crate) const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    fn of(span: Span, text: &str) -> Self {
        let start = span.start.byte_offset().unwrap_or(0).min(text.len());
        let end = span.end.byte_offset().unwrap_or(start).clamp(start, text.len());
        Self { start, end }
    }
}

/// Something with the place where it was read.
#[derive(Debug, Clone)]
pub(super) struct At<T> {
    pub(super) at: Place,
    pub(super) value: T,
}

/// One node of the tree.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Of a block collection that is a value: the place of its key.
    pub(super) at: Place,
    pub(super) body: Body,
}

#[derive(Debug, Clone)]
pub(super) enum Body {
    /// No value, `~` or `null`.
    Null,
    /// Anything else that is no collection. `plain`: written without quotes.
    Scalar { text: String, plain: bool },
    /// `[a, b]` or lines with a dash.
    List(Vec<Node>),
    /// `key: value`.
    Map(Vec<Pair>),
}

/// One `key: value`.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub(super) key: At<String>,
    pub(super) value: Node,
}

impl Node {
    fn size(&self) -> usize {
        match &self.body {
            Body::Null | Body::Scalar { .. } => 1,
            Body::List(items) => 1 + items.iter().map(Self::size).sum::<usize>(),
            Body::Map(pairs) => 1 + pairs.iter().map(|p| 1 + p.value.size()).sum::<usize>(),
        }
    }

    fn depth(&self) -> usize {
        match &self.body {
            Body::Null | Body::Scalar { .. } => 0,
            Body::List(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Body::Map(pairs) => 1 + pairs.iter().map(|p| p.value.depth()).max().unwrap_or(0),
        }
    }
}

/// What became of a text.
#[derive(Debug)]
pub(super) struct Parsed {
    /// The tree, as far as the text could be read.
    pub(super) root: Option<Node>,
    /// Whether the whole text was read.
    pub(super) complete: bool,
    pub(super) faults: Vec<Fault>,
}

/// Reads the first document of a text.
pub(super) fn parse(text: &str) -> Parsed {
    let mut builder = Builder { text, ..Builder::default() };
    for next in Parser::new_from_str(text) {
        let step = match next {
            Ok((event, span)) => builder.event(event, span),
            Err(error) => Err(syntax(&error, text)),
        };
        if let Err(fault) = step {
            builder.faults.push(fault);
            let root = builder.unwind();
            return Parsed { root, complete: false, faults: builder.faults };
        }
    }
    if builder.root.is_none() {
        let help = "`ananke config example` prints a file to start from";
        builder.faults.push(Fault::error(Code::Empty, "the file says nothing").help(help));
    }
    Parsed { root: builder.root, complete: true, faults: builder.faults }
}

fn syntax(error: &ScanError, text: &str) -> Fault {
    let at = error.marker().byte_offset().unwrap_or(text.len()).min(text.len());
    let at = (0..=at).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
    let line_start = text[..at].rfind('\n').map_or(0, |i| i + 1);
    let line = text[line_start..].lines().next().unwrap_or("");
    let fault = Fault::error(Code::Syntax, format!("this is not YAML: {}", error.info()))
        .at(Place::new(at, at));
    let indent = &line[..line.len() - line.trim_start().len()];
    if indent.contains('\t') {
        fault.help("there is a tab in the indentation; YAML is indented with spaces only")
    } else {
        fault
    }
}

enum Frame {
    List { at: Place, anchor: usize, items: Vec<Node> },
    Map { at: Place, anchor: usize, pairs: Vec<Pair>, key: Option<At<String>> },
}

#[derive(Default)]
struct Builder<'a> {
    text: &'a str,
    stack: Vec<Frame>,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
    documents: usize,
    root: Option<Node>,
    faults: Vec<Fault>,
}

impl Builder<'_> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the parser's other events carry no values; which exist depends on its features"
    )]
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Fault> {
        let at = Place::of(span, self.text);
        if event.tag().is_some() {
            let fault = Fault::error(Code::Syntax, "tags (`!name`) are not supported").at(at);
            self.faults.push(fault.help("write the value without the tag"));
        }
        match event {
            Event::DocumentStart(..) => self.document(at),
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                let null = plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let text = text.into_owned();
                let body = if null { Body::Null } else { Body::Scalar { text, plain } };
                self.node(Node { at, body }, anchor)
            }
            Event::SequenceStart(style, anchor, _) => {
                let at = self.collection_place(at, style);
                self.open(Frame::List { at, anchor, items: Vec::new() }, at)
            }
            Event::MappingStart(style, anchor, _) => {
                let at = self.collection_place(at, style);
                self.open(Frame::Map { at, anchor, pairs: Vec::new(), key: None }, at)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.stack.pop() {
                Some(frame) => {
                    let (node, anchor) = close(frame);
                    self.node(node, anchor)
                }
                None => Ok(()),
            },
            Event::Alias(id) => self.alias(id, at),
            _ => Ok(()),
        }
    }

    fn document(&mut self, at: Place) -> Result<(), Fault> {
        self.documents += 1;
        if self.documents == 1 {
            return Ok(());
        }
        Err(Fault::error(Code::Syntax, "a second document begins here; only one is read")
            .at(at)
            .help("remove the `---` and what belongs to the other document"))
    }

    /// A block collection begins on the line after its key; the key is what the reader looks for.
    fn collection_place(&self, at: Place, style: StructureStyle) -> Place {
        match (style, self.stack.last()) {
            (StructureStyle::Block, Some(Frame::Map { key: Some(key), .. })) => key.at,
            (StructureStyle::Block | StructureStyle::Flow, _) => at,
        }
    }

    fn open(&mut self, frame: Frame, at: Place) -> Result<(), Fault> {
        if self.stack.len() >= MAX_DEPTH {
            let message = format!("this is nested more than {MAX_DEPTH} levels deep");
            return Err(Fault::error(Code::TooLarge, message).at(at));
        }
        self.stack.push(frame);
        Ok(())
    }

    fn alias(&mut self, id: usize, at: Place) -> Result<(), Fault> {
        let Some(node) = self.anchors.get(&id) else {
            let message = "this alias stands for something that is not finished yet";
            return Err(Fault::error(Code::Syntax, message).at(at));
        };
        if self.stack.len() + node.depth() > MAX_DEPTH {
            let message = format!("this alias nests more than {MAX_DEPTH} levels deep");
            return Err(Fault::error(Code::TooLarge, message).at(at));
        }
        self.nodes += node.size() - 1;
        let body = if self.nodes > MAX_NODES { Body::Null } else { node.body.clone() };
        self.node(Node { at, body }, 0)
    }

    fn node(&mut self, node: Node, anchor: usize) -> Result<(), Fault> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            let message = format!("with this the file has more than {MAX_NODES} values");
            return Err(Fault::error(Code::TooLarge, message).at(node.at));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let text = self.text;
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(Frame::List { items, .. }) => items.push(node),
            Some(Frame::Map { pairs, key, .. }) => match (key.take(), node.body) {
                (Some(key), body) => pairs.push(Pair { key, value: Node { at: node.at, body } }),
                (None, Body::Scalar { text, .. }) => {
                    *key = Some(At { at: node.at, value: text });
                }
                (None, Body::Null) => {
                    *key = Some(At { at: node.at, value: text_at(text, node.at) });
                }
                (None, Body::List(_) | Body::Map(_)) => {
                    let message = "a list or a map can't be a key";
                    return Err(Fault::error(Code::Syntax, message).at(node.at));
                }
            },
        }
        Ok(())
    }

    /// What was read before the text broke, each open collection closed where it stands.
    fn unwind(&mut self) -> Option<Node> {
        while let Some(frame) = self.stack.pop() {
            let (node, _) = close(frame);
            match self.stack.last_mut() {
                None => self.root = Some(node),
                Some(Frame::List { items, .. }) => items.push(node),
                Some(Frame::Map { pairs, key, .. }) => {
                    if let Some(key) = key.take() {
                        pairs.push(Pair { key, value: node });
                    }
                }
            }
        }
        self.root.take()
    }
}

fn text_at(text: &str, at: Place) -> String {
    text.get(at.start..at.end).unwrap_or("").to_owned()
}

fn close(frame: Frame) -> (Node, usize) {
    match frame {
        Frame::List { at, anchor, items } => (Node { at, body: Body::List(items) }, anchor),
        Frame::Map { at, anchor, pairs, .. } => (Node { at, body: Body::Map(pairs) }, anchor),
    }
}
