//! The commands and their arguments.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// Gets a bare-metal k3s cluster through a power failure, down and up again.
///
/// Nothing is changed without --execute.
///
/// Exit codes: 0 done, converged or nothing to do; 1 failed; 2 usage or configuration; 3 not there
/// yet; 4 blocked, a person is needed; 5 converged, degraded.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 80, arg_required_else_help = true)]
pub struct Args {
    /// The configuration.
    #[arg(
        long,
        short,
        global = true,
        value_name = "FILE",
        default_value = "/etc/ananke/ananke.yaml"
    )]
    pub config: PathBuf,

    /// The form of the answer.
    #[arg(long, short, global = true, value_enum, default_value_t = Format::Text)]
    pub output: Format,

    /// How much is logged: error, warn, info, debug, trace.
    #[arg(long, global = true, value_name = "LEVEL", default_value = "warn")]
    pub log: String,

    /// Where to die, for tests.
    #[cfg(feature = "failpoints")]
    #[arg(long, global = true, hide = true)]
    pub failpoint: Option<String>,

    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// For both.
    Yaml,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Where the cluster stands, what is being done, and what is held back
    Status,
    /// Bring the cluster up, and prove it good
    Startup {
        /// Do it. Without this nothing is changed.
        #[arg(long)]
        execute: bool,
        /// Start although a UPS is on battery, or can't be heard
        #[arg(long)]
        allow_on_battery: bool,
        /// Start although this host is a peer
        #[arg(long)]
        allow_peer_startup: bool,
        /// Stop waiting after this many seconds (exit code 3)
        #[arg(long, value_name = "SECONDS")]
        timeout: Option<u64>,
    },
    /// Bring the cluster down in order, and keep it down until a person wants it up
    Shutdown(ShutdownArgs),
    /// One shot at boot: as startup, unless a person wants the cluster down
    Converge {
        /// Do it. Without this nothing is changed.
        #[arg(long)]
        execute: bool,
        /// Start although a UPS is on battery, or can't be heard
        #[arg(long)]
        allow_on_battery: bool,
        /// On a peer: stand in for a coordinator that gives no word
        #[arg(long)]
        auto_peer_failover: bool,
        /// Stop waiting after this many seconds (exit code 3)
        #[arg(long, value_name = "SECONDS")]
        timeout: Option<u64>,
    },
    /// Look after the cluster for as long as the host runs
    Daemon {
        /// Act. Without this it only observes.
        #[arg(long)]
        execute: bool,
        /// On a peer: stand in for a coordinator that gives no word
        #[arg(long)]
        auto_peer_failover: bool,
    },
    /// What this host says of itself, for another ananke host that asks over SSH
    Peer,
    /// Exactly what startup --execute would do now
    Plan,
    /// Why something is closed, what was tried, and what a person can do
    Why {
        /// A gate or a machine; without it the first gate that is closed
        name: Option<String>,
    },
    /// What was ordered and done, episode by episode
    History {
        /// How many of the newest
        #[arg(long, value_name = "N", default_value_t = 10)]
        last: usize,
    },
    /// Decide recorded ticks again and show any difference
    Replay {
        /// A file of recorded ticks; without it those of the state directory
        file: Option<PathBuf>,
        /// Check the ledger of the state directory against the rules instead
        #[arg(long)]
        verify: bool,
    },
    /// Install the guard on the nodes, and check it; or make ananke's account in the cluster
    Prepare {
        /// Only these machines
        machines: Vec<String>,
        /// Do it. Without this the difference is shown.
        #[arg(long)]
        execute: bool,
        /// Log in as this person, whose sudo is used
        #[arg(long, value_name = "USER")]
        user: Option<String>,
        /// With this private key
        #[arg(long, value_name = "FILE")]
        identity: Option<PathBuf>,
        /// Make ananke's own account, by the admin's word of a server, and write its kubeconfig
        #[arg(long, value_name = "FILE", conflicts_with_all = ["machines", "user", "identity"])]
        account: Option<PathBuf>,
    },
    /// The host keys of the machines
    Hosts {
        /// Look or accept
        #[command(subcommand)]
        verb: HostsVerb,
    },
    /// Change nothing until resume
    Pause {
        /// Why; shown to everybody
        #[arg(long)]
        reason: String,
    },
    /// Go on after a pause
    Resume,
    /// What the cluster is wanted to be, and by whom
    Intent {
        /// Show or clear
        #[command(subcommand)]
        verb: Option<IntentVerb>,
    },
    /// You did your part: the remedies for this gate or machine start anew
    Ack {
        /// The gate or the machine
        name: String,
    },
    /// The configuration: check it, or learn what may be in it
    Config {
        /// What about it
        #[command(subcommand)]
        verb: ConfigVerb,
    },
    /// What the gates, checks, remedies, holds and remote commands are
    Explain {
        /// Of which kind
        #[arg(value_enum)]
        topic: ExplainTopic,
        /// Which one; without it all of them
        name: Option<String>,
    },
    /// The kind under which ananke publishes how it sees the cluster, for kubectl apply
    Crd {
        /// ananke's own account and its rights instead
        #[arg(long)]
        rbac: bool,
    },
    /// Completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// A simulated cluster loses power and comes back, before your eyes; nothing real is touched
    Rehearse(RehearseArgs),
}

