//! Which rules admit the internet, wherever they are and whether anybody needs them.

use std::collections::HashSet;

use reachlint_model::{Action, Family, Layer, ListId, Network, Peer, Rule, RuleId, Side};

use super::breadth::{is_whole_internet, peer};

/// A rule that admits the internet all by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OpenRule {
    /// The kind of filter that the rule belongs to.
    pub layer: Layer,
    /// The list that holds it.
    pub list: ListId,
    /// The rule.
    pub rule: RuleId,
}

/// Every rule on what comes in that allows and whose peer alone holds all public addresses of a family: `0.0.0.0/0`,
/// `::/0`, or a prefix list of whatever blocks that add up to it. Each half of a split `0.0.0.0/0` is a rule for itself
/// and not among them; `broad-ingress` looks at what rules let through together.
pub fn open_rules(network: &Network) -> impl Iterator<Item = OpenRule> + '_ {
    let mut seen = HashSet::new();
    let gates = network.gates().filter(|gate| gate.side == Side::Source);
    let lists = gates.flat_map(|gate| network.lists(gate).map(|(list, rules)| (gate.layer, list, rules)));
    let new = lists.filter(move |(layer, list, _)| seen.insert((*layer, *list)));
    new.flat_map(move |(layer, list, rules)| {
        let numbered = network.rules(rules).iter().zip(rules.rules.clone().map(RuleId));
        let open = numbered.filter(|(rule, _)| is_open(network, rule));
        open.map(move |(_, rule)| OpenRule { layer, list, rule })
    })
}

fn is_open(network: &Network, rule: &Rule) -> bool {
    let allows = matches!(rule.action, Action::Allow | Action::Accept);
    // No block but `0.0.0.0/0` holds both the lowest and the highest public address; most rules of an estate end here.
    let too_small = matches!(rule.peer, Peer::V4 { length: 1.., .. } | Peer::Group(_) | Peer::Gone | Peer::Unknown(_));
    allows && !too_small && rule.narrow.is_none() && {
        let sources = peer(network, rule.peer).unwrap_or_default();
        is_whole_internet(&sources, Family::V4) || is_whole_internet(&sources, Family::V6)
    }
}
