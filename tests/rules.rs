//! Every rule keeps what the table of rules promises: its name, its page, and cases that it must and must not report.
//!
//! The pages in `docs/rules` are made from the rules: `REACHLINT_REGENERATE=1 cargo test --test rules` writes them.

#[cfg(test)]
mod cases;

use std::collections::BTreeSet;
use std::env;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use cases::Case;
use reachlint::report::{Finding, Report, short};
use reachlint::rules::{RULES, Rule};

/// The variable that has the generated pages written instead of compared.
const REGENERATE: &str = "REACHLINT_REGENERATE";

/// The headings of every page, in their order.
const HEADINGS: [&str; 5] = ["## What it checks", "## Why it matters", "## Example", "## Fix", "## Evidence needed"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn folder(rule: &Rule) -> PathBuf {
    root().join("src/rules").join(rule.slug)
}

fn fixtures(rule: &Rule) -> Vec<(String, Case)> {
    cases::cases(&folder(rule).join("fixtures"))
}

#[test]
fn slugs_are_kebab_case_in_alphabetical_order_and_have_a_folder_each() {
    let slugs: Vec<&str> = RULES.iter().map(|rule| rule.slug).collect();
    assert!(slugs.is_sorted_by(|one, next| one < next), "not in order, or twice there: {slugs:?}");
    for slug in &slugs {
        let words = slug.split('-');
        let good = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase());
        assert!(words.clone().count() >= 2 && words.clone().all(good), "`{slug}` is not in kebab case");
    }
    let folders = fs::read_dir(root().join("src/rules")).unwrap().map(|entry| entry.unwrap());
    let folders = folders.filter(|entry| entry.path().is_dir()).map(|entry| entry.file_name().into_string().unwrap());
    let folders: BTreeSet<String> = folders.collect();
    assert_eq!(folders, slugs.iter().map(|slug| (*slug).to_owned()).collect(), "every folder is a rule of the table");
}

#[test]
fn pages_have_the_same_shape() {
    for rule in &RULES {
        let slug = rule.slug;
        let headings: Vec<&str> = headings(rule.doc);
        let title = format!("# {slug}");
        let expected: Vec<&str> = [title.as_str()].into_iter().chain(HEADINGS).collect();
        assert_eq!(headings, expected, "{slug}: headings");
        assert!(!rule.summary().is_empty() && rule.summary().len() < 100, "{slug}: `{}`", rule.summary());
        assert!(rule.summary().ends_with('.'), "{slug}: the summary is a sentence");
        assert!(rule.doc.contains(&format!("\n\n{}\n\n", rule.summary())), "{slug}: the summary is one line");
        assert!(rule.doc.ends_with('\n') && !rule.doc.ends_with("\n\n"), "{slug}: end of the page");
        for (at, text) in rule.doc.lines().enumerate() {
            assert_eq!(text, text.trim_end(), "{slug}: line {} ends with spaces", at + 1);
        }
        for heading in HEADINGS {
            assert!(!section(rule.doc, heading).trim().is_empty(), "{slug}: nothing below `{heading}`");
        }
    }
}

/// Headings outside of code blocks.
fn headings(doc: &str) -> Vec<&str> {
    let mut code = false;
    doc.lines()
        .filter(|line| {
            code ^= line.starts_with("```");
            !code && line.starts_with('#')
        })
        .collect()
}

/// What stands between a heading and the next one.
fn section<'d>(doc: &'d str, heading: &str) -> &'d str {
    let after = doc.split_once(&format!("\n{heading}\n")).map_or("", |(_, after)| after);
    after.split_once("\n## ").map_or(after, |(section, _)| section)
}

/// The text of every code block of this language.
fn blocks<'d>(text: &'d str, language: &str) -> Vec<&'d str> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap_or(rest)).collect()
}

/// The estate that a fixture starts from.
fn base(case: &Case) -> Case {
    cases::base(&cases::folder(case.cloud.as_deref().unwrap_or("aws")))
}

/// The findings of one rule alone about a case, and the lines of the short report on them.
fn found(base: &Case, rule: &Rule, case: &Case) -> (Vec<String>, Vec<Finding>, String) {
    let (flows, findings) = cases::run(base, case, |context| (rule.check)(context));
    let complaints = cases::complaints(case, &flows, &findings);
    let report = Report::new(Vec::new(), Vec::new(), flows, findings.clone());
    (complaints, findings, short(&report))
}

