//! The commands that remedies print, carried out on the evidence of the Azure traps: what they open passes, what they
//! narrow is no longer wide, and nothing is opened to everybody.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use reachlint::audit::{Judged, Node, Subject, judge, wanted};
use reachlint::evidence::{Snapshot, from_documents};
use reachlint::nginx::{Config, MemoryFiles, Options};
use reachlint::report::Finding;
use reachlint::resolve::Resolver;
use reachlint::rules::{self, Context};
use reachlint_host::network::Hosts;
use reachlint_model::{Fix, PortRange, Provider, Remedy};
use serde_json::{Map, Value, json};

const GROUP: &str = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg-shop/providers";

/// A trap with the estate it starts from merged under it.
struct Trap {
    id: String,
    nginx: String,
    records: Map<String, Value>,
}

fn toml_of(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap();
    let text = text.replace("~net/", &format!("{GROUP}/Microsoft.Network/"));
    let text = text.replace("~vm/", &format!("{GROUP}/Microsoft.Compute/"));
    serde_json::to_value(toml::from_str::<toml::Value>(&text).unwrap()).unwrap()
}

fn traps() -> Vec<Trap> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traps/azure");
    let base = toml_of(&folder.join("base.toml"));
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.retain(|path| path.extension().is_some_and(|end| end == "toml") && !path.ends_with("base.toml"));
    files.iter().map(|path| trap(&base, &toml_of(path))).collect()
}

fn trap(base: &Value, case: &Value) -> Trap {
    let mut records = base["evidence"].as_object().unwrap().clone();
    let without: Vec<&Value> = case["without"].as_array().into_iter().flatten().collect();
    for list in records.values_mut().filter_map(Value::as_array_mut) {
        list.retain(|record| !without.contains(&&record["id"]));
    }
    for (kind, new) in case["evidence"].as_object().into_iter().flatten() {
        match (records.get_mut(kind), new.as_array()) {
            (Some(Value::Array(known)), Some(new)) => {
                known.retain(|record| !new.iter().any(|new| new["id"] == record["id"]));
                known.extend(new.iter().cloned());
            }
            _ => {
                records.insert(kind.clone(), new.clone());
            }
        }
    }
    let nginx = case["nginx"].as_str().or(base["nginx"].as_str()).unwrap().to_owned();
    Trap { id: case["id"].as_str().unwrap().to_owned(), nginx, records }
}

