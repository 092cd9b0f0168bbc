//! Every case in the folders of `tests/traps` that are about a cloud or a host comes out as it says. The folders' own
//! `README.md` explain the keys.

#[cfg(test)]
mod cases;

use std::collections::BTreeSet;

use reachlint::rules;
use reachlint_aws::network::CODES;

#[test]
fn every_aws_case_comes_out_as_it_says() {
    every_case_comes_out_as_it_says("aws", "aws", 100);
}

#[test]
fn every_gcp_case_comes_out_as_it_says() {
    every_case_comes_out_as_it_says("gcp", "gcp", 120);
}

#[test]
fn every_azure_case_comes_out_as_it_says() {
    every_case_comes_out_as_it_says("azure", "azure", 47);
}

#[test]
fn every_case_across_clouds_comes_out_as_it_says() {
    every_case_comes_out_as_it_says("cross", "cross", 90);
}

#[test]
fn every_case_of_a_plan_comes_out_as_it_says() {
    every_case_comes_out_as_it_says("terraform", "aws", 40);
}

#[test]
fn every_case_of_a_host_comes_out_as_it_says() {
    every_case_comes_out_as_it_says("host", "aws", 25);
}

/// The cases of a subject over the estate that those of a cloud start from.
fn every_case_comes_out_as_it_says(subject: &str, estate: &str, at_least: usize) {
    let folder = cases::folder(subject);
    let base = cases::base(&cases::folder(estate));
    let mut wrong = Vec::new();
    let cases = cases::cases(&folder);
    for (name, case) in &cases {
        let id = case.id.as_deref().unwrap_or_default();
        assert!(!id.is_empty() && name.starts_with(&format!("{id}-")), "{name}: `id` is `{id}`");
        assert!(case.title.is_some() && case.why.is_some(), "{name} lacks `title` or `why`");
        assert!(!case.expect.is_empty(), "{name} expects nothing");
        let (flows, findings) = cases::run(&base, case, rules::run);
        let complaints = cases::complaints(case, &flows, &findings);
        wrong.extend(complaints.into_iter().map(|complaint| format!("{name}: {complaint}")));
    }
    assert!(wrong.is_empty(), "{} complaints about {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(cases.len() >= at_least, "only {} cases were found", cases.len());
}

#[test]
fn every_word_of_reachability_analyzer_that_is_given_is_expected_by_a_case() {
    let cases = cases::cases(&cases::folder("aws"));
    let expected: BTreeSet<&str> = cases
        .iter()
        .flat_map(|(_, case)| &case.expect)
        .flat_map(|expect| expect.codes.iter().flatten())
        .map(String::as_str)
        .collect();
    let given: BTreeSet<&str> = CODES.iter().copied().collect();
    assert_eq!(given, expected);
}

#[test]
fn every_word_of_reachability_analyzer_that_is_given_is_documented() {
    let page = include_str!("../docs/reachability-analyzer.md");
    let missing: Vec<&&str> = CODES.iter().filter(|code| !page.contains(&format!("`{code}`"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
