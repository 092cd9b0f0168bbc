//! Evidence as it is read, before it is compiled.

use std::collections::{BTreeMap, BTreeSet};

use reachlint_model::{Cloud, Failure, Intake, Manifest, Provider, Reason, ReasonCode};

use super::GcpNetwork;
use crate::records::{
    About, Address, AddressGroup, BackendService, Database, DnsPolicy, Effective, Endpoint, EndpointGroup, Firewall,
    ForwardingRule, Found, HealthCheck, Instance, InstanceGroup, ManagedZone, Member, Policy, PolicyRoute, RecordSet,
    Route, Router, RouterStatus, Subnet, TargetInstance, TargetPool, TargetProxy, UrlMap, Vpc, last, path, read,
    segment,
};

/// The error of a call that live collection did not make, although its answer would decide something.
pub(crate) const NOT_ASKED: &str = "NotAsked";

/// Records by the path of the resource.
pub(super) type ByPath<T> = BTreeMap<String, T>;

/// Everything that was read of Google Cloud.
#[derive(Debug, Default)]
pub struct Estate {
    pub(super) instances: ByPath<Instance>,
    pub(super) networks: ByPath<Vpc>,
    pub(super) subnets: ByPath<Subnet>,
    pub(super) addresses: ByPath<Address>,
    pub(super) databases: ByPath<Database>,
    pub(super) firewalls: ByPath<Firewall>,
    pub(super) policies: ByPath<Policy>,
    /// By what is associated: the id of the policy.
    pub(super) associations: ByPath<String>,
    pub(super) address_groups: ByPath<AddressGroup>,
    pub(super) routes: ByPath<Route>,
    pub(super) routers: ByPath<Router>,
    pub(super) statuses: Vec<RouterStatus>,
    pub(super) policy_routes: ByPath<PolicyRoute>,
    pub(super) forwarding_rules: ByPath<ForwardingRule>,
    pub(super) backend_services: ByPath<BackendService>,
    pub(super) instance_groups: ByPath<InstanceGroup>,
    pub(super) endpoint_groups: ByPath<EndpointGroup>,
    pub(super) target_pools: ByPath<TargetPool>,
    pub(super) target_instances: ByPath<TargetInstance>,
    pub(super) target_proxies: ByPath<TargetProxy>,
    pub(super) url_maps: ByPath<UrlMap>,
    pub(super) health_checks: ByPath<HealthCheck>,
    pub(super) zones: ByPath<ManagedZone>,
    pub(super) effective: Vec<(About, Effective)>,
    pub(super) members: Vec<(About, Vec<Member>)>,
    pub(super) endpoints: Vec<(About, Vec<Endpoint>)>,
    pub(super) bindings: Vec<(About, Vec<String>)>,
    pub(super) record_sets: Vec<(About, Vec<RecordSet>)>,
    pub(super) dns_policies: Vec<DnsPolicy>,
    /// The folders and the organisation above a project, the nearest first.
    pub(super) ancestors: BTreeMap<String, Vec<String>>,
    listed: BTreeSet<String>,
    cut: BTreeSet<String>,
    failures: Vec<Failure>,
    documents: usize,
}

