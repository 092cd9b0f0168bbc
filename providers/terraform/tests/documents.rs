//! Documents that Terraform wrote, and what is said about those that are no plan.

#![cfg(test)]

use reachlint_aws::network::Estate;
use reachlint_terraform::{Plan, PlanError};

const PLAN: &[u8] = include_bytes!("documents/plan.json");
/// What `plan.json` marks as sensitive.
const SECRET: &str = "hunter2";

fn error(bytes: &[u8]) -> PlanError {
    Plan::read(bytes).unwrap_err()
}

#[test]
fn a_plan_that_terraform_wrote_is_read() {
    let plan = Plan::read(PLAN).unwrap();
    assert_eq!(plan.summary(), "8 of 8 resources change; the verdicts are of what is there after its apply");
    let notes = plan.lay_over(&mut Estate::new()).unwrap();
    assert_eq!(notes, ["changes that touch no network: terraform_data (8)"]);
}

#[test]
fn a_plan_written_by_a_windows_shell_is_read() {
    let marked = [b"\xef\xbb\xbf", PLAN].concat();
    assert!(Plan::read(&marked).is_ok());
}

#[test]
fn what_is_no_plan_is_told_apart() {
    assert_eq!(error(include_bytes!("documents/errored.json")), PlanError::Errored);
    assert_eq!(error(include_bytes!("documents/state.json")), PlanError::State);
    assert_eq!(error(include_bytes!("documents/state-shown.json")), PlanError::State);
    assert_eq!(error(include_bytes!("documents/log.json")), PlanError::Log);
    assert_eq!(error(b"PK\x03\x04and then a zip archive"), PlanError::Packed);
    assert_eq!(error(b"{\"format_version\": \"2.0\", \"resource_changes\": []}"), PlanError::Newer("2.0".to_owned()));
    assert_eq!(error(b"{\"Reservations\": []}"), PlanError::Other);
    assert_eq!(error(b"[]"), PlanError::Other);
    assert_eq!(error(b"{\"format_version\": \"1.0\"}"), PlanError::State);
    assert_eq!(error(b"{\"format_version\": \"1.2\", \"resource_changes\": {}}"), PlanError::Shape);
    assert_eq!(
        error(b"{\"format_version\": \"1.2\", \"resource_changes\": [{\"address\": \"a.b\"}]}"),
        PlanError::Shape
    );
    assert_eq!(error(b""), PlanError::NotJson { line: 1, column: 0 });
}

#[test]
fn a_broken_plan_says_where_and_nothing_of_what_it_holds() {
    let text = String::from_utf8(PLAN.to_vec()).unwrap();
    let cut = text.find(SECRET).unwrap() + SECRET.len();
    let error = error(&text.as_bytes()[..cut]);
    assert!(matches!(error, PlanError::NotJson { .. }));
    for said in [error.to_string(), error.help().to_owned(), format!("{error:?}")] {
        assert!(!said.contains(SECRET), "{said}");
    }
}

/// Every document that begins like a plan and ends anywhere, and every value of it turned into another kind.
#[test]
fn no_document_makes_it_panic() {
    let text = include_str!("../../../examples/aws-shop/terraform/tfplan.json");
    for end in (0..text.len()).step_by(97) {
        let _ = Plan::read(&text.as_bytes()[..end]);
    }
    let words = ["null", "true", "[]", "{}", "\"\"", "-1", "[null]", "[{}]"];
    let places: Vec<usize> = text.match_indices(": ").map(|(at, _)| at + 2).collect();
    for (turn, at) in places.into_iter().enumerate() {
        let rest = &text[at..];
        let end = rest.find(['\n', ',']).unwrap();
        if rest.starts_with(['{', '[']) {
            continue;
        }
        let turned = format!("{}{}{}", &text[..at], words[turn % words.len()], &rest[end..]);
        if let Ok(plan) = Plan::read(turned.as_bytes()) {
            let _ = plan.lay_over(&mut Estate::new());
        }
    }
}
