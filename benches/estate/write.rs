//! An estate as the AWS CLI prints it, and as nginx's configuration.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;

use super::{Estate, GUARDED, ICMP, Machine, Peer, REFUSED, Rule, SUBNETS, TCP, id, subnet_base, vpc_base};

const ACCOUNT: &str = "111122223333";
/// Upstream servers of one block of nginx's configuration.
const SERVERS: usize = 10;

/// A listing that is written record by record.
struct Listing {
    out: BufWriter<File>,
    separator: &'static str,
}

impl Listing {
    fn new(folder: &Path, name: &str, key: &str) -> io::Result<Self> {
        let mut out = BufWriter::new(File::create(folder.join(name))?);
        write!(out, "{{\"{key}\": [")?;
        Ok(Self { out, separator: "\n" })
    }

    fn record(&mut self, record: impl Display) -> io::Result<()> {
        write!(self.out, "{}{record}", self.separator)?;
        self.separator = ",\n";
        Ok(())
    }

    fn end(mut self) -> io::Result<()> {
        writeln!(self.out, "]}}")?;
        self.out.flush()
    }
}

pub(super) fn evidence(estate: &Estate, folder: &Path) -> io::Result<()> {
    machines(estate, folder)?;
    groups(estate, folder)?;
    prefix_lists(estate, folder)?;
    networks(estate, folder)
}

fn machines(estate: &Estate, folder: &Path) -> io::Result<()> {
    let mut interfaces = Listing::new(folder, "network-interfaces.json", "NetworkInterfaces")?;
    let mut instances = Listing::new(folder, "instances.json", "Reservations")?;
    for (number, machine) in estate.machines.iter().enumerate() {
        interfaces.record(interface(number, machine, true))?;
        let state = if machine.runs { (16, "running") } else { (80, "stopped") };
        instances.record(format_args!(
            r#"{{"ReservationId": "{}", "OwnerId": "{ACCOUNT}", "Groups": [], "Instances": [{{"Architecture": "arm64", "BlockDeviceMappings": [{{"DeviceName": "/dev/xvda", "Ebs": {{"DeleteOnTermination": true, "Status": "attached", "VolumeId": "{}"}}}}], "EbsOptimized": true, "EnaSupport": true, "Hypervisor": "xen", "ImageId": "ami-0123456789abcdef0", "InstanceId": "{}", "InstanceType": "m7g.large", "LaunchTime": "2025-02-03T04:05:06+00:00", "MetadataOptions": {{"State": "applied", "HttpTokens": "required", "HttpEndpoint": "enabled"}}, "Monitoring": {{"State": "disabled"}}, "NetworkInterfaces": [{}], "Placement": {{"AvailabilityZone": "eu-west-1a", "Tenancy": "default"}}, "PrivateDnsName": "{}", "PrivateIpAddress": "{}", "State": {{"Code": {}, "Name": "{}"}}, "SubnetId": "{}", "Tags": [{{"Key": "Name", "Value": "machine-{number}"}}, {{"Key": "Owner", "Value": "team-{}"}}], "VirtualizationType": "hvm", "VpcId": "{}"}}]}}"#,
            id("r", number),
            id("vol", number),
            id("i", number),
            interface(number, machine, false),
            name(machine),
            Ipv4Addr::from_bits(machine.address),
            state.0,
            state.1,
            subnet(machine),
            number % 30,
            id("vpc", machine.vpc),
        ))?;
    }
    interfaces.end()?;
    instances.end()
}

