//! What to change so that a connection passes.

use std::collections::HashSet;

use serde::Serialize;

/// The narrowest change for one finding, in three dialects. Nothing is ever applied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Remedy {
    /// A command of the cloud's own command line.
    pub cli: String,
    /// The same as Terraform.
    pub terraform: String,
    /// The same as steps in the web console.
    pub console: String,
}

impl Remedy {
    /// Several changes as one, each step once, in the order in which they can be carried out: with [`Fix::Narrow`]
    /// every removal, which stands last in its part, comes after everything that lets in what is needed.
    #[must_use]
    pub fn join(fix: Fix, parts: &[Self]) -> Option<Self> {
        let steps = |text: fn(&Self) -> &str, between: &str| {
            let (mut first, mut last) = (Vec::new(), Vec::new());
            for part in parts {
                let mut steps: Vec<&str> = text(part).split(between).filter(|step| !step.is_empty()).collect();
                last.extend(steps.pop_if(|_| fix == Fix::Narrow));
                first.extend(steps);
            }
            first.append(&mut last);
            let mut known = HashSet::new();
            first.retain(|step| known.insert(*step));
            first.join(between)
        };
        (!parts.is_empty()).then(|| Self {
            cli: steps(|part| &part.cli, "\n"),
            terraform: steps(|part| &part.terraform, "\n\n"),
            console: steps(|part| &part.console, "\n"),
        })
    }
}

/// What a remedy is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fix {
    /// Let this blocked hop of the path pass for exactly this connection.
    Open,
    /// Replace a too wide opening by what the connection needs; the last step of the remedy takes the opening away.
    Narrow,
}

#[cfg(test)]
mod tests {
    use super::{Fix, Remedy};

    fn part(cli: &str) -> Remedy {
        Remedy { cli: cli.to_owned(), ..Remedy::default() }
    }

    #[test]
    fn nothing_is_taken_away_before_everything_that_is_needed_is_let_in() {
        let parts = [part("let in a\nremove wide"), part("let in b\nremove wide"), part("remove wider")];
        let joined = Remedy::join(Fix::Narrow, &parts).unwrap();
        assert_eq!(joined.cli, "let in a\nlet in b\nremove wide\nremove wider");
        assert_eq!((joined.terraform, joined.console), (String::new(), String::new()));
    }

    #[test]
    fn each_step_comes_once_and_in_order() {
        let parts = [part("b"), part("a\nb"), part("")];
        assert_eq!(Remedy::join(Fix::Open, &parts).unwrap().cli, "b\na");
        assert_eq!(Remedy::join(Fix::Open, &[]), None);
    }
}
