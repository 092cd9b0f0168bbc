//! What live collection has to ask for, by what it has read so far.

use std::collections::BTreeSet;
use std::net::IpAddr;

use reachlint_model::{InterfaceId, Lookup, Provider, Selector};

use super::{Estate, GcpNetwork};
use crate::records::{ForwardingRule, last, path, region_of, segment, short};

/// A machine by its path, and one of its interfaces.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Asked {
    pub(crate) nic: String,
    pub(crate) machine: String,
}

impl Estate {
    /// Projects whose networks and subnets machines and load balancers are in.
    pub(crate) fn host_projects(&self) -> BTreeSet<String> {
        let nics = self.instances.values().flat_map(|machine| &machine.network_interfaces);
        let own = nics.flat_map(|nic| [Some(&nic.network), nic.subnetwork.as_ref()]);
        let rules = self.forwarding_rules.values().flat_map(|rule| [rule.network.as_ref(), rule.subnetwork.as_ref()]);
        let links = own.chain(rules).flatten();
        links.filter_map(|link| segment(path(link), "projects")).map(str::to_owned).collect()
    }

    /// Projects with health checks of the older kind.
    pub(crate) fn with_older_checks(&self) -> BTreeSet<String> {
        let pools = self.target_pools.values().flat_map(|pool| &pool.health_checks);
        let services = self.backend_services.values().flat_map(|service| &service.health_checks);
        let links = pools.chain(services).map(|link| path(link));
        let older = links.filter(|link| link.contains("/httpHealthChecks/") || link.contains("/httpsHealthChecks/"));
        older.filter_map(|link| segment(link, "projects")).map(str::to_owned).collect()
    }

    /// Groups that backend services send to.
    pub(crate) fn groups_in_use(&self) -> BTreeSet<String> {
        let backends = self.backend_services.values().flat_map(|service| &service.backends);
        backends.map(|backend| path(&backend.group).to_owned()).filter(|group| !group.is_empty()).collect()
    }

    /// Policies that a listing gave without their rules.
    pub(crate) fn policies_without_rules(&self) -> Vec<String> {
        let policies = self.policies.iter().filter(|(_, policy)| policy.rules.is_empty());
        policies.map(|(path, _)| path.clone()).collect()
    }

    /// Networks with the regions in which something of theirs filters.
    pub(crate) fn networks_in_use(&self) -> BTreeSet<(String, String)> {
        let machines = self.instances.values().flat_map(|machine| {
            let region = region_of(last(&machine.zone)).to_owned();
            machine.network_interfaces.iter().map(move |nic| (path(&nic.network).to_owned(), region.clone()))
        });
        machines.filter(|(network, region)| !network.is_empty() && !region.is_empty()).collect()
    }

    /// Routers that exchange routes with somebody.
    pub(crate) fn routers_that_learn(&self) -> Vec<String> {
        let routers = self.routers.iter().filter(|(_, router)| !router.bgp_peers.is_empty());
        routers.map(|(path, _)| path.clone()).collect()
    }

    /// The interfaces that are selected or have one of these addresses or names; those behind a load balancer that has one
    /// as well.
    pub(crate) fn asked(
        &self,
        gcp: &GcpNetwork,
        from: &[Selector],
        addresses: &[IpAddr],
        hosts: &[String],
    ) -> Vec<Asked> {
        let mut found: Vec<InterfaceId> = from.iter().flat_map(|selector| gcp.select(selector)).collect();
        let mut wanted = addresses.to_vec();
        if let Some(nginx) = found.first() {
            for host in hosts {
                if let Lookup::Addresses(known) = gcp.lookup(*nginx, host) {
                    wanted.extend(known);
                }
            }
        }
        found.extend(wanted.iter().flat_map(|address| gcp.network().owners(*address)));
        let names: BTreeSet<&str> = found
            .iter()
            .filter_map(|id| gcp.network().interface(*id))
            .map(|interface| gcp.network().name(interface.id))
            .collect();
        let behind = self.behind(&wanted);
        let nics = self.instances.iter().flat_map(|(path, machine)| {
            machine.network_interfaces.iter().map(move |nic| (path.clone(), nic.name.clone()))
        });
        let in_question = nics.filter(|(machine, nic)| {
            names.contains(format!("{}/{nic}", short(machine)).as_str()) || behind.contains(machine)
        });
        in_question.map(|(machine, nic)| Asked { nic, machine }).collect()
    }

    /// Machines behind load balancers that have one of these addresses. The groups of all of them are taken together: it is
    /// cheaper to ask about some machines too many than to follow every kind of load balancer here.
    fn behind(&self, addresses: &[IpAddr]) -> BTreeSet<String> {
        let mut fronts = self.forwarding_rules.values().filter_map(ForwardingRule::address);
        if !fronts.any(|address| addresses.contains(&address)) {
            return BTreeSet::new();
        }
        let members = self.members.iter().flat_map(|(_, members)| members).map(|member| &member.instance);
        let endpoints = self.endpoints.iter().flat_map(|(about, endpoints)| {
            let head = about.asked.as_deref().and_then(|group| group.split_once("/networkEndpointGroups/"));
            endpoints.iter().filter_map(move |endpoint| {
                let name = last(endpoint.instance.as_deref()?);
                Some(format!("{}/instances/{name}", head?.0))
            })
        });
        members.map(|link| path(link).to_owned()).chain(endpoints).collect()
    }

    /// Permissions of other services whose answers would decide here, with the commands that print them.
    pub(crate) fn out_of_reach(&self) -> Vec<(&'static str, &'static str)> {
        let effective = self.effective.iter().flat_map(|(_, answer)| &answer.firewall_policys);
        let rules = || {
            let own = self.policies.values().flat_map(|policy| &policy.rules);
            own.chain(effective.clone().flat_map(|policy| &policy.rules)).filter(|rule| !rule.disabled)
        };
        let secure =
            rules().any(|rule| !rule.target_secure_tags.is_empty() || !rule.matches.src_secure_tags.is_empty());
        let groups = rules()
            .any(|rule| !rule.matches.src_address_groups.is_empty() || !rule.matches.dest_address_groups.is_empty());
        let services = self.networks.values().flat_map(|vpc| &vpc.peerings).any(|peer| is_service(&peer.name));
        let all = [
            (
                secure,
                "compute.instances.listEffectiveTags",
                "gcloud resource-manager tags bindings list --effective --format=json",
            ),
            (
                groups,
                "networksecurity.addressGroups.list",
                "gcloud network-security address-groups list --location global --format=json",
            ),
            (services, "cloudsql.instances.list", "gcloud sql instances list --format=json"),
        ];
        all.into_iter().filter(|(matters, ..)| *matters).map(|(_, call, command)| (call, command)).collect()
    }
}

/// Whether a peering is that of private services access, by the name that Google gives it.
fn is_service(peering: &str) -> bool {
    peering.starts_with("servicenetworking")
}
