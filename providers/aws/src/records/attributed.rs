//! Answers that do not repeat what they were asked about.
//!
//! They are attributed by a key beside them with the request's own parameter name, by being the value under the id, or
//! by an id in the file's name.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::read::{Listing, Sink};
use super::{BalancingAttribute, Listener, PrefixListEntry, TargetHealthDescription, Text};

/// Whether a listing's records do not say what they are about, or only where there is one.
pub(super) fn is_attributed(listing: Listing) -> bool {
    use Listing::{Listeners, LoadBalancerAttributes, PrefixListEntries, TargetGroupAttributes, TargetHealth};
    matches!(listing, PrefixListEntries | Listeners | TargetHealth | TargetGroupAttributes | LoadBalancerAttributes)
}

/// Whether a key is an id under which an answer stands.
pub(super) fn is_id(key: &str) -> bool {
    key.starts_with("pl-") || is_balancing(key)
}

/// Whether an ARN is one of Elastic Load Balancing.
fn is_balancing(arn: &str) -> bool {
    arn.starts_with("arn:") && arn.split(':').nth(2) == Some("elasticloadbalancing")
}

fn is_balancer(arn: &str) -> bool {
    is_balancing(arn) && arn.contains(":loadbalancer/")
}

/// The keys of a document that say more than one record.
#[derive(Default)]
pub(super) struct Page {
    /// Whether further pages follow.
    pub(super) more: bool,
    /// The ids that were asked about, under the names of the request's parameters.
    pub(super) asked: Vec<(String, String)>,
    /// What is still to be attributed.
    pub(super) parts: Vec<(Listing, Box<RawValue>)>,
}

impl Page {
    /// Hands on what can be attributed; what was found.
    pub(super) fn hand_on(&self, file: &str, sink: &mut dyn Sink) -> Result<Vec<(Listing, usize)>, String> {
        let asked = |parameter: &str| {
            self.asked.iter().find(|(key, id)| key == parameter && !id.is_empty()).map(|(_, id)| id.as_str())
        };
        let mut found = Vec::new();
        for (listing, records) in &self.parts {
            let mut answer = Answer { more: self.more, ..Answer::default() };
            let records = records.get();
            let wrong = |error: serde_json::Error| error.to_string();
            let of = match listing {
                Listing::PrefixListEntries => {
                    answer.entries = Some(serde_json::from_str(records).map_err(wrong)?);
                    asked("PrefixListId").or_else(|| prefix_list_in(file))
                }
                Listing::Listeners => {
                    let listeners: Vec<Listener<'_>> = serde_json::from_str(records).map_err(wrong)?;
                    // Other services have listeners too, of nothing that is known here.
                    let ours = |listener: &&Listener<'_>| listener.load_balancer_arn.is_some();
                    let count = listeners.iter().filter(ours).count();
                    let balancer = asked("LoadBalancerArn");
                    if count > 0 || (balancer.is_some() && listeners.is_empty()) {
                        sink.listeners(balancer, &listeners, self.more)?;
                        found.push((Listing::Listeners, count));
                    }
                    continue;
                }
                Listing::TargetHealth => {
                    let group = asked("TargetGroupArn");
                    if group.is_some() {
                        answer.targets = Some(serde_json::from_str(records).map_err(wrong)?);
                    }
                    group
                }
                _ => {
                    let of = asked("TargetGroupArn").or_else(|| asked("LoadBalancerArn"));
                    if of.is_some() {
                        answer.attributes = Some(serde_json::from_str(records).map_err(wrong)?);
                    }
                    of
                }
            };
            if let Some(of) = of {
                found.extend(answer.hand_on(of, sink)?);
            }
        }
        Ok(found)
    }
}

/// Answers that are about one thing.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Answer<'a> {
    #[serde(rename = "Entries", borrow)]
    entries: Option<Vec<PrefixListEntry<'a>>>,
    #[serde(rename = "Listeners", borrow)]
    listeners: Option<Vec<Listener<'a>>>,
    #[serde(rename = "TargetHealthDescriptions", borrow)]
    targets: Option<Vec<TargetHealthDescription<'a>>>,
    #[serde(rename = "Attributes", borrow)]
    attributes: Option<Vec<BalancingAttribute<'a>>>,
    #[serde(rename = "NextToken", alias = "NextMarker", borrow)]
    next: Option<Text<'a>>,
    #[serde(skip)]
    more: bool,
}

impl Answer<'_> {
    /// Hands on what is about this id; what was found.
    pub(super) fn hand_on(&self, of: &str, sink: &mut dyn Sink) -> Result<Vec<(Listing, usize)>, String> {
        let more = self.more || self.next.as_ref().is_some_and(|token| !token.is_empty());
        let mut found = Vec::new();
        if of.starts_with("pl-") {
            let entries = self.entries.as_deref().unwrap_or_default();
            sink.prefix_list_entries(of, entries, more)?;
            found.push((Listing::PrefixListEntries, entries.len()));
        }
        if let Some(listeners) = self.listeners.as_ref().filter(|_| is_balancer(of)) {
            sink.listeners(Some(of), listeners, more)?;
            found.push((Listing::Listeners, listeners.len()));
        }
        if let Some(targets) = self.targets.as_ref().filter(|_| is_balancing(of) && !is_balancer(of)) {
            sink.targets(of, targets)?;
            found.push((Listing::TargetHealth, targets.len()));
        }
        if let Some(attributes) = self.attributes.as_ref().filter(|_| is_balancing(of)) {
            sink.attributes(of, attributes)?;
            let listing =
                if is_balancer(of) { Listing::LoadBalancerAttributes } else { Listing::TargetGroupAttributes };
            found.push((listing, attributes.len()));
        }
        Ok(found)
    }
}

/// The id of a prefix list in a file name such as `entries-pl-0123456789abcdef0.json`.
fn prefix_list_in(name: &str) -> Option<&str> {
    let id = name.get(name.find("pl-")?..)?;
    let end = id.char_indices().skip(3).find(|(_, c)| !c.is_ascii_alphanumeric()).map_or(id.len(), |(at, _)| at);
    id.get(..end).filter(|id| id.len() > 3)
}