impl Trap {
    fn snapshot(&self) -> Snapshot {
        let mut documents: Vec<(String, Vec<u8>)> = Vec::new();
        for (kind, records) in &self.records {
            let about = match kind.as_str() {
                "adminRules" => "virtualNetworkName",
                "effectiveNetworkSecurityGroups" | "effectiveRoutes" => "networkInterfaceName",
                _ => "",
            };
            match records.as_object().filter(|_| !about.is_empty()) {
                Some(answers) => documents.extend(answers.iter().map(|(name, answer)| {
                    let document = json!({ about: name, "value": answer });
                    (format!("{kind}-{name}"), document.to_string().into_bytes())
                })),
                None if kind == "serviceTags" => {
                    let document = json!({ "cloud": "Public", "values": records });
                    documents.push((kind.clone(), document.to_string().into_bytes()));
                }
                None if kind == "applianceSourceAddresses" => {
                    documents.push((kind.clone(), json!({ kind: records }).to_string().into_bytes()));
                }
                None => documents.push((kind.clone(), records.to_string().into_bytes())),
            }
        }
        from_documents(documents.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())), "the trap").unwrap()
    }

    fn with<T>(&self, ask: impl FnOnce(&dyn Provider, &[Judged], &[Finding]) -> T) -> T {
        let snapshot = self.snapshot();
        let providers = snapshot.providers();
        let files = MemoryFiles::new().with("nginx.conf", self.nginx.as_str());
        let config = Config::read(Path::new("nginx.conf"), &files, &Options::default()).unwrap();
        let wanted = wanted(&config, &config.endpoints().unwrap(), Path::new(""));
        let found = providers[0].select(&"vm-nginx".parse().unwrap());
        let nodes: Vec<Node> =
            found.into_iter().map(|interface| Node { provider: 0, interface, address: None }).collect();
        let hosts = Hosts::default();
        let ephemeral = PortRange::LINUX_EPHEMERAL;
        let subject = Subject { providers: &providers, hosts: &hosts, nodes: &nodes, wanted: &wanted, ephemeral };
        let names = Resolver {
            given: BTreeMap::default(),
            recorded: std::collections::HashMap::default(),
            providers: &providers,
            asked: false,
        };
        let judged = judge(&subject, &names);
        let findings = rules::run(&Context { providers: &providers, hosts: &hosts, flows: &judged });
        ask(providers[0], &judged, &findings)
    }

    fn records(&mut self, kind: &str) -> &mut Vec<Value> {
        self.records[kind].as_array_mut().unwrap()
    }

    /// Carries commands out.
    fn run(&mut self, commands: &str) {
        for line in commands.lines() {
            let words = shell_words(line);
            let at = words.iter().position(|word| word.starts_with("--")).unwrap();
            let (command, options) = (words[1..at].join(" "), options(&words[at..]));
            match command.as_str() {
                "network nsg rule create" => self.create(&options),
                "network nsg rule delete" => {
                    let rules = self.group(&options);
                    let before = rules.len();
                    rules.retain(|rule| rule["name"] != options["--name"]);
                    assert_eq!(rules.len() + 1, before, "{line}");
                }
                "vm start" => {
                    let id = &options["--ids"];
                    let machine = self.records("virtualMachines").iter_mut().find(|one| one["id"] == *id).unwrap();
                    *machine = json!({ "id": id, "name": machine["name"], "powerState": "VM running" });
                }
                "network nic update" => {
                    let id = &options["--ids"];
                    let nic = self.records("networkInterfaces").iter_mut().find(|one| one["id"] == *id).unwrap();
                    assert_eq!(options["--ip-forwarding"], "true");
                    nic["enableIPForwarding"] = json!(true);
                }
                other => panic!("nobody knows `{other}`"),
            }
        }
    }

    fn group(&mut self, options: &BTreeMap<String, String>) -> &mut Vec<Value> {
        assert_eq!(options["--subscription"], "11111111-1111-1111-1111-111111111111");
        assert_eq!(options["--resource-group"], "rg-shop");
        // A group that is only known by what is in force of it has its own rules there.
        let in_force = self.records.get("effectiveNetworkSecurityGroups").map(|all| all["nic-app"][0].clone());
        let groups = self.records("networkSecurityGroups");
        if groups.iter().all(|group| group["name"] != options["--nsg-name"]) {
            let mut rules = in_force.unwrap()["effectiveSecurityRules"].as_array().unwrap().clone();
            rules.retain(|rule| rule["priority"].as_i64().unwrap() <= 4096);
            for rule in &mut rules {
                rule["name"] = json!(rule["name"].as_str().unwrap().rsplit('/').next().unwrap());
            }
            let id = format!("{GROUP}/Microsoft.Network/networkSecurityGroups/{}", options["--nsg-name"]);
            groups.push(json!({ "id": id, "name": options["--nsg-name"], "securityRules": rules }));
        }
        let group = groups.iter_mut().find(|group| group["name"] == options["--nsg-name"]).unwrap();
        group["securityRules"].as_array_mut().unwrap()
    }

    fn create(&mut self, options: &BTreeMap<String, String>) {
        let priority: u32 = options["--priority"].parse().unwrap();
        assert!((100..=4096).contains(&priority), "{priority}");
        assert!(options["--name"].len() <= 80);
        let rules = self.group(options);
        let same = |rule: &&Value| rule["direction"] == options["--direction"] && rule["priority"] == priority;
        let same_name = rules.iter().any(|rule| rule["name"] == options["--name"]);
        assert!(!rules.iter().any(|rule| same(&rule)) && !same_name, "a rule has that priority or name: {options:?}");
        let mut rule = json!({
            "name": options["--name"], "priority": priority, "direction": options["--direction"],
            "access": options["--access"], "protocol": options["--protocol"], "sourcePortRange": "*",
            "destinationPortRange": options["--destination-port-ranges"],
        });
        for (option, key) in [
            ("--source-address-prefixes", "sourceAddressPrefix"),
            ("--destination-address-prefixes", "destinationAddressPrefix"),
        ] {
            if let Some(value) = options.get(option) {
                assert!(options["--access"] == "Deny" || value != "*", "it opens to everybody");
                rule[key] = json!(value);
            }
        }
        for (option, key) in [
            ("--source-asgs", "sourceApplicationSecurityGroups"),
            ("--destination-asgs", "destinationApplicationSecurityGroups"),
        ] {
            if let Some(value) = options.get(option) {
                rule[key] = json!([{ "id": value }]);
            }
        }
        rules.push(rule);
    }
}

