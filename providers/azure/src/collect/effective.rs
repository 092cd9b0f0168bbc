//! What Azure says is in force on network interfaces. It answers for machines that run, and after a while: the answers are
//! those of long operations.

use std::net::IpAddr;
use std::time::Duration;

use azure_core::error::ErrorKind;
use azure_core::{Error, Response, Result, StatusCode, Url, headers};
use futures::StreamExt;
use reachlint_model::{
    Half, Identity, Intake, InterfaceId, InterfaceState, Lookup, Packet, PortRange, Protocol, Provider, Selector,
};
use serde_json::Value;

use super::run::{Run, about};
use crate::network::{AzureNetwork, Estate};
use crate::records::ResourceId;

/// How often a long operation is asked after, and for how long at most. The service says how many seconds are to pass
/// between two times; where it does not, it is two.
const MOST_POLLS: usize = 150;
const LONGEST: Duration = Duration::from_mins(5);
const PAUSE: u64 = 2;
/// Long operations that are under way at the same time.
const AT_ONCE: usize = 8;
/// Interfaces of nginx whose routes in force are asked for where a gateway may have announced some.
const MOST_GATEWAY: usize = 16;
/// Questions of one run at most: a long operation takes up to minutes.
const MOST_QUESTIONS: usize = 200;

const GROUPS: &str = "Microsoft.Network/networkInterfaces/effectiveNetworkSecurityGroups/action";
const ROUTES: &str = "Microsoft.Network/networkInterfaces/effectiveRouteTable/action";

/// What nginx dials: what is in force for it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dial {
    /// The host as nginx's configuration spells it, where that is a name that the evidence may answer.
    pub name: Option<String>,
    /// Its addresses, where the evidence does not.
    pub addresses: Vec<IpAddr>,
    /// The port.
    pub port: u16,
    /// The transport protocol.
    pub protocol: Protocol,
}

/// A question about an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    Groups,
    Routes,
}

impl Question {
    fn permission(self) -> &'static str {
        match self {
            Self::Groups => GROUPS,
            Self::Routes => ROUTES,
        }
    }

    fn file(self) -> &'static str {
        match self {
            Self::Groups => "effectiveNetworkSecurityGroups",
            Self::Routes => "effectiveRoutes",
        }
    }
}

impl Run {
    /// Asks what is in force: the routes of nginx's own interfaces, where a gateway may have announced some; and where it
    /// is to be confirmed, groups and routes of those interfaces and of the ones that nginx's connections reach.
    pub(super) async fn effective(&mut self, from: &[Selector], confirm: Option<&[Dial]>) {
        let azure = self.compiled();
        let mut own: Vec<InterfaceId> = Vec::new();
        for id in from.iter().flat_map(|selector| azure.select(selector)) {
            if !own.contains(&id) {
                own.push(id);
            }
        }
        let mut questions: Vec<(ResourceId, Question)> = Vec::new();
        let mut ask = |nic: &ResourceId, question| {
            if !questions.iter().any(|(known, asked)| known.key == nic.key && *asked == question) {
                questions.push((nic.clone(), question));
            }
        };
        if let Some(dials) = confirm {
            for id in reached(&azure, &own, dials) {
                match askable(&azure, id) {
                    Some(Ok(nic)) => [Question::Groups, Question::Routes].into_iter().for_each(|it| ask(nic, it)),
                    Some(Err(note)) => self.notes.push(note),
                    None => {}
                }
            }
        }
        let gateway = own.iter().filter(|id| azure.asks_for_routes(**id)).take(MOST_GATEWAY);
        for nic in gateway.filter_map(|id| azure.resource(*id)).filter(|nic| !is_of_scale_set(nic)) {
            ask(nic, Question::Routes);
        }
        let left = questions.len().saturating_sub(MOST_QUESTIONS);
        if left > 0 {
            questions.truncate(MOST_QUESTIONS);
            self.notes.push(format!(
                "{left} questions on what is in force, beyond the first {MOST_QUESTIONS}: each is a long operation; name fewer \
                 of nginx's machines with `--from`"
            ));
        }
        let answers: Vec<_> = futures::stream::iter(&questions)
            .map(|(nic, question)| self.in_force(nic, *question))
            .buffered(AT_ONCE)
            .collect()
            .await;
        for ((nic, question), answer) in questions.iter().zip(answers) {
            match answer {
                // There are always routes; an answer without any would look like one without groups.
                Ok(document) if *question == Question::Routes && is_empty(&document) => {
                    self.notes.push(format!("Azure names no route in force on {}, not even its own", nic.text));
                }
                Ok(document) => {
                    let name = format!("{}/{}-{}-{}.json", nic.subscription, question.file(), nic.group, nic.name());
                    self.keep(name, document.to_string().into_bytes());
                }
                // A machine may have stopped since it was listed, and that it runs may not be known.
                Err(error) if is_bad_request(&error) => {
                    let said = error.as_http_error().and_then(|http| http.error_message()).unwrap_or_default();
                    let code = error.as_http_error().and_then(|http| http.error_code()).unwrap_or("400");
                    self.notes.push(format!(
                        "{} does not answer for {}: {code}: {said}",
                        question.permission(),
                        nic.text
                    ));
                }
                Err(error) => self.fail(question.permission(), &error, Some(&nic.text), &nic.subscription),
            }
        }
    }

