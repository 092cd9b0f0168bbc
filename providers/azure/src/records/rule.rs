//! Rules of network security groups and security admin rules, read to the end: what they say is checked here.

use reachlint_model::{PortRange, Prefix, Protocol, ProtocolMatch};
use serde::Deserialize;

use super::id::key;
use super::resources::Reference;

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Lets pass; for an admin rule only past the admin rules.
    Allow,
    /// Refuses.
    Deny,
    /// Lets pass, whatever the network security groups say. Only admin rules do that.
    AlwaysAllow,
}

/// One end of a rule: all that it names, any of which matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct End {
    /// `*`.
    pub(crate) any: bool,
    /// Address blocks.
    pub(crate) blocks: Vec<Prefix>,
    /// Service tags as they are spelt.
    pub(crate) tags: Vec<String>,
    /// Keys of application security groups.
    pub(crate) groups: Vec<String>,
    /// Names of network groups of a network manager, whose members no answer lists.
    pub(crate) network_groups: Vec<String>,
}

impl End {
    /// Whether the record names nothing at all on this end, which no rule of Azure does: a part of it is missing.
    #[must_use]
    pub(crate) fn is_missing(&self) -> bool {
        *self == Self::default()
    }

    fn add(&mut self, text: &str) -> Result<(), String> {
        let text = text.trim();
        let looks_numeric = text.starts_with(|first: char| first.is_ascii_digit()) || text.contains(':');
        if text.is_empty() {
            // The singular field of a rule that has the plural one.
        } else if text == "*" || text.eq_ignore_ascii_case("any") {
            self.any = true;
        } else if looks_numeric || text.contains('/') {
            self.blocks.push(text.parse().map_err(|error| format!("{error}"))?);
        } else if text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')) {
            self.tags.push(text.to_owned());
        } else {
            return Err(format!("`{text}` is neither an address block nor a service tag"));
        }
        Ok(())
    }
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FilterRule {
    /// Its name within its group or collection.
    pub(crate) name: String,
    /// Its priority; the lowest number goes first.
    pub(crate) priority: i64,
    /// Whether it is about what arrives.
    pub(crate) inbound: bool,
    /// What it does.
    pub(crate) access: Access,
    /// The protocols that it is about.
    pub(crate) protocols: Vec<ProtocolMatch>,
    /// Sources.
    pub(crate) source: End,
    /// Destinations.
    pub(crate) destination: End,
    /// Source ports.
    pub(crate) source_ports: Vec<PortRange>,
    /// Destination ports.
    pub(crate) destination_ports: Vec<PortRange>,
}

/// A rule of a network security group as it is printed, keys in lower case.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct SecurityRule {
    /// Its name.
    pub(crate) name: String,
    /// Its priority.
    pub(crate) priority: Option<i64>,
    /// `Inbound` or `Outbound`.
    pub(crate) direction: String,
    /// `Allow` or `Deny`.
    pub(crate) access: String,
    /// `Tcp`, `Udp`, `Icmp`, `Esp`, `Ah`, `*` or `All`.
    pub(crate) protocol: String,
    /// One source.
    pub(crate) sourceaddressprefix: Option<String>,
    /// Several sources.
    pub(crate) sourceaddressprefixes: Vec<String>,
    /// Source groups.
    pub(crate) sourceapplicationsecuritygroups: Vec<Reference>,
    /// One range of source ports.
    pub(crate) sourceportrange: Option<String>,
    /// Several ranges of source ports.
    pub(crate) sourceportranges: Vec<String>,
    /// One destination.
    pub(crate) destinationaddressprefix: Option<String>,
    /// Several destinations.
    pub(crate) destinationaddressprefixes: Vec<String>,
    /// Destination groups.
    pub(crate) destinationapplicationsecuritygroups: Vec<Reference>,
    /// One range of destination ports.
    pub(crate) destinationportrange: Option<String>,
    /// Several ranges of destination ports.
    pub(crate) destinationportranges: Vec<String>,
}

