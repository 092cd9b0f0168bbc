//! The output of `nginx -T`: every file of a configuration, one after the other.
//!
//! nginx prints each file once, in the order of first opening, behind a line `# configuration file PATH:` and with one LF at
//! the end. A configuration may hold a comment line of the same shape, so such a line counts only where a file printed
//! before includes that path.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::error::{Problem, Warning};
use super::files::MemoryFiles;
use super::include;
use super::lexer::{Ending, Lexer};
use super::limits;

const MARKER: &[u8] = b"# configuration file ";

/// The files of a dump.
#[derive(Debug)]
pub(crate) struct Dump {
    pub(crate) files: MemoryFiles,
    /// The main file.
    pub(crate) root: PathBuf,
    /// Its content.
    pub(crate) main: Vec<u8>,
    pub(crate) warnings: Vec<Warning>,
}

/// Takes a dump apart, or says that this is an ordinary file.
pub(crate) fn split(bytes: &[u8]) -> Result<Option<Dump>, Problem> {
    let start = after_messages(bytes);
    let Some((root, first)) = bytes.get(start..).and_then(marker) else { return Ok(None) };
    let root_path = path(root);

    let mut parts: Vec<(PathBuf, usize, usize)> = Vec::new();
    let mut known = HashSet::from([root_path.clone()]);
    let mut warnings = Vec::new();
    let mut includes = Includes::new(root_path.parent().unwrap_or(Path::new("")), bytes.len());
    let mut part = (root_path.clone(), start + first);
    let mut at = part.1;
    // Everything before is among the includes.
    let mut searched = at;
    while let Some(line) = next_marker_line(bytes, at) {
        let Some((name, length)) = bytes.get(line..).and_then(marker) else {
            at = line + MARKER.len();
            continue;
        };
        at = line + length;
        searched += includes.collect(bytes.get(searched..line).unwrap_or_default())?;
        let new = path(name);
        if known.contains(&new) || !includes.can_open(&new)? {
            if warnings.len() >= limits::WARNINGS {
                return Err(Problem::Limit { what: "warnings", limit: limits::WARNINGS as u64 });
            }
            warnings.push(Warning {
                message: format!(
                    "a line of the dump looks like the start of `{}`, but nothing includes that file there: taken for a comment",
                    new.display()
                ),
                span: None,
                help: None,
            });
            continue;
        }
        known.insert(new.clone());
        parts.push((part.0, part.1, line));
        part = (new, at);
        searched = at;
    }
    parts.push((part.0, part.1, bytes.len()));

    let text = |from: usize, to: usize| {
        let text = bytes.get(from..to).unwrap_or_default();
        text.strip_suffix(b"\n").unwrap_or(text)
    };
    let mut parts = parts.into_iter();
    let main = parts.next().map(|(_, from, to)| text(from, to).to_vec()).unwrap_or_default();
    let mut files = MemoryFiles::new();
    // Listed like the others; nobody reads it again.
    files.insert(&root_path, "");
    for (path, from, to) in parts {
        files.insert(path, text(from, to));
    }
    Ok(Some(Dump { files, root: root_path, main, warnings }))
}

/// Skips what nginx writes to stderr, for dumps made with `2>&1`.
fn after_messages(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(line) = bytes.get(at..) {
        let Some(length) = line.iter().position(|byte| *byte == b'\n') else { break };
        let blank = line.get(..length).is_some_and(|line| line.trim_ascii().is_empty());
        if !line.starts_with(b"nginx: ") && !blank {
            break;
        }
        at += length + 1;
    }
    at
}

/// The path of a marker line that starts here, and the length of the line.
fn marker(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let rest = bytes.strip_prefix(MARKER)?;
    let length = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    let name = rest.get(..length)?;
    let name = name.strip_suffix(b"\r").unwrap_or(name).strip_suffix(b":")?;
    if name.is_empty() {
        return None;
    }
    Some((name, (MARKER.len() + length + 1).min(bytes.len())))
}

