//! What was read of load balancers.

use reachlint_model::{NameId, Names};
use rustc_hash::FxHashMap as HashMap;

use super::intake::id;
use super::names::normal;
use crate::records::{
    BalancingAttribute, ClassicBalancer, ClassicHealth, Listener, ListenerAction, ListenerRule, LoadBalancer,
    TargetGroup, TargetHealthDescription, Text,
};

/// A listener.
#[derive(Clone, Debug)]
pub(super) struct RawListener {
    pub(super) id: NameId,
    pub(super) port: u16,
    pub(super) protocol: NameId,
    /// Whether it sends on what no rule of it is about, and does not answer by itself.
    pub(super) forwards: bool,
    /// Target groups that it sends to.
    pub(super) groups: Vec<NameId>,
    /// Target groups that it names and that get nothing.
    pub(super) idle: Vec<NameId>,
}

/// The listeners of a load balancer, and the number of documents that say more of them follow, and that do not.
#[derive(Clone, Debug, Default)]
pub(super) struct RawListeners {
    pub(super) listeners: Vec<RawListener>,
    pub(super) pages: (usize, usize),
}

/// What the rules of a listener send to, and the number of documents that say more of them follow, and that do not.
#[derive(Clone, Debug, Default)]
pub(super) struct RawRules {
    pub(super) groups: Vec<NameId>,
    pub(super) pages: (usize, usize),
}

/// A target group.
#[derive(Clone, Debug)]
pub(super) struct RawTargetGroup {
    pub(super) label: Option<NameId>,
    pub(super) kind: Option<NameId>,
    pub(super) protocol: Option<NameId>,
    pub(super) port: Option<u16>,
    pub(super) v6: bool,
    /// Load balancers with a listener or rule that sends to it.
    pub(super) balancers: Vec<NameId>,
}

/// A target.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawTarget {
    pub(super) id: NameId,
    pub(super) port: Option<u16>,
    pub(super) zone: Option<NameId>,
    pub(super) state: Option<NameId>,
}

/// The name of a load balancer in DNS.
#[derive(Clone, Debug)]
pub(super) struct RawBalancerHost {
    pub(super) host: String,
    pub(super) balancer: NameId,
    pub(super) internal: bool,
    /// Whether it has IPv4 and IPv6 addresses.
    pub(super) families: (bool, bool),
}

/// A Classic Load Balancer.
#[derive(Clone, Debug)]
pub(super) struct RawClassic {
    /// What it is called among load balancers: `elb/VPC/NAME`, as its name alone is one's of a Region and an account.
    pub(super) key: NameId,
    pub(super) name: NameId,
    /// Protocol, port, and port of the machines.
    pub(super) listeners: Vec<(NameId, u16, u16)>,
    pub(super) instances: Vec<NameId>,
}

/// Everything about load balancers. They are called `app/NAME/ID`, the end of their ARN, as their interfaces say it;
/// target groups by their ARN.
#[derive(Debug, Default)]
pub(super) struct Balancing {
    pub(super) states: HashMap<NameId, NameId>,
    /// Names in DNS.
    pub(super) hosts: Vec<RawBalancerHost>,
    pub(super) classic: Vec<RawClassic>,
    /// What is known of the machines behind a Classic Load Balancer, by its name.
    pub(super) classic_health: HashMap<NameId, Vec<(NameId, NameId)>>,
    pub(super) classic_cross_zone: HashMap<NameId, bool>,
    pub(super) listeners: HashMap<NameId, RawListeners>,
    /// By listener.
    pub(super) rules: HashMap<NameId, RawRules>,
    pub(super) groups: HashMap<NameId, RawTargetGroup>,
    pub(super) targets: HashMap<NameId, Vec<RawTarget>>,
    /// Values by setting, of target groups and load balancers.
    pub(super) attributes: HashMap<NameId, HashMap<NameId, NameId>>,
}

/// What a load balancer is called: `app/NAME/ID` of `arn:aws:elasticloadbalancing:…:loadbalancer/app/NAME/ID`.
fn end_of(arn: &str) -> &str {
    arn.split_once(":loadbalancer/").map_or(arn, |(_, end)| end)
}

