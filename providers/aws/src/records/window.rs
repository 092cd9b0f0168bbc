//! A JSON document that is read piece by piece.
//!
//! Listings of a large estate are hundreds of megabytes, and their records a few kilobytes. Only a block of the document
//! is in memory at a time, and records borrow their text from it.

use std::io::{self, Read};

use serde::Deserialize;

/// How much is read at once, at least: small enough to stay in the processor's cache until it is parsed.
const BLOCK: usize = 256 * 1024;

/// The part of a document that is in view.
pub(super) struct Window<'i> {
    input: &'i mut dyn Read,
    /// Checked to be UTF-8 block by block, which is much quicker than to check each string in it.
    text: String,
    /// How much of the text is parsed.
    at: usize,
    /// The first bytes of a character that the last block ended in.
    cut: Vec<u8>,
    /// How much is read at once, at least.
    block: usize,
    /// Whether the input has nothing more.
    ended: bool,
    /// Lines before the text, and bytes of the line that it begins in.
    lines: usize,
    column: usize,
}

/// Why a document cannot be read on.
#[derive(Debug)]
pub(super) enum Fault {
    Input(io::Error),
    Json(String),
}

/// What came of parsing one value at the beginning of a text.
pub(super) enum Piece<T> {
    /// The value, and how many bytes it took.
    Read(usize, T),
    /// The value was parsed and is not accepted.
    Refused(usize, String),
    /// The text ends within the value.
    Short(serde_json::Error),
    Broken(serde_json::Error),
}

/// Parses one value and hands it on.
pub(super) fn piece<'b, T: Deserialize<'b>, O>(text: &'b str, hand: impl FnOnce(T) -> Result<O, String>) -> Piece<O> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<T>();
    match values.next() {
        Some(Ok(value)) => match hand(value) {
            Ok(result) => Piece::Read(values.byte_offset(), result),
            Err(why) => Piece::Refused(values.byte_offset(), why),
        },
        Some(Err(error)) if error.is_eof() => Piece::Short(error),
        Some(Err(error)) => Piece::Broken(error),
        None => Piece::Short(serde::de::Error::custom("EOF while parsing a value")),
    }
}

impl<'i> Window<'i> {
    pub(super) fn new(input: &'i mut dyn Read) -> Self {
        Self::with_block(input, BLOCK)
    }

    fn with_block(input: &'i mut dyn Read, block: usize) -> Self {
        let (text, cut) = (String::new(), Vec::new());
        Self { input, text, at: 0, cut, block, ended: false, lines: 0, column: 0 }
    }

    /// Brings more of the document into view; false at its end.
    fn more(&mut self) -> Result<bool, Fault> {
        (self.lines, self.column) = self.position();
        let mut bytes = std::mem::take(&mut self.text).into_bytes();
        bytes.drain(..self.at);
        self.at = 0;
        bytes.append(&mut self.cut);
        // A value that is longer than a block takes as many tries as it has doublings of it.
        let wanted = self.block.max(bytes.len()) as u64;
        let read = self.input.take(wanted).read_to_end(&mut bytes).map_err(Fault::Input)?;
        self.ended = (read as u64) < wanted;
        self.text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let (valid, is_cut) = (error.utf8_error().valid_up_to(), error.utf8_error().error_len().is_none());
                let mut bytes = error.into_bytes();
                self.cut = bytes.split_off(valid);
                let text = String::from_utf8(bytes).unwrap_or_default();
                if !is_cut || self.ended {
                    (self.at, self.text) = (valid, text);
                    return Err(self.fault("the text is not UTF-8".to_owned()));
                }
                text
            }
        };
        Ok(read > 0)
    }

    fn ahead(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next byte that is no white space.
    pub(super) fn peek(&mut self) -> Result<Option<u8>, Fault> {
        loop {
            let ahead = self.ahead().as_bytes();
            let space = ahead.iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\t' | b'\r')).count();
            self.at += space;
            match self.ahead().as_bytes().first().copied() {
                Some(byte) => return Ok(Some(byte)),
                None if !self.more()? => return Ok(None),
                None => {}
            }
        }
    }

    /// Passes over the byte that was peeked at.
    pub(super) fn skip(&mut self) {
        self.at += 1;
    }

    /// Passes over this byte, which has to be the next.
    pub(super) fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        match self.peek()? {
            Some(next) if next == byte => {
                self.skip();
                Ok(())
            }
            next => Err(self.unexpected(next, &format!("`{}`", char::from(byte)))),
        }
    }

    /// After a member or an element: whether another one follows, rather than the end of the object or list.
    pub(super) fn goes_on(&mut self, close: u8) -> Result<bool, Fault> {
        match self.peek()? {
            Some(b',') => {
                self.skip();
                Ok(true)
            }
            Some(next) if next == close => {
                self.skip();
                Ok(false)
            }
            next => Err(self.unexpected(next, &format!("`,` or `{}`", char::from(close)))),
        }
    }

    /// Nothing may follow.
    pub(super) fn end(&mut self) -> Result<(), Fault> {
        match self.peek()? {
            None => Ok(()),
            Some(_) => Err(self.fault("trailing characters".to_owned())),
        }
    }

    /// Parses one value.
    pub(super) fn value<T>(&mut self, mut parse: impl FnMut(&str) -> Piece<T>) -> Result<T, Fault> {
        self.peek()?;
        loop {
            let ahead = self.ahead();
            let error = match parse(ahead) {
                // A number at the end of what is in view may go on.
                Piece::Read(used, _) if used == ahead.len() && !self.ended && !closed(ahead) => None,
                Piece::Read(used, value) => {
                    self.at += used;
                    return Ok(value);
                }
                Piece::Refused(used, why) => {
                    self.at += used;
                    return Err(self.fault(why));
                }
                Piece::Broken(error) => return Err(self.placed(&error)),
                Piece::Short(error) => Some(error),
            };
            if !self.more()?
                && let Some(error) = error
            {
                return Err(self.placed(&error));
            }
        }
    }

    /// Parses the elements of a list; how many there are.
    pub(super) fn elements(&mut self, mut parse: impl FnMut(&str) -> Piece<()>) -> Result<usize, Fault> {
        match self.peek()? {
            Some(b'[') => self.skip(),
            next => return Err(self.unexpected(next, "a list of records")),
        }
        if self.peek()? == Some(b']') {
            self.skip();
            return Ok(0);
        }
        let mut count = 0;
        loop {
            self.value(&mut parse)?;
            count += 1;
            if !self.goes_on(b']')? {
                return Ok(count);
            }
        }
    }

    /// Line feeds before the next byte, and bytes since the last one.
    fn position(&self) -> (usize, usize) {
        let passed = self.text.as_bytes().get(..self.at).unwrap_or_default();
        match memchr::memrchr(b'\n', passed) {
            Some(last) => (self.lines + memchr::memchr_iter(b'\n', passed).count(), self.at - last - 1),
            None => (self.lines, self.column + self.at),
        }
    }

    fn unexpected(&mut self, found: Option<u8>, expected: &str) -> Fault {
        if found.is_some() {
            self.skip();
        }
        let end = if found.is_none() { "the document ends: " } else { "" };
        self.fault(format!("{end}expected {expected}"))
    }

    /// Something is wrong before the next byte.
    pub(super) fn fault(&self, why: String) -> Fault {
        let (lines, column) = self.position();
        Fault::Json(format!("{why} at line {} column {column}", lines + 1))
    }

    /// The same error with its place in the whole document instead of in what is in view.
    fn placed(&self, error: &serde_json::Error) -> Fault {
        let text = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        let (lines, column) = self.position();
        let column = if error.line() > 1 { error.column() } else { column + error.column() };
        let line = lines + error.line().max(1);
        Fault::Json(format!("{} at line {line} column {column}", text.strip_suffix(&place).unwrap_or(&text)))
    }
}