/// The next line that starts like a marker.
fn next_marker_line(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let rest = bytes.get(at..)?;
        if rest.starts_with(MARKER) && (at == 0 || bytes.get(at - 1) == Some(&b'\n')) {
            return Some(at);
        }
        at += rest.iter().position(|byte| *byte == b'\n')? + 1;
    }
}

/// What the files of a dump include so far.
struct Includes {
    conf_prefix: PathBuf,
    /// Without patterns.
    literal: HashSet<PathBuf>,
    patterns: HashSet<Vec<u8>>,
    comparisons: u64,
    /// How many bytes may still be read.
    readable: usize,
}

impl Includes {
    fn new(conf_prefix: &Path, size: usize) -> Self {
        Self {
            conf_prefix: conf_prefix.to_path_buf(),
            literal: HashSet::new(),
            patterns: HashSet::new(),
            comparisons: limits::COMPARISONS,
            readable: size.saturating_mul(limits::DUMP_READINGS),
        }
    }

    /// Adds the arguments of every `include` in a text that may end anywhere, and says how far its whole statements go.
    fn collect(&mut self, text: &[u8]) -> Result<usize, Problem> {
        self.readable = self
            .readable
            .checked_sub(text.len())
            .ok_or(Problem::Limit { what: "readings of each byte of a dump", limit: limits::DUMP_READINGS as u64 })?;
        let mut lexer = Lexer::new(text);
        let mut words = Vec::new();
        loop {
            words.clear();
            let before = lexer.offset();
            match lexer.statement(&mut words) {
                Ok(statement) if statement.ending == Ending::EndOfFile => return Ok(text.len()),
                Ok(_) => {}
                Err(_) => return Ok(before),
            }
            lexer.take_too_long();
            if let [name, argument] = words.as_slice()
                && &*name.text(text) == b"include"
            {
                let argument = argument.text(text);
                if include::is_pattern(&argument) {
                    self.patterns.insert(argument.into_owned());
                } else {
                    self.literal.insert(include::resolve(&self.conf_prefix, &argument));
                }
            }
        }
    }

    /// Whether some include can open a file of this path.
    fn can_open(&mut self, path: &Path) -> Result<bool, Problem> {
        if self.literal.contains(path) {
            return Ok(true);
        }
        let file = MemoryFiles::new().with(path, "");
        for argument in &self.patterns {
            let matches =
                include::matches(&self.conf_prefix, argument, &file, &mut self.comparisons).ok_or(Problem::Limit {
                    what: "comparisons of file names with patterns of includes",
                    limit: limits::COMPARISONS,
                })?;
            if matches.files.iter().any(|found| found == path) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn path(name: &[u8]) -> PathBuf {
    include::resolve(Path::new(""), name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_is_taken_apart() {
        let dump = b"nginx: the configuration file /e/nginx.conf syntax is ok\n\
            # configuration file /e/nginx.conf:\ninclude a.conf;\n# configuration file /etc/evil.conf:\ninclude d/*.conf;\n\n\
            # configuration file /e/a.conf:\nx;\n\
            # configuration file /e/d/b.conf:\ny;\n";
        let dump = split(dump).unwrap().unwrap();
        assert_eq!(dump.root, Path::new("/e/nginx.conf"));
        assert!(dump.files.contains(Path::new("/e/a.conf")));
        assert!(dump.files.contains(Path::new("/e/d/b.conf")));
        assert!(!dump.files.contains(Path::new("/etc/evil.conf")));
        assert_eq!(dump.warnings.len(), 1);
        assert!(String::from_utf8_lossy(&dump.main).contains("evil"));
    }

    #[test]
    fn an_ordinary_file_is_no_dump() {
        assert!(split(b"# a comment\nevents {}\n").unwrap().is_none());
        assert!(split(b"events {}\n# configuration file /x:\n").unwrap().is_none());
        assert!(split(b"").unwrap().is_none());
    }
}
