//! Words and statements, byte for byte as `ngx_conf_read_token` in nginx's `ngx_conf_file.c` cuts them.
//!
//! The format has no encoding: it is bytes. Blanks are space, tab, CR and LF only. `#` starts a comment only where a
//! word could start, quotes open only there, and `}` is special only there. A backslash protects the next byte anywhere.

use std::borrow::Cow;

use super::limits::TOKEN_BUFFER;

/// One word of a statement: where its text lies in the file, without quotes, still with its backslashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word {
    start: u32,
    /// The top bit says that the text holds a backslash and has to be copied to be read. There are as many words as
    /// anything else in a configuration, so that a byte more in each would show.
    length: u32,
}

/// The top bit of [`Word::length`]: no text is that long, because files are not.
const ESCAPED: u32 = 1 << 31;

impl Word {
    fn new(start: usize, end: usize, escaped: bool) -> Self {
        Self { start: narrow(start), length: narrow(end - start) | if escaped { ESCAPED } else { 0 } }
    }

    /// The word as nginx hands it to a directive.
    pub(crate) fn text(self, source: &[u8]) -> Cow<'_, [u8]> {
        let start = self.start as usize;
        let raw = source.get(start..start + (self.length & !ESCAPED) as usize).unwrap_or_default();
        if self.length & ESCAPED == 0 { Cow::Borrowed(raw) } else { Cow::Owned(unescape(raw)) }
    }
}

/// What ended a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// `;` after at least one word.
    Semicolon,
    /// `{` after at least one word.
    Open,
    /// `}` where a statement could start.
    Close,
    /// The file ended where a statement could start.
    EndOfFile,
}

/// A statement: its end, and where its first word and its terminator are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) ending: Ending,
    /// Offset of the first byte of the first word, with its quote.
    pub(crate) start: u32,
    /// Offset just after the terminator.
    pub(crate) end: u32,
    /// Line of the first byte.
    pub(crate) line: u32,
    /// Line of the terminator: the one that nginx names in its own messages.
    pub(crate) end_line: u32,
}

/// Text that nginx refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A byte that cannot stand there.
    Unexpected(u8),
    /// The file ended inside a statement.
    EndOfFile,
    /// A word or comment longer than nginx's buffer; the first ten bytes are from the offset. `quote` is the quote
    /// that was still open.
    TooLong { quote: Option<u8> },
}

/// A fault and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FaultAt {
    pub(crate) fault: Fault,
    pub(crate) offset: u32,
    pub(crate) line: u32,
}

/// Cuts one file into statements.
#[derive(Debug, Clone)]
pub(crate) struct Lexer<'t> {
    source: &'t [u8],
    at: usize,
    line: u32,
    too_long: Vec<FaultAt>,
}

impl<'t> Lexer<'t> {
    /// A lexer at the start of a text whose size has been checked to fit 32 bits.
    pub(crate) fn new(source: &'t [u8]) -> Self {
        Self { source, at: 0, line: 1, too_long: Vec::new() }
    }

    /// Moves on to an offset and line that another reader (of Lua) has reached.
    pub(crate) fn resume(&mut self, offset: usize, line: u32) {
        self.at = offset;
        self.line = line;
    }

    /// The offset of the next byte to read.
    pub(crate) fn offset(&self) -> usize {
        self.at
    }

    /// The line of the next byte to read.
    pub(crate) fn line(&self) -> u32 {
        self.line
    }

    /// Words and comments that nginx's buffer could not hold, found since the last call.
    pub(crate) fn take_too_long(&mut self) -> Vec<FaultAt> {
        std::mem::take(&mut self.too_long)
    }

