//! Where reports go: one to standard output, any number to files.

use std::fmt;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::CliError;
use crate::report::{Look, Report, SourceText, human, json, short};

/// A report format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Human,
    Short,
    Json,
}

impl Format {
    const ALL: [(Self, &'static str); 3] = [(Self::Human, "human"), (Self::Short, "short"), (Self::Json, "json")];
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::ALL.iter().find(|(format, _)| format == self).map_or("", |(_, word)| word);
        f.write_str(word)
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.iter().find(|(_, word)| *word == text).map(|(format, _)| *format);
        known.ok_or_else(|| {
            let words: Vec<&str> = Self::ALL.iter().map(|(_, word)| *word).collect();
            format!("`{text}` is not a report format; there are {}", words.join(", "))
        })
    }
}

/// `FORMAT` or `FORMAT=FILE`.
#[derive(Clone, Debug)]
pub(super) struct Destination {
    format: Format,
    file: Option<PathBuf>,
}

impl FromStr for Destination {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (format, file) = match text.split_once('=') {
            Some((_, "")) => return Err("the file name after `=` is empty".to_owned()),
            Some((format, file)) => (format, Some(PathBuf::from(file))),
            None => (text, None),
        };
        Ok(Self { format: format.parse()?, file })
    }
}

/// Checks that at most one report goes to standard output.
pub(super) fn check(destinations: &[Destination]) -> Result<(), CliError> {
    if destinations.iter().filter(|destination| destination.file.is_none()).count() > 1 {
        return Err(CliError::usage(
            "only one report can go to standard output",
            "write the others to files, such as `--report json=report.json`",
        ));
    }
    Ok(())
}

/// Writes a report everywhere it should go; without any destination, for people to standard output.
pub(super) fn write(
    destinations: &[Destination],
    report: &Report,
    sources: &[SourceText],
    all: bool,
) -> Result<(), CliError> {
    for destination in destinations.iter().filter(|destination| destination.file.is_some()) {
        if let Some(file) = &destination.file {
            let text = render(destination.format, report, sources, Look { width: 140, all: true });
            replace(file, anstream::adapter::strip_str(&text).to_string().as_bytes())?;
        }
    }
    let to_stdout = destinations.iter().find(|destination| destination.file.is_none());
    if to_stdout.is_none() && !destinations.is_empty() {
        return Ok(());
    }
    let format = to_stdout.map_or(Format::Human, |destination| destination.format);
    print(&render(format, report, sources, Look { width: width(), all }))
}

fn render(format: Format, report: &Report, sources: &[SourceText], look: Look) -> String {
    match format {
        Format::Human => human(report, sources, look),
        Format::Short => short(report),
        Format::Json => json(report),
    }
}

/// Writes to standard output, with colours where it is a terminal.
pub(super) fn print(text: &str) -> Result<(), CliError> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// Says something on standard error that is no part of a report.
pub(super) fn say(text: &str) {
    let _ = writeln!(anstream::stderr(), "{}", crate::report::neutral(text));
}

fn width() -> usize {
    const NO_TERMINAL: usize = 140;
    if io::stdout().is_terminal() {
        terminal_size::terminal_size().map_or(NO_TERMINAL, |(width, _)| usize::from(width.0))
    } else {
        NO_TERMINAL
    }
}

/// Puts a whole file in the place of another, so that nobody ever sees half of it.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let failed = |error: io::Error| {
        CliError::usage(
            format!("cannot write `{}`: {error}", path.display()),
            "check that the folder exists and can be written to",
        )
    };
    // Devices and pipes cannot be put in place by renaming.
    if fs::metadata(path).is_ok_and(|about| !about.is_file()) {
        return fs::write(path, bytes).map_err(failed);
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let part = path.with_file_name(format!(".{name}.{}.part", std::process::id()));
    let written = fs::write(&part, bytes).and_then(|()| fs::rename(&part, path));
    written.map_err(|error| {
        let _ = fs::remove_file(&part);
        failed(error)
    })
}
