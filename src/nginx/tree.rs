//! The configuration as a tree: statements with their places, blocks, and files put where `include` wants them.
//!
//! Every file is read once and kept as a flat list in order of appearance, in which a block is followed by its content. A file that
//! is included in several places is shared between them.

use std::borrow::Cow;
use std::path::PathBuf;

use super::error::{Place, Warning};
use super::lexer::{Word, narrow};

/// One source file of a configuration.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, serde::Serialize)]
pub struct FileId(pub u32);

/// A statement in a file: up to its `;`, or for a block its head up to `{`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, serde::Serialize)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// Line of the first byte, counted from 1.
    pub line: u32,
    /// Column of the first byte in characters, counted from 1.
    pub column: u32,
    /// Offset of the first byte.
    pub start: u32,
    /// Offset just after the `;` or `{`.
    pub end: u32,
}

/// A file and its content.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// The path, as the user would type it: relative to where the main file's path is relative to.
    pub path: PathBuf,
    /// The content.
    pub bytes: Vec<u8>,
}

impl SourceFile {
    /// The line that holds an offset, without its end, with invalid UTF-8 replaced.
    #[must_use]
    pub fn line_at(&self, offset: u32) -> Cow<'_, str> {
        let offset = (offset as usize).min(self.bytes.len());
        let (before, after) = self.bytes.split_at(offset);
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let end = after.iter().position(|byte| *byte == b'\n').map_or(self.bytes.len(), |at| offset + at);
        let line = self.bytes.get(start..end).unwrap_or_default();
        String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

/// How many lines end within a span.
pub(crate) fn newlines(bytes: &[u8], span: Span) -> u32 {
    let text = bytes.get(span.start as usize..span.end as usize).unwrap_or_default();
    narrow(text.iter().filter(|byte| **byte == b'\n').count())
}

/// What a statement ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    /// `;`.
    Nothing,
    /// A block of directives, or of data for the directive's own handler.
    Block {
        /// Index of the first node after its content.
        next: u32,
    },
    /// Lua text.
    Lua,
    /// An include: the readings of the files, a range of [`Config::inclusions`].
    Include { first: u32, count: u32 },
}

/// One statement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node {
    pub(crate) span: Span,
    /// Line of the `;`, or of the `}` that closes the block: nginx names it where it judges a whole block. 0 while the
    /// block is open.
    pub(crate) close_line: u32,
    pub(crate) first_word: u32,
    pub(crate) word_count: u32,
    pub(crate) body: Body,
}

/// One file, read as directives or as the data of a block.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reading {
    pub(crate) file: u32,
    pub(crate) nodes: Vec<Node>,
    pub(crate) words: Vec<Word>,
    /// How many nodes there are once the includes are in place.
    pub(crate) expanded: u64,
}

/// A configuration: the main file and everything it includes.
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) files: Vec<SourceFile>,
    pub(crate) readings: Vec<Reading>,
    /// Indices into `readings`, for [`Body::Include`].
    pub(crate) inclusions: Vec<u32>,
    pub(crate) root: u32,
    pub(crate) lenient: bool,
    pub(crate) warnings: Vec<Warning>,
}

impl Config {
    /// A file by its id.
    ///
    /// Ids come from this configuration's own spans; the id of another configuration gives its main file.
    #[must_use]
    pub fn source(&self, file: FileId) -> &SourceFile {
        static EMPTY: SourceFile = SourceFile { path: PathBuf::new(), bytes: Vec::new() };
        self.files.get(file.0 as usize).or_else(|| self.files.first()).unwrap_or(&EMPTY)
    }

    /// Every file that was read, in the order nginx opens them; the first is the main file.
    #[must_use]
    pub fn files(&self) -> &[SourceFile] {
        &self.files
    }

    /// What was odd while reading the files.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Every statement in the order nginx reads them, with included files in place of their `include`: the tree as a flat
    /// list, since a hostile file may nest deeper than a stack holds. Lua code is left out.
    pub fn outline(&self) -> impl Iterator<Item = Outline<'_>> {
        let mut open = vec![self.directives()];
        std::iter::from_fn(move || {
            loop {
                let depth = open.len().checked_sub(1)?;
                let Some(directive) = open.last_mut().and_then(Iterator::next) else {
                    open.pop();
                    continue;
                };
                if directive.is_block() {
                    open.push(directive.children());
                }
                let words = (0..directive.node.word_count).filter_map(|index| directive.word(index)).collect();
                return Some(Outline { depth, words, span: directive.span() });
            }
        })
    }

    /// The directives of the main file.
    pub(crate) fn directives(&self) -> Directives<'_> {
        Directives::of(self, self.root, 0, u32::MAX)
    }

    /// The place of a statement, for an error.
    pub(crate) fn place(&self, span: Span) -> Place {
        let source = self.source(span.file);
        Place {
            file: source.path.clone(),
            line: span.line,
            column: span.column,
            text: source.line_at(span.start).into_owned(),
            span: Some(span),
            nginx_line: self.nginx_line(span),
        }
    }

    /// The line that nginx names for a statement: that of its end.
    pub(crate) fn nginx_line(&self, span: Span) -> u32 {
        span.line + newlines(&self.source(span.file).bytes, span)
    }
}