    /// Reads the next statement and appends its words.
    pub(crate) fn statement(&mut self, words: &mut Vec<Word>) -> Result<Statement, FaultAt> {
        let mut first: Option<(usize, u32)> = None;
        loop {
            let Some(byte) = self.next_significant() else {
                return match first {
                    None => Ok(self.finish(Ending::EndOfFile, self.at, self.line)),
                    Some(_) => Err(self.fault(Fault::EndOfFile, self.source.len())),
                };
            };
            let here = self.at;
            match byte {
                b';' | b'{' => {
                    let Some((start, line)) = first else {
                        return Err(self.fault(Fault::Unexpected(byte), here));
                    };
                    self.at += 1;
                    return Ok(self.finish(ending(byte), start, line));
                }
                b'}' if first.is_none() => {
                    self.at += 1;
                    return Ok(self.finish(Ending::Close, here, self.line));
                }
                b'}' => return Err(self.fault(Fault::Unexpected(byte), here)),
                b'"' | b'\'' => {
                    first.get_or_insert((here, self.line));
                    let after = self.quoted(byte, words)?;
                    match after {
                        b';' | b'{' => {
                            self.at += 1;
                            let (start, line) = first.unwrap_or((here, self.line));
                            return Ok(self.finish(ending(after), start, line));
                        }
                        // A `)` just after a closing quote starts the next word, so that `if ($a = "b")` works.
                        b')' => self.unquoted(words)?,
                        b' ' | b'\t' | b'\r' | b'\n' => {}
                        other => return Err(self.fault(Fault::Unexpected(other), self.at)),
                    }
                }
                _ => {
                    first.get_or_insert((here, self.line));
                    self.unquoted(words)?;
                }
            }
        }
    }

    /// Skips blanks and comments; the next byte stays unread.
    fn next_significant(&mut self) -> Option<u8> {
        loop {
            let byte = *self.source.get(self.at)?;
            match byte {
                b'\n' => {
                    self.line += 1;
                    self.at += 1;
                }
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'#' => self.comment(),
                _ => return Some(byte),
            }
        }
    }

    /// A comment runs to LF; a lone CR does not end it.
    fn comment(&mut self) {
        let rest = self.source.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        // nginx refuses when its buffer is full and there is more of the file to read.
        if length >= TOKEN_BUFFER && rest.len() > TOKEN_BUFFER {
            let fault = self.fault(Fault::TooLong { quote: None }, self.at);
            self.too_long.push(fault);
        }
        self.at += length;
    }

    /// Reads a word that starts here without a quote, up to a blank, `;` or `{`, which stay unread.
    fn unquoted(&mut self, words: &mut Vec<Word>) -> Result<(), FaultAt> {
        let start = self.at;
        let start_line = self.line;
        let mut escaped = false;
        // After `$`, and after `${`, a `{` belongs to the word.
        let mut variable = false;
        loop {
            let Some(byte) = self.source.get(self.at) else {
                return Err(self.fault(Fault::EndOfFile, self.source.len()));
            };
            if *byte == b'{' && variable {
                self.at += 1;
                continue;
            }
            variable = false;
            match byte {
                b'\\' => {
                    escaped = true;
                    self.skip_escaped()?;
                }
                b'$' => {
                    variable = true;
                    self.at += 1;
                }
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{' => {
                    // One byte of the buffer must stay for the terminator, and after a blank nginx still counts from
                    // the start of the word.
                    let limit = if matches!(byte, b';' | b'{') { TOKEN_BUFFER } else { TOKEN_BUFFER - 1 };
                    if self.at - start >= limit {
                        self.too_long.push(FaultAt {
                            fault: Fault::TooLong { quote: None },
                            offset: narrow(start),
                            line: start_line,
                        });
                    }
                    words.push(Word::new(start, self.at, escaped));
                    return Ok(());
                }
                _ => self.at += 1,
            }
        }
    }

    /// Reads a quoted word; the byte after the closing quote is returned and stays unread.
    fn quoted(&mut self, quote: u8, words: &mut Vec<Word>) -> Result<u8, FaultAt> {
        let start = self.at + 1;
        let start_line = self.line;
        let mut escaped = false;
        self.at = start;
        loop {
            let Some(byte) = self.source.get(self.at) else {
                return Err(self.fault(Fault::EndOfFile, self.source.len()));
            };
            match byte {
                b'\\' => {
                    escaped = true;
                    self.skip_escaped()?;
                }
                b'\n' => {
                    self.line += 1;
                    self.at += 1;
                }
                _ if *byte == quote => break,
                _ => self.at += 1,
            }
        }
        if self.at - start >= TOKEN_BUFFER - 1 {
            self.too_long.push(FaultAt {
                fault: Fault::TooLong { quote: Some(quote) },
                offset: narrow(start),
                line: start_line,
            });
        }
        words.push(Word::new(start, self.at, escaped));
        self.at += 1;
        let Some(after) = self.source.get(self.at) else {
            return Err(self.fault(Fault::EndOfFile, self.source.len()));
        };
        Ok(*after)
    }

