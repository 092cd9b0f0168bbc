//! The three dialects of a remedy, and how to quote for each.
//!
//! Identifiers and names come from the evidence, so they are untrusted: nothing in them may end a quotation, start an
//! interpolation, or begin a line.

use std::fmt::Write;

use reachlint_model::{PortRange, Protocol};

/// Whether a text can be an argument of a command: not empty, not an option, and no file (`@file`, Azure CLI).
pub(super) fn is_argument(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/' || c == '_') && !text.contains(char::is_control)
}

/// A text as one word of a POSIX shell.
pub(super) fn shell(text: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if !text.is_empty() && text.chars().all(harmless) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A text as a quoted string of Terraform (Terraform language, strings and templates).
pub(super) fn hcl(text: &str) -> String {
    let mut quoted = String::from("\"");
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '$' | '%' if rest.peek() == Some(&'{') => quoted.extend([c, c]),
            c if c.is_control() => {
                // Writing to a string cannot fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A text inside a sentence or a comment: it stays on its line.
pub(super) fn plain(text: &str) -> String {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    text.chars().map(|c| if breaks(c) { '\u{fffd}' } else { c }).collect()
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
    fn a_shell_word_is_quoted_only_when_it_must_be() {
        assert_eq!(shell("nsg-app"), "nsg-app");
        assert_eq!(shell("*"), "'*'");
        assert_eq!(shell("(rg) x"), "'(rg) x'");
        assert_eq!(shell("a'b; reboot"), r"'a'\''b; reboot'");
    }

    #[test]
    fn a_terraform_string_cannot_be_left() {
        assert_eq!(hcl(r#"a"b\c"#), r#""a\"b\\c""#);
        assert_eq!(hcl("${var.x}\n"), r#""$${var.x}\n""#);
        assert_eq!(plain("a\nb\u{2028}"), "a\u{fffd}b\u{fffd}");
    }

    #[test]
    fn an_argument_is_neither_an_option_nor_a_file() {
        assert!(is_argument("nsg-app") && is_argument("/subscriptions/x"));
        for text in ["", "--debug", "@/etc/passwd", "a\nb"] {
            assert!(!is_argument(text), "{text:?}");
        }
    }
}
