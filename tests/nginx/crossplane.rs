//! crossplane, a reader of nginx configuration that others wrote, sees the same tree: names, arguments, nesting, lines.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use reachlint::nginx::{Config, MemoryFiles, Options};
use serde::Deserialize;

use crate::case::cases;
use crate::common::scrubbed;
use crate::environment::tool;
use crate::generate::{Texts, configuration};
use crate::real::note;

/// How many of the generated configurations are compared.
const GENERATED: u64 = 600;

/// Depth, file, line, words.
type Line = (usize, String, u32, Vec<String>);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Said {
    Tree(Vec<Line>),
    Error(String),
}

/// What crossplane gets wrong, from `tests/nginx/crossplane.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mistake {
    #[serde(default)]
    cases: Vec<String>,
    /// It is made with every CR that no LF follows.
    #[serde(default)]
    lone_return: bool,
    reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mistakes {
    mistake: Vec<Mistake>,
}

#[test]
fn crossplane_sees_the_same_tree() {
    let mistakes: Mistakes =
        toml::from_str(include_str!("crossplane.toml")).unwrap_or_else(|error| panic!("crossplane.toml: {error}"));
    let mut texts: Vec<(String, Texts)> = Vec::new();
    for (_, case) in cases() {
        let mut files: Texts = case.files.clone();
        files.insert("nginx.conf".to_owned(), case.nginx.clone());
        texts.push((case.id, files));
    }
    texts.extend((0..GENERATED).map(|seed| (format!("seed {seed}"), configuration(seed))));
    // What is refused has no tree.
    let mut ours = Vec::new();
    texts.retain(|(_, texts)| read(texts).map(|tree| ours.push(tree)).is_some());
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    let mut excused = 0;
    for (((id, texts), ours), theirs) in texts.iter().zip(&ours).zip(crossplane(folder.path(), &texts)) {
        let difference = difference(ours, theirs);
        let lone_return = texts.values().any(|text| text.replace("\r\n", "").contains('\r'));
        let known = mistakes.mistake.iter().find(|mistake| mistake.cases.contains(id));
        if known.is_none() && lone_return && mistakes.mistake.iter().any(|mistake| mistake.lone_return) {
            excused += usize::from(difference.is_some());
            continue;
        }
        match (difference, known) {
            (None, None) => {}
            (Some(_), Some(_)) => excused += 1,
            (None, Some(mistake)) => wrong.push(format!("{id}: this mistake is not made any more: {}", mistake.reason)),
            (Some(difference), None) => {
                let shown: Vec<String> = texts.iter().map(|(name, text)| format!("--- {name}\n{text}\n")).collect();
                wrong.push(format!("{id}: {difference}\n{}", shown.concat()));
            }
        }
    }
    note(&format!("{} trees compared with crossplane, {excused} of its mistakes are known", ours.len()));
    assert!(ours.len() >= 400, "only {} trees could be compared", ours.len());
    let lines: Vec<&str> = wrong.iter().filter_map(|text| text.lines().next()).collect();
    let first: Vec<&str> = wrong.iter().take(3).map(String::as_str).collect();
    assert!(wrong.is_empty(), "{} differences:\n{}\n\n{}", wrong.len(), lines.join("\n"), first.join("\n"));
}

/// reachlint's tree, written as crossplane writes it.
fn read(texts: &Texts) -> Option<Vec<Line>> {
    let mut files = MemoryFiles::new();
    for (path, text) in texts {
        files.insert(path, text.as_bytes());
    }
    let config = Config::read(Path::new("nginx.conf"), &files, &Options::default()).ok()?;
    config.endpoints().ok()?;
    let line = |line: reachlint::nginx::Outline<'_>| {
        let file = config.source(line.span.file).path.display().to_string();
        let words: Vec<String> = line.words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        (line.depth, file, line.span.line, without_parentheses(words))
    };
    Some(config.outline().map(line).collect())
}

/// crossplane takes the parentheses off the condition of an `if`.
fn without_parentheses(mut words: Vec<String>) -> Vec<String> {
    if words[0] == "if" && words.len() > 1 && words[1].starts_with('(') && words.last().unwrap().ends_with(')') {
        words[1] = words[1].trim_start_matches('(').trim_start().to_owned();
        let last = words.last_mut().unwrap();
        *last = last.strip_suffix(')').unwrap_or(last).trim_end().to_owned();
        if words.last().unwrap().is_empty() {
            words.pop();
        }
        if words[1].is_empty() {
            words.remove(1);
        }
    }
    words
}

fn difference(ours: &[Line], theirs: Said) -> Option<String> {
    match theirs {
        Said::Error(error) => Some(format!("crossplane fails: {error}")),
        Said::Tree(theirs) if ours == theirs => None,
        Said::Tree(theirs) => {
            let at = ours.iter().zip(&theirs).take_while(|(ours, theirs)| ours == theirs).count();
            Some(format!("reachlint {:?}, crossplane {:?}", ours.get(at), theirs.get(at)))
        }
    }
}

fn crossplane(folder: &Path, texts: &[(String, Texts)]) -> Vec<Said> {
    let python = tool("python").unwrap_or_else(|why| panic!("{why}"));
    let mut list = String::new();
    for (number, (_, texts)) in texts.iter().enumerate() {
        let folder = folder.join(number.to_string());
        for (path, text) in texts {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        list.push_str(&folder.join("nginx.conf").display().to_string());
        list.push('\n');
    }
    let mut command = scrubbed(Command::new(python));
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nginx/outline.py"));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    // Both pipes could fill up.
    let writer = std::thread::spawn(move || input.write_all(list.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "tests/nginx/outline.py failed");
    let said: Vec<Said> = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(said.len(), texts.len(), "tests/nginx/outline.py did not come to its end");
    said
}
