//! The estates of the traps, and what the printed commands do to them.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::path::Path;

use reachlint::evidence::from_documents;
use reachlint_model::{PortRange, Protocol, Provider};
use serde_json::{Map, Value, json};

/// Records by kind, as `aws ec2 describe-*` prints them.
#[derive(Clone)]
pub(crate) struct Estate(Map<String, Value>);

/// What identifies a record of each kind.
const IDS: [(&str, &str); 16] = [
    ("Vpcs", "VpcId"),
    ("Subnets", "SubnetId"),
    ("RouteTables", "RouteTableId"),
    ("NetworkAcls", "NetworkAclId"),
    ("InternetGateways", "InternetGatewayId"),
    ("Reservations", "ReservationId"),
    ("NetworkInterfaces", "NetworkInterfaceId"),
    ("SecurityGroups", "GroupId"),
    ("SecurityGroupRules", "SecurityGroupRuleId"),
    ("PrefixLists", "PrefixListId"),
    ("VpcPeeringConnections", "VpcPeeringConnectionId"),
    ("NatGateways", "NatGatewayId"),
    ("Addresses", "AllocationId"),
    ("LoadBalancers", "LoadBalancerArn"),
    ("Listeners", "ListenerArn"),
    ("TargetGroups", "TargetGroupArn"),
];

fn id_of(kind: &str) -> &'static str {
    IDS.iter().find(|(known, _)| *known == kind).map_or("", |(_, id)| id)
}

fn traps() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traps/aws")
}

fn toml_of(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap();
    serde_json::to_value(toml::from_str::<toml::Value>(&text).unwrap()).unwrap()
}

/// Where a flow begins if the trap says so, and the address, port and protocol it goes to.
pub(crate) type Flow = (Option<String>, IpAddr, u16, Protocol);

/// A trap with the estate it starts from merged under it.
pub(crate) struct Trap {
    pub(crate) id: String,
    pub(crate) from: String,
    pub(crate) ephemeral: PortRange,
    expect: Vec<Value>,
    pub(crate) estate: Estate,
}

impl Trap {
    pub(crate) fn all() -> Vec<Self> {
        let base = toml_of(&traps().join("base.toml"));
        let mut files: Vec<_> = fs::read_dir(traps()).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.retain(|path| path.extension().is_some_and(|end| end == "toml") && !path.ends_with("base.toml"));
        files.iter().map(|path| Self::read(&base, &toml_of(path))).collect()
    }

    pub(crate) fn named(id: &str) -> Self {
        Self::all().into_iter().find(|trap| trap.id == id).unwrap()
    }

    fn read(base: &Value, case: &Value) -> Self {
        let mut records = base["evidence"].as_object().unwrap().clone();
        let without: Vec<&str> =
            case["without"].as_array().into_iter().flatten().filter_map(|name| name.as_str()).collect();
        records.retain(|kind, _| !without.contains(&kind.as_str()));
        for (kind, list) in &mut records {
            let id = id_of(kind);
            if let Some(list) = list.as_array_mut() {
                list.retain(|record| !without.contains(&record[id].as_str().unwrap()));
            }
        }
        for (kind, new) in case["evidence"].as_object().into_iter().flatten() {
            match (records.get_mut(kind), new.as_array()) {
                (Some(Value::Array(known)), Some(new)) => {
                    let id = id_of(kind);
                    known.retain(|record| !new.iter().any(|new| new[id] == record[id]));
                    known.extend(new.iter().cloned());
                }
                _ => {
                    records.insert(kind.clone(), new.clone());
                }
            }
        }
        let ports = case["options"]["ephemeral"].as_str().map(|ports| ports.parse().unwrap());
        Self {
            id: case["id"].as_str().unwrap().to_owned(),
            from: case["from"].as_str().or(base["from"].as_str()).unwrap().to_owned(),
            ephemeral: ports.unwrap_or(PortRange::LINUX_EPHEMERAL),
            expect: case["expect"].as_array().cloned().unwrap_or_default(),
            estate: Estate(records),
        }
    }

    /// Flows to addresses, with the interface each begins at.
    pub(crate) fn flows(&self) -> Vec<Flow> {
        let flows = self.expect.iter().filter_map(|expect| {
            let to = expect["to"].as_str()?;
            let (to, protocol) = match to.strip_suffix("/udp") {
                Some(to) => (to, Protocol::UDP),
                None => (to, Protocol::TCP),
            };
            let to: std::net::SocketAddr = to.parse().ok()?;
            let from = expect["interface"].as_str().map(str::to_owned);
            Some((from, to.ip(), to.port(), protocol))
        });
        flows.collect()
    }
}

