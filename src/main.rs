//! Reads the arguments and the environment, once, and hands over to the application.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let args = ananke::cli::Args::parse();
    ananke::app::run(args, &|name| std::env::var_os(name))
}
