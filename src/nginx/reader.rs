//! Reads the main file and what it includes into a [`Config`].

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use super::dump;
use super::error::{Error, Place, Problem, Warning};
use super::files::Files;
use super::include;
use super::lexer::{Ending, Fault, FaultAt, Lexer, Statement, Word, narrow};
use super::limits;
use super::lua;
use super::tree::{Body, Config, FileId, Node, Reading, SourceFile, Span, newlines};

/// How to read.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What a relative path of the main file starts from, as `nginx -p` sets it.
    pub prefix: Option<PathBuf>,
    /// Go past what nginx refuses, with a warning.
    pub lenient: bool,
}

impl Config {
    /// Reads a main configuration file, or the output of `nginx -T`, and every file that it includes.
    ///
    /// # Errors
    /// A file that cannot be read, text that nginx would not take, or more of it than the limits allow.
    pub fn read(main: &Path, files: &dyn Files, options: &Options) -> Result<Self, Error> {
        let path = match &options.prefix {
            Some(prefix) => prefix.join(main),
            None => main.to_path_buf(),
        };
        let bytes = files.read(&path).map_err(|error| {
            let place = Place { file: path.clone(), ..Place::default() };
            Error::new(unreadable(&path, &error, false), place)
        })?;
        let dump = dump::split(&bytes)
            .map_err(|problem| Error::new(problem, Place { file: path.clone(), ..Place::default() }))?;
        let (config, fault) = match dump {
            Some(dump) => {
                drop(bytes);
                Reader::new(&dump.files, &dump.root, options, dump.warnings).run(dump.root.clone(), dump.main)
            }
            None => Reader::new(files, &path, options, Vec::new()).run(path.clone(), bytes),
        };
        match fault {
            None => Ok(config),
            // nginx judges every statement as it reads it, and never comes to a fault further down.
            Some(fault) if fault.is_nginx_refusal() => Err(config.first_refusal().unwrap_or(fault)),
            Some(fault) => Err(fault),
        }
    }
}

fn unreadable(path: &Path, error: &io::Error, included: bool) -> Problem {
    let path = path.display().to_string();
    if error.kind() == io::ErrorKind::IsADirectory {
        return Problem::Directory { path, included };
    }
    let reason = match error.kind() {
        io::ErrorKind::NotFound => "2: No such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "13: Permission denied".to_owned(),
        io::ErrorKind::NotADirectory => "20: Not a directory".to_owned(),
        _ => error.to_string(),
    };
    Problem::Unreadable { path, reason, included }
}

/// Whose statements a text holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Mode {
    /// nginx's own.
    Directives,
    /// Entries for the handler of the block's directive. They are data even where they look like directives.
    Data(Data),
}

/// The directives with a handler of their own, by what they make of an `include` entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Data {
    /// `map`, `types`, `charset_map`: as everywhere.
    Includes,
    /// `geo` opens the argument as it is, without patterns.
    IncludesLiterally,
    /// `split_clients`, `match`: an entry like any other.
    Plain,
}

fn mode_of_block(name: &[u8]) -> Mode {
    match name {
        b"map" | b"types" | b"charset_map" => Mode::Data(Data::Includes),
        b"geo" => Mode::Data(Data::IncludesLiterally),
        b"split_clients" | b"match" => Mode::Data(Data::Plain),
        _ => Mode::Directives,
    }
}

struct Reader<'f> {
    files: &'f dyn Files,
    /// The directory of the main file, where relative includes start.
    conf_prefix: PathBuf,
    config: Config,
    by_path: HashMap<PathBuf, u32>,
    by_mode: HashMap<(u32, Mode), u32>,
    /// The files that are being read, each included by the one before.
    open: Vec<u32>,
    /// How many names may still be compared with patterns.
    comparisons: u64,
}

/// The file that is being read.
struct Current<'b> {
    file: u32,
    path: PathBuf,
    bytes: &'b [u8],
    lexer: Lexer<'b>,
    columns: Columns,
    reading: Reading,
    /// The blocks that are open: their node, and the mode around them.
    blocks: Vec<(usize, Mode)>,
    mode: Mode,
}

