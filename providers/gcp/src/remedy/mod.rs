use crate::network::GcpNetwork;
use reachlint_model::*;
pub(crate) fn remedy(_: &GcpNetwork, _: Fix, _: &Hop, _: Option<ListId>, _: Option<RuleId>) -> Option<Remedy> {
    None
}
