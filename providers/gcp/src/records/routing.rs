//! Routes and routers.

use serde::Deserialize;

use super::values::Block;

/// A route of a network.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Route {
    pub(crate) name: String,
    pub(crate) self_link: String,
    pub(crate) network: String,
    pub(crate) dest_range: Option<Block>,
    pub(crate) priority: Option<u32>,
    pub(crate) tags: Vec<String>,
    pub(crate) next_hop_gateway: Option<String>,
    pub(crate) next_hop_network: Option<String>,
    pub(crate) next_hop_peering: Option<String>,
    pub(crate) next_hop_instance: Option<String>,
    pub(crate) next_hop_ip: Option<String>,
    pub(crate) next_hop_ilb: Option<String>,
    pub(crate) next_hop_vpn_tunnel: Option<String>,
    pub(crate) next_hop_hub: Option<String>,
    pub(crate) next_hop_interconnect_attachment: Option<String>,
    pub(crate) route_status: Option<String>,
    pub(crate) warnings: Vec<Warning>,
}

/// A remark of the API.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Warning {
    pub(crate) code: String,
    pub(crate) message: String,
}

/// A Cloud Router: address translation, and routes that it learns.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Router {
    pub(crate) name: String,
    pub(crate) self_link: String,
    pub(crate) network: String,
    pub(crate) region: String,
    pub(crate) nats: Vec<Nat>,
    pub(crate) bgp_peers: Vec<serde_json::Value>,
}

/// A Cloud NAT gateway.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Nat {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) source_subnetwork_ip_ranges_to_nat: Option<String>,
    pub(crate) subnetworks: Vec<NatSubnet>,
    pub(crate) nat_ips: Vec<String>,
    pub(crate) nat_ip_allocate_option: Option<String>,
    pub(crate) rules: Vec<serde_json::Value>,
}

/// A subnet that a Cloud NAT gateway serves.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct NatSubnet {
    pub(crate) name: String,
    pub(crate) source_ip_ranges_to_nat: Vec<String>,
    pub(crate) secondary_ip_range_names: Vec<String>,
}

/// What a router learned, as `gcloud compute routers get-status` prints it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RouterStatus {
    pub(crate) network: String,
    pub(crate) best_routes: Vec<Route>,
}

/// A route that looks at more than the destination.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PolicyRoute {
    pub(crate) name: String,
    pub(crate) network: String,
    pub(crate) priority: Option<u32>,
    pub(crate) filter: PolicyRouteFilter,
    pub(crate) virtual_machine: PolicyRouteMachines,
    pub(crate) next_hop_other_routes: Option<String>,
    pub(crate) next_hop_ilb_ip: Option<String>,
}

/// What it looks at.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PolicyRouteFilter {
    pub(crate) ip_protocol: Option<String>,
    pub(crate) src_range: Option<Block>,
    pub(crate) dest_range: Option<Block>,
}

/// Whose packets it is for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PolicyRouteMachines {
    pub(crate) tags: Vec<String>,
}