impl<'f> Reader<'f> {
    fn new(files: &'f dyn Files, main: &Path, options: &Options, warnings: Vec<Warning>) -> Self {
        Self {
            files,
            conf_prefix: main.parent().unwrap_or(Path::new("")).to_path_buf(),
            config: Config {
                files: Vec::new(),
                readings: Vec::new(),
                inclusions: Vec::new(),
                root: 0,
                lenient: options.lenient,
                warnings,
            },
            by_path: HashMap::new(),
            by_mode: HashMap::new(),
            open: Vec::new(),
            comparisons: limits::COMPARISONS,
        }
    }

    /// The configuration, up to the fault if there is one.
    fn run(mut self, path: PathBuf, bytes: Vec<u8>) -> (Config, Option<Error>) {
        let place = Place { file: path.clone(), ..Place::default() };
        let read = self.add_file(path, bytes, || place).map(|file| self.reading(file, Mode::Directives));
        let fault = match read {
            Ok((root, fault)) => {
                self.config.root = root;
                fault
            }
            Err(fault) => Some(fault),
        };
        (self.config, fault)
    }

    fn add_file(&mut self, path: PathBuf, bytes: Vec<u8>, place: impl FnOnce() -> Place) -> Result<u32, Error> {
        let limit = |what, limit| Err(Error::new(Problem::Limit { what, limit }, place()));
        if bytes.len() >= limits::FILE_BYTES {
            return limit("bytes in one file", limits::FILE_BYTES as u64);
        }
        if self.config.files.len() >= limits::FILES {
            return limit("included files", limits::FILES as u64);
        }
        let file = narrow(self.config.files.len());
        self.by_path.insert(path.clone(), file);
        self.config.files.push(SourceFile { path, bytes });
        Ok(file)
    }

    /// Reads a file in a mode, unless that has been done, up to the fault if there is one.
    fn reading(&mut self, file: u32, mode: Mode) -> (u32, Option<Error>) {
        if let Some(reading) = self.by_mode.get(&(file, mode)) {
            return (*reading, None);
        }
        // The bytes are lent out while the file is read; a cycle is found before anyone would miss them.
        let bytes =
            self.config.files.get_mut(file as usize).map(|file| std::mem::take(&mut file.bytes)).unwrap_or_default();
        self.open.push(file);
        let mut current = Current {
            file,
            path: self.config.files.get(file as usize).map(|file| file.path.clone()).unwrap_or_default(),
            bytes: &bytes,
            lexer: Lexer::new(&bytes),
            columns: Columns::default(),
            reading: Reading { file, ..Reading::default() },
            blocks: Vec::new(),
            mode,
        };
        if bytes.starts_with(b"\xef\xbb\xbf") {
            current.lexer.resume(3, 1);
            self.config.warnings.push(Warning {
                message: "the file starts with a byte order mark: nginx takes it for part of the first directive and \
                          refuses the file"
                    .to_owned(),
                span: Some(Span { file: FileId(file), line: 1, column: 1, start: 0, end: 3 }),
                help: Some("save the file as UTF-8 without a byte order mark".to_owned()),
            });
        }
        let fault = loop {
            match self.step(&mut current) {
                Ok(true) => {}
                Ok(false) => break None,
                Err(fault) => break Some(fault),
            }
        };
        let mut reading = current.reading;
        let end = narrow(reading.nodes.len());
        for (node, _) in current.blocks {
            if let Some(node) = reading.nodes.get_mut(node) {
                node.body = Body::Block { next: end };
            }
        }
        reading.expanded = reading.expanded.saturating_add(reading.nodes.len() as u64);
        self.open.pop();
        if let Some(file) = self.config.files.get_mut(file as usize) {
            file.bytes = bytes;
        }
        let index = narrow(self.config.readings.len());
        self.config.readings.push(reading);
        self.by_mode.insert((file, mode), index);
        (index, fault)
    }

