//! stub
use crate::network::AwsNetwork;
use reachlint_model::{Fix, Hop, ListId, Remedy, RuleId};
pub(crate) fn remedy(_: &AwsNetwork, _: Fix, _: &Hop, _: Option<ListId>, _: Option<RuleId>) -> Option<Remedy> {
    None
}
