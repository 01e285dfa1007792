//! The command line: what the user may type, and how an answer is printed.

mod args;
mod output;

pub use args::{
    Args, ConfigVerb, DownTo, ExplainTopic, Format, HostsVerb, IntentVerb, RehearseArgs,
    ShutdownArgs, Verb,
};
pub use output::{Out, print_data, print_text};