/// A statement as a line of [`Config::outline`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline<'c> {
    /// How many blocks are around it.
    pub depth: usize,
    /// The name and the arguments, without quotes.
    pub words: Vec<Cow<'c, [u8]>>,
    /// Where it stands.
    pub span: Span,
}

/// A statement with access to its words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Directive<'c> {
    config: &'c Config,
    reading: u32,
    index: u32,
    node: &'c Node,
}

impl<'c> Directive<'c> {
    pub(crate) fn name(&self) -> Cow<'c, [u8]> {
        self.word(0).unwrap_or_default()
    }

    /// The arguments, without the name.
    pub(crate) fn arguments(self) -> impl Iterator<Item = Cow<'c, [u8]>> {
        (1..self.node.word_count).filter_map(move |index| self.word(index))
    }

    /// An argument, counted from 0.
    pub(crate) fn argument(&self, index: u32) -> Option<Cow<'c, [u8]>> {
        self.word(index + 1)
    }

    pub(crate) fn argument_count(&self) -> u32 {
        self.node.word_count.saturating_sub(1)
    }

    pub(crate) fn span(&self) -> Span {
        self.node.span
    }

    /// The line of the `;`, or of the `}` that closes the block.
    pub(crate) fn close_line(&self) -> u32 {
        self.node.close_line
    }

    /// Whether the block has its end: one that a later fault cuts off has none.
    pub(crate) fn is_closed(&self) -> bool {
        self.node.close_line > 0
    }

    /// Whether a block of directives or data follows.
    pub(crate) fn is_block(&self) -> bool {
        matches!(self.node.body, Body::Block { .. })
    }

    /// The content of the block, with included files in place.
    pub(crate) fn children(&self) -> Directives<'c> {
        let end = if let Body::Block { next } = self.node.body { next } else { self.index + 1 };
        Directives::of(self.config, self.reading, self.index + 1, end)
    }

    fn word(&self, index: u32) -> Option<Cow<'c, [u8]>> {
        if index >= self.node.word_count {
            return None;
        }
        let reading = self.config.readings.get(self.reading as usize)?;
        let word = reading.words.get((self.node.first_word + index) as usize)?;
        let source = self.config.files.get(reading.file as usize)?;
        Some(word.text(&source.bytes))
    }
}

/// The directives of one block, in order, with included files in place.
#[derive(Debug, Clone)]
pub(crate) struct Directives<'c> {
    config: &'c Config,
    /// Where to go on: reading, next node, end.
    here: (u32, u32, u32),
    /// The same for the files around an included one.
    outside: Vec<(u32, u32, u32)>,
}

impl<'c> Directives<'c> {
    fn of(config: &'c Config, reading: u32, first: u32, end: u32) -> Self {
        Self { config, here: (reading, first, end), outside: Vec::new() }
    }
}

impl<'c> Iterator for Directives<'c> {
    type Item = Directive<'c>;

    fn next(&mut self) -> Option<Directive<'c>> {
        loop {
            let (reading, index, end) = self.here;
            let nodes = self.config.readings.get(reading as usize).map(|reading| reading.nodes.as_slice());
            let node = if index < end { nodes.and_then(|nodes| nodes.get(index as usize)) } else { None };
            let Some(node) = node else {
                self.here = self.outside.pop()?;
                continue;
            };
            self.here.1 = if let Body::Block { next } = node.body { next } else { index + 1 };
            if let Body::Include { first, count } = node.body {
                self.outside.push(self.here);
                // The last file is put down first, so that the first comes up first.
                let files = self.config.inclusions.get(first as usize..(first + count) as usize).unwrap_or_default();
                self.outside.extend(files.iter().rev().map(|included| (*included, 0, u32::MAX)));
                self.here = self.outside.pop()?;
                continue;
            }
            return Some(Directive { config: self.config, reading, index, node });
        }
    }
}