impl Estate {
    fn take(&mut self, found: Found) {
        match found {
            Found::Instance(record) => put(&mut self.instances, &record.self_link.clone(), record),
            Found::Vpc(record) => put(&mut self.networks, &record.self_link.clone(), record),
            Found::Subnet(record) => put(&mut self.subnets, &record.self_link.clone(), record),
            Found::Address(record) => put(&mut self.addresses, &record.self_link.clone(), record),
            Found::Database(record) => {
                let path = format!("projects/{}/instances/{}", record.project, record.name);
                put(&mut self.databases, &path, record);
            }
            Found::Firewall(record) => {
                // What `getEffectiveFirewalls` answers may lack the link; its name is unique in the project.
                let project = segment(path(&record.network), "projects").unwrap_or_default().to_owned();
                let named = format!("projects/{project}/global/firewalls/{}", record.name);
                put(&mut self.firewalls, &named, record);
            }
            Found::Policy(record) => {
                for association in &record.associations {
                    let at = path(&association.attachment_target).to_owned();
                    self.associations
                        .insert(format!("{} {at}", policy_kind(&record)), path(&record.self_link).to_owned());
                }
                // A listing may leave out the rules that an answer about the policy alone has.
                let known = self.policies.get(path(&record.self_link));
                if known.is_none_or(|known| known.rules.is_empty()) || !record.rules.is_empty() {
                    put(&mut self.policies, &record.self_link.clone(), record);
                }
            }
            Found::Association(record) => {
                let at = path(&record.attachment_target);
                let id = record.firewall_policy_id.map(|id| id.0).unwrap_or_default();
                self.associations
                    .insert(format!("hierarchical {at}"), format!("locations/global/firewallPolicies/{id}"));
                self.listed.insert(format!("{at}/firewallPolicies"));
            }
            Found::AddressGroup(record) => put(&mut self.address_groups, &record.name.clone(), record),
            Found::Route(record) => put(&mut self.routes, &record.self_link.clone(), record),
            Found::Router(record) => put(&mut self.routers, &record.self_link.clone(), record),
            Found::RouterStatus(record) => self.statuses.push(record),
            Found::PolicyRoute(record) => put(&mut self.policy_routes, &record.name.clone(), record),
            Found::ForwardingRule(record) => put(&mut self.forwarding_rules, &record.self_link.clone(), record),
            Found::BackendService(record) => put(&mut self.backend_services, &record.self_link.clone(), record),
            Found::InstanceGroup(record) => {
                // A managed group is an instance group of the same name with a resource of its own.
                let link = record.self_link.replace("/instanceGroupManagers/", "/instanceGroups/");
                let known = self.instance_groups.get(path(&link));
                if known.is_none_or(|known| known.named_ports.is_empty()) {
                    put(&mut self.instance_groups, &link, record);
                }
            }
            Found::EndpointGroup(record) => put(&mut self.endpoint_groups, &record.self_link.clone(), record),
            Found::TargetPool(record) => put(&mut self.target_pools, &record.self_link.clone(), record),
            Found::TargetInstance(record) => put(&mut self.target_instances, &record.self_link.clone(), record),
            Found::TargetProxy(record) => put(&mut self.target_proxies, &record.self_link.clone(), record),
            Found::UrlMap(record) => put(&mut self.url_maps, &record.self_link.clone(), record),
            Found::HealthCheck(record) => put(&mut self.health_checks, &record.self_link.clone(), record),
            Found::ManagedZone(record) => put(&mut self.zones, &record.self_link.clone(), record),
            Found::RecordSets(about, records) => self.record_sets.push((about, records)),
            Found::DnsPolicy(record) => self.dns_policies.push(record),
            Found::Effective(about, record) => self.effective.push((about, record)),
            Found::Members(about, record) => self.members.push((about, record)),
            Found::Endpoints(about, record) => self.endpoints.push((about, record)),
            Found::Bindings(about, record) => self.bindings.push((about, record)),
            Found::Ancestors(nodes) => self.ancestry(&nodes),
            Found::Listed(collection) => {
                self.listed.insert(collection);
            }
            Found::Cut(what) => {
                self.cut.insert(what);
            }
            Found::Unused => {}
        }
    }

    fn ancestry(&mut self, nodes: &[(String, String)]) {
        let project = nodes.iter().find(|(kind, _)| kind == "project").map(|(_, id)| id.clone());
        let above = nodes.iter().filter(|(kind, _)| kind != "project");
        let above = above.map(|(kind, id)| format!("{kind}s/{id}")).collect();
        self.ancestors.extend(project.map(|project| (project, above)));
    }

    /// Whether a collection of a project, or a part of it, was listed: in a list with a record of it, or in an empty one that
    /// says where it is from.
    pub(super) fn is_listed(&self, project: &str, collection: &str) -> bool {
        let start = format!("projects/{project}/");
        self.listed.iter().any(|path| path.starts_with(&start) && last(path) == collection)
    }

    /// Whether the regional policies of a project and region were listed: all of them, or those of the region.
    pub(super) fn lists_regional(&self, project: &str, region: &str) -> bool {
        let start = format!("projects/{project}/");
        let all = format!("{start}aggregated/");
        let here = format!("{start}regions/{region}/");
        let lists = |path: &String| {
            last(path).to_ascii_lowercase().ends_with("firewallpolicies")
                && (path.starts_with(&all) || path.starts_with(&here))
        };
        self.listed.iter().any(lists)
            && !self.cuts("firewallPolicies", |cut| match segment(cut, "projects") {
                Some(known) => {
                    let is_global = cut.contains("/global/");
                    known == project && !is_global && segment(cut, "regions").is_none_or(|known| known == region)
                }
                None => segment(cut, "locations").is_none(),
            })
    }

