//! Wiring only: which adapters a verb uses, and how its answer ends the process.

mod account;
mod company;
mod daemon;
mod failure;
mod hands;
mod hosts;
mod intent;
mod leaving;
mod load;
mod look;
mod observer;
mod orders;
mod peers;
mod prepare;
mod progress;
mod publish;
mod rehearse;
mod replay;
mod rise;
mod shutdown;
mod signals;
mod sink;
mod switches;
mod ways;
mod web;
mod words;
mod worker;
mod world;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::CommandFactory;
use serde::Serialize;

use crate::adapters::host::logging;
use crate::adapters::kube::rbac_yaml;
use crate::cli::{
    Args, ConfigVerb, ExplainTopic, Format, IntentVerb, Verb, print_data, print_text,
};
use crate::model::tick::Order;
use crate::sim::scenario;
use crate::{config, report};

use failure::{Ended, Failure};
use rise::Wish;

/// Reads one variable of the environment. Given by `main`, the only place that has one.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// Carries out one command.
pub fn run(args: Args, environment: Environment<'_>) -> ExitCode {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        return told(&Failure::Failed("a second TLS provider was installed".to_owned()));
    }
    #[cfg(feature = "failpoints")]
    if let Some(name) = &args.failpoint
        && let Err(why) = crate::engine::failpoint::arm(name)
    {
        return told(&Failure::Usage(why));
    }
    let level = log_level(&args);
    if let Err(error) = logging::init(&level, environment("JOURNAL_STREAM").as_deref()) {
        return told(&Failure::Usage(words::chain(&error)));
    }
    match dispatch(args, environment) {
        Ok(ended) => ExitCode::from(ended.0),
        Err(failure) => told(&failure),
    }
}

/// A daemon says in the journal what it does; a command says it on the terminal.
fn log_level(args: &Args) -> String {
    let daemon = matches!(args.verb, Verb::Daemon { .. });
    if daemon && args.log == "warn" { "info".to_owned() } else { args.log.clone() }
}

/// Says why it failed. The one message that goes to standard error.
fn told(failure: &Failure) -> ExitCode {
    // Nobody is left to tell if standard error is gone.
    drop(writeln!(std::io::stderr().lock(), "ananke: {failure}"));
    ExitCode::from(failure.exit_code())
}

fn dispatch(args: Args, environment: Environment<'_>) -> Result<Ended, Failure> {
    match &args.verb {
        Verb::Config { verb: ConfigVerb::Schema } => text(&config::schema()),
        Verb::Config { verb: ConfigVerb::Example } => text(&config::example()),
        Verb::Crd { rbac } => text(&if *rbac { rbac_yaml() } else { report::crd_yaml() }),
        Verb::Explain { topic, name } => explain(*topic, name.as_deref(), args.output),
        Verb::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Args::command(), "ananke", &mut script);
            text(&String::from_utf8_lossy(&script))
        }
        Verb::Rehearse(what) => rehearsal(what.clone(), args.output),
        Verb::Status
        | Verb::Startup { .. }
        | Verb::Shutdown(_)
        | Verb::Converge { .. }
        | Verb::Daemon { .. }
        | Verb::Peer
        | Verb::Plan
        | Verb::Why { .. }
        | Verb::History { .. }
        | Verb::Replay { .. }
        | Verb::Prepare { .. }
        | Verb::Hosts { .. }
        | Verb::Pause { .. }
        | Verb::Resume
        | Verb::Intent { .. }
        | Verb::Ack { .. }
        | Verb::Config { .. } => configured(args, environment),
    }
}

/// The one verb that runs the loop and needs no configuration.
fn rehearsal(what: crate::cli::RehearseArgs, format: Format) -> Result<Ended, Failure> {
    let runtime = runtime()?;
    let ended = runtime.block_on(rehearse::rehearse(what, format));
    runtime.shutdown_background();
    ended
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(words::chain(&error)))
}

