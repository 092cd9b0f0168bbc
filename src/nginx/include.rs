//! Which files an `include` means (`ngx_conf_include` and `ngx_open_glob`).
//!
//! A relative path starts at the directory of the main file, wherever the `include` stands. Without any of `*?[` the
//! path is opened as it is. Otherwise the C library's `glob` lists the matches in byte order, and none is fine.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use super::files::Files;

/// The files that a pattern stands for, and directories that could not be listed.
#[derive(Debug, Default)]
pub(crate) struct Matches {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) unreadable: Vec<(PathBuf, io::ErrorKind)>,
}

/// Whether nginx treats the argument as a pattern.
pub(crate) fn is_pattern(argument: &[u8]) -> bool {
    argument.iter().any(|byte| matches!(byte, b'*' | b'?' | b'['))
}

/// The path of an argument, relative to the directory of the main file.
pub(crate) fn resolve(conf_prefix: &Path, argument: &[u8]) -> PathBuf {
    conf_prefix.join(path_of(argument))
}

/// Lists what matches, sorted as `glob` sorts in the C locale that nginx runs in. Every name looked at is taken off the
/// comparisons that are left; `None` when they are used up.
pub(crate) fn matches(
    conf_prefix: &Path,
    argument: &[u8],
    files: &dyn Files,
    comparisons: &mut u64,
) -> Option<Matches> {
    let mut result = Matches::default();
    let mut found = vec![if argument.starts_with(b"/") { PathBuf::from("/") } else { conf_prefix.to_path_buf() }];
    let components: Vec<&[u8]> =
        argument.split(|byte| *byte == b'/').filter(|component| !component.is_empty()).collect();
    let last = components.len().saturating_sub(1);
    for (at, component) in components.iter().enumerate() {
        let literal = !is_pattern(component);
        let name = path_of(&unescaped(component));
        let mut next = Vec::new();
        for dir in found {
            *comparisons = comparisons.checked_sub(1)?;
            // Only the last component has to be known to exist; a missing directory before it shows there.
            if literal && (at < last || matches!(*component, b"." | b"..")) {
                next.push(dir.join(&name));
                continue;
            }
            match files.list(if dir.as_os_str().is_empty() { Path::new(".") } else { &dir }) {
                Ok(entries) => {
                    *comparisons = comparisons.checked_sub(entries.len() as u64)?;
                    let fitting = entries.iter().filter(|entry| {
                        if literal { entry.as_os_str() == name.as_os_str() } else { fits(component, &bytes_of(entry)) }
                    });
                    next.extend(fitting.map(|entry| dir.join(entry)));
                }
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
                Err(error) => result.unreadable.push((dir, error.kind())),
            }
        }
        found = next;
    }
    found.sort_by_cached_key(|path| bytes_of(path.as_os_str()).into_owned());
    result.files = found;
    Some(result)
}

/// Whether a name fits a pattern without `/`. A leading dot has to be written out. Braces are not special.
pub(crate) fn fits(pattern: &[u8], name: &[u8]) -> bool {
    if name.first() == Some(&b'.') && pattern.first() != Some(&b'.') {
        return false;
    }
    let (mut pattern, mut name) = (pattern, name);
    // Where to go back to when what follows the last star does not fit.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        if let Some(rest) = pattern.strip_prefix(b"*") {
            pattern = rest;
            retry = Some((rest, name));
            continue;
        }
        let step = match (one(pattern), name.split_first()) {
            (None, None) => return true,
            (Some((rest, accepts)), Some((byte, after))) if accepts.contains(*byte) => Some((rest, after)),
            _ => None,
        };
        if let Some((rest, after)) = step {
            pattern = rest;
            name = after;
            continue;
        }
        let Some((after_star, from)) = retry else { return false };
        let Some((_, from)) = from.split_first() else { return false };
        pattern = after_star;
        name = from;
        retry = Some((after_star, from));
    }
}

/// What one element of a pattern accepts.
enum Accepts<'p> {
    Any,
    Only(u8),
    Set { negated: bool, items: &'p [u8] },
}

impl Accepts<'_> {
    fn contains(&self, byte: u8) -> bool {
        match self {
            Self::Any => true,
            Self::Only(only) => *only == byte,
            Self::Set { negated, items } => in_set(items, byte) != *negated,
        }
    }
}

/// The first element of a pattern and the rest.
fn one(pattern: &[u8]) -> Option<(&[u8], Accepts<'_>)> {
    let (first, rest) = pattern.split_first()?;
    Some(match first {
        b'?' => (rest, Accepts::Any),
        b'\\' => match rest.split_first() {
            Some((escaped, rest)) => (rest, Accepts::Only(*escaped)),
            None => (rest, Accepts::Only(b'\\')),
        },
        b'[' => set(rest).unwrap_or((rest, Accepts::Only(b'['))),
        other => (rest, Accepts::Only(*other)),
    })
}

