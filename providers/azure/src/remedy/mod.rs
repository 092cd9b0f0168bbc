//! The narrowest change at a hop, in the words of the Azure CLI, Terraform and the portal.

mod group;
mod other;
mod words;

use reachlint_model::{Fix, Hop, ListId, Remedy, RuleId};

use crate::network::{ADMIN, AzureNetwork, GROUP, PROBE};

/// The narrowest change for `fix` at `hop`; none where nothing sensible can be said.
pub(crate) fn remedy(
    azure: &AzureNetwork,
    fix: Fix,
    hop: &Hop,
    list: Option<ListId>,
    rule: Option<RuleId>,
) -> Option<Remedy> {
    match (fix, hop.layer) {
        (Fix::Open, GROUP | PROBE) => group::open(azure, hop, rule),
        (Fix::Open, _) => other::open(azure, hop),
        (Fix::Narrow, ADMIN) => other::narrow_admin(azure, hop, rule?),
        (Fix::Narrow, _) => group::narrow(azure, hop, list?, rule?),
    }
}
