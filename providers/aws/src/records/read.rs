//! Recognises a JSON document by its content and hands its records on.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use super::{
    EgressOnlyInternetGateway, ElasticAddress, InternetGateway, ManagedPrefixList, NatGateway, NetworkAcl,
    NetworkInterface, PrefixListEntry, Reservation, RouteTable, SecurityGroup, SecurityGroupRule,
    SecurityGroupVpcAssociation, Subnet, Text, Vpc, VpcPeeringConnection,
};

/// A kind of listing, named after the permission that its call needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Listing {
    /// `describe-network-interfaces`.
    NetworkInterfaces,
    /// `describe-instances`.
    Instances,
    /// `describe-security-groups`.
    SecurityGroups,
    /// `describe-security-group-rules`.
    SecurityGroupRules,
    /// `describe-security-group-vpc-associations`.
    SecurityGroupVpcAssociations,
    /// `describe-managed-prefix-lists`, `describe-prefix-lists`.
    PrefixLists,
    /// `get-managed-prefix-list-entries`.
    PrefixListEntries,
    /// `describe-network-acls`.
    NetworkAcls,
    /// `describe-route-tables`.
    RouteTables,
    /// `describe-subnets`.
    Subnets,
    /// `describe-vpcs`.
    Vpcs,
    /// `describe-vpc-peering-connections`.
    PeeringConnections,
    /// `describe-internet-gateways`.
    InternetGateways,
    /// `describe-egress-only-internet-gateways`.
    EgressOnlyInternetGateways,
    /// `describe-nat-gateways`.
    NatGateways,
    /// `describe-addresses`.
    Addresses,
}

impl Listing {
    /// Every listing.
    pub const ALL: [Self; 16] = [
        Self::NetworkInterfaces,
        Self::Instances,
        Self::SecurityGroups,
        Self::SecurityGroupRules,
        Self::SecurityGroupVpcAssociations,
        Self::PrefixLists,
        Self::PrefixListEntries,
        Self::NetworkAcls,
        Self::RouteTables,
        Self::Subnets,
        Self::Vpcs,
        Self::PeeringConnections,
        Self::InternetGateways,
        Self::EgressOnlyInternetGateways,
        Self::NatGateways,
        Self::Addresses,
    ];

    /// The top-level key under which the AWS CLI prints it.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::NetworkInterfaces => "NetworkInterfaces",
            Self::Instances => "Reservations",
            Self::SecurityGroups => "SecurityGroups",
            Self::SecurityGroupRules => "SecurityGroupRules",
            Self::SecurityGroupVpcAssociations => "SecurityGroupVpcAssociations",
            Self::PrefixLists => "PrefixLists",
            Self::PrefixListEntries => "Entries",
            Self::NetworkAcls => "NetworkAcls",
            Self::RouteTables => "RouteTables",
            Self::Subnets => "Subnets",
            Self::Vpcs => "Vpcs",
            Self::PeeringConnections => "VpcPeeringConnections",
            Self::InternetGateways => "InternetGateways",
            Self::EgressOnlyInternetGateways => "EgressOnlyInternetGateways",
            Self::NatGateways => "NatGateways",
            Self::Addresses => "Addresses",
        }
    }

    /// The permission that the call needs.
    #[must_use]
    pub const fn permission(self) -> &'static str {
        match self {
            Self::NetworkInterfaces => "ec2:DescribeNetworkInterfaces",
            Self::Instances => "ec2:DescribeInstances",
            Self::SecurityGroups => "ec2:DescribeSecurityGroups",
            Self::SecurityGroupRules => "ec2:DescribeSecurityGroupRules",
            Self::SecurityGroupVpcAssociations => "ec2:DescribeSecurityGroupVpcAssociations",
            Self::PrefixLists => "ec2:DescribeManagedPrefixLists",
            Self::PrefixListEntries => "ec2:GetManagedPrefixListEntries",
            Self::NetworkAcls => "ec2:DescribeNetworkAcls",
            Self::RouteTables => "ec2:DescribeRouteTables",
            Self::Subnets => "ec2:DescribeSubnets",
            Self::Vpcs => "ec2:DescribeVpcs",
            Self::PeeringConnections => "ec2:DescribeVpcPeeringConnections",
            Self::InternetGateways => "ec2:DescribeInternetGateways",
            Self::EgressOnlyInternetGateways => "ec2:DescribeEgressOnlyInternetGateways",
            Self::NatGateways => "ec2:DescribeNatGateways",
            Self::Addresses => "ec2:DescribeAddresses",
        }
    }

    /// The listing that stands under a top-level key.
    #[must_use]
    pub fn of_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|listing| listing.key() == key)
    }
}