    /// Reads one statement; false at the end of the file.
    fn step(&mut self, current: &mut Current<'_>) -> Result<bool, Error> {
        let first_word = current.reading.words.len();
        let statement = current.lexer.statement(&mut current.reading.words);
        let too_long = current.lexer.take_too_long();
        if !too_long.is_empty() {
            let mut columns = current.columns.clone();
            for fault in too_long {
                let (problem, span) = current.problem(fault, &mut columns);
                self.refuse(problem, span, || Place { nginx_line: fault.line, ..current.place(span) })?;
            }
        }
        let statement = statement.map_err(|fault| current.error(fault))?;
        match statement.ending {
            Ending::EndOfFile => match current.blocks.last() {
                None => Ok(false),
                Some((node, _)) => Err(current.unclosed(*node)),
            },
            Ending::Close => match current.blocks.pop() {
                None => {
                    let fault =
                        FaultAt { fault: Fault::Unexpected(b'}'), offset: statement.start, line: statement.line };
                    Err(current.error(fault))
                }
                Some((node, mode)) => {
                    current.mode = mode;
                    let next = narrow(current.reading.nodes.len());
                    if let Some(node) = current.reading.nodes.get_mut(node) {
                        node.body = Body::Block { next };
                        node.close_line = statement.end_line;
                    }
                    Ok(true)
                }
            },
            Ending::Semicolon | Ending::Open => {
                self.directive(current, statement, first_word)?;
                Ok(true)
            }
        }
    }

    fn directive(&mut self, current: &mut Current<'_>, statement: Statement, first_word: usize) -> Result<(), Error> {
        let words = current.reading.words.get(first_word..).unwrap_or_default();
        let name = words.first().map(|word| word.text(current.bytes)).unwrap_or_default();
        let argument = words.get(1).copied();
        let word_count = narrow(words.len());
        let span = current.span(statement);
        let index = current.reading.nodes.len();
        if current.mode == Mode::Directives && name.contains(&b'}') {
            let problem = Problem::UnknownDirective { directive: String::from_utf8_lossy(&name).into_owned() };
            self.refuse(problem, span, || current.place(span))?;
        }
        let mut node = Node {
            span,
            close_line: statement.end_line,
            first_word: narrow(first_word),
            word_count,
            body: Body::Nothing,
        };
        if statement.ending == Ending::Open {
            if current.mode != Mode::Directives {
                let fault = FaultAt {
                    fault: Fault::Unexpected(b'{'),
                    offset: statement.end.saturating_sub(1),
                    line: statement.end_line,
                };
                return Err(current.error(fault));
            }
            if lua::is_lua_block(&name) {
                let from = current.lexer.offset();
                let Some((close, lines)) = lua::end_of_block(current.bytes, from) else {
                    let last = current.lexer.line() + lua::lines(current.bytes, from, current.bytes.len());
                    let place = Place { nginx_line: last, ..current.place(span) };
                    return Err(Error::new(Problem::UnclosedLua, place));
                };
                current.lexer.resume(close + 1, current.lexer.line() + lines);
                node.body = Body::Lua;
            } else if &*name == b"include" {
                let problem = Problem::NotTerminated { directive: "include".to_owned() };
                return Err(Error::new(problem, current.place(span)));
            } else {
                node.body = Body::Block { next: narrow(index + 1) };
                node.close_line = 0;
                current.blocks.push((index, current.mode));
                current.mode = mode_of_block(&name);
            }
        } else if &*name == b"include" && current.mode != Mode::Data(Data::Plain) {
            match (argument, current.mode) {
                (Some(argument), _) if word_count == 2 => {
                    let (body, fault) = self.include(current, span, argument)?;
                    node.body = body;
                    if let Some(fault) = fault {
                        current.reading.nodes.push(node);
                        return Err(fault);
                    }
                }
                // In a data block an `include` with more than a path is an entry, or the handler's problem.
                (_, Mode::Data(_)) => {}
                (_, Mode::Directives) => {
                    let problem = Problem::ArgumentCount { directive: "include".to_owned() };
                    self.refuse(problem, span, || current.place(span))?;
                }
            }
        }
        if current.reading.nodes.len() as u64 >= limits::EXPANDED_DIRECTIVES {
            let problem = Problem::Limit { what: "directives", limit: limits::EXPANDED_DIRECTIVES };
            return Err(Error::new(problem, current.place(span)));
        }
        current.reading.nodes.push(node);
        Ok(())
    }