/// A security admin rule as it is printed, keys in lower case.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AdminRule {
    /// Its resource id.
    pub(crate) id: Option<String>,
    /// Its name.
    pub(crate) name: Option<String>,
    /// Its priority.
    pub(crate) priority: Option<i64>,
    /// `Inbound` or `Outbound`.
    pub(crate) direction: String,
    /// `Allow`, `AlwaysAllow` or `Deny`.
    pub(crate) access: String,
    /// `Tcp`, `Udp`, `Icmp`, `Esp`, `Ah` or `Any`.
    pub(crate) protocol: String,
    /// Sources.
    pub(crate) sources: Vec<AdminAddress>,
    /// Destinations.
    pub(crate) destinations: Vec<AdminAddress>,
    /// Ranges of source ports.
    pub(crate) sourceportranges: Vec<String>,
    /// Ranges of destination ports.
    pub(crate) destinationportranges: Vec<String>,
}

/// One source or destination of a security admin rule.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AdminAddress {
    /// A block, a tag or a network group.
    pub(crate) addressprefix: String,
    /// `IPPrefix`, `ServiceTag` or `NetworkGroup`.
    pub(crate) addressprefixtype: String,
}

/// The ports of a text: `*`, `8080` or `8000-8079`.
pub(super) fn ports(text: &str) -> Result<PortRange, String> {
    match text.trim() {
        "*" => Ok(PortRange::ALL),
        text => text.parse().map_err(|_| format!("`{text}` is neither a port, nor a range of ports, nor `*`")),
    }
}

fn all_ports(one: Option<&str>, several: &[String], what: &str) -> Result<Vec<PortRange>, String> {
    let given = one.into_iter().chain(several.iter().map(String::as_str)).filter(|text| !text.trim().is_empty());
    let found: Result<Vec<PortRange>, String> = given.map(ports).collect();
    let found = found.map_err(|why| format!("{what}: {why}"))?;
    if found.is_empty() {
        return Err(format!("it has no {what}"));
    }
    Ok(found)
}

/// The protocols of a word. `Icmp` is both that of IPv4 and that of IPv6.
pub(crate) fn protocols(text: &str) -> Result<Vec<ProtocolMatch>, String> {
    let only = |protocol| Ok(vec![ProtocolMatch::Only(protocol)]);
    match text.trim().to_ascii_lowercase().as_str() {
        "*" | "any" | "all" => Ok(vec![ProtocolMatch::Any]),
        "tcp" => only(Protocol::TCP),
        "udp" => only(Protocol::UDP),
        "icmp" => Ok(vec![ProtocolMatch::Only(Protocol::ICMP), ProtocolMatch::Only(Protocol::ICMP_V6)]),
        "esp" => only(Protocol(50)),
        "ah" => only(Protocol(51)),
        number => match number.parse() {
            Ok(number) => only(Protocol(number)),
            Err(_) => Err(format!("`{text}` is no protocol")),
        },
    }
}

fn access(text: &str) -> Result<Access, String> {
    match text.to_ascii_lowercase().as_str() {
        "allow" => Ok(Access::Allow),
        "deny" => Ok(Access::Deny),
        "alwaysallow" => Ok(Access::AlwaysAllow),
        _ => Err(format!("`{text}` is no access")),
    }
}

fn inbound(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "inbound" => Ok(true),
        "outbound" => Ok(false),
        _ => Err(format!("`{text}` is no direction")),
    }
}

fn end(one: Option<&str>, several: &[String], groups: &[Reference]) -> Result<End, String> {
    let mut end = End { groups: groups.iter().map(|group| key(&group.id)).collect(), ..End::default() };
    for text in one.into_iter().chain(several.iter().map(String::as_str)) {
        end.add(text)?;
    }
    Ok(end)
}