    /// Steps over a backslash and the byte that it protects.
    fn skip_escaped(&mut self) -> Result<(), FaultAt> {
        match self.source.get(self.at + 1) {
            Some(b'\n') => self.line += 1,
            Some(_) => {}
            None => return Err(self.fault(Fault::EndOfFile, self.source.len())),
        }
        self.at += 2;
        Ok(())
    }

    fn finish(&self, ending: Ending, start: usize, line: u32) -> Statement {
        Statement { ending, start: narrow(start), end: narrow(self.at), line, end_line: self.line }
    }

    fn fault(&self, fault: Fault, offset: usize) -> FaultAt {
        FaultAt { fault, offset: narrow(offset), line: self.line }
    }
}

fn ending(byte: u8) -> Ending {
    if byte == b'{' { Ending::Open } else { Ending::Semicolon }
}

/// How many statements and words a text holds up to its end or to what nginx refuses. The benchmark and the fuzz target
/// of the lexer have no other way to it.
#[must_use]
pub fn scan(source: &[u8]) -> (usize, usize) {
    let mut lexer = Lexer::new(source);
    let (mut statements, mut count) = (0, 0);
    let mut words = Vec::new();
    while let Ok(statement) = lexer.statement(&mut words) {
        if statement.ending == Ending::EndOfFile {
            break;
        }
        lexer.take_too_long();
        statements += 1;
        count += words.len();
        words.clear();
    }
    (statements, count)
}

