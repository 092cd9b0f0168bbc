//! Load balancers.

use std::net::IpAddr;

use serde::Deserialize;
use serde_json::Value;

use super::values::Ports;

/// Where a load balancer, or an endpoint of Private Service Connect, takes connections.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ForwardingRule {
    pub(crate) name: String,
    pub(crate) self_link: String,
    pub(crate) region: Option<String>,
    #[serde(rename = "IPAddress")]
    pub(crate) address: Option<String>,
    #[serde(rename = "IPProtocol")]
    pub(crate) protocol: Option<String>,
    pub(crate) port_range: Option<Ports>,
    pub(crate) ports: Vec<Ports>,
    pub(crate) all_ports: bool,
    pub(crate) load_balancing_scheme: Option<String>,
    pub(crate) backend_service: Option<String>,
    pub(crate) target: Option<String>,
    pub(crate) network: Option<String>,
    pub(crate) subnetwork: Option<String>,
    pub(crate) allow_global_access: bool,
    pub(crate) allow_psc_global_access: bool,
    pub(crate) psc_connection_status: Option<String>,
}

impl ForwardingRule {
    /// Its address, if it is one rather than a block or the name of a reserved one.
    #[must_use]
    pub(crate) fn address(&self) -> Option<IpAddr> {
        let text = self.address.as_deref()?;
        text.split('/').next().filter(|_| !text.contains("://"))?.parse().ok()
    }
}

/// Who serves a load balancer.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct BackendService {
    pub(crate) name: String,
    pub(crate) self_link: String,
    pub(crate) protocol: Option<String>,
    pub(crate) port_name: Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) network: Option<String>,
    pub(crate) load_balancing_scheme: Option<String>,
    pub(crate) backends: Vec<Backend>,
    pub(crate) health_checks: Vec<String>,
    pub(crate) failover_policy: FailoverPolicy,
}

/// One of them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Backend {
    pub(crate) group: String,
    pub(crate) failover: bool,
}

/// What happens when nobody is healthy.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct FailoverPolicy {
    pub(crate) drop_traffic_if_unhealthy: bool,
}

/// A group of instances.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct InstanceGroup {
    pub(crate) name: String,
    pub(crate) self_link: String,
    pub(crate) named_ports: Vec<NamedPort>,
    pub(crate) network: Option<String>,
    pub(crate) size: Option<u32>,
}

/// A port with a name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NamedPort {
    pub(crate) name: String,
    pub(crate) port: u16,
}

/// An instance of a group.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Member {
    pub(crate) instance: String,
    pub(crate) status: Option<String>,
    pub(crate) named_ports: Vec<NamedPort>,
}

/// A network endpoint group.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct EndpointGroup {
    pub(crate) name: String,
    pub(crate) self_link: String,
    pub(crate) network_endpoint_type: Option<String>,
    pub(crate) network: Option<String>,
    pub(crate) default_port: Option<u16>,
    pub(crate) size: Option<u32>,
}

/// An endpoint with its surroundings, as `list-network-endpoints` prints it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ListedEndpoint {
    pub(crate) network_endpoint: Endpoint,
}

/// An endpoint of such a group.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Endpoint {
    pub(crate) instance: Option<String>,
    pub(crate) ip_address: Option<IpAddr>,
    pub(crate) port: Option<u16>,
    pub(crate) fqdn: Option<String>,
}

/// A target pool.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct TargetPool {
    pub(crate) name: String,
    pub(crate) self_link: String,
    pub(crate) instances: Vec<String>,
    pub(crate) health_checks: Vec<String>,
}

/// One instance as a target.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct TargetInstance {
    pub(crate) name: String,
    pub(crate) self_link: String,
    pub(crate) instance: String,
}

/// A proxy in front of URL maps or a backend service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct TargetProxy {
    pub(crate) name: String,
    pub(crate) self_link: String,
    pub(crate) url_map: Option<String>,
    pub(crate) service: Option<String>,
}

/// Which backend services a proxy sends to.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct UrlMap {
    pub(crate) name: String,
    pub(crate) self_link: String,
    pub(crate) default_service: Option<String>,
    pub(crate) host_rules: Vec<Value>,
    pub(crate) path_matchers: Vec<Value>,
}

/// How health is checked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct HealthCheck {
    pub(crate) name: String,
    pub(crate) self_link: String,
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) tcp_health_check: Option<ProbePort>,
    pub(crate) http_health_check: Option<ProbePort>,
    pub(crate) https_health_check: Option<ProbePort>,
    pub(crate) http2_health_check: Option<ProbePort>,
    pub(crate) ssl_health_check: Option<ProbePort>,
    pub(crate) grpc_health_check: Option<ProbePort>,
}

/// The port of a probe.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ProbePort {
    pub(crate) port: Option<u16>,
    pub(crate) port_name: Option<String>,
    pub(crate) port_specification: Option<String>,
}

impl HealthCheck {
    /// The port that it asks, if it has one of its own; a port of 80 or 443 is what HTTP and HTTPS checks have by default
    /// (Compute Engine API, `HTTPHealthCheck.port`).
    #[must_use]
    pub(crate) fn probe(&self) -> Option<&ProbePort> {
        let all = [
            &self.tcp_health_check,
            &self.http_health_check,
            &self.https_health_check,
            &self.http2_health_check,
            &self.ssl_health_check,
            &self.grpc_health_check,
        ];
        all.into_iter().find_map(Option::as_ref)
    }
}
