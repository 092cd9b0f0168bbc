//! A collection under way: which calls, in which order, and what becomes of their answers.

use std::collections::BTreeSet;

use futures::StreamExt;
use futures::future::BoxFuture;
use reachlint_gcp_sdk::calls::{self, Answer, Listing};
use reachlint_gcp_sdk::{Door, Fault, Kind};
use reachlint_model::{Failure, Intake, Manifest};
use serde_json::{Map, Value, json};

use super::{CollectError, Event, Options, is_project, nothing};
use crate::network::{Asked, Estate, GcpNetwork};
use crate::records::{last, segment};

/// Calls under way at once.
const AT_ONCE: usize = 8;
/// Machines whose firewalls in force are asked for. What filters their networks is asked for anyway.
const MOST_MACHINES: usize = 200;

/// What a collection read.
pub(super) struct Read {
    pub(super) documents: Vec<(String, Vec<u8>)>,
    pub(super) failures: Vec<Failure>,
    pub(super) projects: Vec<String>,
    pub(super) notes: Vec<String>,
}

/// A collection under way.
pub(super) struct Run<'a> {
    door: Door,
    progress: &'a dyn Fn(Event),
    documents: Vec<(String, Vec<u8>)>,
    failures: Vec<Failure>,
    projects: Vec<String>,
    notes: Vec<String>,
    /// What was read so far, to know what else to ask for.
    estate: Estate,
}

/// A call about one thing.
struct Single<'a> {
    project: &'a str,
    call: &'static str,
    /// The path of what it is about.
    about: &'a str,
    /// Where the answer is kept.
    name: String,
    answer: BoxFuture<'a, Answer>,
}