/// Offsets are kept in 32 bits; larger files are refused before they reach the lexer.
pub(crate) fn narrow(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

/// `\"`, `\'` and `\\` lose the backslash, `\t`, `\r` and `\n` become control bytes, everything else keeps both bytes.
fn unescape(raw: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            text.push(byte);
            continue;
        }
        let replaced = match bytes.peek() {
            Some(b'"') => b'"',
            Some(b'\'') => b'\'',
            Some(b'\\') => b'\\',
            Some(b't') => b'\t',
            Some(b'r') => b'\r',
            Some(b'n') => b'\n',
            _ => {
                text.push(byte);
                continue;
            }
        };
        text.push(replaced);
        bytes.next();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(source: &[u8]) -> Result<Vec<String>, Fault> {
        let mut lexer = Lexer::new(source);
        let mut out = Vec::new();
        loop {
            let mut words = Vec::new();
            let statement = lexer.statement(&mut words).map_err(|fault| fault.fault)?;
            if let Some(fault) = lexer.take_too_long().first() {
                return Err(fault.fault);
            }
            out.extend(words.iter().map(|word| String::from_utf8_lossy(&word.text(source)).into_owned()));
            match statement.ending {
                Ending::Semicolon => out.push("<;>".to_owned()),
                Ending::Open => out.push("<{>".to_owned()),
                Ending::Close => out.push("<}>".to_owned()),
                Ending::EndOfFile => return Ok(out),
            }
        }
    }

    /// Every row was compared with the tokens of nginx's own reader.
    #[test]
    fn words_are_cut_as_nginx_cuts_them() {
        let rows: &[(&str, &[&str])] = &[
            ("a b;", &["a", "b", "<;>"]),
            ("a#b c;#x", &["a#b", "c", "<;>"]),
            ("a # c;\n b;", &["a", "b", "<;>"]),
            ("a{b;}", &["a", "<{>", "b", "<;>", "<}>"]),
            ("server a:80};", &["server", "a:80}", "<;>"]),
            ("a foo\"bar baz\";", &["a", "foo\"bar", "baz\"", "<;>"]),
            ("a it's;", &["a", "it's", "<;>"]),
            ("a \"\" '';", &["a", "", "", "<;>"]),
            ("a \"x\ny\";", &["a", "x\ny", "<;>"]),
            ("a 'x\\'y' \"\\\"\";", &["a", "x'y", "\"", "<;>"]),
            ("a \\t\\r\\n\\\\\\x;", &["a", "\t\r\n\\\\x", "<;>"]),
            ("a b\\ c b\\;d b\\{e;", &["a", "b\\ c", "b\\;d", "b\\{e", "<;>"]),
            ("a b\\\nc;", &["a", "b\\\nc", "<;>"]),
            ("a ${b}{c;}", &["a", "${b}", "<{>", "c", "<;>", "<}>"]),
            ("a $b{c;}", &["a", "$b", "<{>", "c", "<;>", "<}>"]),
            ("a ${{b;", &["a", "${{b", "<;>"]),
            ("if ($a = \"b\") {}", &["if", "($a", "=", "b", ")", "<{>", "<}>"]),
            ("if ($a = \"b\"){}", &["if", "($a", "=", "b", ")", "<{>", "<}>"]),
            ("\"a\"{'b';}", &["a", "<{>", "b", "<;>", "<}>"]),
            ("a\r\nb\r\n;\r\n", &["a", "b", "<;>"]),
            ("# x\ry z;\nb;", &["b", "<;>"]),
            ("a\u{b}b\u{a0}c;", &["a\u{b}b\u{a0}c", "<;>"]),
            ("a \\#b;", &["a", "\\#b", "<;>"]),
            ("# only", &[]),
            ("", &[]),
        ];
        for (source, expected) in rows {
            let got = tokens(source.as_bytes());
            assert_eq!(
                got.as_deref(),
                Ok(&expected.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>()[..]),
                "{source:?}"
            );
        }
    }

    #[test]
    fn what_nginx_refuses_is_refused() {
        let rows: &[(&str, Fault)] = &[
            (";", Fault::Unexpected(b';')),
            ("a;;", Fault::Unexpected(b';')),
            ("{}", Fault::Unexpected(b'{')),
            ("a { } }", Fault::EndOfFile),
            ("a }", Fault::Unexpected(b'}')),
            ("a \"b\"\"c\";", Fault::Unexpected(b'"')),
            ("a \"b\"c;", Fault::Unexpected(b'c')),
            ("a \"b\"}", Fault::Unexpected(b'}')),
            ("a", Fault::EndOfFile),
            ("a \"b", Fault::EndOfFile),
            ("a \"b\"", Fault::EndOfFile),
            ("a \\", Fault::EndOfFile),
            ("a # b;", Fault::EndOfFile),
        ];
        for (source, fault) in rows {
            let got = tokens(source.as_bytes());
            if *source == "a { } }" {
                // The balance of braces is the tree's concern, not the lexer's.
                assert!(got.is_ok(), "{source:?}");
            } else {
                assert_eq!(got, Err(*fault), "{source:?}");
            }
        }
    }

    #[test]
    fn the_buffer_of_nginx_limits_words_and_comments() {
        let unquoted = |length: usize, end: &str| tokens(format!("a {}{end}", "x".repeat(length)).as_bytes()).is_ok();
        assert!(unquoted(4095, ";") && !unquoted(4096, ";"));
        assert!(unquoted(4094, " ;") && !unquoted(4095, " ;"));
        let quoted = |length: usize| tokens(format!("a \"{}\";", "x".repeat(length)).as_bytes()).is_ok();
        assert!(quoted(4094) && !quoted(4095));
        let comment = |length: usize| tokens(format!("#{}\na;", "x".repeat(length - 1)).as_bytes()).is_ok();
        assert!(comment(4095) && !comment(4096));
        assert!(tokens(format!("a {} b;", " ".repeat(9000)).as_bytes()).is_ok());
    }

    #[test]
    fn lines_are_those_of_the_first_byte_and_of_the_terminator() {
        let mut lexer = Lexer::new(b"\n# c\n a\n \"x\ny\"\n;\n b {");
        let mut words = Vec::new();
        let first = lexer.statement(&mut words).unwrap();
        assert_eq!((first.line, first.end_line), (3, 6));
        let second = lexer.statement(&mut words).unwrap();
        assert_eq!((second.line, second.end_line, second.ending), (7, 7, Ending::Open));
    }
}