fn port(number: Option<i32>) -> Option<u16> {
    number.and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0)
}

impl Balancing {
    pub(super) fn load_balancer(&mut self, names: &mut Names, record: &LoadBalancer<'_>) -> Result<(), String> {
        let arn = id(&record.load_balancer_arn, "LoadBalancerArn")?;
        let code = record.state.as_ref().and_then(|state| state.code.as_deref()).unwrap_or_default();
        let (name, code) = (names.intern(end_of(arn)), names.intern(code));
        self.states.entry(name).or_insert(code);
        if let Some(host) = record.dns_name.as_deref().map(normal).filter(|host| !host.is_empty()) {
            let internal = record.scheme.as_deref() == Some("internal");
            // Elastic Load Balancing API, `IpAddressType`.
            let families = match record.ip_address_type.as_deref() {
                Some("dualstack") => (true, true),
                Some("dualstack-without-public-ipv4") => (internal, true),
                _ => (true, false),
            };
            if !self.hosts.iter().any(|known| known.balancer == name) {
                self.hosts.push(RawBalancerHost { host, balancer: name, internal, families });
            }
        }
        Ok(())
    }

    pub(super) fn classic(&mut self, names: &mut Names, record: &ClassicBalancer<'_>) -> Result<(), String> {
        let name = id(&record.name, "LoadBalancerName")?;
        let key = names.intern(&format!("elb/{}/{name}", record.vpc.as_deref().unwrap_or_default()));
        if self.classic.iter().any(|known| known.key == key) {
            return Ok(());
        }
        let mut listeners = Vec::new();
        for listener in record.listeners.iter().map(|description| &description.listener) {
            let ports = port(Some(listener.load_balancer_port)).zip(port(Some(listener.instance_port)));
            if let Some((own, theirs)) = ports {
                listeners.push((names.intern(&listener.protocol), own, theirs));
            }
        }
        listeners.sort_unstable_by_key(|(_, port, _)| *port);
        let instances = record.instances.iter().map(|instance| names.intern(&instance.instance_id)).collect();
        if let Some(host) = record.dns_name.as_deref().map(normal).filter(|host| !host.is_empty()) {
            let internal = record.scheme.as_deref() == Some("internal");
            // A Classic Load Balancer in a VPC has IPv4 only (Classic Load Balancer guide, IP address types).
            self.hosts.push(RawBalancerHost { host, balancer: key, internal, families: (true, false) });
        }
        self.classic.push(RawClassic { key, name: names.intern(name), listeners, instances });
        Ok(())
    }

