//! Combinations, such as `ip saddr . tcp dport`.

use serde_json::Value;

use super::expression::{MOST_WAYS, is_one_of};
use super::nft::Sets;
use super::ruleset::Test;

/// The ways in which a combination has one of these values: one for each value, as the elements of a set do not overlap.
pub(super) fn concatenated(parts: &[Value], values: &[&Value], sets: &Sets<'_>) -> Option<Vec<Vec<Test>>> {
    if values.len() > MOST_WAYS {
        return None;
    }
    let way = |value: &&Value| -> Option<Vec<Test>> {
        let fields = value.get("concat")?.as_array()?;
        if fields.len() != parts.len() {
            return None;
        }
        let mut tests = Vec::new();
        for (part, field) in parts.iter().zip(fields) {
            tests.extend(is_one_of(part, &[field], false, sets)?);
        }
        Some(tests)
    };
    values.iter().map(way).collect()
}