#[test]
fn every_rule_reports_what_it_must_and_nothing_near_it() {
    let mut wrong = Vec::new();
    for rule in &RULES {
        let (mut triggers, mut silent) = (0, 0);
        for (name, case) in fixtures(rule) {
            let name = format!("{}/{name}", rule.slug);
            assert!(case.title.is_some() && case.why.is_some(), "{name} lacks `title` or `why`");
            assert!(case.id.is_none(), "{name}: a fixture goes by the name of its file");
            let (mut complaints, findings, _) = found(&base(&case), rule, &case);
            if name.contains("/triggers-") {
                triggers += 1;
                assert!(!case.told.is_empty(), "{name} expects no finding");
            } else {
                assert!(name.contains("/silent-"), "{name}: fixtures begin with `triggers-` or `silent-`");
                silent += 1;
                assert!(case.told.is_empty(), "{name} expects a finding");
                complaints.extend(findings.iter().map(|finding| format!("it reports `{}`", finding.message)));
            }
            complaints.extend(
                findings
                    .iter()
                    .filter(|finding| finding.rule != rule.slug)
                    .map(|finding| format!("it reports a finding of `{}`", finding.rule)),
            );
            wrong.extend(complaints.into_iter().map(|complaint| format!("{name}: {complaint}")));
        }
        assert!(triggers > 0 && silent > 0, "{}: {triggers} triggering and {silent} silent fixtures", rule.slug);
    }
    assert!(wrong.is_empty(), "{} complaints:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn fingerprints_stay_when_lines_move() {
    for rule in &RULES {
        for (name, mut case) in fixtures(rule) {
            let base = base(&case);
            let prints = |case: &Case| -> Vec<String> {
                let (_, findings) = cases::run(&base, case, |context| (rule.check)(context));
                findings.into_iter().map(|finding| finding.fingerprint).collect()
            };
            let before = prints(&case);
            let nginx = case.nginx.as_ref().or(base.nginx.as_ref()).unwrap();
            case.nginx = Some(format!("# moved\n# down\n{nginx}"));
            assert_eq!(prints(&case), before, "{}/{name}", rule.slug);
        }
    }
}

#[test]
fn the_example_of_a_page_is_what_a_fixture_prints() {
    for rule in &RULES {
        let example = section(rule.doc, "## Example");
        let [nginx, output] = ["nginx", "text"].map(|language| blocks(example, language));
        assert!(!nginx.is_empty() && !output.is_empty(), "{}: an example has nginx's side and the output", rule.slug);
        let printed: Vec<(String, String)> = fixtures(rule)
            .into_iter()
            .map(|(_, case)| {
                let base = base(&case);
                let (.., printed) = found(&base, rule, &case);
                (case.nginx.as_ref().or(base.nginx.as_ref()).unwrap().clone(), printed)
            })
            .collect();
        let holds = |text: &str, part: &str| part.lines().all(|line| text.lines().any(|own| own.trim() == line.trim()));
        for (nginx, output) in nginx.iter().zip(&output) {
            let same = printed.iter().find(|(_, printed)| holds(printed, output));
            let (configuration, _) = same.unwrap_or_else(|| {
                let printed: Vec<&str> = printed.iter().map(|(_, printed)| printed.as_str()).collect();
                panic!("{}: no fixture prints\n{output}\nbut\n{}", rule.slug, printed.join(""))
            });
            assert!(holds(configuration, nginx), "{}: the fixture has not\n{nginx}\nbut{configuration}", rule.slug);
        }
    }
}

#[test]
fn no_page_advises_to_open_a_door_to_everybody() {
    for rule in &RULES {
        let fix = section(rule.doc, "## Fix");
        for code in fix.split("```").skip(1).step_by(2) {
            assert!(!code.contains("0.0.0.0/0") && !code.contains("::/0"), "{}: {code}", rule.slug);
        }
    }
}

/// The generated pages by file name.
fn pages() -> Vec<(String, String)> {
    let mut index = "# Rules\n\nEach rule has a page. `reachlint explain RULE` prints the same text.\n\n".to_owned();
    index.push_str("| rule | what it reports |\n| --- | --- |\n");
    for rule in &RULES {
        let _ = writeln!(index, "| [{slug}]({slug}.md) | {} |", rule.summary(), slug = rule.slug);
    }
    let pages = RULES.iter().map(|rule| (format!("{}.md", rule.slug), rule.doc.to_owned()));
    pages.chain([("README.md".to_owned(), index)]).collect()
}

#[test]
fn the_pages_in_docs_are_those_of_the_rules() {
    let docs = root().join("docs/rules");
    if env::var_os(REGENERATE).is_some() {
        fs::create_dir_all(&docs).unwrap();
        for (name, text) in pages() {
            fs::write(docs.join(name), text).unwrap();
        }
    }
    let advice = format!("run the tests with {REGENERATE}=1 to write the pages again");
    for (name, text) in pages() {
        let known = fs::read_to_string(docs.join(&name)).unwrap_or_default();
        assert!(known == text, "docs/rules/{name} is not what the rules say: {advice}");
    }
    let known: BTreeSet<String> = pages().into_iter().map(|(name, _)| name).collect();
    let there = fs::read_dir(&docs).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let there: BTreeSet<String> = there.collect();
    assert_eq!(there, known, "docs/rules holds exactly the rules' pages; remove what is left over");
}
