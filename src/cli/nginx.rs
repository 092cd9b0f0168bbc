//! nginx's configuration from disk or standard input.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::CliError;
use super::options::NginxOptions;
use super::output::say;
use crate::audit::{self, Wanted, shown};
use crate::nginx::{Config, Endpoints, Files, MemoryFiles, Options};
use crate::report::{Input, SourceText, Upstream};

/// The disk.
struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        // Devices such as /dev/zero never end, and a configuration from elsewhere may include one. Pipes of a shell are
        // fine.
        #[cfg(unix)]
        if std::os::unix::fs::FileTypeExt::is_char_device(&fs::metadata(path)?.file_type()) && !is_null(path) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a device, not a file"));
        }
        fs::read(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        fs::read_dir(dir)?.map(|entry| entry.map(|entry| entry.file_name())).collect()
    }
}

/// The device that is always empty, which stands for no configuration at all.
#[cfg(unix)]
fn is_null(path: &Path) -> bool {
    path == Path::new("/dev/null")
}

/// A configuration with everything it connects to.
pub(super) struct Loaded {
    config: Config,
    endpoints: Endpoints,
    standing: PathBuf,
    path: String,
}

impl Loaded {
    pub(super) fn wanted(&self) -> Vec<Wanted> {
        audit::wanted(&self.config, &self.endpoints, &self.standing)
    }

    pub(super) fn upstreams(&self) -> Vec<Upstream> {
        audit::upstreams(&self.config, &self.endpoints, &self.standing)
    }

    pub(super) fn texts(&self) -> Vec<SourceText> {
        audit::texts(&self.config, &self.standing)
    }

    pub(super) fn input(&self) -> Input {
        Input { kind: "nginx".to_owned(), path: self.path.clone() }
    }
}

/// Reads a configuration; `-` is standard input.
pub(super) fn load(path: &Path, options: &NginxOptions) -> Result<Loaded, CliError> {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().read_to_end(&mut bytes).map_err(|error| {
            CliError::usage(format!("cannot read standard input: {error}"), "pipe the output of `nginx -T` into it")
        })?;
        let files = Piped { text: bytes };
        return read(Path::new("stdin"), &files, options);
    }
    read(path, &Disk, options)
}

/// Reads a configuration that is part of the program.
pub(super) fn load_from(path: &Path, files: &MemoryFiles) -> Result<Loaded, CliError> {
    read(path, files, &NginxOptions::default())
}

fn read(path: &Path, files: &dyn Files, options: &NginxOptions) -> Result<Loaded, CliError> {
    let standing = std::env::current_dir().unwrap_or_default();
    let reading = Options { prefix: options.prefix.clone(), lenient: options.lenient };
    let config = Config::read(path, files, &reading)?;
    let endpoints = config.endpoints()?;
    for warning in config.warnings().iter().chain(&endpoints.warnings) {
        let place = warning.span.map_or_else(String::new, |span| {
            format!("{}:{}:{}: ", shown(&config.source(span.file).path, &standing), span.line, span.column)
        });
        say(&format!("warning: {place}{}", warning.message));
        if let Some(help) = &warning.help {
            say(&format!("   help: {help}"));
        }
    }
    let path = path.display().to_string();
    Ok(Loaded { config, endpoints, standing, path })
}

/// Standard input as the main file; what it includes is on the disk.
struct Piped {
    text: Vec<u8>,
}

impl Files for Piped {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        if path.file_name().is_some_and(|name| name == "stdin") { Ok(self.text.clone()) } else { Disk.read(path) }
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        Disk.list(dir)
    }
}