/// Takes records as they are read, one at a time, so that a document need not be held as records.
///
/// An error is a sentence on what a record lacks; reading stops there and says where.
pub trait Sink {
    /// An interface.
    ///
    /// # Errors
    /// When the record lacks what identifies it; so for every method.
    fn interface(&mut self, record: NetworkInterface<'_>) -> Result<(), String>;
    /// Instances.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn reservation(&mut self, record: Reservation<'_>) -> Result<(), String>;
    /// A security group.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn security_group(&mut self, record: SecurityGroup<'_>) -> Result<(), String>;
    /// A rule of a security group.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn security_group_rule(&mut self, record: SecurityGroupRule<'_>) -> Result<(), String>;
    /// A prefix list without its entries.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn prefix_list(&mut self, record: ManagedPrefixList<'_>) -> Result<(), String>;
    /// Entries of a prefix list; a second call for the same list brings its next page, and `more` says that this one
    /// is not the last.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn prefix_list_entries(&mut self, list: &str, entries: &[PrefixListEntry<'_>], more: bool) -> Result<(), String>;
    /// A network ACL.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn network_acl(&mut self, record: NetworkAcl<'_>) -> Result<(), String>;
    /// A route table.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn route_table(&mut self, record: RouteTable<'_>) -> Result<(), String>;
    /// A subnet.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn subnet(&mut self, record: Subnet<'_>) -> Result<(), String>;
    /// A VPC.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn vpc(&mut self, record: Vpc<'_>) -> Result<(), String>;
    /// A peering connection.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn peering(&mut self, record: VpcPeeringConnection<'_>) -> Result<(), String>;
    /// An internet gateway.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn internet_gateway(&mut self, record: InternetGateway<'_>) -> Result<(), String>;
    /// An egress-only internet gateway.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn egress_only_gateway(&mut self, record: EgressOnlyInternetGateway<'_>) -> Result<(), String>;
    /// A NAT gateway.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn nat_gateway(&mut self, record: NatGateway<'_>) -> Result<(), String>;
    /// An elastic address.
    ///
    /// # Errors
    /// See [`Sink::interface`].
    fn elastic_address(&mut self, record: ElasticAddress<'_>) -> Result<(), String>;
    /// A document had this listing; `more` when it says that further pages follow.
    fn listed(&mut self, listing: Listing, more: bool);
}

/// What a document turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recognised {
    /// Listings of the EC2 API, with the number of records in each.
    Evidence(Vec<(Listing, usize)>),
    /// Something else, and what it looks like.
    Other(String),
}

/// A document that is EC2 evidence and cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("it holds `{key}` and cannot be read: {source}")]
pub struct ReadError {
    key: String,
    source: serde_json::Error,
}

/// Reads one document. `name` is its file name, which may carry the id of a prefix list.
///
/// # Errors
/// When the document begins as EC2 evidence and then is broken or of another shape. What is no evidence from the
/// start is [`Recognised::Other`].
pub fn read(name: &str, bytes: &[u8], sink: &mut dyn Sink) -> Result<Recognised, ReadError> {
    let mut top = Top { name, sink, found: Vec::new(), key: None, list: false };
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let result = json.deserialize_any(&mut top).and_then(|()| json.end());
    match (result, top.key) {
        (Err(source), Some(key)) => Err(ReadError { key, source }),
        (Err(source), None) => Ok(Recognised::Other(format!("it is not JSON: {source}"))),
        (Ok(()), _) if top.found.is_empty() => {
            let what = if top.list { "a JSON list" } else { "JSON" };
            Ok(Recognised::Other(format!("it is {what} without anything that `aws ec2 describe-*` prints")))
        }
        (Ok(()), _) => Ok(Recognised::Evidence(top.found)),
    }
}

struct Top<'s> {
    name: &'s str,
    sink: &'s mut dyn Sink,
    found: Vec<(Listing, usize)>,
    /// The first key that is evidence.
    key: Option<String>,
    list: bool,
}

/// A list whose elements go on one by one.
struct Each<F, T>(F, PhantomData<T>);

impl<'de, T: Deserialize<'de>, F: FnMut(T) -> Result<(), String>> DeserializeSeed<'de> for Each<F, T> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T) -> Result<(), String>> Visitor<'de> for Each<F, T> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<usize, A::Error> {
        let mut count = 0;
        while let Some(element) = elements.next_element::<T>()? {
            (self.0)(element).map_err(A::Error::custom)?;
            count += 1;
        }
        Ok(count)
    }
}

/// The answer of `get-managed-prefix-list-entries` as the value under its id.
#[derive(Deserialize)]
struct Entries<'a> {
    #[serde(rename = "Entries", borrow, default)]
    entries: Vec<PrefixListEntry<'a>>,
    #[serde(rename = "NextToken", borrow, default)]
    next_token: Option<Text<'a>>,
}

