//! Compares the verdict on a connection with what AWS Reachability Analyzer said of it.
//!
//! What that does not look at is in its guide, under considerations: IPv6, the health of targets, answers over TCP once a
//! transit gateway's route table is on the way, what is not configuration of the network. It names one combination of
//! components that blocks, and there may be more.

mod choose;

use reachlint_aws::records::{Insights, InsightsAnalysis, InsightsExplanation};

pub use choose::{Ends, Match, choose};

use crate::report::{Compared, Comparison, Explained, Flow, FlowVerdict, Step, StepOutcome};

/// Explanations that say that there was no answer (Reachability Analyzer, explanation codes).
const NO_ANSWER: [&str; 11] = [
    "GWLB_DESTINATION_PORT_RESTRICTION",
    "GWLB_PROTOCOL_RESTRICTION",
    "IGW_NAT_REFLECTION",
    "NO_PATH",
    "NO_SOURCE_OR_DESTINATION",
    "TGW_RTB_ROUTES_ARE_UNKNOWN",
    "UNASSOCIATED_COMPONENT",
    "UNKNOWN_DESTINATION",
    "UNKNOWN_PEERED_SGS",
    "UNKNOWN_RESOURCE",
    "UNSUPPORTED_COMPONENT",
];
/// Explanations of why other ways were not taken, which stand beside what blocks.
const CONTEXT: [&str; 7] = [
    "CANNOT_ROUTE",
    "HIGHER_PRIORITY_ROUTE",
    "MORE_SPECIFIC_ROUTE",
    "TGW_RTB_CANNOT_ROUTE",
    "TGW_RTB_HIGHER_PRIORITY_ROUTE",
    "TGW_RTB_MORE_SPECIFIC_ROUTE",
    "VPC_LOCAL_ROUTE_CIDR_RESTRICTION",
];

/// The comparison with the analysis that is about this connection; none where there is no such analysis.
#[must_use]
pub fn compare(flow: &Flow, ends: &Ends, insights: &Insights) -> Option<Comparison> {
    let (analysis, how) = choose(ends, insights)?;
    let finished = analysis.status.as_deref() == Some("succeeded");
    let reachable = analysis.network_path_found.filter(|_| finished);
    let denies: Vec<&Step> = flow.path.iter().filter(|step| step.outcome == StepOutcome::Deny).collect();
    let explanations: Vec<Explained> =
        analysis.explanations.iter().map(|explanation| explained(explanation, &denies)).collect();
    let mut comparison = Comparison {
        result: Compared::NotCompared,
        analysis: analysis.network_insights_analysis_id.clone(),
        path: analysis.network_insights_path_id.clone(),
        reachable,
        explanations,
        only_here: Vec::new(),
        notes: Vec::new(),
    };
    match how {
        Match::Exact => {}
        Match::AnyPort => comparison.notes.push("AWS was asked about more ports than this one".to_owned()),
        Match::Assumed => comparison.notes.push(
            "the file does not hold the path of the analysis, which is taken to be about this connection; add what \
             `aws ec2 describe-network-insights-paths` prints"
                .to_owned(),
        ),
    }
    if ends.address.is_ipv6() {
        comparison.notes.push("Reachability Analyzer looks at IPv4 only".to_owned());
        return Some(comparison);
    }
    let Some(reachable) = reachable else {
        comparison.notes.push(unfinished(analysis));
        return Some(comparison);
    };
    comparison.result = match (flow.verdict, reachable) {
        (FlowVerdict::Unknown, _) => {
            comparison.notes.push("reachlint does not decide, so there is nothing to compare with".to_owned());
            Compared::NotCompared
        }
        (FlowVerdict::Allowed, true) => Compared::Agrees,
        (FlowVerdict::Allowed | FlowVerdict::Partial, false) => allowed(analysis, &mut comparison),
        (FlowVerdict::Partial, true) => {
            comparison.notes.push(
                "Reachability Analyzer looks for one packet that gets through; reachlint sees that others do not"
                    .to_owned(),
            );
            Compared::Explained
        }
        (FlowVerdict::Blocked, true) => blocked(flow, analysis, &denies, how, &mut comparison.notes),
        (FlowVerdict::Blocked, false) => both(&denies, &mut comparison),
    };
    Some(comparison)
}

