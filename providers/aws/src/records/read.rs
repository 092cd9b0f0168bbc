//! Recognises a JSON document by its content and hands its records on.

use std::io::{self, Read};

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::attributed::{self, Page};
use super::window::{Fault, Piece, Window, piece};
use super::{
    CacheCluster, ClassicBalancer, DbCluster, DbInstance, EgressOnlyInternetGateway, ElasticAddress, HostedZone,
    InternetGateway, Listing, LoadBalancer, ManagedPrefixList, NatGateway, NetworkAcl, NetworkInterface,
    PublicAccessExclusion, PublicAccessOptions, ReplicationGroup, Reservation, RouteTable, SearchDomain, SecurityGroup,
    SecurityGroupRule, SecurityGroupVpcAssociation, Service, Sink, Subnet, TargetGroup, Text, TransitGateway,
    TransitGatewayPolicyTable, TransitGatewayRouteTable, TransitGatewayVpcAttachment, Vpc, VpcEndpoint,
    VpcPeeringConnection,
};

/// Keys of a document of something else that are kept.
const MOST_KEYS: usize = 64;

/// What a document turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recognised {
    /// Listings of the EC2 API, with the number of records in each.
    Evidence(Vec<(Listing, usize)>),
    /// Something else.
    Other(Other),
}

/// A document that is no EC2 evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Other {
    /// What it looks like.
    pub why: String,
    /// Whether it is a JSON list.
    pub is_list: bool,
    /// The first keys of a JSON object, by which others may recognise it.
    pub keys: Vec<String>,
}

/// A document that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It could not be read to its end.
    #[error("{0}")]
    Input(io::Error),
    /// It is EC2 evidence, and broken or of another shape.
    #[error("it holds `{key}` and cannot be read: {why}")]
    Broken {
        /// The first key that is evidence.
        key: String,
        /// What is wrong, and where.
        why: String,
    },
}

/// Reads one document, record by record: it is never held as a whole. `name` is its file name, which may carry the id
/// of a prefix list.
///
/// # Errors
/// When the document begins as EC2 evidence and then is broken or of another shape. What is no evidence from the
/// start is [`Recognised::Other`].
pub fn read(name: &str, input: &mut dyn Read, sink: &mut dyn Sink) -> Result<Recognised, ReadError> {
    let window = Window::new(input);
    let mut document = Document { window, name, sink, found: Vec::new(), key: None, other: Other::default() };
    match (document.read(), document.key) {
        (Err(Fault::Input(source)), _) => Err(ReadError::Input(source)),
        (Err(Fault::Json(why)), Some(key)) => Err(ReadError::Broken { key, why }),
        (Err(Fault::Json(why)), None) => {
            Ok(Recognised::Other(Other { why: format!("it is not JSON: {why}"), ..document.other }))
        }
        (Ok(()), _) if document.found.is_empty() => {
            let what = if document.other.is_list { "a JSON list" } else { "JSON" };
            let why = format!("it is {what} without anything that `aws ec2 describe-*` prints");
            Ok(Recognised::Other(Other { why, ..document.other }))
        }
        (Ok(()), _) => Ok(Recognised::Evidence(document.found)),
    }
}

struct Document<'d> {
    window: Window<'d>,
    name: &'d str,
    sink: &'d mut dyn Sink,
    found: Vec<(Listing, usize)>,
    /// The first key that is evidence.
    key: Option<String>,
    other: Other,
}