/// A bracket expression after its `[`; without a closing bracket it is no set.
fn set(rest: &[u8]) -> Option<(&[u8], Accepts<'_>)> {
    let negated = matches!(rest.first(), Some(b'!' | b'^'));
    let items = rest.get(usize::from(negated)..)?;
    // A `]` that comes first belongs to the set, and so does one that closes a class such as `[:alpha:]`.
    let mut at = usize::from(items.first() == Some(&b']'));
    while *items.get(at)? != b']' {
        at += match items.get(at..) {
            Some([b'[', b':', class @ ..]) => match class.windows(2).position(|pair| pair == b":]") {
                Some(length) => length + 4,
                None => 1,
            },
            _ => 1,
        };
    }
    Some((items.get(at + 1..)?, Accepts::Set { negated, items: items.get(..at)? }))
}

fn in_set(items: &[u8], byte: u8) -> bool {
    let mut rest = items;
    loop {
        rest = match rest {
            [] => return false,
            [b'[', b':', class @ ..] if class.windows(2).any(|pair| pair == b":]") => {
                let length = class.windows(2).position(|pair| pair == b":]").unwrap_or(0);
                if in_class(class.get(..length).unwrap_or_default(), byte) {
                    return true;
                }
                class.get(length + 2..).unwrap_or_default()
            }
            [from, b'-', to, after @ ..] => {
                if (*from..=*to).contains(&byte) {
                    return true;
                }
                after
            }
            [only, after @ ..] => {
                if *only == byte {
                    return true;
                }
                after
            }
        };
    }
}

fn in_class(class: &[u8], byte: u8) -> bool {
    match class {
        b"alpha" => byte.is_ascii_alphabetic(),
        b"digit" => byte.is_ascii_digit(),
        b"alnum" => byte.is_ascii_alphanumeric(),
        b"lower" => byte.is_ascii_lowercase(),
        b"upper" => byte.is_ascii_uppercase(),
        b"punct" => byte.is_ascii_punctuation(),
        b"space" => byte.is_ascii_whitespace() || byte == 0x0b,
        b"xdigit" => byte.is_ascii_hexdigit(),
        _ => false,
    }
}

/// A component without its pattern backslashes.
fn unescaped(component: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(component.len());
    let mut bytes = component.iter();
    while let Some(byte) = bytes.next() {
        text.push(if *byte == b'\\' { *bytes.next().unwrap_or(byte) } else { *byte });
    }
    text
}

#[cfg(unix)]
fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    PathBuf::from(OsStr::from_bytes(bytes))
}

#[cfg(unix)]
fn bytes_of(name: &OsStr) -> std::borrow::Cow<'_, [u8]> {
    use std::os::unix::ffi::OsStrExt as _;
    name.as_bytes().into()
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}

#[cfg(not(unix))]
fn bytes_of(name: &OsStr) -> std::borrow::Cow<'_, [u8]> {
    name.to_string_lossy().into_owned().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::super::files::MemoryFiles;
    use super::*;

    #[test]
    fn names_fit_as_glob_has_them() {
        for (pattern, name, expected) in [
            ("*", "a.conf~", true),
            ("*", ".hid.conf", false),
            (".*", ".hid.conf", true),
            ("*.conf", "a.conf", true),
            ("*.conf", "a.conf.bak", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("?.conf", "a.conf", true),
            ("[ab].conf", "b.conf", true),
            ("[!ab].conf", "b.conf", false),
            ("[a-c]x", "bx", true),
            ("[]x]", "]", true),
            ("[[:digit:]]*", "10", true),
            ("[[:digit:]]*", "x", false),
            ("[a", "[a", true),
            ("{a,b}", "a", false),
            ("\\*", "*", true),
            ("\\*", "x", false),
        ] {
            assert_eq!(fits(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn matches_come_in_byte_order() {
        let mut files = MemoryFiles::new();
        for name in ["é", "a", "x", "_", "Z", "B", "9", "10", ".h"] {
            files.insert(format!("/e/d/{name}"), "");
        }
        let names = |argument: &str| -> Vec<String> {
            matches(Path::new("/e"), argument.as_bytes(), &files, &mut 100)
                .unwrap()
                .files
                .iter()
                .map(|path| path.to_string_lossy().into_owned())
                .collect()
        };
        assert_eq!(names("d/*"), ["/e/d/10", "/e/d/9", "/e/d/B", "/e/d/Z", "/e/d/_", "/e/d/a", "/e/d/x", "/e/d/é"]);
        assert_eq!(names("/e/*/a"), ["/e/d/a"]);
        assert_eq!(names("*/nope"), [""; 0]);
        assert_eq!(names("nope/*"), [""; 0]);
    }
}
