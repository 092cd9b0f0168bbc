//! Every case in `tests/traps/nginx` comes out as it says. `tests/traps/nginx/README.md` explains the keys.

use std::collections::BTreeSet;

use crate::case::{cases, complaints, malformed};

#[test]
fn every_case_comes_out_as_it_says() {
    let cases = cases();
    let mut ids = BTreeSet::new();
    let mut wrong = Vec::new();
    for (name, case) in &cases {
        wrong.extend(malformed(name, case, &mut ids));
        wrong.extend(complaints(case).into_iter().map(|complaint| format!("{name}: {complaint}")));
    }
    assert!(cases.len() >= 180, "only {} cases were found", cases.len());
    assert!(wrong.is_empty(), "{} complaints about {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
