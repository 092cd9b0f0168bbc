//! What reachlint says of a host is what the kernel does: rulesets are loaded in network namespaces, the real commands
//! gather the evidence, and real connections are opened.
//!
//! Needs root, and nft, iptables and ip; `tests/run` installs them.

#![cfg(test)]

mod generate;
mod judge;
mod lab;

use std::fs;
use std::path::{Path, PathBuf};

use judge::Judge;
use lab::{End, Lab, Loader};

/// Rulesets that somebody wrote, by name.
fn listed() -> Vec<(PathBuf, Loader, End)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kernel/rulesets");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let known = paths.into_iter().map(|path| {
        let loader = match path.extension().and_then(|extension| extension.to_str()) {
            Some("nft") => Loader::Nft,
            Some("iptables") => Loader::Iptables,
            Some("ip6tables") => Loader::Ip6tables,
            Some("legacy") => Loader::Legacy,
            other => panic!("{}: nobody loads {other:?}", path.display()),
        };
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let end = if name.starts_with("nginx-") { End::Nginx } else { End::Upstream };
        (path, loader, end)
    });
    known.collect()
}

/// Ports that a ruleset says it leaves open, in a line `# undecided: 22 80`.
fn undecided(text: &str) -> Vec<u16> {
    let line = text.lines().find_map(|line| line.strip_prefix("# undecided:")).unwrap_or_default();
    line.split_whitespace().map(|port| port.parse().unwrap()).collect()
}

#[test]
fn listed_rulesets_do_what_is_said_of_them() {
    let Some(lab) = Lab::make("listed") else { return };
    let mut wrong = Vec::new();
    let rulesets = listed();
    assert!(rulesets.len() >= 25, "only {} rulesets were found", rulesets.len());
    for (path, loader, end) in rulesets {
        let text = fs::read_to_string(&path).unwrap();
        lab.load(end, loader, &text);
        let judge = Judge::of(&lab);
        let open = undecided(&text);
        for complaint in judge.compare(&lab, |port| open.contains(&port)) {
            wrong.push(format!("{}: {complaint}", path.file_name().unwrap().to_string_lossy()));
        }
    }
    assert!(wrong.is_empty(), "{} complaints:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn generated_rulesets_do_what_is_said_of_them() {
    let Some(lab) = Lab::make("generated") else { return };
    let seeds = std::env::var("REACHLINT_TEST_SEEDS").ok().map_or(20, |seeds| seeds.parse().unwrap());
    let mut wrong = Vec::new();
    let mut kinds = std::collections::BTreeSet::new();
    for seed in 0..seeds {
        let text = generate::ruleset(seed);
        lab.load(End::Upstream, Loader::Nft, &text);
        let judge = Judge::of(&lab);
        kinds.extend(judge.said());
        wrong.extend(judge.compare(&lab, |_| false).into_iter().map(|complaint| format!("seed {seed}: {complaint}")));
        assert!(wrong.is_empty(), "{} complaints:\n{}\n{text}", wrong.len(), wrong.join("\n"));
    }
    // The rulesets are worth something only where they differ in what they do.
    for kind in ["open", "111", "silent"] {
        assert!(kinds.contains(kind), "no ruleset is {kind}: {kinds:?}");
    }
}

#[test]
fn remedies_open_what_was_refused() {
    let Some(lab) = Lab::make("remedies") else { return };
    let mut wrong = Vec::new();
    let mut mended = 0;
    for (path, loader, end) in listed() {
        let text = fs::read_to_string(&path).unwrap();
        lab.load(end, loader, &text);
        let judge = Judge::of(&lab);
        for to in lab::UPSTREAM {
            let Some(remedy) = judge.remedy(to, lab::APP) else { continue };
            let name = path.file_name().unwrap().to_string_lossy();
            for command in remedy.lines() {
                if let Err(said) = lab.try_run(end, command) {
                    wrong.push(format!("{name}: `{command}`: {said}"));
                }
            }
            mended += 1;
            let after = Judge::of(&lab);
            let found = lab.dial(&[(to, lab::APP)]);
            if after.word(to, lab::APP) != "open" || found != ["open"] {
                wrong.push(format!("{name}: {to} is {} and {found:?} after\n{remedy}", after.word(to, lab::APP)));
            }
        }
    }
    assert!(wrong.is_empty(), "{} complaints:\n{}", wrong.len(), wrong.join("\n"));
    assert!(mended >= 10, "only {mended} remedies were carried out");
}