/// Whether a JSON text that ends like this cannot go on.
fn closed(text: &str) -> bool {
    text.ends_with(['}', ']', '"'])
}

#[cfg(test)]
mod tests {
    use serde::de::IgnoredAny;

    use super::*;

    /// The numbers of a document that is read in blocks of this many bytes.
    fn numbers(text: &str, block: usize) -> Result<Vec<u32>, String> {
        let mut input = text.as_bytes();
        let mut window = Window::with_block(&mut input, block);
        let mut found = Vec::new();
        // A number at the end of what is in view may be seen twice; records never are.
        let read = window.elements(|text| {
            piece(text, |(number,): (u32,)| {
                found.push(number);
                Ok(())
            })
        });
        match read.and_then(|_| window.end()) {
            Ok(()) => Ok(found),
            Err(Fault::Json(why)) => Err(why),
            Err(Fault::Input(error)) => Err(error.to_string()),
        }
    }

    #[test]
    fn a_document_reads_the_same_however_it_is_cut() {
        for step in 1..40 {
            assert_eq!(numbers(" [ [1], [22] ,\n[333]\n]\n", step), Ok(vec![1, 22, 333]), "{step}");
            assert_eq!(numbers("[]", step), Ok(vec![]), "{step}");
            for broken in ["[[1],\n [2,", "[[1],\n x]", "[[1],\n [2] [3]]", "[[1],\n [2]] [", "[[1],\n [-2]]", "{", ""]
            {
                let whole = numbers(broken, broken.len().max(1));
                assert!(whole.is_err(), "{broken}");
                assert_eq!(numbers(broken, step), whole, "{broken} by {step}");
            }
        }
    }

    #[test]
    fn errors_say_where_in_the_document_they_are() {
        assert_eq!(numbers("[[1],\n [x]]", 3), Err("expected value at line 2 column 3".to_owned()));
        assert_eq!(numbers("[[1],\n [2] [3]]", 3), Err("expected `,` or `]` at line 2 column 6".to_owned()));
        assert_eq!(numbers("[[1],\n", 3), Err("EOF while parsing a value at line 2 column 0".to_owned()));
    }

    #[test]
    fn a_value_longer_than_a_block_is_read() {
        let text = format!("\"{}\"", "a".repeat(3 * BLOCK));
        let mut input = text.as_bytes();
        let mut window = Window::new(&mut input);
        let length = window.value(|text| piece(text, |text: &str| Ok(text.len())));
        assert!(matches!(length, Ok(length) if length == 3 * BLOCK));
        assert!(window.end().is_ok());
    }

    #[test]
    fn a_number_is_read_to_its_end() {
        let mut input: &[u8] = b"12345 x";
        let mut window = Window::with_block(&mut input, 2);
        assert!(matches!(window.value(|text| piece(text, |number: u32| Ok(number))), Ok(12345)));
        assert!(matches!(window.value(|text| piece(text, |_: IgnoredAny| Ok(()))), Err(Fault::Json(_))));
    }
    #[test]
    fn a_character_may_be_cut_and_not_be_broken() {
        let read = |mut input: &[u8]| {
            Window::with_block(&mut input, 4).value(|text| piece(text, |text: &str| Ok(text.to_owned())))
        };
        assert!(matches!(read("\"aé€😀é€\"".as_bytes()), Ok(text) if text == "aé€😀é€"));
        for broken in [&b"\"a\xff\""[..], b"\"abcdef\xe2\x82\"", b"\"\xe2\x82"] {
            assert!(matches!(read(broken), Err(Fault::Json(why)) if why.starts_with("the text is not UTF-8")));
        }
    }
}
