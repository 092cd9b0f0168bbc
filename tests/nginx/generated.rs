//! Configurations that nobody wrote: a real nginx and reachlint accept and refuse the same ones, in the same line.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use reachlint::nginx::{Config, Error, MemoryFiles, Options};
use serde::Deserialize;

use crate::generate::{Texts, configuration};
use crate::real::{NAMES, Nginx, Refused, note};

const CONFIGURATIONS: u64 = 4_000;

/// A difference that is meant, from `tests/nginx/differences.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Difference {
    /// A part of what nginx says; left out, it accepts.
    nginx: Option<String>,
    /// A part of what reachlint says; left out, it accepts.
    reachlint: Option<String>,
    /// Or reachlint refuses something else, which nginx never comes to.
    #[serde(default)]
    or_refused: bool,
    reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Differences {
    difference: Vec<Difference>,
}

impl Difference {
    fn covers(&self, nginx: &Result<(), Refused>, ours: &Result<(), Error>) -> bool {
        let part = |part: &Option<String>, text: Option<String>| match (part, text) {
            (None, None) => true,
            (Some(part), Some(text)) => text.contains(part),
            _ => false,
        };
        part(&self.nginx, nginx.as_ref().err().map(|refused| refused.message.clone()))
            && (part(&self.reachlint, ours.as_ref().err().map(|error| error.problem.to_string()))
                || (self.or_refused && ours.is_err()))
    }
}

#[test]
fn nginx_agrees_about_generated_configurations() {
    let nginx = Nginx::needed();
    let loading = nginx.loading_needed(&["stream", "mail"]);
    let differences: Differences =
        toml::from_str(include_str!("differences.toml")).unwrap_or_else(|error| panic!("differences.toml: {error}"));
    let folder = tempfile::tempdir().unwrap();
    let next = AtomicU64::new(0);
    let (accepted, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let met: Vec<AtomicUsize> = differences.difference.iter().map(|_| AtomicUsize::new(0)).collect();
    let wrong: Mutex<BTreeMap<u64, String>> = Mutex::default();
    let judge = |folder: &Path| {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= CONFIGURATIONS {
                break;
            }
            let texts = configuration(seed);
            let ours = read(&texts);
            write(&texts, folder);
            let theirs = nginx.judge(folder, &loading);
            if theirs.is_ok() { &accepted } else { &refused }.fetch_add(1, Ordering::Relaxed);
            let Some(complaint) = disagreement(&ours, &theirs, folder) else { continue };
            if let Some(at) = differences.difference.iter().position(|difference| difference.covers(&theirs, &ours)) {
                met[at].fetch_add(1, Ordering::Relaxed);
                continue;
            }
            let shown: Vec<String> = texts.iter().map(|(name, text)| format!("--- {name}\n{text}\n")).collect();
            wrong.lock().unwrap().insert(seed, format!("seed {seed}: {complaint}\n{}", shown.concat()));
        }
    };
    thread::scope(|scope| {
        for worker in 0..thread::available_parallelism().map_or(2, usize::from).min(4) {
            let folder = folder.path().join(worker.to_string());
            let judge = &judge;
            scope.spawn(move || judge(&folder));
        }
    });
    let (accepted, refused) = (accepted.into_inner(), refused.into_inner());
    note(&format!("nginx accepts {accepted} generated configurations and refuses {refused}"));
    for (difference, met) in differences.difference.iter().zip(met) {
        let met = met.into_inner();
        note(&format!("{met} times: {}", difference.reason));
        assert!(met > 0, "this difference does not occur any more: {difference:?}");
    }
    assert!(accepted >= 800 && refused >= 600, "the generated configurations are too much alike");
    let wrong = wrong.into_inner().unwrap();
    let first: Vec<&str> = wrong.values().take(5).map(String::as_str).collect();
    let lines: Vec<&str> = wrong.values().filter_map(|text| text.lines().next()).collect();
    assert!(wrong.is_empty(), "{} disagreements:\n{}\n\n{}", wrong.len(), lines.join("\n"), first.join("\n"));
}

fn read(texts: &Texts) -> Result<(), Error> {
    let mut files = MemoryFiles::new();
    for (path, text) in texts {
        files.insert(path, text.as_bytes());
    }
    Config::read(Path::new("nginx.conf"), &files, &Options::default())?.endpoints().map(|_| ())
}

fn write(texts: &Texts, folder: &Path) {
    let _ = fs::remove_dir_all(folder);
    for (path, text) in texts {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let text = NAMES.iter().fold(text.clone(), |text, (name, address)| text.replace(name, address));
        fs::write(path, text).unwrap();
    }
}

fn disagreement(ours: &Result<(), Error>, theirs: &Result<(), Refused>, folder: &Path) -> Option<String> {
    match (ours, theirs) {
        (Ok(()), Ok(())) => None,
        (Err(error), Ok(())) => Some(format!("only reachlint refuses: {error}")),
        (Ok(()), Err(refused)) => Some(format!("only nginx refuses: {}", refused.message)),
        (Err(error), Err(refused)) => {
            let file = refused.file.as_ref().map(|file| file.strip_prefix(folder).unwrap_or(file));
            let same_line = refused.line.is_none_or(|line| line == error.place.nginx_line);
            let same_file = file.is_none_or(|file| file == error.place.file);
            // nginx writes out whole paths, and the harness has kept one line of its words.
            let ours = error.problem.to_string();
            let ours = ours.lines().next().unwrap_or_default();
            let said = refused.message.replace(&format!("{}/", folder.display()), "");
            let said = NAMES.iter().fold(said, |text, (name, address)| text.replace(address, name));
            let same_words = said.contains(ours);
            (!same_line || !same_file || !same_words).then(|| {
                format!(
                    "nginx says `{said}`, reachlint `{ours}` in {}:{}",
                    error.place.file.display(),
                    error.place.nginx_line
                )
            })
        }
    }
}
