//! Printing. The only place that writes to standard output.

use std::io::{self, Write};

use serde::Serialize;

use super::args::Format;

/// Where an answer goes. A reader that went away (`| head`) is no failure.
#[derive(Debug, Clone, Copy)]
pub struct Out {
    /// The form.
    pub format: Format,
}

/// Prints a text.
///
/// # Errors
/// The writer's own, but not that the reader went away.
pub fn print_text(text: &str) -> io::Result<()> {
    forgive(writeln!(io::stdout().lock(), "{}", text.trim_end()))
}

/// Prints data as JSON or YAML.
///
/// # Errors
/// The writer's own, but not that the reader went away.
pub fn print_data<T: Serialize>(format: Format, data: &T) -> io::Result<()> {
    let text = match format {
        Format::Json | Format::Text => serde_json::to_string_pretty(data)?,
        Format::Yaml => serde_saphyr::to_string(data).map_err(io::Error::other)?,
    };
    print_text(&text)
}

fn forgive(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
