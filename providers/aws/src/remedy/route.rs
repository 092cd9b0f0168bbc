//! Routes, peering connections, gateways and machines.
//!
//! A command is given only where there is one obvious and safe change whose every identifier the evidence holds.
//! Elsewhere a sentence says what to decide.

use std::net::IpAddr;

use reachlint_model::{Direction, Hop, HopKind, Interface, InterfaceState, NameId, Outcome, Prefix, Remedy};

use super::Evidence;
use super::words::{Command, Place, Value, count, hcl, plain, resource};
use crate::network::{
    AwsNetwork, INSTANCE_STATE, INTERNET_GATEWAY, MANAGED, NAT_GATEWAY, NO_PUBLIC_ADDRESS, PEERING, PUBLIC_ACCESS,
    ROUTE, RawPeering, RawSide, Route, SOURCE_DEST_CHECK, TRANSIT, Table, Target, is_private,
};

/// What a new route leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To<'a> {
    Peering(&'a str),
    Internet(&'a str),
}

/// A change to anything but a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change<'a> {
    /// A route more.
    Route { table: &'a str, subnets: usize, destination: Prefix, to: To<'a>, place: Place<'a> },
    /// Another target for a route.
    Retarget { table: &'a str, destination: Prefix, to: To<'a>, place: Place<'a> },
    /// Acceptance of a peering that waits for it.
    Accept { peering: &'a str, place: Place<'a> },
    /// A machine that is started.
    Start { machine: &'a str, place: Place<'a> },
    /// An interface that takes packets for addresses it does not hold.
    Forward { interface: &'a str, address: Option<IpAddr>, place: Place<'a> },
    /// Something that only a person can decide.
    Decide(String),
}

/// Lets the packet past a hop that ends it.
pub(super) fn open<'a>(aws: &'a AwsNetwork, hop: &Hop) -> Option<Change<'a>> {
    let (HopKind::Route(Outcome::Block) | HopKind::Translation(Outcome::Block)) = hop.kind else { return None };
    let address = hop.note.and_then(|note| note.address);
    match hop.layer {
        ROUTE => route(aws, hop, address),
        PEERING => peering(aws, hop),
        INTERNET_GATEWAY if hop.direction == Direction::Egress => match address {
            Some(address) => internet(hop, address),
            // Nothing about an address, so it is the gateway itself.
            None => Some(Change::Decide(format!(
                "VPC > Internet gateways: {} belongs to another VPC. Point the route to the gateway that is attached to \
                 this one, or attach one.",
                plain(aws.network.name(hop.subject))
            ))),
        },
        INTERNET_GATEWAY => Some(Change::Decide(format!(
            "{} takes no IPv6 from the internet (DenyAllIgwTraffic). Reach it over a peering or a transit gateway, which the \
             setting leaves open.",
            plain(aws.network.name(hop.subject))
        ))),
        NAT_GATEWAY => nat(aws, hop),
        TRANSIT => Some(Change::Decide(format!(
            "VPC > Transit gateways: the way through {} ends. Its owner decides which networks it joins: attachments in \
             the zones that use it, their route tables, and the routes in them.",
            plain(aws.network.name(hop.subject))
        ))),
        PUBLIC_ACCESS => Some(Change::Decide(format!(
            "VPC > Settings > Block public access: it is meant to keep {} off the internet. Reach the service over a \
             private path; or, if this VPC or subnet may be public, add an exclusion for it.",
            plain(aws.network.name(hop.subject))
        ))),
        INSTANCE_STATE => machine(aws, hop),
        MANAGED => Some(Change::Decide(format!(
            "{} does not answer there: start it, if it is stopped or being made; or correct the port in nginx's \
             configuration.",
            plain(aws.network.name(hop.subject))
        ))),
        SOURCE_DEST_CHECK => {
            let interface = aws.argument(hop.subject)?;
            let place = aws.place(find(aws, hop.subject)?);
            Some(Change::Forward { interface, address, place })
        }
        _ => None,
    }
}

fn find(aws: &AwsNetwork, name: NameId) -> Option<&Interface> {
    aws.network.called(aws.network.name(name)).iter().find_map(|id| aws.network.interface(*id))
}