/// `ananke shutdown`
#[derive(Debug, Clone, clap::Args)]
pub struct ShutdownArgs {
    /// Do it. Without this nothing is changed.
    #[arg(long)]
    pub execute: bool,
    /// Why; shown to everybody, and written down
    #[arg(long)]
    pub reason: String,
    /// How far down
    #[arg(long, value_enum, default_value_t = DownTo::ClusterOnly)]
    pub mode: DownTo,
    /// End the pods where they run instead of evicting them first
    #[arg(long)]
    pub skip_drain: bool,
    /// Do not save the datastore first
    #[arg(long)]
    pub skip_etcd_snapshot: bool,
    /// Leave ananke's own host on at the end, for this reason, whatever shutdown.own_host says
    #[arg(long, value_name = "WHY")]
    pub keep_own_host: Option<String>,
    /// Stop waiting after this many seconds (exit code 3)
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<u64>,
}

/// How far down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DownTo {
    /// Kubernetes is stopped, the machines stay on
    ClusterOnly,
    /// And the machines are switched off
    Poweroff,
}

/// `ananke rehearse`
#[derive(Debug, Clone, clap::Args)]
pub struct RehearseArgs {
    /// The name of a scenario, or the path of a file with one; without it everything loses power
    pub scenario: Option<String>,
    /// What chance is made from: the same seed makes the same fate
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// How many times as fast as life
    #[arg(long, value_name = "X")]
    pub speed: Option<std::num::NonZeroU32>,
    /// The scenarios that come with the program
    #[arg(long, conflicts_with_all = ["scenario", "seed", "speed"])]
    pub list: bool,
}

/// `ananke hosts`
#[derive(Debug, Subcommand)]
pub enum HostsVerb {
    /// Show the host keys that the machines offer, beside those that are known
    Scan {
        /// Only these machines
        machines: Vec<String>,
    },
    /// Take the keys that the machines offer now as the right ones
    Accept {
        /// Which machines
        #[arg(required = true)]
        machines: Vec<String>,
    },
}

/// `ananke intent`
#[derive(Debug, Subcommand)]
pub enum IntentVerb {
    /// Show it
    Show,
    /// Forget a wish for down
    Clear,
}

/// `ananke config`
#[derive(Debug, Subcommand)]
pub enum ConfigVerb {
    /// Every error at once, with its place
    Check,
    /// The JSON schema
    Schema,
    /// A commented example
    Example,
    /// What the configuration comes to, defaults filled in
    Show,
}

/// `ananke explain`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExplainTopic {
    /// The way up
    Gate,
    /// What the gates ask
    Check,
    /// What may be done
    Remedy,
    /// Why something may be held back
    Hold,
    /// What is sent to the machines, and the sudoers line for it
    Commands,
    /// What lies in the state directory; with a name the JSON schema of that file
    Files,
    /// The sentences of which a scenario for `rehearse` is made
    Scenario,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Args;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }
}