    fn compiled(&self) -> AzureNetwork {
        let mut estate = Estate::new();
        for (name, bytes) in &self.documents {
            let _ = estate.document(name, bytes);
        }
        AzureNetwork::new(estate)
    }

    /// The answer to a question, with the interface's id beside it.
    async fn in_force(&self, nic: &ResourceId, question: Question) -> Result<Value> {
        let client = self.client.network_interfaces_client();
        let (group, name, subscription) = (&nic.group, nic.name(), &nic.subscription);
        let answer = async {
            let first: Response = match question {
                Question::Groups => {
                    client.list_effective_network_security_groups(group, name, subscription).send().await?.into()
                }
                Question::Routes => client.get_effective_route_table(group, name, subscription).send().await?.into(),
            };
            self.wait(first).await
        };
        match tokio::time::timeout(LONGEST, answer).await {
            Ok(answer) => about(answer?, "networkInterfaceName", &nic.text).await,
            Err(_) => Err(never_ends()),
        }
    }

    /// Waits for a long operation: 202 with a place to ask after it, until the place has the answer (Resource Manager,
    /// asynchronous operations). The SDK's own waiting expects a state in the body, and asks the first address for the
    /// answer in the end.
    async fn wait(&self, first: Response) -> Result<Response> {
        let mut answer = first;
        for _ in 0..MOST_POLLS {
            if answer.status() != StatusCode::Accepted {
                return Ok(answer);
            }
            let place = answer.headers().get_str(&headers::LOCATION)?;
            let place = Url::parse(place)?;
            let pause = answer.headers().get_optional_str(&headers::RETRY_AFTER).and_then(|text| text.parse().ok());
            tokio::time::sleep(Duration::from_secs(pause.unwrap_or(PAUSE))).await;
            answer = self.ask(place).await?;
        }
        Err(never_ends())
    }
}

fn is_empty(document: &Value) -> bool {
    document.get("value").and_then(Value::as_array).is_none_or(Vec::is_empty)
}

fn never_ends() -> Error {
    Error::message(ErrorKind::Other, "the operation did not end in time")
}

fn is_bad_request(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::HttpResponse { status, .. } if *status == StatusCode::BadRequest)
}

fn is_of_scale_set(nic: &ResourceId) -> bool {
    nic.kind.starts_with("microsoft.compute/")
}

/// nginx's interfaces, and those that its connections reach, also behind load balancers.
fn reached(azure: &AzureNetwork, own: &[InterfaceId], dials: &[Dial]) -> Vec<InterfaceId> {
    let mut all = own.to_vec();
    let mut add = |id: InterfaceId| {
        if !all.contains(&id) {
            all.push(id);
        }
    };
    for from in own {
        for dial in dials {
            let known = dial.name.as_deref().map_or(Lookup::Silent, |name| azure.lookup(*from, name));
            let addresses = match known {
                Lookup::Addresses(found) => found,
                Lookup::Absent(_) => Vec::new(),
                Lookup::Silent | Lookup::Undecided(_) | Lookup::Hidden(_) => dial.addresses.clone(),
            };
            for to in addresses {
                let Some(source) = azure.source_address(*from, to) else { continue };
                let packet = Packet {
                    protocol: dial.protocol,
                    source,
                    destination: to,
                    source_ports: PortRange::LINUX_EPHEMERAL,
                    destination_ports: PortRange::single(dial.port),
                    source_identity: Identity::Interface(*from),
                    destination_identity: Identity::Nobody,
                };
                let crossing = azure.leave(*from, &packet, &mut Half::default());
                let arrival = azure.enter(&crossing, &mut Half::default());
                let Some(at) = arrival.interface else { continue };
                add(at);
                let mut ways = Vec::new();
                azure.onward(&crossing, at, &mut ways);
                ways.iter().filter_map(|way| way.path.end).for_each(|(end, _)| add(end));
            }
        }
    }
    all
}

/// The interface to ask about, or why it is not asked about; none where it is none of a machine.
fn askable(azure: &AzureNetwork, id: InterfaceId) -> Option<std::result::Result<&ResourceId, String>> {
    let interface = azure.network().interface(id)?;
    let nic = azure.resource(id)?;
    let machine = interface.owner.map(|owner| azure.network().name(owner).to_owned());
    let not = |why: String| Some(Err(format!("what is in force on {} was not asked: {why}", nic.text)));
    match (interface.state, machine) {
        (_, Some(_)) if is_of_scale_set(nic) => {
            not("Azure does not answer that for instances of scale sets".to_owned())
        }
        (InterfaceState::Down(word), Some(machine)) => {
            not(format!("{machine} is {}, and Azure answers for machines that run", azure.network().name(word)))
        }
        (InterfaceState::Detached, _) => not("it is attached to no machine".to_owned()),
        (_, Some(_)) => Some(Ok(nic)),
        // A private endpoint, or the interface of a service.
        (_, None) => None,
    }
}
