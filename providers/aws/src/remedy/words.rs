//! The three dialects of a remedy.

use std::fmt::Write;

pub(super) use reachlint_model::quote::{hcl, plain, shell};
use reachlint_model::{PortRange, Protocol};

/// Whether a text can be an argument of a command: not empty, not an option, and not one of the prefixes by which the
/// AWS CLI reads the value from a file or an address (AWS CLI guide, loading a parameter from a file).
pub(super) fn is_argument(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && !text.contains("://") && !text.contains(char::is_control)
}

/// An identifier with what people call it.
pub(super) fn called(id: &str, label: Option<&str>) -> String {
    match label.filter(|label| !label.is_empty()) {
        Some(label) => format!("{} ({})", plain(id), plain(label)),
        None => plain(id),
    }
}

/// The protocol as security groups and Terraform spell it: by name where AWS has one, else by number (EC2 API,
/// `IpPermission`).
pub(super) fn protocol(protocol: Protocol) -> String {
    match protocol {
        Protocol::TCP => "tcp".to_owned(),
        Protocol::UDP => "udp".to_owned(),
        Protocol(number) => number.to_string(),
    }
}

/// What the console calls a rule for some ports of a protocol: `Custom TCP, port 8080`.
pub(super) fn custom(of: Protocol, ports: PortRange) -> String {
    let kind = match of {
        Protocol::TCP => "Custom TCP".to_owned(),
        Protocol::UDP => "Custom UDP".to_owned(),
        Protocol(number) => return format!("Custom protocol {number}"),
    };
    if ports.count() == 1 { format!("{kind}, port {ports}") } else { format!("{kind}, port range {ports}") }
}

/// Whether rules about this protocol have ports.
pub(super) fn has_ports(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::TCP | Protocol::UDP)
}

/// A number of things in words: `1 other interface`, `3 other interfaces`.
pub(super) fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// Where a change is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    pub(super) account: Option<&'a str>,
    pub(super) region: Option<&'a str>,
}

impl Place<'_> {
    /// How a sentence about a change in the console begins.
    pub(super) fn console(&self) -> String {
        match (self.account, self.region) {
            (Some(account), Some(region)) => format!("In account {}, {}: ", plain(account), plain(region)),
            (Some(account), None) => format!("In account {}: ", plain(account)),
            (None, Some(region)) => format!("In {}: ", plain(region)),
            (None, None) => String::new(),
        }
    }
}

/// A command of the AWS CLI.
#[derive(Debug)]
pub(super) struct Command(String);

impl Command {
    pub(super) fn new(name: &'static str) -> Self {
        Self(format!("aws ec2 {name}"))
    }

    pub(super) fn flag(mut self, flag: &'static str) -> Self {
        self.0.push(' ');
        self.0.push_str(flag);
        self
    }

    pub(super) fn option(self, name: &'static str, value: &str) -> Self {
        let mut with = self.flag(name);
        with.0.push(' ');
        with.0.push_str(&shell(value));
        with
    }

    /// The whole command, for the place it is meant for.
    pub(super) fn at(self, place: Place<'_>) -> String {
        match place.region {
            Some(region) => self.option("--region", region).0,
            None => self.0,
        }
    }
}

/// A value of a Terraform argument.
#[derive(Debug)]
pub(super) enum Value {
    Text(String),
    Number(i64),
    Truth(bool),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// A resource of Terraform as `terraform fmt` lays it out.
pub(super) fn resource(kind: &str, name: &[&str], arguments: &[(&str, Value)]) -> String {
    let width = arguments.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
    let mut text = format!("resource \"{kind}\" \"{}\" {{\n", resource_name(name));
    for (key, value) in arguments {
        let value = match value {
            Value::Text(text) => hcl(text),
            Value::Number(number) => number.to_string(),
            Value::Truth(truth) => truth.to_string(),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {key:width$} = {value}");
    }
    text.push('}');
    text
}

/// A name for a resource made of identifiers: letters, digits and underscores, beginning with a letter.
fn resource_name(parts: &[&str]) -> String {
    const LONGEST: usize = 120;
    let mut name = String::from("reachlint");
    for part in parts {
        name.push('_');
        name.extend(part.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }));
    }
    name.truncate(LONGEST);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_neither_an_option_nor_a_file() {
        assert!(is_argument("sg-0123"));
        assert!(is_argument("111122223333"));
        for text in ["", "--debug", "file:///etc/passwd", "a\nb"] {
            assert!(!is_argument(text), "{text:?}");
        }
    }

    #[test]
    fn arguments_of_a_resource_are_aligned() {
        let text = resource("aws_route", &["rtb-1", "10.0.0.0/8"], &[("to_port", Value::Number(1)), ("x", "y".into())]);
        assert_eq!(
            text,
            "resource \"aws_route\" \"reachlint_rtb_1_10_0_0_0_8\" {\n  to_port = 1\n  x       = \"y\"\n}"
        );
    }
}
