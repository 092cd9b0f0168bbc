//! The report as JSON, and the schema that describes it.

use std::fmt::Write;

use schemars::JsonSchema;
use serde::Serialize;

use super::text::is_active;
use super::{Report, Upstream};

/// Any part of a report as indented JSON, with a line feed at its end.
///
/// Characters that a terminal acts on are written as escapes, which JSON readers turn back.
///
/// # Panics
/// Never: everything in a report has a JSON form.
#[must_use]
pub fn json(part: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(part).unwrap_or_else(|error| format!("\"{error}\""));
    // Nothing else in ASCII is active, and most reports hold nothing but ASCII.
    if text.bytes().all(|byte| byte == b'\n' || matches!(byte, b' '..=b'~')) {
        return text + "\n";
    }
    let mut safe = String::with_capacity(text.len() + 1);
    for character in text.chars() {
        if character != '\n' && is_active(character) {
            // All of them are in the basic plane.
            let _ = write!(safe, "\\u{:04x}", u32::from(character));
        } else {
            safe.push(character);
        }
    }
    safe.push('\n');
    safe
}

/// Name of an output, and what makes its schema.
pub type Schema = (&'static str, fn() -> String);

/// The schemas that `reachlint schema` knows, by name.
pub const SCHEMAS: [Schema; 2] = [("report", schema::<Report>), ("upstreams", schema::<Vec<Upstream>>)];

/// The JSON schema of a type.
#[must_use]
pub fn schema<T: JsonSchema>() -> String {
    json(&schemars::schema_for!(T))
}

#[cfg(test)]
mod tests {
    use super::json;

    #[test]
    fn escapes_survive_a_round_trip_and_reach_no_terminal() {
        let text = "a\u{9b}31m\u{202e}\u{1b}\"é";
        let written = json(&text);
        assert!(!written.contains('\u{9b}') && !written.contains('\u{202e}') && written.contains('é'));
        assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
    }
}