impl SecurityRule {
    /// The rule with every part understood.
    ///
    /// # Errors
    /// When a part of it cannot be.
    pub(crate) fn read(&self) -> Result<FilterRule, String> {
        let named = |why: String| format!("rule `{}`: {why}", self.name);
        let read = || {
            Ok(FilterRule {
                name: self.name.clone(),
                priority: self.priority.ok_or("it has no priority")?,
                inbound: inbound(&self.direction)?,
                access: access(&self.access)?,
                protocols: protocols(&self.protocol)?,
                source: end(
                    self.sourceaddressprefix.as_deref(),
                    &self.sourceaddressprefixes,
                    &self.sourceapplicationsecuritygroups,
                )?,
                destination: end(
                    self.destinationaddressprefix.as_deref(),
                    &self.destinationaddressprefixes,
                    &self.destinationapplicationsecuritygroups,
                )?,
                source_ports: all_ports(self.sourceportrange.as_deref(), &self.sourceportranges, "source ports")?,
                destination_ports: all_ports(
                    self.destinationportrange.as_deref(),
                    &self.destinationportranges,
                    "destination ports",
                )?,
            })
        };
        read().map_err(named)
    }
}

impl AdminRule {
    /// The rule with every part understood.
    ///
    /// # Errors
    /// When a part of it cannot be.
    pub(crate) fn read(&self) -> Result<FilterRule, String> {
        let own = self.name.clone().or_else(|| self.id.as_deref()?.rsplit('/').next().map(str::to_owned));
        let name = own.unwrap_or_else(|| "without a name".to_owned());
        let read = || {
            let end = |addresses: &[AdminAddress]| {
                let mut end = End { any: addresses.is_empty(), ..End::default() };
                for address in addresses {
                    if address.addressprefixtype.eq_ignore_ascii_case("NetworkGroup") {
                        end.network_groups.push(address.addressprefix.clone());
                    } else {
                        end.add(&address.addressprefix)?;
                    }
                }
                Ok::<End, String>(end)
            };
            // A rule without ports is about all of them (Virtual Network Manager API, defaults of an admin rule).
            let all = |several: &[String], what| match several {
                [] => Ok(vec![PortRange::ALL]),
                several => all_ports(None, several, what),
            };
            Ok(FilterRule {
                name: name.clone(),
                priority: self.priority.ok_or("it has no priority")?,
                inbound: inbound(&self.direction)?,
                access: access(&self.access)?,
                protocols: protocols(&self.protocol)?,
                source: end(&self.sources)?,
                destination: end(&self.destinations)?,
                source_ports: all(&self.sourceportranges, "source ports")?,
                destination_ports: all(&self.destinationportranges, "destination ports")?,
            })
        };
        read().map_err(|why: String| format!("admin rule `{name}`: {why}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> SecurityRule {
        SecurityRule {
            name: "r".to_owned(),
            priority: Some(100),
            direction: "inbound".to_owned(),
            access: "ALLOW".to_owned(),
            protocol: "TCP".to_owned(),
            sourceaddressprefix: Some("internet".to_owned()),
            sourceportrange: Some("*".to_owned()),
            destinationaddressprefix: Some("*".to_owned()),
            destinationportrange: Some("8000-8079".to_owned()),
            ..SecurityRule::default()
        }
    }

    #[test]
    fn words_are_read_whatever_their_case() {
        let read = rule().read().unwrap();
        assert!(read.inbound && read.access == Access::Allow && read.destination.any);
        assert_eq!(read.source.tags, ["internet"]);
        assert_eq!(read.protocols, [ProtocolMatch::Only(Protocol::TCP)]);
    }

    #[test]
    fn an_absent_prefix_is_not_any() {
        let read = SecurityRule { sourceaddressprefix: None, ..rule() }.read().unwrap();
        assert!(read.source.is_missing() && !read.source.any);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let wrong = |rule: SecurityRule, part: &str| {
            let why = rule.read().unwrap_err();
            assert!(why.contains("rule `r`") && why.contains(part), "{why}");
        };
        wrong(SecurityRule { destinationportrange: Some("8080-".to_owned()), ..rule() }, "`8080-`");
        wrong(SecurityRule { destinationportrange: None, ..rule() }, "no destination ports");
        wrong(SecurityRule { sourceaddressprefix: Some("10.0.0.0/33".to_owned()), ..rule() }, "10.0.0.0/33");
        wrong(SecurityRule { access: "Audit".to_owned(), ..rule() }, "Audit");
        wrong(SecurityRule { protocol: "sctp?".to_owned(), ..rule() }, "sctp?");
        wrong(SecurityRule { priority: None, ..rule() }, "no priority");
    }
}