/// An interface in its own listing, or inside of its instance.
fn interface(number: usize, machine: &Machine, alone: bool) -> String {
    let groups = machine.groups.iter().map(|group| {
        let group = id("sg", *group);
        format!(r#"{{"GroupId": "{group}", "GroupName": "group {group}"}}"#)
    });
    let groups: Vec<String> = groups.collect();
    let address = Ipv4Addr::from_bits(machine.address);
    let instance = if alone { format!(r#""InstanceId": "{}", "#, id("i", number)) } else { String::new() };
    let zone = if alone { r#""AvailabilityZone": "eu-west-1a", "# } else { "" };
    format!(
        r#"{{{zone}"Attachment": {{"AttachmentId": "{}", "DeleteOnTermination": true, "DeviceIndex": 0, {instance}"Status": "attached"}}, "Description": "", "Groups": [{}], "InterfaceType": "interface", "Ipv6Addresses": [], "MacAddress": "02:00:00:00:00:00", "NetworkInterfaceId": "{}", "OwnerId": "{ACCOUNT}", "PrivateDnsName": "{}", "PrivateIpAddress": "{address}", "PrivateIpAddresses": [{{"Primary": true, "PrivateDnsName": "{}", "PrivateIpAddress": "{address}"}}], "SourceDestCheck": true, "Status": "in-use", "SubnetId": "{}", "VpcId": "{}"}}"#,
        id("eni-attach", number),
        groups.join(", "),
        id("eni", number),
        name(machine),
        name(machine),
        subnet(machine),
        id("vpc", machine.vpc),
    )
}

fn subnet(machine: &Machine) -> String {
    id("subnet", machine.vpc * SUBNETS + machine.subnet)
}

/// The name that the VPC's resolver answers.
fn name(machine: &Machine) -> String {
    let address = Ipv4Addr::from_bits(machine.address).to_string();
    format!("ip-{}.eu-west-1.compute.internal", address.replace('.', "-"))
}

fn groups(estate: &Estate, folder: &Path) -> io::Result<()> {
    let mut groups = Listing::new(folder, "security-groups.json", "SecurityGroups")?;
    let mut rules = estate
        .size
        .listed_apart
        .map(|_| Listing::new(folder, "security-group-rules.json", "SecurityGroupRules"))
        .transpose()?;
    let mut count = 0;
    for (number, group) in estate.groups.iter().enumerate() {
        let group_id = id("sg", number);
        let apart = estate.size.listed_apart.is_some_and(|every| number % every == 0);
        let permissions = |rules: &[Rule]| rules.iter().map(permission).collect::<Vec<_>>().join(", ");
        let listed = if apart {
            String::new()
        } else {
            let (into, out) = (permissions(&group.ingress), permissions(&group.egress));
            format!(r#""IpPermissions": [{into}], "IpPermissionsEgress": [{out}], "#)
        };
        groups.record(format_args!(
            r#"{{"Description": "what group {number} is for", "GroupId": "{group_id}", "GroupName": "group {group_id}", {listed}"OwnerId": "{ACCOUNT}", "SecurityGroupArn": "arn:aws:ec2:eu-west-1:{ACCOUNT}:security-group/{group_id}", "Tags": [{{"Key": "Owner", "Value": "team-{}"}}], "VpcId": "{}"}}"#,
            number % 30,
            id("vpc", group.vpc),
        ))?;
        let Some(rules) = rules.as_mut().filter(|_| apart) else { continue };
        let all = group.ingress.iter().map(|rule| (false, rule)).chain(group.egress.iter().map(|rule| (true, rule)));
        for (egress, rule) in all {
            let (protocol, from, to) = words(rule);
            let peer = match rule.peer {
                Peer::V4(base, length) => format!(r#""CidrIpv4": "{}/{length}""#, Ipv4Addr::from_bits(base)),
                Peer::V6(block) => format!(r#""CidrIpv6": "{}""#, v6(block)),
                Peer::List(list) => format!(r#""PrefixListId": "{}""#, id("pl", list)),
                Peer::Group(group) => {
                    format!(r#""ReferencedGroupInfo": {{"GroupId": "{}", "UserId": "{ACCOUNT}"}}"#, id("sg", group))
                }
            };
            rules.record(format_args!(
                r#"{{"SecurityGroupRuleId": "{}", "GroupId": "{group_id}", "GroupOwnerId": "{ACCOUNT}", "IsEgress": {egress}, "IpProtocol": "{protocol}", "FromPort": {from}, "ToPort": {to}, {peer}, "Tags": []}}"#,
                id("sgr", count),
            ))?;
            count += 1;
        }
    }
    rules.map(Listing::end).transpose()?;
    groups.end()
}

/// Protocol and ports as EC2 has them: -1 is all.
fn words(rule: &Rule) -> (&'static str, i32, i32) {
    match rule.protocol {
        None => ("-1", -1, -1),
        Some(TCP) => ("tcp", i32::from(rule.ports.0), i32::from(rule.ports.1)),
        Some(ICMP) => ("icmp", -1, -1),
        Some(_) => ("udp", i32::from(rule.ports.0), i32::from(rule.ports.1)),
    }
}

fn v6(block: Option<u16>) -> String {
    match block {
        Some(number) => format!("{}/48", Ipv6Addr::new(0x2001, 0xdb8, number, 0, 0, 0, 0, 0)),
        None => "::/0".to_owned(),
    }
}

fn permission(rule: &Rule) -> String {
    let (protocol, from, to) = words(rule);
    // For all protocols there are no ports at all (EC2 API, `IpPermission`).
    let ports =
        if rule.protocol.is_none() { String::new() } else { format!(r#""FromPort": {from}, "ToPort": {to}, "#) };
    let (mut v4, mut v6_blocks, mut lists, mut pairs) = (String::new(), String::new(), String::new(), String::new());
    match rule.peer {
        Peer::V4(base, length) => {
            v4 = format!(r#"{{"CidrIp": "{}/{length}", "Description": "asked for"}}"#, Ipv4Addr::from_bits(base));
        }
        Peer::V6(block) => v6_blocks = format!(r#"{{"CidrIpv6": "{}"}}"#, v6(block)),
        Peer::List(list) => lists = format!(r#"{{"PrefixListId": "{}"}}"#, id("pl", list)),
        Peer::Group(group) => pairs = format!(r#"{{"GroupId": "{}", "UserId": "{ACCOUNT}"}}"#, id("sg", group)),
    }
    format!(
        r#"{{{ports}"IpProtocol": "{protocol}", "IpRanges": [{v4}], "Ipv6Ranges": [{v6_blocks}], "PrefixListIds": [{lists}], "UserIdGroupPairs": [{pairs}]}}"#
    )
}

fn prefix_lists(estate: &Estate, folder: &Path) -> io::Result<()> {
    let mut lists = Listing::new(folder, "prefix-lists.json", "PrefixLists")?;
    let mut entries = BufWriter::new(File::create(folder.join("prefix-list-entries.json"))?);
    let mut separator = "{";
    for (number, list) in estate.lists.iter().enumerate() {
        let list_id = id("pl", number);
        lists.record(format_args!(
            r#"{{"PrefixListId": "{list_id}", "PrefixListName": "list {number}", "AddressFamily": "IPv4", "MaxEntries": 100, "OwnerId": "{ACCOUNT}", "State": "create-complete", "Version": 1}}"#
        ))?;
        let blocks = list.iter().map(|(base, length)| {
            format!(r#"{{"Cidr": "{}/{length}", "Description": ""}}"#, Ipv4Addr::from_bits(*base))
        });
        let blocks: Vec<String> = blocks.collect();
        write!(entries, "{separator}\"{list_id}\": {{\"Entries\": [{}]}}", blocks.join(", "))?;
        separator = ",\n";
    }
    writeln!(entries, "}}")?;
    entries.flush()?;
    lists.end()
}

fn networks(estate: &Estate, folder: &Path) -> io::Result<()> {
    let mut vpcs = Listing::new(folder, "vpcs.json", "Vpcs")?;
    let mut subnets = Listing::new(folder, "subnets.json", "Subnets")?;
    let mut acls = Listing::new(folder, "network-acls.json", "NetworkAcls")?;
    let mut tables = Listing::new(folder, "route-tables.json", "RouteTables")?;
    for vpc in 0..estate.size.vpcs {
        let (vpc_id, block) = (id("vpc", vpc), format!("{}/16", Ipv4Addr::from_bits(vpc_base(vpc))));
        vpcs.record(format_args!(
            r#"{{"VpcId": "{vpc_id}", "CidrBlock": "{block}", "OwnerId": "{ACCOUNT}", "State": "available", "CidrBlockAssociationSet": [{{"CidrBlock": "{block}", "CidrBlockState": {{"State": "associated"}}}}]}}"#
        ))?;
        let mut associations = [Vec::new(), Vec::new()];
        for subnet in 0..SUBNETS {
            let subnet_id = id("subnet", vpc * SUBNETS + subnet);
            subnets.record(format_args!(
                r#"{{"SubnetId": "{subnet_id}", "VpcId": "{vpc_id}", "CidrBlock": "{}/18", "AvailabilityZone": "eu-west-1a", "OwnerId": "{ACCOUNT}", "Ipv6CidrBlockAssociationSet": []}}"#,
                Ipv4Addr::from_bits(subnet_base(vpc, subnet)),
            ))?;
            let [open, guarded] = &mut associations;
            (if subnet == GUARDED { guarded } else { open }).push(format!(r#"{{"SubnetId": "{subnet_id}"}}"#));
        }
        for (guarded, subnets) in associations.iter().enumerate() {
            let refusal = if guarded == 1 { refusal(&block) } else { String::new() };
            acls.record(format_args!(
                r#"{{"NetworkAclId": "{}", "VpcId": "{vpc_id}", "IsDefault": {}, "OwnerId": "{ACCOUNT}", "Associations": [{}], "Entries": [{}, {}, {refusal}{}, {}]}}"#,
                id("acl", vpc * 2 + guarded),
                guarded == 0,
                subnets.join(", "),
                entry(100, true, "allow"),
                entry(32767, true, "deny"),
                entry(100, false, "allow"),
                entry(32767, false, "deny"),
            ))?;
        }
        tables.record(format_args!(
            r#"{{"RouteTableId": "{}", "VpcId": "{vpc_id}", "OwnerId": "{ACCOUNT}", "Associations": [{{"Main": true}}], "Routes": [{{"DestinationCidrBlock": "{block}", "GatewayId": "local", "Origin": "CreateRouteTable", "State": "active"}}]}}"#,
            id("rtb", vpc),
        ))?;
    }
    vpcs.end()?;
    subnets.end()?;
    acls.end()?;
    tables.end()
}

fn entry(number: u16, egress: bool, action: &str) -> String {
    format!(
        r#"{{"RuleNumber": {number}, "RuleAction": "{action}", "Egress": {egress}, "Protocol": "-1", "CidrBlock": "0.0.0.0/0"}}"#
    )
}

fn refusal(block: &str) -> String {
    let (from, to) = REFUSED;
    format!(
        r#"{{"RuleNumber": 50, "RuleAction": "deny", "Egress": false, "Protocol": "6", "CidrBlock": "{block}", "PortRange": {{"From": {from}, "To": {to}}}}}, "#
    )
}

pub(super) fn nginx(estate: &Estate, folder: &Path) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(folder.join("nginx.conf"))?);
    writeln!(out, "events {{}}\nhttp {{")?;
    for (number, servers) in estate.upstreams.chunks(SERVERS).enumerate() {
        writeln!(out, "    upstream service_{number} {{\n        least_conn;")?;
        for (position, (machine, port)) in servers.iter().enumerate() {
            let Some(machine) = estate.machines.get(*machine) else { continue };
            let host = if position % 3 == 0 { name(machine) } else { Ipv4Addr::from_bits(machine.address).to_string() };
            writeln!(out, "        server {host}:{port} max_fails=2;")?;
        }
        writeln!(out, "    }}\n    server {{\n        listen 80;\n        server_name service-{number}.example;")?;
        writeln!(out, "        location / {{\n            proxy_pass http://service_{number};\n        }}\n    }}")?;
    }
    writeln!(out, "}}")?;
    out.flush()
}