impl<'de> Visitor<'de> for &mut Top<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (mut more, mut list, mut entries) = (false, None, None);
        while let Some(key) = map.next_key::<Text<'de>>()? {
            if let Some(listing) = Listing::of_key(&key) {
                self.key.get_or_insert_with(|| key.to_string());
                if listing == Listing::PrefixListEntries {
                    entries = Some(map.next_value::<Vec<PrefixListEntry<'de>>>()?);
                } else {
                    let count = self.records(listing, &mut map)?;
                    self.found.push((listing, count));
                }
            } else if key.starts_with("pl-") {
                self.key.get_or_insert_with(|| key.to_string());
                let answer: Entries<'de> = map.next_value()?;
                let more = answer.next_token.is_some_and(|token| !token.is_empty());
                self.sink.prefix_list_entries(&key, &answer.entries, more).map_err(A::Error::custom)?;
                self.found.push((Listing::PrefixListEntries, answer.entries.len()));
            } else if &*key == "NextToken" {
                more = map.next_value::<Option<Text<'de>>>()?.is_some_and(|token| !token.is_empty());
            } else if &*key == "PrefixListId" {
                list = map.next_value::<Option<Text<'de>>>()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if let Some(entries) = entries
            && let Some(list) = list.as_deref().or_else(|| prefix_list_in(self.name))
        {
            self.sink.prefix_list_entries(list, &entries, more).map_err(A::Error::custom)?;
            self.found.push((Listing::PrefixListEntries, entries.len()));
        }
        for (listing, _) in &self.found {
            self.sink.listed(*listing, more);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        self.list = true;
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

impl Top<'_> {
    fn records<'de, A: MapAccess<'de>>(&mut self, listing: Listing, map: &mut A) -> Result<usize, A::Error> {
        let sink = &mut *self.sink;
        macro_rules! each {
            ($record:ty, $method:ident) => {
                map.next_value_seed(Each(|record: $record| sink.$method(record), PhantomData))
            };
        }
        match listing {
            Listing::NetworkInterfaces => each!(NetworkInterface<'de>, interface),
            Listing::Instances => each!(Reservation<'de>, reservation),
            Listing::SecurityGroups => each!(SecurityGroup<'de>, security_group),
            Listing::SecurityGroupRules => each!(SecurityGroupRule<'de>, security_group_rule),
            Listing::PrefixLists => each!(ManagedPrefixList<'de>, prefix_list),
            Listing::NetworkAcls => each!(NetworkAcl<'de>, network_acl),
            Listing::RouteTables => each!(RouteTable<'de>, route_table),
            Listing::Subnets => each!(Subnet<'de>, subnet),
            Listing::Vpcs => each!(Vpc<'de>, vpc),
            Listing::PeeringConnections => each!(VpcPeeringConnection<'de>, peering),
            Listing::InternetGateways => each!(InternetGateway<'de>, internet_gateway),
            Listing::EgressOnlyInternetGateways => each!(EgressOnlyInternetGateway<'de>, egress_only_gateway),
            Listing::NatGateways => each!(NatGateway<'de>, nat_gateway),
            Listing::Addresses => each!(ElasticAddress<'de>, elastic_address),
            // An interface can only carry a group of another VPC while the association is in force, so the
            // interface already says all that the association would.
            Listing::SecurityGroupVpcAssociations | Listing::PrefixListEntries => {
                map.next_value::<Vec<SecurityGroupVpcAssociation<'de>>>().map(|records| records.len())
            }
        }
    }
}

/// The id of a prefix list in a file name such as `entries-pl-0123456789abcdef0.json`.
fn prefix_list_in(name: &str) -> Option<&str> {
    let id = name.get(name.find("pl-")?..)?;
    let end = id.char_indices().skip(3).find(|(_, c)| !c.is_ascii_alphanumeric()).map_or(id.len(), |(at, _)| at);
    id.get(..end).filter(|id| id.len() > 3)
}

/// Interfaces inside of an instance record, kept unread until it is known whether anybody needs them.
#[derive(Clone, Copy, Debug)]
pub struct Interfaces<'a>(&'a RawValue);

impl<'a> Interfaces<'a> {
    /// The interfaces.
    ///
    /// # Errors
    /// When they are of another shape.
    pub fn read(self) -> Result<Vec<NetworkInterface<'a>>, serde_json::Error> {
        serde_json::from_str(self.0.get())
    }
}

impl PartialEq for Interfaces<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

impl Eq for Interfaces<'_> {}

impl<'de: 'a, 'a> Deserialize<'de> for Interfaces<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(Self)
    }
}

impl Serialize for Interfaces<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}
