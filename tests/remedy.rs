//! The commands that remedies print, carried out on the evidence of the AWS traps: what they open passes, and nothing
//! is opened to everybody.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::path::Path;

use reachlint::evaluate::{Blocker, Evaluator, Explanation, Query, matching, sources};
use reachlint::evidence::from_documents;
use reachlint_aws::network::AwsNetwork;
use reachlint_model::{Fix, HopKind, PortRange, Protocol, Provider, Remedy, Selector, Verdict};
use serde_json::{Map, Value, json};

/// Records by kind, as `aws ec2 describe-*` prints them.
#[derive(Clone)]
struct Estate(Map<String, Value>);

/// What identifies a record of each kind.
const IDS: [(&str, &str); 13] = [
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

/// A trap with the estate it starts from merged under it.
struct Trap {
    id: String,
    from: String,
    ephemeral: PortRange,
    expect: Vec<Value>,
    estate: Estate,
}

impl Trap {
    fn all() -> Vec<Self> {
        let base = toml_of(&traps().join("base.toml"));
        let mut files: Vec<_> = fs::read_dir(traps()).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.retain(|path| path.extension().is_some_and(|end| end == "toml") && !path.ends_with("base.toml"));
        files.iter().map(|path| Self::read(&base, &toml_of(path))).collect()
    }

    fn named(id: &str) -> Self {
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
    fn flows(&self) -> Vec<(Option<String>, IpAddr, u16, Protocol)> {
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
    fn compile(&self) -> AwsNetwork {
        let mut documents: Vec<(String, Vec<u8>)> = Vec::new();
        for (kind, records) in &self.0 {
            if kind == "PrefixListEntries" {
                for (list, entries) in records.as_object().unwrap() {
                    let document = json!({ "PrefixListId": list, "Entries": entries });
                    documents.push((format!("{list}.json"), document.to_string().into_bytes()));
                }
            } else {
                let name = if kind == "NetworkInterfaces" { "describe-network-interfaces" } else { kind };
                documents.push((format!("{name}.json"), json!({ kind: records }).to_string().into_bytes()));
            }
        }
        let documents = documents.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
        from_documents(documents, "a trap").unwrap().aws
    }

    fn records(&mut self, kind: &str) -> &mut Vec<Value> {
        self.0.entry(kind).or_insert_with(|| json!([])).as_array_mut().unwrap()
    }

    fn record(&mut self, kind: &str, id: &str) -> &mut Value {
        let key = id_of(kind);
        self.records(kind).iter_mut().find(|record| record[key] == id).unwrap_or_else(|| panic!("{kind} has no {id}"))
    }

    /// Carries out what a remedy prints for the AWS CLI.
    fn run(&mut self, cli: &str) {
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
fn shell_words(line: &str) -> Vec<String> {
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

fn options(words: &[String]) -> BTreeMap<String, String> {
    let mut options = BTreeMap::new();
    let mut rest = words.iter().peekable();
    while let Some(name) = rest.next() {
        assert!(name.starts_with("--"), "{words:?}");
        let value = rest.next_if(|next| !next.starts_with("--")).cloned().unwrap_or_default();
        assert_eq!(options.insert(name.clone(), value), None, "{words:?}");
    }
    options
}

type Flow = (Option<String>, IpAddr, u16, Protocol);

fn explain(aws: &AwsNetwork, trap: &Trap, (from, to, port, protocol): &Flow) -> Explanation {
    let selected = from.as_deref().unwrap_or(&trap.from);
    let from = aws.select(&Selector::Name(selected.to_owned()))[0];
    let Some(source) = aws.source_address(from, *to) else { return Explanation::default() };
    let query = Query { provider: 0, from, source, to: *to, port: *port, protocol: *protocol };
    let providers: [&dyn Provider; 1] = [aws];
    Evaluator::new(&providers, trap.ephemeral).explain(&query)
}

fn open(aws: &AwsNetwork, blocker: &Blocker) -> Option<Remedy> {
    let (list, rule) = blocker.by.unzip();
    aws.remedy(Fix::Open, &blocker.hop, list, rule)
}

/// A blocker in the words of the traps: `aws.network-acl return`.
fn place(blocker: &Blocker) -> String {
    format!("{} {}", blocker.hop.layer.0, blocker.hop.direction.word())
}

/// The remedies of a trap's first flow by blocker.
fn remedies(id: &str) -> BTreeMap<String, Remedy> {
    let trap = Trap::named(id);
    let aws = trap.estate.compile();
    let explanation = explain(&aws, &trap, &trap.flows()[0]);
    explanation.blockers.iter().filter_map(|blocker| Some((place(blocker), open(&aws, blocker)?))).collect()
}

#[test]
fn every_printed_command_opens_the_hop_it_is_for() {
    let mut opened: BTreeMap<String, usize> = BTreeMap::new();
    for trap in Trap::all() {
        for flow in trap.flows() {
            let aws = trap.estate.compile();
            let before = explain(&aws, &trap, &flow);
            let mut estate = trap.estate.clone();
            let mut done = Vec::new();
            for blocker in &before.blockers {
                let remedy =
                    open(&aws, blocker).unwrap_or_else(|| panic!("{}: no remedy at {}", trap.id, place(blocker)));
                assert!(!remedy.console.is_empty(), "{}: {remedy:?}", trap.id);
                for text in [&remedy.cli, &remedy.terraform] {
                    assert!(!text.contains("/0"), "{} opens to everybody: {text}", trap.id);
                }
                if !remedy.cli.is_empty() {
                    estate.run(&remedy.cli);
                    done.push(place(blocker));
                }
            }
            let after = explain(&estate.compile(), &trap, &flow);
            let left: Vec<String> = after.blockers.iter().map(place).collect();
            for place in &done {
                assert!(!left.contains(place), "{}: {place} still blocks after its remedy", trap.id);
                *opened.entry(place.clone()).or_default() += 1;
            }
            if !done.is_empty() && done.len() == before.blockers.len() {
                assert!(after.blockers.is_empty(), "{}: {:?}", trap.id, after.reasons);
                let known = after.gaps.is_empty();
                assert_eq!(after.verdict == Verdict::Allowed, known, "{}: {:?}", trap.id, after.reasons);
            }
        }
    }
    let kinds: Vec<&str> = opened.keys().map(String::as_str).collect();
    let all = [
        "aws.instance-state ingress",
        "aws.network-acl egress",
        "aws.network-acl ingress",
        "aws.network-acl return",
        "aws.peering egress",
        "aws.route egress",
        "aws.route return",
        "aws.security-group egress",
        "aws.security-group ingress",
        "aws.source-dest-check ingress",
    ];
    assert_eq!(kinds, all);
}

#[test]
fn a_rule_for_the_group_of_the_sender_needs_no_address() {
    let remedy = &remedies("T22")["aws.security-group ingress"];
    assert_eq!(
        remedy.cli,
        "aws ec2 authorize-security-group-ingress --group-id sg-app --protocol tcp --port 8080 --source-group sg-nginx \
         --region us-east-1"
    );
    assert_eq!(
        remedy.terraform,
        r#"resource "aws_vpc_security_group_ingress_rule" "reachlint_sg_app_tcp_8080_from_sg_nginx" {
  security_group_id            = "sg-app"
  referenced_security_group_id = "sg-nginx"
  ip_protocol                  = "tcp"
  from_port                    = 8080
  to_port                      = 8080
}"#
    );
    assert_eq!(
        remedy.console,
        "In account 111122223333, us-east-1: EC2 > Security Groups > sg-app (app) > Inbound rules > Edit inbound rules \
         > Add rule: Custom TCP, port 8080, source sg-nginx (nginx)."
    );
}

#[test]
fn a_rule_over_a_peering_names_the_account_of_the_group() {
    let remedy = &remedies("T21d")["aws.security-group ingress"];
    assert!(remedy.cli.contains(r#""UserIdGroupPairs":[{"GroupId":"sg-nginx","UserId":"111122223333"}]"#));
    assert!(remedy.terraform.contains(r#"referenced_security_group_id = "111122223333/sg-nginx""#));
}

#[test]
fn another_region_or_a_translation_leaves_only_the_address() {
    let mut trap = Trap::named("T48");
    trap.estate.records("SecurityGroupRules").retain(|rule| rule["SecurityGroupRuleId"] != "sgr-far-in");
    let flow = trap.flows()[0].clone();
    let aws = trap.estate.compile();
    let before = explain(&aws, &trap, &flow);
    assert_eq!(before.verdict, Verdict::Blocked);
    let remedy = open(&aws, &before.blockers[0]).unwrap();
    assert!(remedy.cli.contains("--cidr 10.0.1.10/32"), "{remedy:?}");
    assert!(remedy.cli.ends_with("--region eu-west-1"), "{remedy:?}");
    trap.estate.run(&remedy.cli);
    assert_eq!(explain(&trap.estate.compile(), &trap, &flow).verdict, Verdict::Allowed);
    // Behind a NAT gateway the receiver sees the gateway.
    let remedy = &remedies("T49a")["aws.security-group ingress"];
    assert!(remedy.cli.contains("--cidr 203.0.113.5/32"), "{remedy:?}");
}

#[test]
fn the_group_that_fewest_carry_is_chosen() {
    let mut trap = Trap::named("T22");
    for (id, groups) in [("eni-nginx", ["default", "web", "edge"]), ("eni-other", ["default", "web", "web"])] {
        let mut interface = trap.estate.record("NetworkInterfaces", "eni-nginx").clone();
        interface["NetworkInterfaceId"] = json!(id);
        interface["Groups"] = groups.iter().map(|name| json!({ "GroupId": format!("sg-{name}") })).collect();
        if id == "eni-other" {
            interface["PrivateIpAddress"] = json!("10.0.1.77");
            interface["PrivateIpAddresses"] = json!([{ "Primary": true, "PrivateIpAddress": "10.0.1.77" }]);
            interface["Attachment"]["InstanceId"] = json!("i-other");
        }
        trap.estate.records("NetworkInterfaces").retain(|record| record["NetworkInterfaceId"] != id);
        trap.estate.records("NetworkInterfaces").push(interface);
    }
    for name in ["default", "web", "edge"] {
        let group = json!({ "GroupId": format!("sg-{name}"), "GroupName": name, "OwnerId": "111122223333" });
        trap.estate.records("SecurityGroups").push(group);
        let mut out = trap.estate.record("SecurityGroupRules", "sgr-nginx-out").clone();
        out["GroupId"] = json!(format!("sg-{name}"));
        out["SecurityGroupRuleId"] = json!(format!("sgr-{name}-out"));
        trap.estate.records("SecurityGroupRules").push(out);
    }
    let aws = trap.estate.compile();
    let before = explain(&aws, &trap, &trap.flows()[0]);
    let remedy = open(&aws, &before.blockers[0]).unwrap();
    assert!(remedy.cli.contains("--source-group sg-edge "), "{remedy:?}");
}

#[test]
fn two_senders_do_not_get_the_same_entry() {
    let trap = Trap::named("T34");
    let aws = trap.estate.compile();
    let blocker = explain(&aws, &trap, &trap.flows()[0]).blockers[0].clone();
    let HopKind::Gate { gate, packet } = blocker.hop.kind else { panic!("{blocker:?}") };
    let mut estate = trap.estate.clone();
    for last in 1..=80_u8 {
        let packet = reachlint_model::Packet { source: IpAddr::from([10, 0, 1, last]), ..packet };
        let hop = reachlint_model::Hop { kind: HopKind::Gate { gate, packet }, ..blocker.hop };
        // The estate refuses a number that is taken.
        estate.run(&aws.remedy(Fix::Open, &hop, None, None).unwrap().cli);
    }
}

#[test]
fn an_entry_without_room_before_it_is_said_to_need_renumbering() {
    let mut trap = Trap::named("T34");
    let entries = trap.estate.record("NetworkAcls", "acl-b")["Entries"].as_array_mut().unwrap();
    let deny = entries.iter_mut().find(|entry| entry["RuleAction"] == "deny" && entry["RuleNumber"] == 90).unwrap();
    deny["RuleNumber"] = json!(1);
    let aws = trap.estate.compile();
    let remedy = open(&aws, &explain(&aws, &trap, &trap.flows()[0]).blockers[0]).unwrap();
    assert_eq!((remedy.cli.as_str(), remedy.terraform.as_str()), ("", ""));
    assert!(remedy.console.contains("no number is free before entry 1"), "{remedy:?}");
}

/// The wide rules that let a flow in, narrowed one after the other: the flow passes all the time, and in the end nobody
/// else does.
fn narrowed(id: &str) -> Vec<Remedy> {
    let trap = Trap::named(id);
    let flow = trap.flows()[0].clone();
    let aws = trap.estate.compile();
    let before = explain(&aws, &trap, &flow);
    assert_eq!(before.verdict, Verdict::Allowed, "{id}");
    let hop = before.admitted.iter().find(|hop| place(hop) == "aws.security-group ingress").unwrap();
    let HopKind::Gate { gate, packet } = hop.hop.kind else { panic!("{hop:?}") };
    let exposure = aws.exposure(before.landing.interface.unwrap(), packet.destination);
    let wide = sources(aws.network(), &exposure, packet.destination, flow.3, flow.2).openings;
    let mut rules: Vec<_> = wide.iter().map(|opening| (opening.list, opening.rule)).collect();
    // Rules that name a group are never wide in sources, but may be in ports.
    for matched in matching(aws.network(), aws.network().gate(gate).unwrap(), &packet) {
        if !rules.contains(&matched) {
            rules.push(matched);
        }
    }
    let narrow = |(list, rule)| aws.remedy(Fix::Narrow, &hop.hop, Some(list), Some(rule));
    let remedies: Vec<Remedy> = rules.into_iter().filter_map(narrow).collect();
    let mut estate = trap.estate.clone();
    for line in remedies.iter().flat_map(|remedy| remedy.cli.lines()) {
        estate.run(line);
        assert_eq!(explain(&estate.compile(), &trap, &flow).verdict, Verdict::Allowed, "{id}: after {line}");
    }
    let aws = estate.compile();
    let left = sources(aws.network(), &exposure_of(&aws, &trap, &flow), packet.destination, flow.3, flow.2);
    assert!(left.certain.size_v4() <= 1 && left.certain.size_v6() <= 1, "{id}: {:?}", left.certain);
    remedies
}

fn exposure_of(aws: &AwsNetwork, trap: &Trap, flow: &Flow) -> reachlint_model::Exposure {
    let landing = explain(aws, trap, flow).landing;
    aws.exposure(landing.interface.unwrap(), flow.1)
}

#[test]
fn a_wide_rule_goes_only_after_the_narrow_one_came() {
    for id in ["T73a", "T73b", "T73c", "T73d", "T13", "15e", "T08"] {
        let remedies = narrowed(id);
        assert!(!remedies.is_empty(), "{id}");
        assert!(remedies.iter().any(|remedy| remedy.cli.contains("authorize")), "{id}: {remedies:?}");
        for line in remedies.iter().flat_map(|remedy| remedy.cli.lines()) {
            assert!(!line.contains("authorize") || !line.contains("/0"), "{id}: {line}");
        }
        assert!(remedies.iter().all(|remedy| remedy.console.contains("is cut then")), "{id}: {remedies:?}");
    }
}

#[test]
fn a_rule_without_an_id_is_removed_by_what_it_says() {
    let mut trap = Trap::named("T73a");
    trap.estate.records("SecurityGroupRules").retain(|rule| rule["GroupId"] != "sg-app");
    trap.estate.record("SecurityGroups", "sg-app")["IpPermissions"] = json!([
        { "IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8080, "IpRanges": [{ "CidrIp": "0.0.0.0/0" }] },
    ]);
    trap.estate.record("SecurityGroups", "sg-app")["IpPermissionsEgress"] = json!([]);
    let aws = trap.estate.compile();
    let before = explain(&aws, &trap, &trap.flows()[0]);
    let hop = before.admitted.iter().find(|hop| place(hop) == "aws.security-group ingress").unwrap();
    let (list, rule) = hop.by.unwrap();
    let remedy = aws.remedy(Fix::Narrow, &hop.hop, Some(list), Some(rule)).unwrap();
    let revoke = shell_words(remedy.cli.lines().nth(1).unwrap());
    let permissions = &options(&revoke[3..])["--ip-permissions"];
    assert_eq!(
        serde_json::from_str::<Value>(permissions).unwrap(),
        json!([{ "IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8080, "IpRanges": [{ "CidrIp": "0.0.0.0/0" }] }])
    );
}

#[test]
fn identifiers_cannot_leave_their_quotes() {
    let evil = "sg-a'; reboot #${x}\"";
    let mut trap = Trap::named("T22");
    trap.estate.record("NetworkInterfaces", "eni-nginx")["Groups"] = json!([{ "GroupId": evil }]);
    let group = json!({ "GroupId": evil, "GroupName": "a\nb", "OwnerId": "111122223333" });
    trap.estate.records("SecurityGroups").push(group);
    let mut out = trap.estate.record("SecurityGroupRules", "sgr-nginx-out").clone();
    out["GroupId"] = json!(evil);
    out["SecurityGroupRuleId"] = json!("sgr-evil");
    trap.estate.records("SecurityGroupRules").push(out);
    let flow = trap.flows()[0].clone();
    let aws = trap.estate.compile();
    let remedy = open(&aws, &explain(&aws, &trap, &flow).blockers[0]).unwrap();
    assert!(remedy.cli.contains(evil.replace('\'', r"'\''").as_str()), "{remedy:?}");
    assert!(remedy.terraform.contains(r#""sg-a'; reboot #$${x}\"""#), "{remedy:?}");
    assert_eq!(remedy.console.lines().count(), 1, "{remedy:?}");
    trap.estate.run(&remedy.cli);
    assert_eq!(explain(&trap.estate.compile(), &trap, &flow).verdict, Verdict::Allowed);
}
