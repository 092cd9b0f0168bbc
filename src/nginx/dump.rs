//! The output of `nginx -T`: every file of a configuration, one after the other.
//!
//! nginx prints each file once, in the order of first opening, behind a line `# configuration file PATH:` and with one LF at
//! the end. A configuration may hold a comment line of the same shape, so such a line counts only where a file printed
//! before includes that path.

use std::path::{Path, PathBuf};

use super::error::Warning;
use super::files::MemoryFiles;
use super::include;
use super::lexer::{Ending, Lexer};

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
pub(crate) fn split(bytes: &[u8]) -> Option<Dump> {
    let start = after_messages(bytes);
    let (root, first) = marker(bytes.get(start..)?)?;
    let root_path = path(root);
    let conf_prefix = root_path.parent().unwrap_or(Path::new("")).to_path_buf();

    let mut parts: Vec<(PathBuf, usize, usize)> = Vec::new();
    let mut warnings = Vec::new();
    let mut includes: Vec<Vec<u8>> = Vec::new();
    let mut part = (root_path.clone(), start + first);
    let mut at = part.1;
    while let Some(line) = next_marker_line(bytes, at) {
        let Some((name, length)) = bytes.get(line..).and_then(marker) else {
            at = line + MARKER.len();
            continue;
        };
        at = line + length;
        collect_includes(bytes.get(part.1..line).unwrap_or_default(), &mut includes);
        let new = path(name);
        let known = part.0 == new || parts.iter().any(|(path, ..)| *path == new);
        if known || !includes.iter().any(|argument| names(&conf_prefix, argument, name)) {
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
        parts.push((part.0, part.1, line));
        part = (new, at);
    }
    parts.push((part.0, part.1, bytes.len()));

    let mut files = MemoryFiles::new();
    for (path, from, to) in &parts {
        let text = bytes.get(*from..*to).unwrap_or_default();
        files.insert(path, text.strip_suffix(b"\n").unwrap_or(text));
    }
    let main = parts.first().and_then(|(_, from, to)| bytes.get(*from..*to)).unwrap_or_default().to_vec();
    Some(Dump { files, root: root_path, main, warnings })
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

/// The arguments of every `include` in a text that may end anywhere.
fn collect_includes(text: &[u8], includes: &mut Vec<Vec<u8>>) {
    let mut lexer = Lexer::new(text);
    let mut words = Vec::new();
    loop {
        words.clear();
        match lexer.statement(&mut words) {
            Ok(statement) if statement.ending == Ending::EndOfFile => return,
            Ok(_) => {}
            Err(_) => return,
        }
        if let [name, argument] = words.as_slice()
            && &*name.text(text) == b"include"
        {
            let argument = argument.text(text).into_owned();
            if !includes.contains(&argument) {
                includes.push(argument);
            }
        }
    }
}

/// Whether an include of this argument can open a file of this path.
fn names(conf_prefix: &Path, argument: &[u8], name: &[u8]) -> bool {
    if !include::is_pattern(argument) {
        return include::resolve(conf_prefix, argument) == path(name);
    }
    let file = MemoryFiles::new().with(path(name), "");
    include::matches(conf_prefix, argument, &file).files.contains(&path(name))
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
        let dump = split(dump).unwrap();
        assert_eq!(dump.root, Path::new("/e/nginx.conf"));
        assert!(dump.files.contains(Path::new("/e/a.conf")));
        assert!(dump.files.contains(Path::new("/e/d/b.conf")));
        assert!(!dump.files.contains(Path::new("/etc/evil.conf")));
        assert_eq!(dump.warnings.len(), 1);
        assert!(String::from_utf8_lossy(&dump.main).contains("evil"));
    }

    #[test]
    fn an_ordinary_file_is_no_dump() {
        assert!(split(b"# a comment\nevents {}\n").is_none());
        assert!(split(b"events {}\n# configuration file /x:\n").is_none());
        assert!(split(b"").is_none());
    }
}
