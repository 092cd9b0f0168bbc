//! `reachlint upstreams`.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;

use super::options::NginxOptions;
use super::output::{Format, print};
use super::{CliError, nginx};
use crate::exit;
use crate::report::{Upstream, json, neutral};

/// Arguments of `upstreams`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// nginx's main configuration file, the output of `nginx -T`, or `-` for standard input.
    #[arg(value_name = "CONF", required = true)]
    conf: Vec<PathBuf>,
    /// `human`, `short` or `json`.
    #[arg(long, value_name = "FORMAT", default_value = "human", help_heading = "Output")]
    report: Format,
    #[command(flatten)]
    nginx: NginxOptions,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    let mut rows = Vec::new();
    for path in &arguments.conf {
        rows.extend(nginx::load(path, &arguments.nginx)?.upstreams());
    }
    match arguments.report {
        Format::Json => print(&json(&rows))?,
        Format::Human | Format::Short => print(&table(&rows))?,
    }
    if rows.is_empty() {
        return Err(super::check::nothing());
    }
    Ok(exit::OK)
}

fn target(row: &Upstream) -> String {
    let host = row.host.as_deref().unwrap_or("?");
    if row.protocol == "unix" {
        return format!("unix:{host}");
    }
    let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
    let port = row.port.map_or_else(|| "?".to_owned(), |port| port.to_string());
    format!("{host}:{port}/{}", row.protocol)
}

fn table(rows: &[Upstream]) -> String {
    let cells: Vec<[String; 3]> = rows
        .iter()
        .map(|row| {
            let how = match &row.upstream {
                Some(upstream) => format!("{} {} to {upstream}", row.context, row.directive),
                None => format!("{} {}", row.context, row.directive),
            };
            [target(row), how, format!("{}:{}:{}", row.file, row.line, row.column)]
                .map(|cell| neutral(&cell).into_owned())
        })
        .collect();
    let width = |at: usize| {
        cells.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max().unwrap_or_default().min(60)
    };
    let (first, second) = (width(0), width(1));
    let mut out = String::new();
    for ([target, how, place], row) in cells.iter().zip(rows) {
        let _ = writeln!(out, "{target:<first$}  {how:<second$}  {place}");
        if let Some(note) = &row.note {
            let _ = writeln!(out, "    {}", neutral(note));
        }
    }
    out
}