fn unfinished(analysis: &InsightsAnalysis) -> String {
    let status = analysis.status.as_deref().unwrap_or("unknown");
    match &analysis.status_message {
        Some(message) => format!("the analysis has no result: its status is {status}, {message}"),
        None => format!("the analysis has no result: its status is {status}"),
    }
}

/// AWS finds no way where there is one.
fn allowed(analysis: &InsightsAnalysis, comparison: &mut Comparison) -> Compared {
    let codes = comparison.explanations.iter().map(|explanation| explanation.code.as_str());
    let unanswered = |code: &str| NO_ANSWER.contains(&code) || is_filter(code);
    let all = !comparison.explanations.is_empty() && codes.clone().all(|code| unanswered(code) || is_context(code));
    if all {
        let codes: Vec<&str> = codes.collect();
        comparison.notes.push(format!("Reachability Analyzer could not follow the path: {}", codes.join(", ")));
        return Compared::Explained;
    }
    if !analysis.filter_in_arns.is_empty() || !analysis.filter_out_arns.is_empty() {
        let note =
            "the analysis was told which components to pass or avoid, so it may have left out the way that exists";
        comparison.notes.push(note.to_owned());
        return Compared::Explained;
    }
    Compared::VerdictDiffers
}

/// AWS finds a way where there is none.
fn blocked(
    flow: &Flow,
    analysis: &InsightsAnalysis,
    denies: &[&Step],
    how: Match,
    notes: &mut Vec<String>,
) -> Compared {
    if how == Match::AnyPort {
        notes.push("another port of those it was asked about may be reachable".to_owned());
        return Compared::Explained;
    }
    let forward = forward_only(flow, analysis);
    let mut reasons: Vec<&'static str> = Vec::new();
    for step in denies {
        let Some(reason) = unseen(step, forward) else { return Compared::VerdictDiffers };
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    notes.extend(reasons.iter().map(|reason| (*reason).to_owned()));
    if denies.is_empty() { Compared::VerdictDiffers } else { Compared::Explained }
}

/// Whether answers were not looked at (Reachability Analyzer, considerations and additional detail codes).
fn forward_only(flow: &Flow, analysis: &InsightsAnalysis) -> bool {
    let transit = flow.path.iter().any(|step| step.layer == "aws.transit-gateway");
    let details = analysis.forward_path_components.iter().flat_map(|component| &component.additional_details);
    let said = details
        .filter_map(|detail| detail.additional_detail_type.as_deref())
        .any(|code| code == "UNIDIRECTIONAL_PATH_ANALYSIS_ONLY");
    said || (transit && flow.to.protocol == "tcp")
}

/// Why Reachability Analyzer does not see what a step refuses.
fn unseen(step: &Step, forward: bool) -> Option<&'static str> {
    match step.layer.as_str() {
        layer if !layer.starts_with("aws.") => {
            Some("Reachability Analyzer looks at the network of AWS only, not at hosts and other clouds")
        }
        "aws.instance-state" | "aws.managed-service" => Some(
            "Reachability Analyzer looks at the configuration of the network; that a machine or service does not run is no part of \
             it",
        ),
        "aws.target-group" if step.code.is_none() => Some(
            "Reachability Analyzer does not consider the health of registered targets, nor which of them is chosen",
        ),
        _ if step.direction == "return" && forward => {
            Some("over a transit gateway Reachability Analyzer follows TCP forward only, not the answers")
        }
        _ => None,
    }
}