impl Estate {
    pub(crate) fn compile(&self) -> Box<dyn Provider> {
        let mut documents: Vec<(String, Vec<u8>)> = Vec::new();
        for (kind, records) in &self.0 {
            if kind == "PrefixListEntries" {
                for (list, entries) in records.as_object().unwrap() {
                    let document = json!({ "PrefixListId": list, "Entries": entries });
                    documents.push((format!("{list}.json"), document.to_string().into_bytes()));
                }
            } else if let Some(key) = kind.strip_prefix("TransitGateway").filter(|_| records.is_object()) {
                for (table, found) in records.as_object().unwrap() {
                    let document = json!({ "TransitGatewayRouteTableId": table, key: found });
                    documents.push((format!("{kind}-{table}.json"), document.to_string().into_bytes()));
                }
            } else if let Some(answers) = records.as_object().filter(|_| kind != "VpcBlockPublicAccessOptions") {
                // The answers about one load balancer or target group stand under its ARN.
                for (arn, answer) in answers {
                    let name = format!("{kind}-{}.json", documents.len());
                    documents.push((name, json!({ arn: { kind: answer } }).to_string().into_bytes()));
                }
            } else {
                let name = if kind == "NetworkInterfaces" { "describe-network-interfaces" } else { kind };
                documents.push((format!("{name}.json"), json!({ kind: records }).to_string().into_bytes()));
            }
        }
        let documents = documents.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
        from_documents(documents, "a trap").unwrap().networks.remove(0)
    }

    pub(crate) fn records(&mut self, kind: &str) -> &mut Vec<Value> {
        self.0.entry(kind).or_insert_with(|| json!([])).as_array_mut().unwrap()
    }

    /// The entries of a prefix list.
    pub(crate) fn entries(&mut self, list: &str, entries: &Value) {
        self.0.entry("PrefixListEntries").or_insert_with(|| json!({}))[list] = entries.clone();
    }

    pub(crate) fn record(&mut self, kind: &str, id: &str) -> &mut Value {
        let key = id_of(kind);
        self.records(kind).iter_mut().find(|record| record[key] == id).unwrap_or_else(|| panic!("{kind} has no {id}"))
    }

    /// Carries out what a remedy prints for the AWS CLI.
    pub(crate) fn run(&mut self, cli: &str) {
        for line in cli.lines().filter(|line| !line.is_empty()) {
            let words = shell_words(line);
            assert_eq!(words[..2], ["aws", "ec2"], "{line}");
            let options = options(&words[3..]);
            self.carry_out(&words[2], &options);
        }
    }

    fn carry_out(&mut self, command: &str, options: &BTreeMap<String, String>) {
        let option = |name: &str| options[name].as_str();
        match command {
            "authorize-security-group-ingress" => self.authorize(false, options),
            "authorize-security-group-egress" => self.authorize(true, options),
            "revoke-security-group-ingress" => self.revoke(false, options),
            "revoke-security-group-egress" => self.revoke(true, options),
            "create-network-acl-entry" => {
                let egress = options.contains_key("--egress");
                assert_ne!(egress, options.contains_key("--ingress"));
                let number: i64 = option("--rule-number").parse().unwrap();
                assert!((1..=32_766).contains(&number), "{number}");
                let entries = self.record("NetworkAcls", option("--network-acl-id"))["Entries"].as_array_mut().unwrap();
                let taken = |entry: &Value| entry["RuleNumber"] == number && entry["Egress"] == egress;
                assert!(!entries.iter().any(taken), "entry {number} is there already");
                let (from, to) = option("--port-range").split_once(',').unwrap();
                let port = |text: &str, name: &str| text.strip_prefix(name).unwrap().parse::<u16>().unwrap();
                let mut entry = json!({
                    "RuleNumber": number,
                    "Egress": egress,
                    "Protocol": option("--protocol"),
                    "RuleAction": option("--rule-action"),
                    "PortRange": { "From": port(from, "From="), "To": port(to, "To=") },
                });
                match options.get("--cidr-block") {
                    Some(block) => entry["CidrBlock"] = json!(block),
                    None => entry["Ipv6CidrBlock"] = json!(option("--ipv6-cidr-block")),
                }
                entries.push(entry);
            }
            "accept-vpc-peering-connection" => {
                let peering = self.record("VpcPeeringConnections", option("--vpc-peering-connection-id"));
                assert_eq!(peering["Status"]["Code"], "pending-acceptance");
                peering["Status"]["Code"] = json!("active");
            }
            "start-instances" => {
                let machine = option("--instance-ids");
                let all = self.records("Reservations").iter_mut();
                let mut all = all.flat_map(|record| record["Instances"].as_array_mut().unwrap());
                let found = all.find(|found| found["InstanceId"] == machine).unwrap();
                assert_eq!(found["State"]["Name"], "stopped");
                found["State"]["Name"] = json!("running");
            }
            "create-route" | "replace-route" => {
                let (key, block) = match options.get("--destination-cidr-block") {
                    Some(block) => ("DestinationCidrBlock", block),
                    None => ("DestinationIpv6CidrBlock", &options["--destination-ipv6-cidr-block"]),
                };
                let routes = self.record("RouteTables", option("--route-table-id"))["Routes"].as_array_mut().unwrap();
                let before = routes.len();
                routes.retain(|route| route[key] != block.as_str());
                assert_eq!(before != routes.len(), command == "replace-route", "{block}");
                let mut route = json!({ key: block, "State": "active", "Origin": "CreateRoute" });
                match options.get("--vpc-peering-connection-id") {
                    Some(peering) => route["VpcPeeringConnectionId"] = json!(peering),
                    None => route["GatewayId"] = json!(option("--gateway-id")),
                }
                routes.push(route);
            }
            "modify-network-interface-attribute" => {
                assert!(options.contains_key("--no-source-dest-check"));
                let interface = self.record("NetworkInterfaces", option("--network-interface-id"));
                interface["SourceDestCheck"] = json!(false);
            }
            other => panic!("`{other}` is not a command that remedies print"),
        }
    }

