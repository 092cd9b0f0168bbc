//! stub
use reachlint_model::{Fix, Hop, ListId, Remedy, RuleId};
use crate::network::AwsNetwork;
pub(crate) fn remedy(_: &AwsNetwork, _: Fix, _: &Hop, _: Option<ListId>, _: Option<RuleId>) -> Option<Remedy> { None }
