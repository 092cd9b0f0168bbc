//! Text from the outside, made harmless for a terminal.

use std::borrow::Cow;

/// Names, tags and descriptions may hold escape sequences that rewrite what a terminal shows, or marks that turn the
/// direction of text around. They become visible: `\u{1b}`.
pub(crate) fn neutral(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_active) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_active(character) {
            plain.extend(character.escape_default());
        } else {
            plain.push(character);
        }
    }
    Cow::Owned(plain)
}

/// The same for text of several lines.
pub(crate) fn neutral_lines(text: &str) -> String {
    text.split('\n').map(neutral).collect::<Vec<_>>().join("\n")
}

/// Control characters, and the marks of the Unicode bidirectional algorithm (UAX #9) and invisible characters.
pub(crate) fn is_active(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// `1 finding`, `2 findings`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_act_on_becomes_visible() {
        assert_eq!(neutral("plain – text"), "plain – text");
        assert_eq!(neutral("a\u{1b}[31mb"), "a\\u{1b}[31mb");
        assert_eq!(neutral("a\r\nb\u{9b}c"), "a\\r\\nb\\u{9b}c");
        assert_eq!(neutral("\u{202e}gpj.exe"), "\\u{202e}gpj.exe");
        assert_eq!(neutral_lines("a\u{7}\nb"), "a\\u{7}\nb");
    }
}