impl Document<'_> {
    fn read(&mut self) -> Result<(), Fault> {
        match self.window.peek()? {
            Some(b'{') => self.object()?,
            Some(b'[') => {
                self.other.is_list = true;
                self.window.elements(skip)?;
            }
            _ => self.window.value(skip)?,
        }
        self.window.end()
    }

    fn object(&mut self) -> Result<(), Fault> {
        let mut page = Page::default();
        self.window.skip();
        if self.window.peek()? == Some(b'}') {
            self.window.skip();
            return Ok(());
        }
        loop {
            let key = self.window.value(|text| piece(text, |key: Text<'_>| Ok(key.to_string())))?;
            self.window.expect(b':')?;
            self.member(key, &mut page)?;
            if !self.window.goes_on(b'}')? {
                break;
            }
        }
        if let Some(about) = page.about(self.name) {
            self.key.get_or_insert_with(|| about.to_owned());
        }
        let found = page.hand_on(self.name, self.sink).map_err(|why| self.window.fault(why))?;
        self.found.extend(found);
        for (listing, _) in &self.found {
            self.sink.listed(*listing, page.more);
        }
        Ok(())
    }

    fn member(&mut self, key: String, page: &mut Page) -> Result<(), Fault> {
        let listing = Listing::of_key(&key);
        // Other services print such words too.
        let certain = listing.is_some_and(|listing| !attributed::is_common(listing));
        if certain || attributed::is_id(&key) {
            self.key.get_or_insert_with(|| key.clone());
        }
        match (listing, key.as_str()) {
            (Some(listing), _) if attributed::is_attributed(listing) => {
                let records = self.window.value(|text| piece(text, |raw: Box<RawValue>| Ok(raw)))?;
                page.parts.push((listing, records));
            }
            (Some(listing), _) => {
                let count = self.records(listing)?;
                self.found.push((listing, count));
            }
            (None, id) if attributed::is_id(id) || self.is_zone_or_vpc(id)? => {
                let sink = &mut *self.sink;
                let found =
                    self.window.value(|text| piece(text, |answer: attributed::Answer<'_>| answer.hand_on(id, sink)))?;
                self.found.extend(found);
            }
            (None, "NextToken" | "NextMarker") => {
                page.more |= self.text()?.is_some_and(|token| !token.is_empty());
            }
            // A hosted zone stands beside the VPCs that it is associated with.
            (None, "HostedZone") => {
                page.zone = Some(self.window.value(|text| piece(text, |raw: Box<RawValue>| Ok(raw)))?);
            }
            // The one domain of `describe-domain`.
            (None, "DomainStatus") => {
                self.key.get_or_insert_with(|| key.clone());
                let sink = &mut *self.sink;
                self.window.value(|text| {
                    piece(text, |record: SearchDomain<'_>| sink.service(Service::SearchDomain(record)))
                })?;
                self.found.push((Listing::SearchDomains, 1));
            }
            (
                None,
                "PrefixListId"
                | "LoadBalancerArn"
                | "TargetGroupArn"
                | "TransitGatewayRouteTableId"
                | "HostedZoneId"
                | "VPCId"
                | "LoadBalancerName",
            ) => {
                let id = self.text()?.unwrap_or_default();
                page.asked.push((key.clone(), id));
            }
            (None, "AdditionalRoutesAvailable") => {
                page.more_routes =
                    self.window.value(|bytes| piece(bytes, |more: Option<bool>| Ok(more)))? == Some(true);
            }
            (None, _) if self.window.peek()? == Some(b'[') => {
                self.window.elements(skip)?;
            }
            (None, _) => self.window.value(skip)?,
        }
        if self.other.keys.len() < MOST_KEYS {
            self.other.keys.push(key);
        }
        Ok(())
    }

    /// Whether a key is the id of a hosted zone or a VPC over answers about it.
    fn is_zone_or_vpc(&mut self, key: &str) -> Result<bool, Fault> {
        let named = attributed::is_zone_id(key) || key.starts_with("vpc-");
        Ok(named && self.window.peek()? == Some(b'{'))
    }

    fn text(&mut self) -> Result<Option<String>, Fault> {
        self.window.value(|text| piece(text, |text: Option<Text<'_>>| Ok(text.map(|text| text.to_string()))))
    }

    fn records(&mut self, listing: Listing) -> Result<usize, Fault> {
        let Self { window, sink, .. } = self;
        macro_rules! each {
            ($record:ident, $method:ident) => {
                window.elements(|text| piece(text, |record: $record<'_>| sink.$method(record)))
            };
        }
        macro_rules! service {
            ($record:ident) => {
                window.elements(|text| piece(text, |record: $record<'_>| sink.service(Service::$record(record))))
            };
        }
        match listing {
            Listing::NetworkInterfaces => each!(NetworkInterface, interface),
            Listing::Instances => each!(Reservation, reservation),
            Listing::SecurityGroups => each!(SecurityGroup, security_group),
            Listing::SecurityGroupRules => each!(SecurityGroupRule, security_group_rule),
            Listing::PrefixLists => each!(ManagedPrefixList, prefix_list),
            Listing::NetworkAcls => each!(NetworkAcl, network_acl),
            Listing::RouteTables => each!(RouteTable, route_table),
            Listing::Subnets => each!(Subnet, subnet),
            Listing::Vpcs => each!(Vpc, vpc),
            Listing::PeeringConnections => each!(VpcPeeringConnection, peering),
            Listing::InternetGateways => each!(InternetGateway, internet_gateway),
            Listing::EgressOnlyInternetGateways => each!(EgressOnlyInternetGateway, egress_only_gateway),
            Listing::NatGateways => each!(NatGateway, nat_gateway),
            Listing::Addresses => each!(ElasticAddress, elastic_address),
            Listing::LoadBalancers => each!(LoadBalancer, load_balancer),
            Listing::TargetGroups => each!(TargetGroup, target_group),
            // The one answer that is a single record.
            Listing::PublicAccessOptions => window
                .value(|text| piece(text, |record: PublicAccessOptions<'_>| sink.public_access(record)))
                .map(|()| 1),
            Listing::PublicAccessExclusions => each!(PublicAccessExclusion, public_access_exclusion),
            Listing::TransitGateways => each!(TransitGateway, transit_gateway),
            Listing::TransitAttachments => each!(TransitGatewayVpcAttachment, transit_attachment),
            Listing::TransitTables => each!(TransitGatewayRouteTable, transit_table),
            Listing::TransitPolicyTables => each!(TransitGatewayPolicyTable, transit_policy_table),
            Listing::HostedZones => {
                window.elements(|text| piece(text, |record: HostedZone<'_>| sink.hosted_zone(&record, None)))
            }
            Listing::DbInstances => service!(DbInstance),
            Listing::DbClusters => service!(DbCluster),
            Listing::CacheClusters => service!(CacheCluster),
            Listing::ReplicationGroups => service!(ReplicationGroup),
            Listing::SearchDomains => service!(SearchDomain),
            Listing::VpcEndpoints => service!(VpcEndpoint),
            Listing::ClassicBalancers => service!(ClassicBalancer),
            // An interface can only carry a group of another VPC while the association is in force, so the
            // interface already says all that the association would.
            Listing::SecurityGroupVpcAssociations => {
                window.elements(|text| piece(text, |_: SecurityGroupVpcAssociation<'_>| Ok(())))
            }
            // These are held until it is known what they are about.
            Listing::PrefixListEntries
            | Listing::Listeners
            | Listing::Rules
            | Listing::TargetHealth
            | Listing::TargetGroupAttributes
            | Listing::LoadBalancerAttributes
            | Listing::TransitAssociations
            | Listing::TransitRoutes
            | Listing::ZonesOfVpc
            | Listing::ZoneVpcs
            | Listing::ZoneRecords
            | Listing::Tasks
            | Listing::ContainerInstances
            | Listing::Addons
            | Listing::ClassicHealth
            | Listing::ClassicAttributes => window.elements(skip),
        }
    }
}

/// Passes over a value of any kind.
fn skip(text: &str) -> Piece<()> {
    piece(text, |_: IgnoredAny| Ok(()))
}
