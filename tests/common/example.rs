//! What the reports on the examples are held to.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::common::reachlint;

/// The report of an audit, which ends with a code and says nothing beside the report.
pub(crate) fn report(audit: &[&str], code: i32) -> Value {
    let output = reachlint().args(audit).args(["--report", "json"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*said), (Some(code), ""));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Where a flow goes to, by its id.
pub(crate) fn target(flow: &Value) -> &str {
    flow.as_str().unwrap().split_once('>').unwrap().1
}

/// Each finding as its rule, its severity and the target of its flow.
pub(crate) fn findings(report: &Value) -> BTreeSet<(&str, &str, &str)> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .map(|finding| {
            let text = |key: &str| finding[key].as_str().unwrap();
            (text("rule"), text("severity"), target(&finding["flow"]))
        })
        .collect()
}

/// Asserts which flows are stopped, and by what: each row has the sources, the target, the verdict and the `layer direction`
/// of a step that does not let them pass.
pub(crate) fn assert_stops(report: &Value, expected: &[(&[&str], &str, &str, &str)]) {
    let rows = expected.iter();
    let expected = rows.flat_map(|(from, to, verdict, place)| {
        from.iter().map(move |from| (*from, *to, *verdict, (*place).to_owned()))
    });
    assert_eq!(stops(report), expected.collect());
}

/// Every step that does not let a flow pass; and a flow that is not allowed without one as if it had one without a name.
fn stops(report: &Value) -> BTreeSet<(&str, &str, &str, String)> {
    let mut found = BTreeSet::new();
    for flow in report["flows"].as_array().unwrap() {
        let from = flow["from"]["address"].as_str().unwrap();
        let (to, verdict) = (target(&flow["id"]), flow["verdict"].as_str().unwrap());
        let steps = flow["path"].as_array().unwrap().iter();
        let stopping = steps.filter(|step| step["outcome"] == "deny" || step["outcome"] == "maybe");
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        let mut places: Vec<String> =
            stopping.map(|step| format!("{} {}", word(&step["layer"]), word(&step["direction"]))).collect();
        if places.is_empty() && verdict != "allowed" {
            places.push(String::new());
        }
        found.extend(places.into_iter().map(|place| (from, to, verdict, place)));
    }
    found
}