fn route<'a>(aws: &'a AwsNetwork, hop: &Hop, address: Option<IpAddr>) -> Option<Change<'a>> {
    let mut tables = aws.tables.iter().enumerate();
    if let Some((at, table)) = tables.clone().find(|(_, table)| table.id == hop.subject) {
        return missing(aws, hop, at, table, address?);
    }
    let (at, table, route) = tables.find_map(|(at, table)| {
        let route = table.routes.iter().find(|route| route.name == hop.subject)?;
        Some((at, table, route))
    })?;
    if route.blackhole {
        return blackhole(aws, at, table, route);
    }
    if matches!(route.target, Target::GatewayEndpoint(_)) {
        return Some(Change::Decide(
            "A gateway endpoint takes TCP only: reach the service over TCP, or give its addresses another route for this."
                .to_owned(),
        ));
    }
    (hop.direction == Direction::Return).then(|| lost(aws, at, table, route, address?)).flatten()
}

/// No route matches.
fn missing<'a>(aws: &'a AwsNetwork, hop: &Hop, at: usize, table: &'a Table, address: IpAddr) -> Option<Change<'a>> {
    let (vpc, subnets) = served(aws, at)?;
    if let Some((destination, to)) = toward(aws, vpc, address, hop.direction == Direction::Return) {
        let place = place(aws, vpc);
        return Some(Change::Route { table: aws.argument(table.id)?, subnets, destination, to, place });
    }
    let table = plain(aws.network.name(table.id));
    let how = if is_private(address) {
        "no active peering in the evidence leads there. Connect the two networks, by a peering or a transit gateway, \
         and add the route"
    } else {
        "add a route to a NAT gateway, or to an internet gateway if the sender has a public address"
    };
    Some(Change::Decide(format!("VPC > Route tables > {table} has no route to {address}: {how}.")))
}

/// The target of a route is gone. Only a lost peering has an obvious successor: what went through a machine, such as
/// a firewall, must not silently go around it.
fn blackhole<'a>(aws: &'a AwsNetwork, at: usize, table: &'a Table, route: &Route) -> Option<Change<'a>> {
    let (vpc, _) = served(aws, at)?;
    if matches!(route.target, Target::Peering(_))
        && let Some((block, to)) = toward(aws, vpc, route.prefix.first(), false)
        && block.contains(route.prefix.last())
        // A route by a prefix list is named after the list, and has no destination of its own to replace.
        && aws.network.name(route.name).ends_with(&format!(" {}", route.prefix))
    {
        let (table, place) = (aws.argument(table.id)?, place(aws, vpc));
        return Some(Change::Retarget { table, destination: route.prefix, to, place });
    }
    let (table, prefix) = (plain(aws.network.name(table.id)), route.prefix);
    Some(Change::Decide(format!(
        "VPC > Route tables > {table}: the target of the route {prefix} is gone. Give the route a target that works; or \
         delete it, if the next best route may carry this traffic and nothing was meant to inspect it."
    )))
}

/// Answers take another way than the connection: a route for the client alone brings them back.
fn lost<'a>(aws: &'a AwsNetwork, at: usize, table: &'a Table, route: &Route, address: IpAddr) -> Option<Change<'a>> {
    let (vpc, subnets) = served(aws, at)?;
    if let Some((_, to)) = toward(aws, vpc, address, true)
        && route.prefix.length() < Prefix::host(address).length()
    {
        let (table, destination) = (aws.argument(table.id)?, Prefix::host(address));
        return Some(Change::Route { table, subnets, destination, to, place: place(aws, vpc) });
    }
    let table = plain(aws.network.name(table.id));
    Some(Change::Decide(format!(
        "VPC > Route tables > {table}: answers to {address} take the route {}. Add a longer route that leads them back \
         the way the connection came.",
        route.prefix
    )))
}

/// The VPC of a table, and how many subnets of it use the table.
fn served(aws: &AwsNetwork, at: usize) -> Option<(NameId, usize)> {
    let subnets = || aws.subnets.values().filter(|subnet| subnet.table == Ok(at));
    Some((subnets().map(|subnet| subnet.vpc).min()?, subnets().count()))
}

/// Subnets and tables are those of the VPC's owner, who may be another account than that of an interface in it.
fn place(aws: &AwsNetwork, vpc: NameId) -> Place<'_> {
    let region = aws.inhabitant(vpc).and_then(|interface| aws.place(interface).region);
    Place { account: None, region }
}

/// Where an address lies from a VPC: behind the one active peering whose far side has it, or, for answers to a public
/// address, behind the VPC's own internet gateway.
fn toward(aws: &AwsNetwork, vpc: NameId, address: IpAddr, answer: bool) -> Option<(Prefix, To<'_>)> {
    let mut found = aws.peerings.values().filter(|peering| peering.active).filter_map(|peering| {
        let far = far_side(peering, vpc)?;
        Some((block(aws, far, address)?, peering.id))
    });
    match (found.next(), found.next()) {
        (Some((block, peering)), None) => return Some((block, To::Peering(aws.argument(peering)?))),
        (Some(_), Some(_)) => return None,
        (None, _) => {}
    }
    if is_private(address) || !answer {
        return None;
    }
    let tables = aws.subnets.values().filter(|subnet| subnet.vpc == vpc).filter_map(|subnet| subnet.table.ok());
    let gateway = tables.filter_map(|at| aws.tables.get(at)).flat_map(|table| &table.routes).find_map(|route| {
        match route.target {
            Target::Internet(gateway) if !route.blackhole => Some(gateway),
            _ => None,
        }
    })?;
    Some((Prefix::host(address), To::Internet(aws.argument(gateway)?)))
}