    /// Whether the hierarchical policies of a folder or an organisation were listed. What lists them does not say whose they
    /// are unless there are some, so any such listing that ends early may be that of this node.
    pub(super) fn lists_hierarchical(&self, node: &str) -> bool {
        let below = format!("{node}/firewallPolicies");
        self.listed.contains(&below) && !self.cuts("firewallPolicies", |cut| segment(cut, "projects").is_none())
    }

    /// Whether a project's listing of this collection ends early; one that does not say of what project it is may be that.
    pub(super) fn is_cut_in(&self, project: &str, collection: &str) -> bool {
        self.cuts(collection, |cut| segment(cut, "projects").is_none_or(|known| known == project))
    }

    /// Whether a listing of this collection ends early.
    pub(super) fn is_cut(&self, collection: &str) -> bool {
        self.cuts(collection, |_| true)
    }

    /// Whether a listing of this collection ends early that is from such a place, or does not say where it is from.
    fn cuts(&self, collection: &str, is_here: impl Fn(&str) -> bool) -> bool {
        let kind = format!("compute#{}", singular(collection));
        self.cut.iter().any(|cut| (last(cut) == collection && is_here(cut)) || *cut == kind)
    }

    /// A call that failed, for everything or for one of these.
    pub(super) fn failure(&self, call: &str, about: &[&str]) -> Option<&Failure> {
        self.failures.iter().find(|failure| {
            let meant = |id: &String| about.iter().any(|about| path(id) == *about || last(about) == id);
            failure.call == call && (failure.resources.is_empty() || failure.resources.iter().any(meant))
        })
    }

    /// Why something is not there: the call that failed, or that nobody made.
    pub(super) fn missing(&self, call: &str, about: &[&str], what: &str) -> Reason {
        let collection = call.split('.').nth(1).unwrap_or_default();
        let (text, denied) = match self.failure(call, about) {
            Some(failure) => {
                let account =
                    failure.account.as_ref().map_or(String::new(), |account| format!(" in project {account}"));
                let text = format!("{what} could not be read: {call} failed{account} with {}", failure.error);
                if failure.error == NOT_ASKED {
                    let text = format!("{what} is not in the evidence: {}", failure.message);
                    return Reason { code: ReasonCode::NotRead, text, permission: None };
                }
                if failure.error == "SERVICE_DISABLED" {
                    let text = format!("{text}; enable the Compute Engine API there and run again");
                    return Reason { code: ReasonCode::NotRead, text, permission: None };
                }
                let refused = ["403", "PERMISSION_DENIED", "forbidden", "Forbidden", "required"];
                if refused.iter().any(|word| failure.error.contains(word)) && !failure.error.contains("rateLimit") {
                    (text, true)
                } else {
                    (format!("{text}; run again"), false)
                }
            }
            None if self.is_cut(collection) => {
                (format!("{what} may be in a part of {call} that the evidence does not hold"), false)
            }
            None => (format!("{what} is not in the evidence, which lacks it from {call}"), true),
        };
        Reason { code: ReasonCode::NotRead, text, permission: denied.then(|| call.to_owned()) }
    }
}

fn singular(collection: &str) -> String {
    match (collection.strip_suffix("sses"), collection.strip_suffix("ies"), collection.strip_suffix('s')) {
        (Some(start), ..) => format!("{start}ss"),
        (_, Some(start), _) => format!("{start}y"),
        (.., start) => start.unwrap_or(collection).to_owned(),
    }
}

/// Whether a policy is for folders and organisations, or for networks.
pub(super) fn policy_kind(policy: &Policy) -> &'static str {
    let link = path(&policy.self_link);
    match (segment(link, "projects"), segment(link, "regions").or(policy.region.as_deref())) {
        (None, _) => "hierarchical",
        (Some(_), Some(_)) => "regional",
        (Some(_), None) => "global",
    }
}

fn put<T>(all: &mut ByPath<T>, link: &str, record: T) {
    all.insert(path(link).to_owned(), record);
}

