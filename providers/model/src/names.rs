//! Interned text.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use rustc_hash::FxHasher;

/// A text that a [`Names`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NameId(u32);

/// All identifiers of an estate, each stored once in one buffer.
///
/// Cloud identifiers repeat a lot (a security group stands in every interface that carries it), so everything
/// else holds a four-byte [`NameId`].
#[derive(Clone, Debug, Default)]
pub struct Names {
    text: String,
    ends: Vec<usize>,
    /// By hash; a text whose hash is taken by another one stands under the next free number.
    known: HashMap<u64, NameId, BuildHasherDefault<Ready>>,
}

impl Names {
    /// The id of `text`, new if it was not seen before.
    pub fn intern(&mut self, text: &str) -> NameId {
        let mut key = hash(text);
        loop {
            match self.known.get(&key) {
                Some(&id) if self.get(id) == text => return id,
                Some(_) => key = key.wrapping_add(1),
                None => break,
            }
        }
        let id = self.push(text);
        self.known.insert(key, id);
        id
    }

    /// Stores `text` without looking whether it is there already: for texts that occur once and are never looked up.
    pub fn push(&mut self, text: &str) -> NameId {
        self.text.push_str(text);
        let id = NameId(u32::try_from(self.ends.len()).unwrap_or(u32::MAX));
        self.ends.push(self.text.len());
        id
    }

    /// The id of `text` if [`Names::intern`] has seen it.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<NameId> {
        let mut key = hash(text);
        loop {
            let id = *self.known.get(&key)?;
            if self.get(id) == text {
                return Some(id);
            }
            key = key.wrapping_add(1);
        }
    }

    /// The text of `id`; empty for an id of another table.
    #[must_use]
    pub fn get(&self, id: NameId) -> &str {
        let at = id.0 as usize;
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.ends.get(at).and_then(|end| self.text.get(start..*end)).unwrap_or_default()
    }
}

/// A hash that is quick on short texts. The texts are identifiers of the user's own estate, and a collision only costs a
/// comparison.
fn hash(text: &str) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(text.as_bytes());
    hasher.finish()
}

/// The keys are hashes already.
#[derive(Clone, Copy, Debug, Default)]
struct Ready(u64);

impl Hasher for Ready {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 << 8) | u64::from(*byte);
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = word;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back() {
        let mut names = Names::default();
        let empty = names.intern("");
        let first = names.intern("sg-1");
        assert_eq!((names.get(empty), names.get(first)), ("", "sg-1"));
        assert_eq!((names.intern("sg-1"), names.intern("")), (first, empty));
        assert_eq!((names.find("sg-1"), names.find(""), names.find("sg-2")), (Some(first), Some(empty), None));
    }

    #[test]
    fn a_pushed_text_is_not_looked_up() {
        let mut names = Names::default();
        let pushed = names.push("rule 1");
        assert_eq!((names.get(pushed), names.find("rule 1")), ("rule 1", None));
        // The text has two ids from here on; each of them has the text.
        let interned = names.intern("rule 1");
        assert_ne!(pushed, interned);
        assert_eq!((names.get(pushed), names.get(interned)), ("rule 1", "rule 1"));
        assert_eq!(names.find("rule 1"), Some(interned));
    }
}