/// Both find that it is blocked.
fn both(denies: &[&Step], comparison: &mut Comparison) -> Compared {
    let stops = || comparison.explanations.iter().filter(|explanation| !is_context(&explanation.code));
    let unanswered =
        |explanation: &Explained| NO_ANSWER.contains(&explanation.code.as_str()) || is_filter(&explanation.code);
    let strange = stops().any(|explanation| !explanation.known_here && !unanswered(explanation));
    let followed = comparison.explanations.is_empty() || !stops().all(unanswered) || stops().next().is_none();
    let here: Vec<String> = denies
        .iter()
        .filter(|step| !comparison.explanations.iter().any(|explanation| names(explanation, step)))
        .map(|step| step.id.clone())
        .collect();
    comparison.only_here = here;
    if strange {
        return Compared::BlockersDiffer;
    }
    if !followed {
        comparison.notes.push("Reachability Analyzer could not follow the path to what blocks it".to_owned());
        return Compared::Explained;
    }
    if !comparison.only_here.is_empty() && !comparison.explanations.is_empty() {
        comparison.notes.push("Reachability Analyzer names one combination that blocks; there may be more".to_owned());
    }
    Compared::Agrees
}

fn is_context(code: &str) -> bool {
    CONTEXT.contains(&code)
}

/// Whether a code says that nothing matched what the analysis was told to look for.
fn is_filter(code: &str) -> bool {
    ["COMPONENT_FILTER_", "FILTER_AT_"].iter().any(|start| code.starts_with(start))
}

fn explained(explanation: &InsightsExplanation, denies: &[&Step]) -> Explained {
    let mut explained = Explained {
        code: explanation.explanation_code.clone().unwrap_or_default(),
        direction: explanation.direction.clone(),
        ids: explanation.ids().into_iter().map(str::to_owned).collect(),
        known_here: false,
    };
    explained.known_here = denies.iter().any(|step| names(&explained, step));
    explained
}

/// Whether an explanation is about a step: the same kind of thing, and where it names the interface or the network ACL,
/// the same one.
fn names(explanation: &Explained, step: &Step) -> bool {
    let kind = kind(&explanation.code);
    let layer = step.layer.strip_prefix("aws.").unwrap_or(&step.layer);
    let id = step.id.split(' ').next().unwrap_or_default();
    let same = |start: &str| {
        let mut ids = explanation.ids.iter().filter(|known| known.starts_with(start)).peekable();
        ids.peek().is_none() || ids.any(|known| known == id)
    };
    let direction = explanation.direction.as_deref().is_none_or(|known| known == step.direction);
    match kind {
        Some("security-group") => layer == "security-group" && same("eni-") && direction,
        Some("network-acl") => layer == "network-acl" && same("acl-"),
        Some("load-balancer") => matches!(layer, "load-balancer" | "target-group"),
        Some(kind) => layer == kind || (kind == "route" && layer == "peering"),
        None => step.code.as_deref() == Some(&explanation.code),
    }
}

/// What a code is about, in the words of layers.
fn kind(code: &str) -> Option<&'static str> {
    Some(match code {
        "ENI_SG_RULES_MISMATCH"
        | "SG_HAS_NO_RULES"
        | "SG_REFERENCES_NOT_PRESERVED"
        | "SG_REFERENCING_SUPPORT"
        | "UNKNOWN_PEERED_SGS" => "security-group",
        "SUBNET_ACL_RESTRICTION" | "ELB_ACL_RESTRICTION" => "network-acl",
        "BAD_STATE_ROUTE"
        | "CANNOT_ROUTE"
        | "DISCONNECTED_VPCS"
        | "HIGHER_PRIORITY_ROUTE"
        | "MORE_SPECIFIC_ROUTE"
        | "NO_POSSIBLE_DESTINATION"
        | "NO_ROUTE_TO_DESTINATION"
        | "PCX_REQUIRES_ADDRESS_IN_VPC_CIDR"
        | "VPC_LOCAL_ROUTE_CIDR_RESTRICTION" => "route",
        "ENI_SOURCE_DEST_CHECK_RESTRICTION" => "source-dest-check",
        "VPC_BLOCK_PUBLIC_ACCESS_ENABLED" => "block-public-access",
        "TARGET_ADDRESS_RESTRICTION" | "TARGET_PORT_RESTRICTION" => "load-balancer",
        _ if code.starts_with("ELB") => "load-balancer",
        _ if code.starts_with("TGW_") => "transit-gateway",
        _ if code.starts_with("IGW_") => "internet-gateway",
        _ if code.starts_with("NGW_") || code.starts_with("REGIONAL_NGW_") => "nat-gateway",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