    /// The rule that the options of `authorize-…` and `revoke-…` describe, in the shape of a rule with an id.
    fn rule(options: &BTreeMap<String, String>) -> Value {
        let Some(permissions) = options.get("--ip-permissions") else {
            let (from, to) = match options["--port"].split_once('-') {
                Some((from, to)) => (from, to),
                None => (options["--port"].as_str(), options["--port"].as_str()),
            };
            let mut rule = json!({
                "IpProtocol": options["--protocol"],
                "FromPort": from.parse::<u16>().unwrap(),
                "ToPort": to.parse::<u16>().unwrap(),
            });
            match options.get("--source-group") {
                Some(group) => rule["ReferencedGroupInfo"] = json!({ "GroupId": group }),
                None => rule["CidrIpv4"] = json!(options["--cidr"]),
            }
            return rule;
        };
        let permissions: Value = serde_json::from_str(permissions).unwrap();
        assert_eq!(permissions.as_array().unwrap().len(), 1);
        let permission = &permissions[0];
        let mut rule = json!({ "IpProtocol": permission["IpProtocol"] });
        for port in ["FromPort", "ToPort"] {
            rule[port] = if permission[port].is_null() { json!(-1) } else { permission[port].clone() };
        }
        let peers = [
            ("IpRanges", "CidrIp", "CidrIpv4"),
            ("Ipv6Ranges", "CidrIpv6", "CidrIpv6"),
            ("PrefixListIds", "PrefixListId", "PrefixListId"),
        ];
        for (list, key, field) in peers {
            if let Some(peer) = permission.get(list) {
                rule[field] = peer[0][key].clone();
            }
        }
        if let Some(pair) = permission.get("UserIdGroupPairs") {
            rule["ReferencedGroupInfo"] = pair[0].clone();
        }
        rule
    }

    /// The older listing of a group's rules in one direction, if the estate has only that.
    fn permissions(&mut self, group: &str, egress: bool) -> Option<&mut Vec<Value>> {
        let row = |rule: &Value| rule["GroupId"] == group && rule["IsEgress"] == egress;
        if self.records("SecurityGroupRules").iter().any(row) {
            return None;
        }
        let key = if egress { "IpPermissionsEgress" } else { "IpPermissions" };
        self.record("SecurityGroups", group).get_mut(key)?.as_array_mut()
    }

