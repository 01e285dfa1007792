//! The command line: what the user may type, and how an answer is printed.

mod args;
mod output;

pub use args::{Args, ConfigVerb, ExplainTopic, Format, HostsVerb, IntentVerb, RehearseArgs, Verb};
pub use output::{Out, print_data, print_text};