    /// The files of an include, up to the first that has a fault.
    fn include(
        &mut self,
        current: &mut Current<'_>,
        span: Span,
        argument: Word,
    ) -> Result<(Body, Option<Error>), Error> {
        let argument = argument.text(current.bytes);
        let literal = !include::is_pattern(&argument) || current.mode == Mode::Data(Data::IncludesLiterally);
        let paths = if literal {
            vec![include::resolve(&self.conf_prefix, &argument)]
        } else {
            let Some(matches) = include::matches(&self.conf_prefix, &argument, self.files, &mut self.comparisons)
            else {
                let problem = Problem::Limit {
                    what: "comparisons of file names with patterns of includes",
                    limit: limits::COMPARISONS,
                };
                return Err(Error::new(problem, current.place(span)));
            };
            for (dir, kind) in matches.unreadable {
                let message = format!("`{}` could not be listed: {kind}", dir.display());
                self.warn(message, span, None, || current.place(span))?;
            }
            if matches.files.is_empty() {
                let pattern = String::from_utf8_lossy(&argument);
                let help = "nginx accepts this; if the files are a copy from another machine, some may be missing";
                self.warn(format!("`{pattern}` matches no file"), span, Some(help.to_owned()), || current.place(span))?;
            }
            matches.files
        };
        let mut inclusions = Vec::with_capacity(paths.len());
        for path in paths {
            let file = match self.by_path.get(&path) {
                Some(file) => *file,
                None => match self.files.read(&path) {
                    Ok(bytes) => self.add_file(path, bytes, || current.place(span))?,
                    Err(error) => {
                        self.refuse(unreadable(&path, &error, true), span, || current.place(span))?;
                        continue;
                    }
                },
            };
            if let Some(at) = self.open.iter().position(|open| *open == file) {
                let chain = self.open.iter().skip(at).chain([&file]).map(|file| self.path_of(*file)).collect();
                return Err(Error::new(Problem::IncludeCycle { chain }, current.place(span)));
            }
            if self.open.len() >= limits::INCLUDE_DEPTH {
                let problem =
                    Problem::Limit { what: "files that include one another", limit: limits::INCLUDE_DEPTH as u64 };
                return Err(Error::new(problem, current.place(span)));
            }
            let (reading, fault) = self.reading(file, current.mode);
            if let Some(fault) = fault {
                inclusions.push(reading);
                let body = self.inclusion(inclusions);
                return Ok((body, Some(fault)));
            }
            let expanded = self.config.readings.get(reading as usize).map_or(0, |reading| reading.expanded);
            current.reading.expanded = current.reading.expanded.saturating_add(expanded);
            if current.reading.expanded > limits::EXPANDED_DIRECTIVES {
                let problem = Problem::Limit { what: "directives after includes", limit: limits::EXPANDED_DIRECTIVES };
                return Err(Error::new(problem, current.place(span)));
            }
            if self.config.inclusions.len() + inclusions.len() >= limits::INCLUSIONS {
                let problem = Problem::Limit { what: "inclusions of files", limit: limits::INCLUSIONS as u64 };
                return Err(Error::new(problem, current.place(span)));
            }
            inclusions.push(reading);
        }
        Ok((self.inclusion(inclusions), None))
    }

    fn inclusion(&mut self, inclusions: Vec<u32>) -> Body {
        let first = narrow(self.config.inclusions.len());
        let count = narrow(inclusions.len());
        self.config.inclusions.extend(inclusions);
        Body::Include { first, count }
    }

    fn path_of(&self, file: u32) -> String {
        self.config.files.get(file as usize).map(|file| file.path.display().to_string()).unwrap_or_default()
    }

    fn warn(
        &mut self,
        message: String,
        span: Span,
        help: Option<String>,
        place: impl FnOnce() -> Place,
    ) -> Result<(), Error> {
        if self.config.warnings.len() >= limits::WARNINGS {
            let problem = Problem::Limit { what: "warnings", limit: limits::WARNINGS as u64 };
            return Err(Error::new(problem, place()));
        }
        self.config.warnings.push(Warning { message, span: Some(span), help });
        Ok(())
    }

