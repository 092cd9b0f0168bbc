//! Parts of records that are text and have to be something else: one that is not is an error, not left out.

use std::net::IpAddr;

use reachlint_model::Prefix;

use super::resources::{
    AddressSpace, ApplicationGateway, Frontend, LoadBalancer, Machine, NatGateway, Nic, Peering, PrivateEndpoint,
    PrivateZone, PublicAddress, RecordSet, RouteTable, ScaleSet, SecurityGroup, Subnet, VirtualNetwork, ZoneLink,
};
use super::rule::protocols;

/// A record that can be looked through for what cannot be read.
pub(crate) trait Checked {
    /// The first part that cannot be read.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

fn address(text: Option<&String>, what: &str) -> Result<(), String> {
    match text.map(|text| text.trim().parse::<IpAddr>()) {
        Some(Err(_)) => Err(format!("{what}: `{}` is not an address", text.map_or("", String::as_str))),
        _ => Ok(()),
    }
}

fn space(space: &AddressSpace, what: &str) -> Result<(), String> {
    let wrong = space.addressprefixes.iter().find_map(|text| text.parse::<Prefix>().err());
    wrong.map_or(Ok(()), |error| Err(format!("{what}: {error}")))
}

fn frontends(all: &[Frontend]) -> Result<(), String> {
    all.iter().try_for_each(|one| address(one.privateipaddress.as_ref(), &format!("frontend `{}`", one.name)))
}

impl Checked for Nic {
    fn check(&self) -> Result<(), String> {
        let mut all = self.ipconfigurations.iter();
        all.try_for_each(|own| address(own.privateipaddress.as_ref(), &format!("IP configuration `{}`", own.name)))
    }
}

impl Checked for VirtualNetwork {
    fn check(&self) -> Result<(), String> {
        space(&self.addressspace, "address space")?;
        self.virtualnetworkpeerings.iter().try_for_each(Peering::check)
    }
}

impl Checked for Peering {
    fn check(&self) -> Result<(), String> {
        space(&self.remoteaddressspace, &format!("peering `{}`", self.name))?;
        space(&self.remotevirtualnetworkaddressspace, &format!("peering `{}`", self.name))
    }
}

impl Checked for RouteTable {
    fn check(&self) -> Result<(), String> {
        self.routes.iter().try_for_each(|route| {
            let what = format!("route `{}`", route.name);
            let text = route.addressprefix.as_deref().unwrap_or_default();
            // A service tag stands where an address block does, and begins with a letter.
            let tag = text.starts_with(|first: char| first.is_ascii_alphabetic()) && !text.contains([':', '/']);
            match text.parse::<Prefix>() {
                Err(error) if !tag => return Err(format!("{what}: {error}")),
                _ => {}
            }
            address(route.nexthopipaddress.as_ref().filter(|text| !text.is_empty()), &what)
        })
    }
}

impl Checked for PublicAddress {
    fn check(&self) -> Result<(), String> {
        address(self.ipaddress.as_ref(), "public address")
    }
}

impl Checked for LoadBalancer {
    fn check(&self) -> Result<(), String> {
        frontends(&self.frontendipconfigurations)?;
        for (name, protocol) in self
            .loadbalancingrules
            .iter()
            .map(|rule| (&rule.name, &rule.protocol))
            .chain(self.inboundnatrules.iter().map(|rule| (&rule.name, &rule.protocol)))
        {
            protocols(protocol).map_err(|why| format!("rule `{name}`: {why}"))?;
        }
        let addresses = self.backendaddresspools.iter().flat_map(|pool| &pool.loadbalancerbackendaddresses);
        addresses.into_iter().try_for_each(|one| address(one.ipaddress.as_ref(), &format!("backend `{}`", one.name)))
    }
}

impl Checked for ApplicationGateway {
    fn check(&self) -> Result<(), String> {
        frontends(&self.frontendipconfigurations)
    }
}

impl Checked for RecordSet {
    fn check(&self) -> Result<(), String> {
        let v4 = self.arecords.iter().map(|own| &own.ipv4address);
        let mut all = v4.chain(self.aaaarecords.iter().map(|own| &own.ipv6address));
        all.try_for_each(|text| address(Some(text), "record"))
    }
}

impl Checked for PrivateZone {}
impl Checked for ZoneLink {}
impl Checked for Subnet {}
impl Checked for SecurityGroup {}
impl Checked for NatGateway {}
impl Checked for PrivateEndpoint {}
impl Checked for Machine {}
impl Checked for ScaleSet {}
