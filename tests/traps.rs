//! Every case in `tests/traps/aws` comes out as it says. `tests/traps/aws/README.md` explains the keys.

#[cfg(test)]
mod cases;

use std::path::Path;

use reachlint::rules;

#[test]
fn every_case_comes_out_as_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traps/aws");
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
    assert!(cases.len() >= 100, "only {} cases were found", cases.len());
    assert!(wrong.is_empty(), "{} complaints about {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
