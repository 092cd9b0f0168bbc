//! Errors for people: what, where, what next.

use std::fmt::Write;
use std::io;

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};

use crate::evidence::EvidenceError;
use crate::report::neutral;
use crate::{exit, nginx};

/// Why a command could not do its work.
#[derive(Debug)]
pub struct CliError {
    code: u8,
    message: String,
    help: Option<String>,
    place: Option<Box<nginx::Place>>,
    broken_pipe: bool,
}

impl CliError {
    /// The command line or a file that configures it is wrong.
    pub(super) fn usage(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(exit::USAGE, message, help)
    }

    /// There is nothing to audit.
    pub(super) fn nothing(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(exit::NOTHING_TO_AUDIT, message, help)
    }

    /// There is nothing to judge by.
    pub(super) fn no_evidence(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(exit::NO_EVIDENCE, message, help)
    }

    fn new(code: u8, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { code, message: message.into(), help: Some(help.into()), place: None, broken_pipe: false }
    }

    /// The exit code.
    #[must_use]
    pub fn code(&self) -> u8 {
        self.code
    }

    /// Whether the reader of the output has gone away.
    #[must_use]
    pub fn is_broken_pipe(&self) -> bool {
        self.broken_pipe
    }

    /// The error as it is shown, with ANSI colours.
    #[must_use]
    pub fn render(&self) -> String {
        let message = neutral(&self.message);
        let title = Level::ERROR.primary_title(message);
        let mut text = match &self.place {
            Some(place) => Renderer::styled().render(&[match snippet(place) {
                Some(snippet) => title.element(snippet),
                None => title.element(Origin::path(neutral(&place.file.to_string_lossy()).into_owned())),
            }]),
            None => Renderer::styled().render(&[annotate_snippets::Group::with_title(title)]),
        };
        text.push('\n');
        if let Some(help) = &self.help {
            let style = anstyle::AnsiColor::Cyan.on_default().bold();
            let _ = writeln!(text, "{style}help{style:#}: {}", neutral(help));
        }
        text
    }
}

fn snippet(place: &nginx::Place) -> Option<Snippet<'_, annotate_snippets::Annotation<'_>>> {
    let line = usize::try_from(place.line).ok().filter(|line| *line > 0)?;
    // What cannot be shown as it is takes one column each, so that the mark stays under its place.
    let text: String = place.text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let column = usize::try_from(place.column).ok()?.saturating_sub(1);
    let start: usize = text.chars().take(column).map(char::len_utf8).sum();
    let rest = text.get(start..)?;
    let end = rest.find([';', '{']).map_or(rest.trim_end().len(), |end| end + 1).max(1);
    let end = (start + end).min(text.len()).max(start);
    let annotation = AnnotationKind::Primary.span(start..end);
    Some(
        Snippet::source(text)
            .line_start(line)
            .path(neutral(&place.file.to_string_lossy()).into_owned())
            .annotation(annotation),
    )
}

impl From<nginx::Error> for CliError {
    fn from(error: nginx::Error) -> Self {
        // A file that cannot be opened is no matter of what stands in it.
        let refused =
            if error.is_nginx_refusal() && error.place.line > 0 { "nginx refuses this configuration: " } else { "" };
        Self {
            code: exit::USAGE,
            message: format!("{refused}{}", error.problem),
            help: error.help(),
            place: Some(Box::new(error.place)),
            broken_pipe: false,
        }
    }
}

impl From<EvidenceError> for CliError {
    fn from(error: EvidenceError) -> Self {
        Self::no_evidence(error.to_string(), error.help())
    }
}

impl From<crate::config::ConfigError> for CliError {
    fn from(error: crate::config::ConfigError) -> Self {
        Self::usage(error.to_string(), "docs/configuration.md lists the keys")
    }
}

impl From<io::Error> for CliError {
    /// Writing the report failed.
    fn from(error: io::Error) -> Self {
        let broken_pipe = error.kind() == io::ErrorKind::BrokenPipe;
        Self { broken_pipe, ..Self::usage(format!("cannot write: {error}"), "check the disk and its permissions") }
    }
}