    /// An error, or a warning for a lenient reader. The place of an error copies a line that may be the whole file, so
    /// it is found only where it is needed.
    fn refuse(&mut self, problem: Problem, span: Span, place: impl FnOnce() -> Place) -> Result<(), Error> {
        if !self.config.lenient {
            return Err(Error::new(problem, place()));
        }
        self.warn(problem.to_string(), span, problem.help(), place)
    }
}

impl Current<'_> {
    fn span(&mut self, statement: Statement) -> Span {
        Span {
            file: FileId(self.file),
            line: statement.line,
            column: self.columns.at(self.bytes, statement.start),
            start: statement.start,
            end: statement.end,
        }
    }

    fn place(&self, span: Span) -> Place {
        Place {
            file: self.path.clone(),
            line: span.line,
            column: span.column,
            text: line_of(self.bytes, span.start),
            span: Some(span),
            nginx_line: span.line + newlines(self.bytes, span),
        }
    }

    fn error(&self, fault: FaultAt) -> Error {
        let (problem, span) = self.problem(fault, &mut Columns::default());
        Error::new(problem, Place { nginx_line: fault.line, ..self.place(span) })
    }

    /// What a fault is called. The columns are those of an earlier offset.
    fn problem(&self, fault: FaultAt, columns: &mut Columns) -> (Problem, Span) {
        let problem = match fault.fault {
            Fault::Unexpected(byte) => Problem::Unexpected { byte: char::from(byte) },
            Fault::EndOfFile => Problem::UnexpectedEnd,
            Fault::TooLong { quote: Some(quote) } => Problem::TooLongQuoted { quote: char::from(quote) },
            Fault::TooLong { quote: None } => {
                let start = fault.offset as usize;
                let bytes = self.bytes.get(start..(start + 10).min(self.bytes.len())).unwrap_or_default();
                Problem::TooLong { start: String::from_utf8_lossy(bytes).into_owned() }
            }
        };
        let column = columns.at(self.bytes, fault.offset);
        let span = Span {
            file: FileId(self.file),
            line: fault.line,
            column,
            start: fault.offset,
            end: (fault.offset + 1).min(narrow(self.bytes.len())),
        };
        (problem, span)
    }

    fn unclosed(&self, node: usize) -> Error {
        let Some(node) = self.reading.nodes.get(node) else {
            return Error::new(Problem::UnexpectedEnd, Place::default());
        };
        let name =
            self.reading.words.get(node.first_word as usize).map(|word| word.text(self.bytes)).unwrap_or_default();
        let problem =
            Problem::UnclosedBlock { opened: node.span.line, block: String::from_utf8_lossy(&name).into_owned() };
        Error::new(problem, Place { nginx_line: self.lexer.line(), ..self.place(node.span) })
    }
}

/// The text of the line that holds an offset.
fn line_of(bytes: &[u8], offset: u32) -> String {
    let start = (offset as usize).min(bytes.len());
    let (before, after) = bytes.split_at(start);
    let from = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let to = after.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| start + at);
    let line = bytes.get(from..to).unwrap_or_default();
    String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned()
}

/// Columns of ever later offsets. Each byte is looked at once, also where a whole file is one line.
#[derive(Debug, Clone, Default)]
struct Columns {
    offset: usize,
    /// Characters before `offset` on its line.
    characters: u32,
}

impl Columns {
    fn at(&mut self, source: &[u8], offset: u32) -> u32 {
        let offset = offset as usize;
        let passed = source.get(self.offset..offset).unwrap_or_default();
        let on_line = match passed.iter().rposition(|byte| *byte == b'\n') {
            Some(newline) => {
                self.characters = 0;
                passed.get(newline + 1..).unwrap_or_default()
            }
            None => passed,
        };
        let characters =
            if on_line.is_ascii() { on_line.len() } else { String::from_utf8_lossy(on_line).chars().count() };
        self.characters = self.characters.saturating_add(narrow(characters));
        self.offset = offset;
        self.characters.saturating_add(1)
    }
}
