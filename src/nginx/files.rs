//! Where configuration text comes from. The reader never touches the file system itself.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::ops::Bound;
use std::path::{Component, Path, PathBuf};

/// Access to configuration files, so that the same reader serves disks, dumps, tests and embedded examples.
pub trait Files {
    /// The whole content of a file. A directory is an error of the kind [`io::ErrorKind::IsADirectory`].
    ///
    /// # Errors
    /// Whatever kept the file from being read.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// The names of the entries of a directory (file names only), in any order.
    ///
    /// # Errors
    /// Whatever kept the directory from being listed.
    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>>;
}

/// Files that live in memory: the demo, tests, and the parts of an `nginx -T` dump.
#[derive(Debug, Clone, Default)]
pub struct MemoryFiles {
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl MemoryFiles {
    /// No files.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same files and one more.
    #[must_use]
    pub fn with(mut self, path: impl AsRef<Path>, text: impl Into<Vec<u8>>) -> Self {
        self.insert(path, text);
        self
    }

    /// Adds a file, or replaces the one of that path.
    pub fn insert(&mut self, path: impl AsRef<Path>, text: impl Into<Vec<u8>>) {
        self.files.insert(plain(path.as_ref()), text.into());
    }

    /// Whether a file of this path is present.
    #[must_use]
    pub fn contains(&self, path: &Path) -> bool {
        self.files.contains_key(&plain(path))
    }
}

impl Files for MemoryFiles {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let path = plain(path);
        if let Some(text) = self.files.get(&path) {
            return Ok(text.clone());
        }
        let next = self.files.range((Bound::Excluded(path.clone()), Bound::Unbounded)).next();
        let is_directory = next.is_some_and(|(file, _)| file.starts_with(&path));
        Err(if is_directory { io::ErrorKind::IsADirectory.into() } else { io::ErrorKind::NotFound.into() })
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        let dir = plain(dir);
        let mut names: Vec<OsString> = Vec::new();
        let mut from = Bound::Excluded(dir.clone());
        while let Some((file, _)) = self.files.range((from, Bound::Unbounded)).next() {
            let Ok(rest) = file.strip_prefix(&dir) else { break };
            from = match rest.components().next() {
                Some(Component::Normal(name)) => {
                    names.push(name.to_owned());
                    // Over everything below that name: paths are ordered by their components.
                    let mut next = dir.join(name).into_os_string();
                    next.push("\0");
                    Bound::Included(next.into())
                }
                _ => Bound::Excluded(file.clone()),
            };
        }
        if names.is_empty() {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(names)
    }
}

/// The path without `.` and with `..` taken away, as far as that is possible without looking at a disk.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if plain.file_name().is_some() => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_listed_and_cannot_be_read() {
        let files = MemoryFiles::new()
            .with("/etc/nginx/nginx.conf", "")
            .with("/etc/nginx/conf.d/a.conf", "a")
            .with("/etc/nginx/conf.d/b.conf", "b");
        assert_eq!(files.list(Path::new("/etc/nginx")).unwrap(), ["conf.d", "nginx.conf"]);
        assert_eq!(files.list(Path::new("/etc/nginx/./x/../conf.d/")).unwrap(), ["a.conf", "b.conf"]);
        let read = |path: &str| files.read(Path::new(path)).map_err(|error| error.kind());
        assert_eq!(read("/etc/nginx/conf.d"), Err(io::ErrorKind::IsADirectory));
        assert_eq!(read("/etc/nginx/nope"), Err(io::ErrorKind::NotFound));
        assert_eq!(read("/etc/nginx/conf.d/a.conf"), Ok(b"a".to_vec()));
    }
}