/// The words of a line as a POSIX shell splits it.
fn shell_words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    let mut escaped = false;
    for c in line.chars() {
        match c {
            _ if escaped => {
                word.push(c);
                escaped = false;
            }
            '\\' if !quoted => escaped = true,
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    assert!(!quoted && !escaped, "{line}");
    words.push(word);
    words
}

fn options(words: &[String]) -> BTreeMap<String, String> {
    words.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}

/// What each blocker of the first flow is given as a change.
fn changes(trap: &Trap) -> Vec<(String, Option<Remedy>)> {
    trap.with(|azure, judged, _| {
        let blockers = judged[0].explanation.blockers.iter();
        let changed = blockers.map(|blocker| {
            let (list, rule) = blocker.by.unzip();
            let place = format!("{} {} {}", blocker.hop.layer.0, blocker.hop.direction.word(), blocker.sentence);
            (place, azure.remedy(Fix::Open, &blocker.hop, list, rule))
        });
        changed.collect()
    })
}

#[test]
fn every_printed_command_opens_the_hop_it_is_for() {
    let mut opened: BTreeSet<String> = BTreeSet::new();
    for mut trap in traps() {
        let mut done = Vec::new();
        let mut commands = BTreeSet::new();
        for (place, remedy) in changes(&trap) {
            let remedy = remedy.unwrap_or_else(|| panic!("{}: no remedy at {place}", trap.id));
            assert!(!remedy.console.is_empty(), "{}: {remedy:?}", trap.id);
            for text in [&remedy.cli, &remedy.terraform] {
                assert!(!text.contains("/0\"") && !text.contains("/0 "), "{}: {text}", trap.id);
            }
            if !remedy.cli.is_empty() {
                if commands.insert(remedy.cli.clone()) {
                    trap.run(&remedy.cli);
                }
                opened.insert(place.split(' ').take(2).collect::<Vec<_>>().join(" "));
                done.push(place);
            }
        }
        let left: Vec<String> = changes(&trap).into_iter().map(|(place, _)| place).collect();
        for place in done {
            assert!(!left.contains(&place), "{}: {place} still blocks after its remedy", trap.id);
        }
    }
    let all = [
        "azure.appliance ingress",
        "azure.health-probe ingress",
        "azure.machine-state ingress",
        "azure.network-security-group egress",
        "azure.network-security-group ingress",
    ];
    assert_eq!(opened.iter().map(String::as_str).collect::<Vec<_>>(), all);
}

#[test]
fn what_is_narrowed_lets_nginx_in_and_is_wide_no_more() {
    let mut narrowed = BTreeSet::new();
    for mut trap in traps() {
        let wide = |trap: &Trap| {
            trap.with(|_, judged, findings| {
                let about = findings.iter().filter(|finding| finding.rule.starts_with("broad-"));
                let remedies: Vec<_> = about.map(|finding| (finding.rule.clone(), finding.remedy.clone())).collect();
                (judged[0].flow.verdict, remedies)
            })
        };
        let (verdict, found) = wide(&trap);
        for (rule, remedy) in &found {
            let remedy = remedy.as_ref().unwrap_or_else(|| panic!("{}: {rule} has no remedy", trap.id));
            trap.run(&remedy.cli);
            narrowed.insert(format!("{rule} {}", trap.id));
        }
        let (after, left) = wide(&trap);
        assert_eq!(after, verdict, "{}: {found:#?}", trap.id);
        // Admin rules are others' to change, so that there are only words for them.
        let by_command =
            |(_, remedy): &&(String, Option<Remedy>)| remedy.as_ref().is_some_and(|one| !one.cli.is_empty());
        let left: Vec<_> = left.iter().filter(by_command).collect();
        assert!(left.is_empty(), "{}: {left:?}", trap.id);
    }
    for id in ["broad-ingress Z10", "broad-ports Z18", "broad-ingress Z40d", "broad-ingress Z40i"] {
        assert!(narrowed.contains(id), "{id} was not narrowed: {narrowed:?}");
    }
}

#[test]
fn a_new_rule_stands_before_the_one_that_decides_and_names_one_connection() {
    let trap = traps().into_iter().find(|trap| trap.id == "Z05").unwrap();
    let (_, remedy) = changes(&trap).remove(0);
    let remedy = remedy.unwrap();
    assert_eq!(
        remedy.cli,
        "az network nsg rule create --resource-group rg-shop --nsg-name nsg-web --name \
         reachlint-tcp-8080-from-10-0-0-5-to-10-0-0-9 --priority 4087 --direction Inbound --access Allow --protocol Tcp \
         --source-address-prefixes 10.0.0.5 --destination-address-prefixes 10.0.0.9 --destination-port-ranges 8080 \
         --subscription 11111111-1111-1111-1111-111111111111"
    );
    assert!(remedy.terraform.starts_with("resource \"azurerm_network_security_rule\""), "{}", remedy.terraform);
    assert!(remedy.console.contains("Inbound security rules > Add: source 10.0.0.5"), "{}", remedy.console);
}

#[test]
fn a_group_that_only_nginx_is_in_stands_for_its_address() {
    let mut trap = traps().into_iter().find(|trap| trap.id == "Z15b").unwrap();
    let rules = trap.records("networkSecurityGroups").iter_mut().find(|group| group["name"] == "nsg-app").unwrap();
    rules["securityRules"].as_array_mut().unwrap().retain(|rule| rule["name"] == "DenyAll");
    let (_, remedy) = changes(&trap).remove(0);
    let remedy = remedy.unwrap();
    assert!(remedy.cli.contains("--source-asgs /subscriptions/"), "{}", remedy.cli);
    assert!(remedy.terraform.contains("source_application_security_group_ids = [\""), "{}", remedy.terraform);
    trap.run(&remedy.cli);
    assert!(changes(&trap).is_empty());
}
