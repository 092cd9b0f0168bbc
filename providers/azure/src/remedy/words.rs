//! The three dialects of a remedy.

use std::fmt::Write;

pub(super) use reachlint_model::quote::{hcl, plain, shell};
use reachlint_model::{PortRange, Protocol};

/// Whether a text can be an argument of a command: not empty, not an option, and no file (`@file`, Azure CLI).
pub(super) fn is_argument(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/' || c == '_') && !text.contains(char::is_control)
}

/// A protocol as rules spell it.
pub(super) fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::TCP => "Tcp",
        Protocol::UDP => "Udp",
        Protocol::ICMP | Protocol::ICMP_V6 => "Icmp",
        Protocol(50) => "Esp",
        Protocol(51) => "Ah",
        Protocol(_) => "*",
    }
}

/// Ports as rules spell them.
pub(super) fn ports(ports: PortRange) -> String {
    if ports == PortRange::ALL { "*".to_owned() } else { ports.to_string() }
}

/// A command of the Azure CLI.
#[derive(Debug)]
pub(super) struct Command(String);

impl Command {
    pub(super) fn new(name: &'static str) -> Self {
        Self(format!("az {name}"))
    }

    pub(super) fn option(mut self, name: &'static str, value: &str) -> Self {
        self.0.push(' ');
        self.0.push_str(name);
        self.0.push(' ');
        self.0.push_str(&shell(value));
        self
    }

    pub(super) fn done(self) -> String {
        self.0
    }
}

/// A value of a Terraform argument.
#[derive(Debug)]
pub(super) enum Value {
    Text(String),
    Texts(Vec<String>),
    Number(i64),
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
            Value::Texts(texts) => format!("[{}]", texts.iter().map(|text| hcl(text)).collect::<Vec<_>>().join(", ")),
            Value::Number(number) => number.to_string(),
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
        assert!(is_argument("nsg-app") && is_argument("/subscriptions/x"));
        for text in ["", "--debug", "@/etc/passwd", "a\nb"] {
            assert!(!is_argument(text), "{text:?}");
        }
    }
}