    fn authorize(&mut self, egress: bool, options: &BTreeMap<String, String>) {
        let group = options["--group-id"].as_str();
        let mut rule = Self::rule(options);
        // A reference without an account means the group's own.
        let account = self.record("SecurityGroups", group)["OwnerId"].clone();
        if let Some(reference) = rule.get_mut("ReferencedGroupInfo")
            && reference.get("UserId").is_none()
        {
            reference["UserId"] = account;
        }
        if let Some(listed) = self.permissions(group, egress) {
            let mut permission = rule.clone();
            let pairs = rule.get("ReferencedGroupInfo").map(|reference| json!([reference]));
            permission["UserIdGroupPairs"] = pairs.unwrap_or_else(|| json!([]));
            let blocks = rule.get("CidrIpv4").map(|block| json!([{ "CidrIp": block }]));
            permission["IpRanges"] = blocks.unwrap_or_else(|| json!([]));
            listed.push(permission);
            return;
        }
        rule["GroupId"] = json!(group);
        rule["IsEgress"] = json!(egress);
        let rules = self.records("SecurityGroupRules");
        let same = |known: &Value| rule.as_object().unwrap().iter().all(|(key, value)| known.get(key) == Some(value));
        assert!(!rules.iter().any(same), "the rule is there already: {rule}");
        rule["SecurityGroupRuleId"] = json!(format!("sgr-new-{}", rules.len()));
        rules.push(rule);
        self.within_quota(group, egress);
    }

    /// AWS refuses more than 60 rules in one direction and family; who has more had the quota raised.
    fn within_quota(&mut self, group: &str, egress: bool) {
        const QUOTA: u64 = 60;
        let lists = self.records("PrefixLists").clone();
        let counts = |rule: &Value, family: &str| match (&rule["CidrIpv4"], &rule["CidrIpv6"], &rule["PrefixListId"]) {
            (Value::String(_), ..) => u64::from(family == "IPv4"),
            (_, Value::String(_), _) => u64::from(family == "IPv6"),
            (_, _, Value::String(id)) => {
                let list = lists.iter().find(|list| list["PrefixListId"] == id.as_str());
                list.filter(|list| list["AddressFamily"] == family)
                    .and_then(|list| list["MaxEntries"].as_u64())
                    .unwrap_or(0)
            }
            _ => 1,
        };
        for family in ["IPv4", "IPv6"] {
            let rules = self.records("SecurityGroupRules").iter();
            let own = rules.filter(|rule| rule["GroupId"] == group && rule["IsEgress"] == egress);
            let used: u64 = own.map(|rule| counts(rule, family)).sum();
            assert!(used != QUOTA + 1, "{group} has {used} rules for {family}");
        }
    }

    fn revoke(&mut self, egress: bool, options: &BTreeMap<String, String>) {
        let group = options["--group-id"].as_str();
        if let Some(id) = options.get("--security-group-rule-ids") {
            let rules = self.records("SecurityGroupRules");
            let before = rules.len();
            rules.retain(|rule| {
                rule["GroupId"] != group || rule["IsEgress"] != egress || rule["SecurityGroupRuleId"] != id.as_str()
            });
            assert_eq!(rules.len(), before - 1, "{options:?}");
            return;
        }
        let permissions: Value = serde_json::from_str(&options["--ip-permissions"]).unwrap();
        let wanted = permissions[0].as_object().unwrap();
        let listed = self.permissions(group, egress).unwrap();
        let before = listed.len();
        let is = |known: &Value, (key, value): (&String, &Value)| match value.as_array() {
            Some(peers) => {
                let names = |peer: &Value| peers.iter().any(|wanted| contains(peer, wanted));
                known[key].as_array().is_some_and(|known| known.len() == peers.len() && known.iter().all(names))
            }
            None => known.get(key) == Some(value),
        };
        listed.retain(|known| !wanted.iter().all(|field| is(known, field)));
        assert_eq!(listed.len(), before - 1, "{options:?}");
    }
}

/// Whether a record has all fields of another.
fn contains(record: &Value, fields: &Value) -> bool {
    fields.as_object().unwrap().iter().all(|(key, value)| record.get(key) == Some(value))
}

/// The words of a command line that quotes with single quotes and backslashes only.
pub(crate) fn shell_words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match c {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            '\\' if !quoted => word.get_or_insert_default().extend(rest.next()),
            c => {
                assert!(quoted || c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c), "{c:?} in {line}");
                word.get_or_insert_default().push(c);
            }
        }
    }
    assert!(!quoted, "{line}");
    words.extend(word);
    words
}

pub(crate) fn options(words: &[String]) -> BTreeMap<String, String> {
    let mut options = BTreeMap::new();
    let mut rest = words.iter().peekable();
    while let Some(name) = rest.next() {
        assert!(name.starts_with("--"), "{words:?}");
        let value = rest.next_if(|next| !next.starts_with("--")).cloned().unwrap_or_default();
        assert_eq!(options.insert(name.clone(), value), None, "{words:?}");
    }
    options
}
