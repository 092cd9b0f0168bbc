//! How a text from outside stands in what a remedy prints, whichever cloud it is for.
//!
//! Identifiers and names come from the evidence, so they are untrusted: nothing in them may end a quotation, start an
//! interpolation, or begin a line.

use std::fmt::Write;

/// A text as one word of a POSIX shell.
#[must_use]
pub fn shell(text: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if !text.is_empty() && text.chars().all(harmless) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A text as a quoted string of Terraform (Terraform language, strings and templates).
#[must_use]
pub fn hcl(text: &str) -> String {
    let mut quoted = String::from("\"");
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
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
#[must_use]
pub fn plain(text: &str) -> String {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    text.chars().map(|c| if breaks(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_word_is_quoted_only_when_it_must_be() {
        assert_eq!(shell("sg-0123"), "sg-0123");
        assert_eq!(shell("10.0.1.10/32"), "10.0.1.10/32");
        assert_eq!(shell(""), "''");
        assert_eq!(shell("$(id)"), "'$(id)'");
        assert_eq!(shell("a'b; reboot"), r"'a'\''b; reboot'");
        assert_eq!(shell("~root"), "'~root'");
        assert_eq!(shell("*"), "'*'");
    }

    #[test]
    fn a_terraform_string_cannot_be_left() {
        assert_eq!(hcl(r#"a"b\c"#), r#""a\"b\\c""#);
        assert_eq!(hcl("${var.x} %{if} $5 100%"), r#""$${var.x} %%{if} $5 100%""#);
        assert_eq!(hcl("$${x}"), r#""$$${x}""#);
        assert_eq!(hcl("a\nb\u{1b}[0m"), r#""a\nb\u001b[0m""#);
    }

    #[test]
    fn a_sentence_stays_on_its_line() {
        assert_eq!(plain("a\nb\u{2028}c"), "a\u{fffd}b\u{fffd}c");
    }
}