impl<'a> Run<'a> {
    pub(super) fn new(door: Door, progress: &'a dyn Fn(Event)) -> Self {
        let (documents, failures, projects, notes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { door, progress, documents, failures, projects, notes, estate: Estate::default() }
    }

    /// What came of it.
    pub(super) fn done(self) -> Read {
        let Self { documents, failures, projects, notes, .. } = self;
        Read { documents, failures, projects, notes }
    }

    fn keep(&mut self, name: String, document: &Value) {
        let bytes = document.to_string().into_bytes();
        // What is broken here is broken when the snapshot is read, and said there.
        let _ = self.estate.document(&name, &bytes);
        self.documents.push((name, bytes));
    }

    fn failed(&mut self, project: &str, call: &'static str, about: Option<&str>, fault: Fault) {
        (self.progress)(Event::Failed { project: project.to_owned(), call, error: fault.error.clone() });
        // One call lists global and regional policies, and each takes a permission of its own.
        let also = (call == "compute.firewallPolicies.list").then_some("compute.regionFirewallPolicies.list");
        for call in [Some(call), also].into_iter().flatten() {
            self.failures.push(Failure {
                call: call.to_owned(),
                error: fault.error.clone(),
                message: fault.message.clone(),
                resources: about.map(str::to_owned).into_iter().collect(),
                account: Some(project.to_owned()),
                region: about.and_then(|about| segment(about, "regions")).map(str::to_owned),
            });
        }
    }

    /// Everything of these projects, and the networks of the projects that host theirs.
    pub(super) async fn projects(&mut self, projects: &[String]) -> Result<(), CollectError> {
        let mut hosts = BTreeSet::new();
        for (at, project) in projects.iter().enumerate() {
            if self.projects.contains(project) {
                continue;
            }
            let answer = calls::host_project(&self.door, project).await;
            match answer.fault {
                // Where nobody answers the first call, nobody will answer the others.
                Some(fault) if at == 0 && matches!(fault.kind, Kind::Connection | Kind::Credentials) => {
                    self.failed(project, "compute.projects.get", None, fault);
                    return Err(nothing(self.failures.pop()));
                }
                Some(fault) => self.failed(project, "compute.projects.get", None, fault),
                None => {
                    let name = answer.pages.first().and_then(|host| host.get("name")).and_then(Value::as_str);
                    hosts.extend(name.filter(|name| !name.is_empty()).map(str::to_owned));
                }
            }
            let door = self.door.clone();
            let listings = calls::networks(&door, project).into_iter().chain(calls::machines(&door, project));
            self.list(project, listings.collect()).await;
            self.projects.push(project.clone());
        }
        // The interfaces of machines tell of a host project too.
        hosts.extend(self.estate.host_projects());
        for host in hosts.iter().filter(|host| !projects.contains(host) && is_project(host)) {
            let door = self.door.clone();
            self.list(host, calls::networks(&door, host)).await;
            self.projects.push(host.clone());
        }
        for project in self.estate.with_older_checks().into_iter().filter(|project| is_project(project)) {
            let door = self.door.clone();
            self.list(&project, calls::older_checks(&door, &project)).await;
        }
        Ok(())
    }

    /// Keeps the pages of listings as they came.
    async fn list(&mut self, project: &str, listings: Vec<Listing<'_>>) {
        let asked = listings.into_iter().map(async |listing| {
            let answer = listing.answer.await;
            (listing.name, listing.call, listing.path, answer)
        });
        let mut answers = futures::stream::iter(asked).buffered(AT_ONCE);
        while let Some((name, call, path, answer)) = answers.next().await {
            let place = format!("projects/{project}/{path}");
            let remarks: Vec<String> = answer.pages.iter().flat_map(unreached).collect();
            let pages = answer.pages.len();
            for (number, mut page) in (1..).zip(answer.pages) {
                // By its id a page without a record says what has none.
                page.entry("id").or_insert_with(|| Value::String(place.clone()));
                self.keep(file(project, &[name, &number.to_string()]), &Value::Object(page));
            }
            let partial = (!remarks.is_empty()).then(|| Fault::partial(&remarks));
            match answer.fault.or(partial) {
                Some(fault) => self.failed(project, call, None, fault),
                None => self.told(project, call, path, pages),
            }
        }
    }

    fn told(&self, project: &str, call: &'static str, about: &str, pages: usize) {
        (self.progress)(Event::Read { project: project.to_owned(), call, about: about.to_owned(), pages });
    }

    /// Answers about one thing each, as documents that say about which.
    async fn ask(&mut self, singles: Vec<Single<'_>>, document: impl Fn(&str, Answer) -> (Value, Option<Fault>)) {
        let asked = singles.into_iter().map(async |single| {
            let answer = single.answer.await;
            (single.project, single.call, single.about, single.name, answer)
        });
        let mut answers = futures::stream::iter(asked).buffered(AT_ONCE);
        while let Some((project, call, about, name, answer)) = answers.next().await {
            let pages = answer.pages.len();
            let (value, fault) = document(about, answer);
            // A part of the members of a group would pass for all of them.
            if let Some(fault) = fault {
                self.failed(project, call, Some(about), fault);
                continue;
            }
            self.keep(name, &value);
            self.told(project, call, about, pages);
        }
    }

    /// Who is in the groups that load balancers send to.
    pub(super) async fn groups(&mut self) {
        let door = self.door.clone();
        let groups = self.estate.groups_in_use();
        let mut singles = Vec::new();
        for group in &groups {
            let project = segment(group, "projects").unwrap_or_default();
            if !self.projects.iter().any(|known| known == project) {
                continue;
            }
            let (zone, region) = (segment(group, "zones"), segment(group, "regions"));
            let name = last(group);
            let (call, kind, answer): (_, _, BoxFuture<'_, Answer>) =
                match (group.contains("/networkEndpointGroups/"), zone, region) {
                    (true, Some(zone), _) => (
                        "compute.networkEndpointGroups.get",
                        "endpoints",
                        Box::pin(calls::endpoints_of_zone(&door, project, zone, name)),
                    ),
                    (false, Some(zone), _) => (
                        "compute.instanceGroups.list",
                        "members",
                        Box::pin(calls::members_of_zone(&door, project, zone, name)),
                    ),
                    (false, None, Some(region)) => (
                        "compute.instanceGroups.list",
                        "members",
                        Box::pin(calls::members_of_region(&door, project, region, name)),
                    ),
                    // Groups of endpoints without a zone are of kinds that nothing here follows.
                    _ => continue,
                };
            let place = zone.or(region).unwrap_or_default();
            singles.push(Single { project, call, about: group, name: file(project, &[kind, place, name]), answer });
        }
        self.ask(singles, |group, answer| {
            let (items, fault) = answer.items();
            (json!({ group: items }), fault)
        })
        .await;
    }

    /// The rules of policies that a listing gave without any: every policy has some.
    pub(super) async fn policies(&mut self) {
        let door = self.door.clone();
        let policies = self.estate.policies_without_rules();
        let singles = policies.iter().filter_map(|policy| {
            let project = segment(policy, "projects")?;
            let region = segment(policy, "regions");
            let call =
                if region.is_some() { "compute.regionFirewallPolicies.get" } else { "compute.firewallPolicies.get" };
            let name = file(project, &["firewallPolicy", region.unwrap_or("global"), last(policy)]);
            let answer = Box::pin(calls::policy(&door, project, region, last(policy)));
            Some(Single { project, call, about: policy, name, answer })
        });
        let singles = singles.collect();
        self.ask(singles, |_, answer| whole(answer)).await;
    }

    /// What filters each network in each region that it has machines in, and what filters the machines in question.
    pub(super) async fn firewalls(&mut self, options: &Options) {
        let door = self.door.clone();
        let places = self.estate.networks_in_use();
        let of_region = |(network, region): &(String, String)| {
            let project = segment(network, "projects").unwrap_or_default().to_owned();
            let name = file(&project, &["effective", last(network), region]);
            (project, name)
        };
        let named: Vec<(String, String)> = places.iter().map(of_region).collect();
        let singles = places.iter().zip(&named).map(|((network, region), (project, name))| Single {
            project,
            call: "compute.networks.getRegionEffectiveFirewalls",
            about: network,
            name: name.clone(),
            answer: Box::pin(async {
                let mut answer = calls::effective_in_region(&door, project, region, network).await;
                for page in &mut answer.pages {
                    page.insert("region".to_owned(), Value::String(region.clone()));
                }
                answer
            }),
        });
        let before = self.failures.len();
        self.ask(singles.collect(), |network, answer| firewalls(answer, "network", network, None)).await;
        // Whoever may not ask a region may still be allowed to ask the network, which tells of all but regional policies.
        let refused: BTreeSet<String> =
            self.failures.iter().skip(before).flat_map(|failure| failure.resources.clone()).collect();
        let singles = refused.iter().map(|network| {
            let project = segment(network, "projects").unwrap_or_default();
            Single {
                project,
                call: "compute.networks.getEffectiveFirewalls",
                about: network,
                name: file(project, &["effective", last(network)]),
                answer: Box::pin(calls::effective_of_network(&door, project, last(network))),
            }
        });
        self.ask(singles.collect(), |network, answer| firewalls(answer, "network", network, None)).await;
        let machines = self.in_question(options);
        for chunk in machines.chunk_by(|one, other| one.nic == other.nic) {
            let Some(nic) = chunk.first().map(|asked| asked.nic.clone()) else { continue };
            let singles = chunk.iter().map(|Asked { machine, nic }| {
                let project = segment(machine, "projects").unwrap_or_default();
                let (zone, name) = (segment(machine, "zones").unwrap_or_default(), last(machine));
                Single {
                    project,
                    call: "compute.instances.getEffectiveFirewalls",
                    about: machine,
                    name: file(project, &["effective", zone, name, nic]),
                    answer: Box::pin(calls::effective_of_machine(&door, project, zone, name, nic)),
                }
            });
            self.ask(singles.collect(), |machine, answer| firewalls(answer, "instance", machine, Some(&nic))).await;
        }
    }

    /// The interfaces of nginx and of what it connects to, those behind a load balancer among them, by interface. There are
    /// no more than may be asked about, and nginx's own go first.
    fn in_question(&mut self, options: &Options) -> Vec<Asked> {
        let mut estate = Estate::default();
        for (name, bytes) in &self.documents {
            let _ = estate.document(name, bytes);
        }
        let gcp = GcpNetwork::new(estate);
        let mut found = self.estate.asked(&gcp, &options.from, &[], &[]);
        let all = self.estate.asked(&gcp, &options.from, &options.addresses, &options.hosts);
        let others: Vec<Asked> = all.into_iter().filter(|asked| !found.contains(asked)).collect();
        found.extend(others);
        if found.len() > MOST_MACHINES {
            self.notes.push(format!(
                "firewalls in force were asked for {MOST_MACHINES} of {} interfaces, nginx's own among them; for the others \
                 those of their networks count",
                found.len()
            ));
            found.truncate(MOST_MACHINES);
        }
        found.sort();
        found
    }

    /// What routers learn, which is in no listing.
    pub(super) async fn learned_routes(&mut self) {
        let door = self.door.clone();
        let routers = self.estate.routers_that_learn();
        let singles = routers.iter().filter_map(|router| {
            let (project, region) = (segment(router, "projects")?, segment(router, "regions")?);
            Some(Single {
                project,
                call: "compute.routers.get",
                about: router,
                name: file(project, &["status", region, last(router)]),
                answer: Box::pin(calls::router_status(&door, project, region, last(router))),
            })
        });
        let singles = singles.collect();
        self.ask(singles, |_, answer| whole(answer)).await;
    }

    /// What other services of Google Cloud know, which live collection does not ask and where it would matter.
    pub(super) fn not_asked(&mut self) {
        for (call, command) in self.estate.out_of_reach() {
            self.failures.push(Failure {
                call: call.to_owned(),
                error: crate::network::NOT_ASKED.to_owned(),
                message: format!(
                    "live collection does not ask for it; what `{command}` prints can stand beside a snapshot"
                ),
                resources: Vec::new(),
                account: None,
                region: None,
            });
        }
        let manifest = Manifest { failures: self.failures.clone(), ..Manifest::default() };
        self.estate.manifest(&manifest);
    }
}

/// A file of the snapshot. Its name is made of what the service answered, which may not leave the folder.
fn file(project: &str, parts: &[&str]) -> String {
    let safe = |text: &str| -> String {
        text.chars().map(|c| if c.is_ascii_alphanumeric() || "-.:".contains(c) { c } else { '_' }).collect()
    };
    let folder = Some(safe(project)).filter(|folder| is_project(folder)).unwrap_or_else(|| "_".to_owned());
    format!("{folder}/{}.json", parts.iter().map(|part| safe(part)).collect::<Vec<_>>().join("-"))
}

/// An answer as it came.
fn whole(mut answer: Answer) -> (Value, Option<Fault>) {
    (Value::Object(answer.pages.pop().unwrap_or_default()), answer.fault)
}

/// An answer about firewalls in force with what was asked beside it.
fn firewalls(mut answer: Answer, key: &str, about: &str, nic: Option<&str>) -> (Value, Option<Fault>) {
    let mut page: Map<String, Value> = answer.pages.pop().unwrap_or_default();
    page.insert(key.to_owned(), Value::String(about.to_owned()));
    if let Some(nic) = nic {
        page.insert("networkInterface".to_owned(), Value::String(nic.to_owned()));
    }
    // An empty list is not written down by the SDK, and what has none of them would be no such answer.
    for list in ["firewalls", "firewallPolicys"] {
        page.entry(list).or_insert_with(|| Value::Array(Vec::new()));
    }
    (Value::Object(page), answer.fault)
}

/// What a page says of places that it lacks.
fn unreached(page: &Map<String, Value>) -> Vec<String> {
    let listed = page.get("unreachables").and_then(Value::as_array).into_iter().flatten();
    let mut found: Vec<String> = listed.filter_map(Value::as_str).map(str::to_owned).collect();
    let scopes = page.get("items").and_then(Value::as_object).into_iter().flatten();
    let scopes = scopes.filter_map(|(scope, inner)| Some((scope.as_str(), inner.get("warning")?)));
    for (scope, warning) in scopes.chain(page.get("warning").map(|warning| ("", warning))) {
        let text = |key: &str| warning.get(key).and_then(Value::as_str).unwrap_or_default();
        if !["", "NO_RESULTS_ON_PAGE", "DEPRECATED_RESOURCE_USED"].contains(&text("code")) {
            let said = [scope, text("code"), text("message")].join(" ");
            found.push(said.trim().to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }

    #[test]
    fn files_stay_in_their_folder() {
        assert_eq!(file("shop", &["status", "europe-west1", "r"]), "shop/status-europe-west1-r.json");
        assert_eq!(file("example.com:shop", &["networks", "1"]), "example.com:shop/networks-1.json");
        assert_eq!(file("..", &["status", "../..", "/etc/x"]), "_/status-.._..-_etc_x.json");
    }

    #[test]
    fn places_that_were_not_reached_are_told() {
        let page = json!({
            "unreachables": ["projects/p/zones/a"],
            "warning": { "code": "UNREACHABLE", "message": "some" },
            "items": {
                "zones/b": { "warning": { "code": "UNREACHABLE", "message": "down" } },
                "zones/c": { "warning": { "code": "NO_RESULTS_ON_PAGE", "message": "none" } },
            },
        });
        assert_eq!(unreached(&map(page)), ["projects/p/zones/a", "zones/b UNREACHABLE down", "UNREACHABLE some"]);
    }

    #[test]
    fn an_answer_without_any_rule_is_still_one() {
        let answer = Answer { pages: vec![Map::new()], fault: None };
        let (document, _) = firewalls(answer, "instance", "projects/p/zones/z/instances/a", Some("nic0"));
        let mut estate = Estate::default();
        let counts = estate.document("x.json", document.to_string().as_bytes()).unwrap().unwrap();
        assert_eq!(counts, [("effective firewalls".to_owned(), 1)]);
    }
}
