//! The three dialects of a remedy, and how to quote for each.
//!
//! Identifiers and names come from the evidence, so they are untrusted: nothing in them may end a quotation, start an
//! interpolation, or begin a line.

use std::fmt::Write;

use reachlint_model::{PortRange, Protocol};

/// Whether a text can be an argument of a command: not empty, not an option, in one line.
pub(super) fn is_argument(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && !text.contains(char::is_control)
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

/// Texts as a list of Terraform.
pub(super) fn hcl_list(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| hcl(text)).collect();
    format!("[{}]", quoted.join(", "))
}

/// A text inside a sentence or a comment: it stays on its line.
pub(super) fn plain(text: &str) -> String {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    text.chars().map(|c| if breaks(c) { '\u{fffd}' } else { c }).collect()
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
    fn a_shell_word_is_quoted_only_when_it_must_be() {
        assert_eq!(shell("10.0.0.5/32"), "10.0.0.5/32");
        assert_eq!(shell("$(id)"), "'$(id)'");
        assert_eq!(shell("a'b; reboot"), r"'a'\''b; reboot'");
    }

    #[test]
    fn a_terraform_string_cannot_be_left() {
        assert_eq!(hcl(r#"a"b\c"#), r#""a\"b\\c""#);
        assert_eq!(hcl("${var.x} a\nb"), "\"$${var.x} a\\u000ab\"");
    }

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