fn far_side(peering: &RawPeering, vpc: NameId) -> Option<&RawSide> {
    let [first, second] = &peering.sides;
    if first.vpc == Some(vpc) { Some(second) } else { (second.vpc == Some(vpc)).then_some(first) }
}

/// The block of a peering's side that holds an address.
fn block(aws: &AwsNetwork, side: &RawSide, address: IpAddr) -> Option<Prefix> {
    let listed = side.blocks.iter().copied().find(|block| block.contains(address));
    listed.or_else(|| aws.vpcs.get(&side.vpc?)?.prefixes().find(|block| block.contains(address)))
}

fn peering<'a>(aws: &'a AwsNetwork, hop: &Hop) -> Option<Change<'a>> {
    let peering = aws.peerings.get(&hop.subject)?;
    let [requester, accepter] = &peering.sides;
    let argument = |id: Option<NameId>| id.and_then(|id| aws.argument(id));
    let id = aws.argument(peering.id)?;
    if !peering.active {
        let status = peering.status.map_or("", |status| aws.network.name(status));
        if status == "pending-acceptance" {
            let place = Place { account: argument(accepter.owner), region: argument(accepter.region) };
            return Some(Change::Accept { peering: id, place });
        }
        let (id, status) = (plain(id), plain(status));
        return Some(Change::Decide(match status.as_str() {
            "initiating-request" | "provisioning" => {
                format!("The peering {id} is {status}: wait until it is active, then check again.")
            }
            _ => format!(
                "VPC > Peering connections: {id} is {status} and stays so. Create a new peering between the two VPCs, \
                 have it accepted, and give the routes through {id} the new one as target."
            ),
        }));
    }
    let name = |side: &RawSide| side.vpc.map_or_else(|| "a VPC".to_owned(), |vpc| plain(aws.network.name(vpc)));
    Some(Change::Decide(format!(
        "A peering carries only what begins in one of its VPCs and ends in the other, and {} joins {} and {}. Create a \
         peering from the VPC of the sender to that of the receiver, with routes on both sides, or a transit gateway.",
        plain(id),
        name(requester),
        name(accepter)
    )))
}

fn internet<'a>(hop: &Hop, address: IpAddr) -> Option<Change<'a>> {
    let template = hop.note?.template;
    Some(Change::Decide(if template == NO_PUBLIC_ADDRESS && address.is_ipv6() {
        format!(
            "{address} is kept off the internet, by its range or by its interface (DenyAllIgwTraffic). Send from another \
             interface, or over a peering or a transit gateway."
        )
    } else if template == NO_PUBLIC_ADDRESS {
        format!(
            "Give {address} a public address (EC2 > Elastic IPs > Allocate, then Associate), or route its subnet's way \
             out through a NAT gateway in a public subnet."
        )
    } else {
        format!(
            "{address} is a private address, which no internet gateway carries. Add a route for it that leads to the \
             network it is in: a peering, a transit gateway or a VPN."
        )
    }))
}

fn nat<'a>(aws: &AwsNetwork, hop: &Hop) -> Option<Change<'a>> {
    let nat = aws.nats.get(&hop.subject)?;
    let id = plain(aws.network.name(nat.id));
    Some(Change::Decide(if nat.available {
        format!("A NAT gateway takes only what comes from its own VPC: route to one of the sender's VPC, not to {id}.")
    } else {
        format!(
            "VPC > NAT gateways: {id} is not available. Create another one, and give the routes to {id} the new one as \
             target."
        )
    }))
}

fn machine<'a>(aws: &'a AwsNetwork, hop: &Hop) -> Option<Change<'a>> {
    let interface = find(aws, hop.subject)?;
    let machine = aws.argument(hop.subject)?;
    let name = plain(machine);
    match interface.state {
        InterfaceState::Up | InterfaceState::Unread(_) => None,
        InterfaceState::Detached => Some(Change::Decide(format!(
            "Nothing stands behind {}. Attach it to a machine (EC2 > Network interfaces > Actions > Attach), or take \
             its address out of nginx's configuration.",
            plain(aws.network.name(interface.id))
        ))),
        InterfaceState::Down(word) => match aws.network.name(word) {
            "stopped" => Some(Change::Start { machine, place: aws.place(interface) }),
            "stopping" => Some(Change::Decide(format!("{name} is stopping: start it again once it has stopped."))),
            _ => Some(Change::Decide(format!(
                "{name} is terminated and does not come back: take its address out of nginx's configuration."
            ))),
        },
    }
}

