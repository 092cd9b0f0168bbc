//! `reachlint explain`, `rules` and `schema`.

use std::fmt::Write;

use clap::Args;

use super::CliError;
use super::output::print;
use crate::exit;
use crate::report::SCHEMAS;
use crate::rules::{self, RULES};

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Name of the rule.
    #[arg(value_name = "RULE")]
    rule: String,
}

/// Arguments of `schema`.
#[derive(Debug, Args)]
pub(super) struct SchemaArguments {
    /// `report` for `check --report json`, `upstreams` for `upstreams --report json`.
    #[arg(value_name = "OUTPUT", default_value = "report")]
    output: String,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    let Some(rule) = rules::find(&arguments.rule) else {
        return Err(CliError::usage(
            format!("there is no rule `{}`", arguments.rule),
            format!("the rules are {}", names(RULES.iter().map(|rule| rule.slug))),
        ));
    };
    print(rule.doc)?;
    Ok(exit::OK)
}

pub(super) fn list() -> Result<u8, CliError> {
    let width = RULES.iter().map(|rule| rule.slug.len()).max().unwrap_or_default();
    let mut out = String::new();
    for rule in &RULES {
        let _ = writeln!(out, "{:<width$}  {}", rule.slug, rule.summary());
    }
    print(&out)?;
    Ok(exit::OK)
}

pub(super) fn schema(arguments: &SchemaArguments) -> Result<u8, CliError> {
    let Some((_, schema)) = SCHEMAS.iter().find(|(name, _)| *name == arguments.output) else {
        return Err(CliError::usage(
            format!("there is no schema `{}`", arguments.output),
            format!("the schemas are {}", names(SCHEMAS.iter().map(|(name, _)| *name))),
        ));
    };
    print(&schema())?;
    Ok(exit::OK)
}

fn names<'n>(names: impl Iterator<Item = &'n str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