/// The verbs that need the configuration.
fn configured(args: Args, environment: Environment<'_>) -> Result<Ended, Failure> {
    let runtime = runtime()?;
    let format = args.output;
    let caller = load::caller(environment);
    let settings = load::settings(&args, environment, runtime.handle());
    // What runs the loop holds a whole tick: it lives on the heap.
    let ended = runtime.block_on(async {
        match args.verb {
            Verb::Config { verb } => {
                let loaded = settings?;
                if matches!(verb, ConfigVerb::Check) {
                    company::check(&loaded).await?;
                }
                config_verb(&verb, &loaded, format)
            }
            Verb::Why { name } => {
                Box::pin(look::why(settings, &caller, name.as_deref(), format)).await
            }
            Verb::Status => look::status(settings?, &caller, format).await,
            Verb::Plan => look::plan(settings?, &caller, format).await,
            Verb::Startup { execute, allow_on_battery, allow_peer_startup, timeout } => {
                let order = Order::Startup { by: caller.clone() };
                let peer = allow_peer_startup.then_some(false);
                let consents = consents(&caller, allow_on_battery, peer);
                let wish = Wish { order, consents, execute, timeout };
                Box::pin(rise::carry_out(settings?, wish, environment, format)).await
            }
            Verb::Shutdown(args) => {
                Box::pin(shutdown::shutdown(settings?, args, &caller, environment, format)).await
            }
            Verb::Converge { execute, allow_on_battery, auto_peer_failover, timeout } => {
                let order = Order::Converge { by: caller.clone() };
                let peer = auto_peer_failover.then_some(true);
                let consents = consents(&caller, allow_on_battery, peer);
                let wish = Wish { order, consents, execute, timeout };
                Box::pin(rise::carry_out(settings?, wish, environment, format)).await
            }
            Verb::History { last } => look::history(&settings?, last, format),
            Verb::Daemon { execute, auto_peer_failover } => {
                Box::pin(daemon::daemon(settings?, execute, auto_peer_failover, environment)).await
            }
            Verb::Peer => peers::peer(settings?).await,
            Verb::Replay { file, verify } => replay::replay(settings, file, verify, format),
            Verb::Prepare { account: Some(file), execute, .. } => {
                account::account(settings?, &file, execute, format).await
            }
            Verb::Prepare { machines, execute, user, identity, account: None } => {
                let person = prepare::Person { user, identity };
                prepare::prepare(settings?, &machines, execute, &person, format).await
            }
            Verb::Hosts { verb } => hosts::hosts(settings?, &verb, format).await,
            Verb::Pause { reason } => orders::pause(settings?, &caller, reason, format).await,
            Verb::Resume => orders::resume(settings?, &caller, format).await,
            Verb::Ack { name } => orders::ack(settings?, &caller, name, format).await,
            Verb::Intent { verb: Some(IntentVerb::Clear) } => {
                orders::clear_intent(settings?, &caller, format).await
            }
            Verb::Intent { verb: Some(IntentVerb::Show) | None } => {
                intent::show(settings?, format).await
            }
            Verb::Crd { .. }
            | Verb::Explain { .. }
            | Verb::Completions { .. }
            | Verb::Rehearse(_) => Err(Failure::NotBuilt),
        }
    });
    // Tasks that talk to dead machines must not keep a finished command from ending.
    runtime.shutdown_background();
    ended
}

/// What a person allows besides the order. Consent belongs to an open episode, so it comes after.
fn consents(by: &str, on_battery: bool, only_if_silent: Option<bool>) -> Vec<Order> {
    let battery = on_battery.then(|| Order::AllowOnBattery { by: by.to_owned() });
    let allow = |only_if_silent| Order::AllowPeer { by: by.to_owned(), only_if_silent };
    battery.into_iter().chain(only_if_silent.map(allow)).collect()
}

fn config_verb(verb: &ConfigVerb, loaded: &load::Loaded, format: Format) -> Result<Ended, Failure> {
    match verb {
        ConfigVerb::Check => load::print_check(loaded, format),
        ConfigVerb::Show => {
            let shown = config::resolved(&loaded.settings);
            let data: serde_json::Value = serde_saphyr::from_str(&shown)
                .map_err(|error| Failure::Failed(words::chain(&error)))?;
            answer(format, &shown, &data)
        }
        ConfigVerb::Schema | ConfigVerb::Example => Err(Failure::NotBuilt),
    }
}

fn explain(topic: ExplainTopic, name: Option<&str>, format: Format) -> Result<Ended, Failure> {
    let topic = match topic {
        ExplainTopic::Gate => report::Topic::Gate,
        ExplainTopic::Check => report::Topic::Check,
        ExplainTopic::Remedy => report::Topic::Remedy,
        ExplainTopic::Hold => report::Topic::Hold,
        ExplainTopic::Commands => {
            let commands = words::Commands::all();
            return answer(format, &commands.text(), &commands);
        }
        ExplainTopic::Files => return files(name, format),
        ExplainTopic::Scenario => return answer(format, &scenario::help(), &scenario::sentences()),
    };
    match report::explain(topic, name) {
        Some(declared) => answer(format, &report::explain_text(&declared), &declared),
        None => Err(Failure::Usage(format!(
            "there is none called {}; without a name all are listed",
            name.unwrap_or_default()
        ))),
    }
}

fn files(name: Option<&str>, format: Format) -> Result<Ended, Failure> {
    let Some(name) = name else {
        let files = report::files();
        return answer(format, &report::files_text(&files), &files);
    };
    match report::schema_of(name) {
        Some(schema) => answer(format, &format!("{schema:#}"), &schema),
        None => Err(Failure::Usage(format!(
            "there is no schema for {name}; without a name all files are listed"
        ))),
    }
}

/// Prints an answer in the form that was asked for, and ends well.
fn answer<T: Serialize>(format: Format, text: &str, data: &T) -> Result<Ended, Failure> {
    let printed = match format {
        Format::Text => print_text(text),
        Format::Json | Format::Yaml => print_data(format, data),
    };
    printed.map_err(|error| Failure::Failed(words::chain(&error)))?;
    Ok(Ended::GOOD)
}

/// Prints a text and ends well.
fn text(answer: &str) -> Result<Ended, Failure> {
    print_text(answer).map_err(|error| Failure::Failed(words::chain(&error)))?;
    Ok(Ended::GOOD)
}
