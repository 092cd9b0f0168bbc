//! What a cloud says is in force differs from what its rules and routes were computed to be.

use super::Context;
use super::support::{finding, groups, whither};
use crate::audit::Judged;
use crate::report::{Finding, Severity, Step, StepKind, StepOutcome};

/// How the layer of filters in force ends, whichever cloud's they are.
const RULES: &str = ".effective-rules";
/// How the layer ends of a route in force that differs from the one that was computed.
const ROUTE: &str = ".effective-route";

/// How the layer ends of rules in force that are not those that were listed.
const LISTED: &str = ".effective-firewalls";

/// One difference on the path of a flow.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Difference {
    /// The filters of an interface, computed and in force.
    Filters { interface: String, direction: String, computed: Side, force: Side },
    /// A route of an interface.
    Route { interface: String, direction: String, detail: String },
    /// The rules of an interface, in force and listed, whatever they do to this connection.
    Rules { interface: String, direction: String, detail: String },
}

/// What filters do.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Side {
    passes: bool,
    /// What decided, where it has a name.
    rule: Option<String>,
}

pub(super) fn check(context: &Context<'_>) -> Vec<Finding> {
    let found: Vec<(&Judged, Difference)> = context
        .flows
        .iter()
        .flat_map(|flow| differences(&flow.flow.path).into_iter().map(move |difference| (flow, difference)))
        .collect();
    let mut told: Vec<&Difference> = Vec::new();
    let mut findings = Vec::new();
    for (_, difference) in &found {
        if told.contains(&difference) {
            continue;
        }
        told.push(difference);
        let flows = found.iter().filter(|(_, other)| other == difference).map(|(flow, _)| *flow);
        let upstreams = groups(flows, super::support::upstream);
        findings.extend(upstreams.iter().map(|flows| about(difference, flows)));
    }
    findings
}

/// The differences on a path. What is in force on an interface follows what was computed for it.
fn differences(path: &[Step]) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(step) = path.get(at) {
        if step.layer.ends_with(ROUTE) {
            let Step { id, direction, detail, .. } = step;
            let (interface, direction, detail) = (id.clone(), direction.clone(), detail.clone());
            found.push(Difference::Route { interface, direction, detail });
        }
        if step.layer.ends_with(LISTED) {
            let Step { id, direction, detail, .. } = step;
            let (interface, direction, detail) = (id.clone(), direction.clone(), detail.clone());
            found.push(Difference::Rules { interface, direction, detail });
        }
        if !step.layer.ends_with(RULES) {
            at += 1;
            continue;
        }
        let same =
            |other: &&Step| other.layer == step.layer && other.id == step.id && other.direction == step.direction;
        let force: Vec<&Step> = path.iter().skip(at).take_while(same).collect();
        let cloud = |step: &Step| step.layer.split('.').next().map(str::to_owned);
        let filters = |other: &&Step| {
            other.kind == StepKind::Gate
                && other.direction == step.direction
                && cloud(other) == cloud(step)
                && !other.layer.ends_with(RULES)
        };
        let computed: Vec<&Step> = path.iter().take(at).rev().take_while(filters).collect();
        at += force.len();
        if let (Some(computed), Some(force)) = (side(&computed), side(&force))
            && computed.passes != force.passes
        {
            let (interface, direction) = (step.id.clone(), step.direction.clone());
            found.push(Difference::Filters { interface, direction, computed, force });
        }
    }
    found
}

/// What several filters do together; none where that is not known.
fn side(steps: &[&Step]) -> Option<Side> {
    let with = |outcome| steps.iter().find(|step| step.outcome == outcome);
    if let Some(step) = with(StepOutcome::Deny) {
        return Some(Side { passes: false, rule: step.rule.clone() });
    }
    if with(StepOutcome::Maybe).is_some() {
        return None;
    }
    let last = steps.iter().find(|step| matches!(step.outcome, StepOutcome::Allow | StepOutcome::Accept));
    Some(Side { passes: true, rule: last.and_then(|step| step.rule.clone()) })
}

fn about(difference: &Difference, flows: &[&Judged]) -> Finding {
    let target = whither(flows);
    let by = |side: &Side| side.rule.as_ref().map_or(String::new(), |rule| format!(" (`{rule}`)"));
    let (message, interface, direction, rules) = match difference {
        Difference::Filters { interface, direction, computed, force } => {
            let does = |side: &Side| if side.passes { "admit" } else { "refuse" };
            let message = format!(
                "what is in force on {interface} for {direction} would {}{} connections to {target}, while the rules that \
                 were read {} them{}",
                does(force),
                by(force),
                does(computed),
                by(computed),
            );
            (message, interface, direction, [force.rule.clone(), computed.rule.clone()])
        }
        Difference::Route { interface, direction, detail } => {
            let way = if direction == "return" { "answers" } else { "connections" };
            let message = format!("the route in force on {interface} for {way} to {target} is another one: {detail}");
            (message, interface, direction, [None, None])
        }
        Difference::Rules { interface, direction, detail } => {
            let message = format!("what is in force on {interface} for {direction} to {target}: {detail}");
            (message, interface, direction, [None, None])
        }
    };
    let [upstream, owner] = flows.first().map(|flow| super::support::upstream(flow)).unwrap_or_default();
    let kind = match difference {
        Difference::Filters { .. } => "rules",
        Difference::Route { .. } => "route",
        Difference::Rules { .. } => "listed",
    };
    let what = [interface.as_str(), direction, kind, &upstream, &owner];
    let mut finding = finding("effective-difference", Severity::Medium, flows, message, &what);
    super::support::concern(&mut finding, [interface.clone()].into_iter().chain(rules.into_iter().flatten()));
    finding
}