    pub(super) fn classic_health(&mut self, names: &mut Names, balancer: &str, states: &[ClassicHealth<'_>]) {
        let states = states.iter().map(|record| {
            let state = record.state.as_deref().unwrap_or_default();
            (names.intern(&record.instance_id), names.intern(state))
        });
        let states = states.collect();
        self.classic_health.entry(names.intern(balancer)).or_insert(states);
    }

    pub(super) fn listeners(
        &mut self,
        names: &mut Names,
        balancer: Option<&str>,
        listeners: &[Listener<'_>],
        more: bool,
    ) -> Result<(), String> {
        let mut about: Vec<NameId> = balancer.map(|arn| names.intern(end_of(arn))).into_iter().collect();
        for record in listeners {
            // A listener of another service has none.
            let Some(arn) = record.load_balancer_arn.as_deref() else { continue };
            let owner = names.intern(end_of(arn));
            let name = names.intern(id(&record.listener_arn, "ListenerArn")?);
            let known = self.listeners.entry(owner).or_default();
            if !about.contains(&owner) {
                about.push(owner);
            }
            // A gateway load balancer's listener has no port.
            let Some(port) = port(record.port) else { continue };
            if known.listeners.iter().any(|listener| listener.id == name) {
                continue;
            }
            let protocol = names.intern(record.protocol.as_deref().unwrap_or_default());
            let forwards = record.default_actions.iter().any(|action| &*action.kind == "forward");
            let (groups, idle) = groups(names, &record.default_actions);
            known.listeners.push(RawListener { id: name, port, protocol, forwards, groups, idle });
        }
        for owner in about {
            let pages = &mut self.listeners.entry(owner).or_default().pages;
            *(if more { &mut pages.0 } else { &mut pages.1 }) += 1;
        }
        Ok(())
    }

    /// The ARN of a rule is that of its listener with one part more: `…:listener-rule/app/NAME/ID/LISTENER/RULE`.
    pub(super) fn rules(&mut self, names: &mut Names, rules: &[ListenerRule<'_>], more: bool) {
        let mut about = Vec::new();
        for rule in rules {
            let Some((listener, _)) = rule.rule_arn.rsplit_once('/') else { continue };
            let listener = names.intern(&listener.replacen(":listener-rule/", ":listener/", 1));
            let known = self.rules.entry(listener).or_default();
            if !about.contains(&listener) {
                about.push(listener);
            }
            known.groups.extend(groups(names, &rule.actions).0);
        }
        for listener in about {
            let pages = &mut self.rules.entry(listener).or_default().pages;
            *(if more { &mut pages.0 } else { &mut pages.1 }) += 1;
        }
    }

    pub(super) fn target_group(&mut self, names: &mut Names, record: &TargetGroup<'_>) -> Result<(), String> {
        let name = names.intern(id(&record.target_group_arn, "TargetGroupArn")?);
        let mut option = |text: Option<&Text<'_>>| text.filter(|text| !text.is_empty()).map(|text| names.intern(text));
        let group = RawTargetGroup {
            label: option(record.target_group_name.as_ref()),
            kind: option(record.target_type.as_ref()),
            protocol: option(record.protocol.as_ref()),
            port: port(record.port),
            v6: record.ip_address_type.as_deref() == Some("ipv6"),
            balancers: record.load_balancer_arns.iter().map(|arn| names.intern(end_of(arn))).collect(),
        };
        self.groups.entry(name).or_insert(group);
        Ok(())
    }

    pub(super) fn targets(
        &mut self,
        names: &mut Names,
        group: &str,
        targets: &[TargetHealthDescription<'_>],
    ) -> Result<(), String> {
        let mut found = Vec::with_capacity(targets.len());
        for record in targets {
            let state = record.target_health.as_ref().and_then(|health| health.state.as_deref());
            found.push(RawTarget {
                id: names.intern(id(&record.target.id, "Id")?),
                port: port(record.target.port),
                zone: record.target.availability_zone.as_deref().map(|zone| names.intern(zone)),
                state: state.map(|state| names.intern(state)),
            });
        }
        // The answer has no order that is documented.
        found.sort_by(|a, b| (names.get(a.id), a.port).cmp(&(names.get(b.id), b.port)));
        self.targets.entry(names.intern(group)).or_insert(found);
        Ok(())
    }

    pub(super) fn attributes(&mut self, names: &mut Names, of: &str, attributes: &[BalancingAttribute<'_>]) {
        let values = attributes.iter().map(|entry| (names.intern(&entry.key), names.intern(&entry.value))).collect();
        let of = names.intern(end_of(of));
        self.attributes.entry(of).or_insert(values);
    }
}

/// The target groups that actions send to, and those that it names with the weight 0, which get nothing (Elastic Load
/// Balancing API, `TargetGroupTuple`).
fn groups(names: &mut Names, actions: &[ListenerAction<'_>]) -> (Vec<NameId>, Vec<NameId>) {
    let (mut used, mut idle) = (Vec::new(), Vec::new());
    for action in actions.iter().filter(|action| &*action.kind == "forward") {
        let listed = action.forward_config.as_ref().map(|config| config.target_groups.as_slice()).unwrap_or_default();
        let shares = listed.iter().map(|share| (&share.target_group_arn, share.weight == Some(0)));
        let single = action.target_group_arn.as_ref().filter(|_| listed.is_empty()).map(|arn| (arn, false));
        for (arn, is_idle) in shares.chain(single) {
            let arn = names.intern(arn);
            let into = if is_idle { &mut idle } else { &mut used };
            if !into.contains(&arn) {
                into.push(arn);
            }
        }
    }
    (used, idle)
}

#[cfg(test)]
mod tests {
    use crate::network::Estate;
    use crate::records::{Listing, Recognised, read};

    const BALANCER: &str =
        "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/net/front/0123456789abcdef";
    const GROUP: &str = "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/app/0123456789abcdef";

    fn take(estate: &mut Estate, text: &str) -> Vec<(Listing, usize)> {
        match read("x.json", &mut text.as_bytes(), estate).unwrap() {
            Recognised::Evidence(found) => found,
            Recognised::Other(_) => Vec::new(),
        }
    }

    #[test]
    fn answers_are_attributed_by_the_request_or_by_the_id_over_them() {
        let targets = r#""TargetHealthDescriptions": [{"Target": {"Id": "10.0.0.1", "Port": 80}}]"#;
        let attributes = r#""Attributes": [{"Key": "load_balancing.cross_zone.enabled", "Value": "true"}]"#;
        let documents =
            [format!(r#"{{{targets}, "TargetGroupArn": "{GROUP}"}}"#), format!(r#"{{"{GROUP}": {{{targets}}}}}"#)];
        for document in documents {
            let mut estate = Estate::new();
            assert_eq!(take(&mut estate, &document), [(Listing::TargetHealth, 1)], "{document}");
            assert_eq!(estate.balancing.targets.len(), 1);
        }
        let documents = [
            format!(r#"{{"LoadBalancerArn": "{BALANCER}", {attributes}}}"#),
            format!(r#"{{"{BALANCER}": {{{attributes}}}}}"#),
        ];
        for document in documents {
            let mut estate = Estate::new();
            assert_eq!(take(&mut estate, &document), [(Listing::LoadBalancerAttributes, 1)], "{document}");
            let name = estate.names.find("net/front/0123456789abcdef").unwrap();
            assert_eq!(estate.balancing.attributes[&name].len(), 1);
        }
    }

    #[test]
    fn what_nothing_attributes_is_no_evidence() {
        let documents = [
            r#"{"TargetHealthDescriptions": []}"#,
            r#"{"Attributes": [{"Key": "load_balancing.cross_zone.enabled", "Value": "true"}]}"#,
            // Attributes and listeners of other services.
            r#"{"Attributes": {"DelaySeconds": "0"}}"#,
            r#"{"Listeners": [{"ListenerArn": "arn:aws:globalaccelerator::1:listener", "PortRanges": []}]}"#,
            r#"{"Listeners": []}"#,
            r#"{"Rules": [{"ID": "expire", "Actions": "none"}]}"#,
        ];
        for document in documents {
            let mut estate = Estate::new();
            assert_eq!(take(&mut estate, document), [], "{document}");
            assert!(estate.is_empty(), "{document}");
        }
    }

    #[test]
    fn pages_are_counted_for_each_load_balancer() {
        let mut estate = Estate::new();
        let listener = |id: &str| {
            format!(r#"{{"ListenerArn": "{id}", "LoadBalancerArn": "{BALANCER}", "Port": 80, "Protocol": "TCP"}}"#)
        };
        let first = format!(r#"{{"Listeners": [{}], "NextMarker": "more"}}"#, listener("a"));
        let other = format!(r#"{{"Listeners": [], "LoadBalancerArn": "{BALANCER}0"}}"#);
        assert_eq!(take(&mut estate, &first), [(Listing::Listeners, 1)]);
        assert_eq!(take(&mut estate, &other), [(Listing::Listeners, 0)]);
        let name = estate.names.find("net/front/0123456789abcdef").unwrap();
        assert_eq!(estate.balancing.listeners[&name].pages, (1, 0));
        take(&mut estate, &format!(r#"{{"Listeners": [{}, {}]}}"#, listener("a"), listener("b")));
        assert_eq!(estate.balancing.listeners[&name].pages, (1, 1));
        assert_eq!(estate.balancing.listeners[&name].listeners.len(), 2, "a listener counts once");
    }
}
