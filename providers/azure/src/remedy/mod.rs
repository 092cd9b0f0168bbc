use crate::network::AzureNetwork;
use reachlint_model::{Fix, Hop, ListId, Remedy, RuleId};
pub(crate) fn remedy(_: &AzureNetwork, _: Fix, _: &Hop, _: Option<ListId>, _: Option<RuleId>) -> Option<Remedy> {
    None
}
