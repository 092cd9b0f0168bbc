//! Names that the resolver of a VPC answers, read without DNS; and those that EC2 gives to machines.

use std::net::{IpAddr, Ipv4Addr};

use reachlint_model::{InterfaceId, Lookup, NameId};

use super::compile::AwsNetwork;
use super::zones::{self, Told};
use crate::records::Listing;

/// Names that stand for other names more often than this go in circles.
const MOST_NAMES: u8 = 8;

/// A name as it is compared: lower case, without the dot of the root.
pub(super) fn normal(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// What the evidence says of a name, as the resolver of the VPC answers the machine behind `from`: its private zones
/// before all others, as the resolver asks them first.
pub(super) fn lookup(aws: &AwsNetwork, from: InterfaceId, host: &str) -> Lookup {
    answer(aws, from, &normal(host), 0)
}

/// The same, after some names that stand for others.
pub(super) fn answer(aws: &AwsNetwork, from: InterfaceId, host: &str, depth: u8) -> Lookup {
    if depth > MOST_NAMES {
        return Lookup::Undecided("names that stand for each other go in a circle".to_owned());
    }
    let unread = match zones::answer(aws, from, host, depth) {
        Told::Lookup(Lookup::Silent) => None,
        Told::Lookup(told) => return told,
        Told::Unread(why) => Some(why),
    };
    let told = match of_machine(aws, from, host) {
        Some(addresses) => Lookup::Addresses(addresses),
        None => aws.hosts.answer(aws, from, host),
    };
    if told != Lookup::Silent {
        return told;
    }
    // An endpoint may answer any name (PrivateLink guide, private DNS names).
    let unread = unread.or_else(|| {
        let vpc = aws.network.interface(from)?.network;
        let why = aws.zones.refusal(Listing::VpcEndpoints, vpc)?;
        Some(format!("whether a VPC endpoint in {} answers it is not known: {why}", aws.network.name(vpc)))
    });
    unread.map_or(Lookup::Silent, Lookup::Hidden)
}

/// The address that a name of EC2's own means to the machine behind `from`.
///
/// `ip-10-0-1-5.ec2.internal` and `ip-10-0-1-5.eu-west-1.compute.internal` carry the private address,
/// `i-….eu-west-1.compute.internal` the instance, and `ec2-198-51-100-7.….amazonaws.com` the public address, which
/// the resolver of the same VPC turns into the private one (VPC guide, DNS attributes). A peered VPC does so only
/// if the peering is told to (EC2 API, `AllowDnsResolutionFromRemoteVpc`).
fn of_machine(aws: &AwsNetwork, from: InterfaceId, host: &str) -> Option<Vec<IpAddr>> {
    let (label, domain) = host.split_once('.')?;
    if domain == "ec2.internal" || domain.ends_with(".compute.internal") {
        if let Some(address) = label.strip_prefix("ip-").and_then(dashed) {
            return Some(vec![address]);
        }
        let here = aws.network.interface(from)?.network;
        let owner = aws.network.called(label).iter().find(|id| {
            label.starts_with("i-") && aws.network.interface(**id).is_some_and(|found| found.network == here)
        })?;
        let found = aws.network.interface(*owner)?;
        return aws.network.addresses(found).first().map(|address| vec![address.private]);
    }
    let regional = domain.strip_suffix(".compute.amazonaws.com").is_some();
    if regional || domain == "compute-1.amazonaws.com" {
        let public = label.strip_prefix("ec2-").and_then(dashed)?;
        return Some(vec![inside(aws, from, public).unwrap_or(public)]);
    }
    None
}

fn dashed(text: &str) -> Option<IpAddr> {
    text.replace('-', ".").parse::<Ipv4Addr>().ok().map(IpAddr::V4)
}

/// The private address behind a public one, where the resolver of `from` tells it.
fn inside(aws: &AwsNetwork, from: InterfaceId, public: IpAddr) -> Option<IpAddr> {
    let here = aws.network.interface(from)?.network;
    aws.network.owners(public).find_map(|owner| {
        let interface = aws.network.interface(owner)?;
        let address = aws.network.addresses(interface).iter().find(|address| address.public == Some(public))?;
        (interface.network == here || resolves_privately(aws, here, interface.network)).then_some(address.private)
    })
}

pub(super) fn resolves_privately(aws: &AwsNetwork, here: NameId, there: NameId) -> bool {
    aws.peerings.values().filter(|peering| peering.active).any(|peering| {
        peering.sides.iter().any(|side| side.vpc == Some(here))
            && peering.sides.iter().any(|side| side.vpc == Some(there) && side.private_dns)
    })
}

/// The service that a public name belongs to which has no interface in any VPC: functions and APIs answer at addresses of
/// the service itself (Lambda guide, function URLs; API Gateway guide, endpoint types).
pub(super) fn service(host: &str) -> Option<&'static str> {
    let host = normal(host);
    let domain = host.strip_suffix(".cn").unwrap_or(&host);
    let labels: Vec<&str> = domain.split('.').collect();
    match labels.as_slice() {
        [_, "lambda-url", _, "on", "aws"] => Some("a function URL of Lambda"),
        [_, "execute-api", _, "amazonaws", "com"] => Some("an API of API Gateway"),
        _ => None,
    }
}

/// The address that stands in a name of EC2's own.
#[must_use]
pub fn address_in_name(host: &str) -> Option<IpAddr> {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let (label, domain) = host.split_once('.')?;
    let private = domain == "ec2.internal" || domain.ends_with(".compute.internal");
    let public = domain == "compute-1.amazonaws.com" || domain.ends_with(".compute.amazonaws.com");
    match label.split_once('-')? {
        ("ip", dashes) if private => dashed(dashes),
        ("ec2", dashes) if public => dashed(dashes),
        _ => None,
    }
}

/// Whether a name is one of EC2's own, which says its address itself.
#[must_use]
pub fn is_private_name(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    host.split_once('.').is_some_and(|(label, domain)| {
        (domain == "ec2.internal" || domain.ends_with(".compute.internal"))
            && (label.strip_prefix("ip-").and_then(dashed).is_some() || label.starts_with("i-"))
    })
}
