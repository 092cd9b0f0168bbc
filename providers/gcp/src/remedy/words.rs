//! The three dialects of a remedy.

pub(super) use reachlint_model::quote::{hcl, plain, shell};
use reachlint_model::{PortRange, Protocol};

/// Whether a text can be an argument of a command: not empty, not an option, in one line.
pub(super) fn is_argument(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && !text.contains(char::is_control)
}

/// Texts as a list of Terraform.
pub(super) fn hcl_list(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| hcl(text)).collect();
    format!("[{}]", quoted.join(", "))
}

/// The protocol as rules spell it: by name where there is one, else by number (Compute Engine API, `Firewall.allowed`).
pub(super) fn protocol(protocol: Protocol) -> String {
    match protocol {
        Protocol::TCP => "tcp".to_owned(),
        Protocol::UDP => "udp".to_owned(),
        Protocol(number) => number.to_string(),
    }
}

/// Protocol and ports as gcloud takes them: `tcp:8080`.
pub(super) fn traffic(of: Protocol, ports: PortRange) -> String {
    match of {
        Protocol::TCP | Protocol::UDP => format!("{}:{ports}", protocol(of)),
        _ => protocol(of),
    }
}

/// A name for a new resource: small letters, digits and hyphens, at most 63 of them (Compute Engine API, `Firewall.name`).
pub(super) fn resource_name(parts: &[&str]) -> String {
    const LONGEST: usize = 63;
    let mut name = String::from("reachlint");
    for part in parts {
        name.push('-');
        name.extend(part.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }));
    }
    name.truncate(LONGEST);
    name.trim_end_matches('-').to_owned()
}

/// A command of gcloud.
#[derive(Debug)]
pub(super) struct Command(String);

impl Command {
    pub(super) fn new(name: &'static str) -> Self {
        Self(format!("gcloud {name}"))
    }

    pub(super) fn word(mut self, word: &str) -> Self {
        self.0.push(' ');
        self.0.push_str(&shell(word));
        self
    }

    pub(super) fn flag(mut self, flag: &'static str) -> Self {
        self.0.push(' ');
        self.0.push_str(flag);
        self
    }

    pub(super) fn option(mut self, name: &'static str, value: &str) -> Self {
        self.0.push(' ');
        self.0.push_str(name);
        self.0.push('=');
        self.0.push_str(&shell(value));
        self
    }

    pub(super) fn text(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_new_rules_are_names() {
        assert_eq!(resource_name(&["tcp", "8080", "10.0.0.5/32"]), "reachlint-tcp-8080-10-0-0-5-32");
        assert_eq!(resource_name(&[&"x".repeat(90)]).len(), 63);
    }

    #[test]
    fn an_argument_is_no_option() {
        assert!(is_argument("allow-web"));
        assert!(!is_argument("--quiet") && !is_argument("") && !is_argument("a\nb"));
    }
}