impl To<'_> {
    fn option(self) -> (&'static str, &'static str, String) {
        match self {
            Self::Peering(id) => ("--vpc-peering-connection-id", "vpc_peering_connection_id", id.to_owned()),
            Self::Internet(id) => ("--gateway-id", "gateway_id", id.to_owned()),
        }
    }
}

impl Change<'_> {
    /// The change in words.
    pub(super) fn remedy(&self) -> Remedy {
        match self {
            Self::Route { table, subnets, destination, to, place } => {
                let (option, argument, target) = to.option();
                let (family, field) = family(*destination);
                let shared = if *subnets > 1 {
                    format!(" It holds for all {} that use the table.", count(*subnets, "subnet"))
                } else {
                    String::new()
                };
                let block = destination.to_string();
                Remedy {
                    cli: routed("create-route", table, family, &block).option(option, &target).at(*place),
                    terraform: resource(
                        "aws_route",
                        &[table, &block],
                        &[
                            ("route_table_id", Value::from(*table)),
                            (field, block.as_str().into()),
                            (argument, target.as_str().into()),
                        ],
                    ),
                    console: format!(
                        "{}VPC > Route tables > {} > Routes > Edit routes > Add route: destination {block}, target \
                         {}.{shared}",
                        place.console(),
                        plain(table),
                        plain(&target)
                    ),
                }
            }
            Self::Retarget { table, destination, to, place } => {
                let (option, argument, target) = to.option();
                let (family, _) = family(*destination);
                let block = destination.to_string();
                let table_name = plain(table);
                Remedy {
                    cli: routed("replace-route", table, family, &block).option(option, &target).at(*place),
                    terraform: format!("# In the route {block} of {table_name}:\n# {argument} = {}", hcl(&target)),
                    console: format!(
                        "{}VPC > Route tables > {table_name} > Routes > Edit routes: give {block} the target {}.",
                        place.console(),
                        plain(&target)
                    ),
                }
            }
            Self::Accept { peering, place } => Remedy {
                cli: Command::new("accept-vpc-peering-connection")
                    .option("--vpc-peering-connection-id", peering)
                    .at(*place),
                terraform: resource(
                    "aws_vpc_peering_connection_accepter",
                    &[peering],
                    &[("vpc_peering_connection_id", Value::from(*peering)), ("auto_accept", Value::Truth(true))],
                ),
                console: format!(
                    "{}VPC > Peering connections > {} > Actions > Accept request.",
                    place.console(),
                    plain(peering)
                ),
            },
            Self::Start { machine, place } => Remedy {
                cli: Command::new("start-instances").option("--instance-ids", machine).at(*place),
                terraform: resource(
                    "aws_ec2_instance_state",
                    &[machine],
                    &[("instance_id", Value::from(*machine)), ("state", "running".into())],
                ),
                console: format!(
                    "{}EC2 > Instances > {} > Instance state > Start instance.",
                    place.console(),
                    plain(machine)
                ),
            },
            Self::Forward { interface, address, place } => {
                let interface_name = plain(interface);
                let what = address.map_or_else(|| "the address".to_owned(), |address| address.to_string());
                Remedy {
                    cli: Command::new("modify-network-interface-attribute")
                        .option("--network-interface-id", interface)
                        .flag("--no-source-dest-check")
                        .at(*place),
                    terraform: format!(
                        "# In the resource that holds the interface {interface_name}:\n# source_dest_check = false"
                    ),
                    console: format!(
                        "{}EC2 > Network interfaces > {interface_name} > Actions > Change source/dest. check: off, if \
                         the machine is meant to take {what}.",
                        place.console()
                    ),
                }
            }
            Self::Decide(sentence) => Remedy { console: sentence.clone(), ..Remedy::default() },
        }
    }
}

fn routed(name: &'static str, table: &str, family: &'static str, block: &str) -> Command {
    Command::new(name).option("--route-table-id", table).option(family, block)
}

fn family(block: Prefix) -> (&'static str, &'static str) {
    if block.first().is_ipv4() {
        ("--destination-cidr-block", "destination_cidr_block")
    } else {
        ("--destination-ipv6-cidr-block", "destination_ipv6_cidr_block")
    }
}
