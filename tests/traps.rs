//! Every case in `tests/traps` comes out as it says. `tests/traps/aws/README.md` explains the keys, and that of
//! `tests/traps/host` its own.

#[cfg(test)]
mod cases;

use std::path::Path;

use reachlint::rules;

#[test]
fn every_case_of_aws_comes_out_as_it_says() {
    every_case("aws", 100);
}

#[test]
fn every_case_of_a_host_comes_out_as_it_says() {
    every_case("host", 18);
}

fn every_case(subject: &str, least: usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traps").join(subject);
    let base = cases::base();
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
    assert!(cases.len() >= least, "only {} cases were found", cases.len());
    assert!(wrong.is_empty(), "{} complaints about {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