/// The resource that an answer is about, of those that there are.
pub(super) fn attributed<'p>(about: &About, candidates: impl Iterator<Item = &'p String>) -> Option<&'p String> {
    let asked = about.asked.as_deref().map(path);
    let fits = |candidate: &&String| match asked {
        Some(asked) => {
            let asked = asked.replace("/instanceGroupManagers/", "/instanceGroups/");
            let in_project =
                about.project.as_deref().is_none_or(|project| segment(candidate, "projects") == Some(project));
            let place = segment(candidate, "zones").or_else(|| segment(candidate, "regions"));
            let in_place = about.place.as_deref().map(last).is_none_or(|asked| place == Some(asked));
            **candidate == asked || (!asked.contains('/') && last(candidate) == asked && in_project && in_place)
        }
        None => names(&about.file, last(candidate)),
    };
    let mut found: Vec<&String> = candidates.filter(fits).collect();
    if asked.is_none() {
        // `members-web-blue` names `web-blue` and not `web`.
        let longest = found.iter().map(|path| last(path).len()).max();
        found.retain(|path| Some(last(path).len()) == longest);
        if found.len() > 1 {
            // One name in several zones: the zone in the file's name tells them apart.
            let place = |path: &str| segment(path, "zones").or_else(|| segment(path, "regions")).map(str::to_owned);
            found.retain(|path| place(path).is_some_and(|place| names(&about.file, &place)));
        }
    }
    match found.as_slice() {
        [one] => Some(*one),
        _ => None,
    }
}

/// Whether a text holds a name that no further letter or digit touches.
fn names(text: &str, name: &str) -> bool {
    let edge = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric());
    !name.is_empty()
        && text.match_indices(name).any(|(at, _)| {
            let (before, after) = text.split_at(at);
            edge(before.chars().next_back()) && edge(after.get(name.len()..).and_then(|rest| rest.chars().next()))
        })
}

impl Intake for Estate {
    fn cloud(&self) -> Cloud {
        Cloud::Gcp
    }

    fn document(&mut self, name: &str, bytes: &[u8]) -> Result<Option<Vec<(String, usize)>>, String> {
        let Some((found, counts)) = read(name, bytes)? else { return Ok(None) };
        self.documents += 1;
        for found in found {
            self.take(found);
        }
        Ok(Some(counts))
    }

    fn manifest(&mut self, manifest: &Manifest) {
        self.failures.extend(manifest.failures.iter().cloned());
    }

    fn is_empty(&self) -> bool {
        self.documents == 0
    }

    fn assumption(&self) -> Option<&'static str> {
        let projects: BTreeSet<&str> = self.routes.keys().filter_map(|route| segment(route, "projects")).collect();
        let is_told = |project: &str| {
            self.is_listed(project, "policyBasedRoutes") && !self.is_cut_in(project, "policyBasedRoutes")
        };
        projects.into_iter().any(|project| !is_told(project)).then_some(
            "no policy-based route sends traffic elsewhere, as no listing of networkconnectivity.policyBasedRoutes.list \
             speaks of them",
        )
    }

    fn compile(self: Box<Self>) -> Box<dyn Provider> {
        Box::new(GcpNetwork::new(*self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_attributed_by_key_or_by_the_name_of_its_file() {
        let paths: Vec<String> = ["a/instances/web", "b/instances/web", "a/instances/web-blue"]
            .map(|end| format!("projects/p/zones/{end}"))
            .into();
        let of = |about: &About| attributed(about, paths.iter()).map(String::as_str);
        let asked = |asked: &str, place: Option<&str>| About {
            asked: Some(asked.to_owned()),
            place: place.map(str::to_owned),
            ..About::default()
        };
        assert_eq!(of(&asked("web", Some("b"))), Some("projects/p/zones/b/instances/web"));
        assert_eq!(of(&asked("web", None)), None, "two of them have that name");
        assert_eq!(of(&asked("projects/p/zones/a/instances/web", None)), Some("projects/p/zones/a/instances/web"));
        let file = |file: &str| About { file: file.to_owned(), ..About::default() };
        assert_eq!(of(&file("effective-web-blue")), Some("projects/p/zones/a/instances/web-blue"));
        assert_eq!(of(&file("effective-web-b")), Some("projects/p/zones/b/instances/web"));
        assert_eq!(of(&file("effective-webber")), None);
    }

    #[test]
    fn a_listing_that_is_cut_leaves_other_projects_whole() {
        let mut estate = Estate::default();
        let page = |project: &str, token: &str| {
            format!(
                r#"{{"kind": "compute#routeList", "id": "projects/{project}/global/routes", "nextPageToken": "{token}"}}"#
            )
        };
        estate.document("a.json", page("a", "more").as_bytes()).unwrap();
        estate.document("b.json", page("b", "").as_bytes()).unwrap();
        assert!(estate.is_cut("routes") && estate.is_cut_in("a", "routes") && !estate.is_cut_in("b", "routes"));
    }
}
