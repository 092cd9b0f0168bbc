//! What was read, made small: every identifier interned, nothing kept that does not decide.

use std::net::IpAddr;
use std::ops::Range;

use reachlint_model::{Cloud, Failure, Family, Manifest, NameId, Names, PortRange, Prefix, ProtocolMatch};
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::amend::Amended;
use super::balancing::Balancing;
use super::services::Services;
use super::zones::Zones;
use crate::records::Listing;

/// The peer of a security-group rule before anything else is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RawPeer {
    Block(Prefix),
    PrefixList(NameId),
    Group {
        group: NameId,
        account: Option<NameId>,
        alive: bool,
    },
    /// Somebody, by the position of why it is not known who.
    Unknown(usize),
}

/// A security-group rule; it belongs to the group and direction that hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RawRule {
    pub(super) protocol: ProtocolMatch,
    pub(super) ports: PortRange,
    pub(super) peer: RawPeer,
    pub(super) name: Option<NameId>,
}

/// A security group.
#[derive(Clone, Debug, Default)]
pub(super) struct RawGroup {
    pub(super) label: Option<NameId>,
    pub(super) owner: Option<NameId>,
    pub(super) vpc: Option<NameId>,
    /// Rules of `describe-security-groups`, ingress and egress, if that answer had them.
    pub(super) permissions: [Option<Range<usize>>; 2],
    /// Whether a record of the group itself was read, not only rules of it.
    pub(super) described: bool,
}

/// An elastic network interface.
#[derive(Clone, Debug)]
pub(super) struct RawInterface {
    pub(super) id: NameId,
    pub(super) kind: Option<NameId>,
    pub(super) instance: Option<NameId>,
    pub(super) description: Option<NameId>,
    pub(super) account: NameId,
    pub(super) region: NameId,
    pub(super) vpc: NameId,
    pub(super) subnet: NameId,
    pub(super) attached: bool,
    pub(super) zone: NameId,
    pub(super) device_index: i32,
    pub(super) source_dest_check: bool,
    pub(super) cut_from_internet: bool,
    pub(super) groups: Range<usize>,
    pub(super) addresses: Range<usize>,
    pub(super) delegated: Range<usize>,
    pub(super) tags: Range<usize>,
}

/// A machine.
#[derive(Clone, Debug, Default)]
pub(super) struct RawInstance {
    pub(super) state: Option<NameId>,
    pub(super) label: Option<NameId>,
    pub(super) tags: Range<usize>,
}

/// A subnet.
#[derive(Clone, Debug, Default)]
pub(super) struct RawSubnet {
    pub(super) vpc: Option<NameId>,
    pub(super) blocks: Vec<Prefix>,
    /// Its availability zone by name and by id.
    pub(super) zone: (Option<NameId>, Option<NameId>),
}

/// An entry of a network ACL.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawEntry {
    pub(super) number: i32,
    pub(super) egress: bool,
    pub(super) allow: bool,
    pub(super) protocol: ProtocolMatch,
    pub(super) ports: PortRange,
    pub(super) block: Prefix,
}

/// A network ACL.
#[derive(Clone, Debug)]
pub(super) struct RawAcl {
    pub(super) id: NameId,
    pub(super) vpc: Option<NameId>,
    /// Whether it serves the VPC's subnets that have no other.
    pub(super) default: bool,
    pub(super) subnets: Vec<NameId>,
    pub(super) entries: Vec<RawEntry>,
}

/// Where a route leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Local,
    Internet(NameId),
    EgressOnly(NameId),
    Nat(NameId),
    Peering(NameId),
    Interface(NameId),
    Instance(NameId),
    /// A gateway endpoint of S3 or `DynamoDB`.
    GatewayEndpoint(NameId),
    Transit(NameId),
    /// A kind of target that is not modelled, with its id.
    Other(&'static str, NameId),
}

/// Destination of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    Block(Prefix),
    PrefixList(NameId),
}

/// A route.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawRoute {
    pub(super) destination: Destination,
    pub(super) target: Target,
    pub(super) blackhole: bool,
    pub(super) propagated: bool,
}

/// A route table.
#[derive(Clone, Debug)]
pub(super) struct RawTable {
    pub(super) id: NameId,
    pub(super) vpc: Option<NameId>,
    pub(super) main: bool,
    pub(super) subnets: Vec<NameId>,
    pub(super) routes: Vec<RawRoute>,
}

/// One side of a peering.
#[derive(Clone, Debug, Default)]
pub(crate) struct RawSide {
    pub(crate) vpc: Option<NameId>,
    pub(crate) owner: Option<NameId>,
    pub(crate) region: Option<NameId>,
    pub(crate) blocks: Vec<Prefix>,
    pub(crate) private_dns: bool,
}

/// A peering connection.
#[derive(Clone, Debug)]
pub(crate) struct RawPeering {
    pub(crate) id: NameId,
    pub(crate) status: Option<NameId>,
    pub(crate) active: bool,
    pub(crate) sides: [RawSide; 2],
}

/// A NAT gateway.
#[derive(Clone, Debug)]
pub(crate) struct RawNat {
    pub(crate) id: NameId,
    pub(crate) subnet: Option<NameId>,
    pub(crate) vpc: Option<NameId>,
    pub(crate) available: bool,
    pub(crate) public: bool,
    pub(crate) private_address: Option<IpAddr>,
    pub(crate) public_addresses: Vec<IpAddr>,
    /// For one that serves all zones of its VPC: its own route table, and public addresses by zone.
    pub(crate) regional: Option<RawRegional>,
}

/// What a NAT gateway has that is in no subnet.
#[derive(Clone, Debug)]
pub(crate) struct RawRegional {
    pub(crate) table: Option<NameId>,
    pub(crate) addresses: Vec<(NameId, IpAddr)>,
}

/// The switch of VPC Block Public Access in one account and Region.
#[derive(Clone, Debug)]
pub(super) struct RawPublicAccess {
    pub(super) mode: NameId,
    /// Whether it is being changed, so that neither the old nor the new mode is certain.
    pub(super) changing: bool,
    /// Whether there can be exclusions.
    pub(super) exclusions: bool,
    /// Where it stood: its exclusions are to be there too.
    pub(super) folder: String,
}

/// An exclusion from it.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawExclusion {
    pub(super) mode: Option<NameId>,
    pub(super) state: Option<NameId>,
}

/// A transit gateway; options that its record does not have are `None`.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawTransitGateway {
    pub(super) owner: Option<NameId>,
    pub(super) available: bool,
    pub(super) references: Option<bool>,
}

/// An attachment of a VPC to a transit gateway.
#[derive(Clone, Debug)]
pub(super) struct RawAttachment {
    pub(super) gateway: NameId,
    pub(super) vpc: NameId,
    pub(super) state: NameId,
    pub(super) subnets: Vec<NameId>,
    pub(super) references: Option<bool>,
    pub(super) v6: Option<bool>,
    pub(super) appliance: bool,
}

/// A route of a transit gateway.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawTransitRoute {
    pub(super) prefix: Prefix,
    pub(super) blackhole: bool,
    pub(super) propagated: bool,
    /// The attachment and its kind, where it is one.
    pub(super) to: Option<NameId>,
    pub(super) kind: Option<NameId>,
}

/// Routes of a transit gateway's route table.
#[derive(Clone, Debug, Default)]
pub(super) struct RawTransitRoutes {
    pub(super) routes: Vec<RawTransitRoute>,
    /// Whether there are others.
    pub(super) more: bool,
    /// Whether one has no block as its destination.
    pub(super) odd: bool,
}

/// Attachments of a transit gateway's route table, and whether each association is in force.
#[derive(Clone, Debug, Default)]
pub(super) struct RawAssociations {
    pub(super) found: Vec<(NameId, bool)>,
    pub(super) more: bool,
}

/// Everything about transit gateways.
#[derive(Clone, Debug, Default)]
pub(super) struct RawTransit {
    pub(super) gateways: HashMap<NameId, RawTransitGateway>,
    pub(super) attachments: HashMap<NameId, RawAttachment>,
    /// Gateways of the route tables.
    pub(super) tables: HashMap<NameId, NameId>,
    /// Gateways that have policy tables.
    pub(super) policies: HashSet<NameId>,
    pub(super) associations: HashMap<NameId, RawAssociations>,
    pub(super) routes: HashMap<NameId, RawTransitRoutes>,
}

/// Entries of a prefix list.
#[derive(Clone, Debug, Default)]
pub(super) struct RawPrefixList {
    pub(super) label: Option<NameId>,
    /// How many entries it may hold, where a customer manages it.
    pub(super) most: Option<usize>,
    pub(super) family: Option<Family>,
    /// Whether AWS manages it.
    pub(super) of_aws: bool,
    pub(super) entries: Option<Vec<Prefix>>,
    /// Number of documents that say more entries follow, and that do not.
    pub(super) pages: (usize, usize),
}

impl RawPrefixList {
    /// Whether the last page of the entries is missing.
    pub(super) fn truncated(&self) -> bool {
        self.pages.0 > 0 && self.pages.1 == 0
    }
}

/// Everything that was read, from any number of documents.
#[derive(Debug, Default)]
pub struct Estate {
    pub(super) names: Names,
    pub(super) instances: HashMap<NameId, RawInstance>,
    pub(super) interfaces: Vec<RawInterface>,
    pub(super) interface_at: HashMap<NameId, usize>,
    pub(super) instances_with_interfaces: HashSet<NameId>,
    pub(super) group_refs: Vec<NameId>,
    pub(super) addresses: Vec<(IpAddr, Option<IpAddr>)>,
    pub(super) delegated: Vec<Prefix>,
    pub(super) tags: Vec<(NameId, NameId)>,
    pub(super) groups: HashMap<NameId, RawGroup>,
    pub(super) permissions: Vec<RawRule>,
    /// Rules of `describe-security-group-rules`: group, egress, rule.
    pub(super) rules: Vec<(NameId, bool, RawRule)>,
    pub(super) rule_seen: HashSet<NameId>,
    pub(super) prefix_lists: HashMap<NameId, RawPrefixList>,
    pub(super) acls: Vec<RawAcl>,
    pub(super) tables: Vec<RawTable>,
    pub(super) subnets: HashMap<NameId, RawSubnet>,
    pub(super) vpcs: HashMap<NameId, Vec<Prefix>>,
    /// VPCs that keep traffic in that is not encrypted, or are about to.
    pub(super) encrypting: HashSet<NameId>,
    pub(super) peerings: HashMap<NameId, RawPeering>,
    pub(super) nats: HashMap<NameId, RawNat>,
    /// Internet gateways, and egress-only ones, with the VPCs they are attached to.
    pub(super) gateways: HashMap<NameId, Vec<NameId>>,
    pub(super) elastic: Vec<(IpAddr, NameId, Option<IpAddr>)>,
    pub(super) balancing: Balancing,
    pub(super) services: Services,
    pub(super) zones: Zones,
    /// By account and Region.
    pub(super) public_access: HashMap<(NameId, NameId), RawPublicAccess>,
    /// By the VPC or subnet.
    pub(super) exclusions: HashMap<NameId, Vec<RawExclusion>>,
    /// Accounts that own the VPCs; one that only uses a shared subnet is another.
    pub(super) vpc_owners: HashMap<NameId, NameId>,
    pub(super) transit: RawTransit,
    pub(super) seen: HashSet<NameId>,
    /// Where the documents stand that are being read.
    pub(super) folder: String,
    /// Number of documents of a listing in a folder that say more pages follow, and that do not.
    pub(super) pages: HashMap<(Listing, String), (usize, usize)>,
    pub(super) failures: Vec<Failure>,
    pub(super) amended: Amended,
    /// Regions that manifests say were read; `None` where they do not say which.
    pub(super) covered: HashSet<Option<NameId>>,
    /// Accounts and Regions that manifests say were read.
    pub(super) scopes: HashSet<(NameId, NameId)>,
}

impl Estate {
    /// An estate of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes over what a manifest says about what was read and about calls that failed.
    pub fn manifest(&mut self, manifest: &Manifest) {
        for scope in manifest.scopes.iter().filter(|scope| scope.provider == Cloud::Aws.word()) {
            let place = (&scope.account, scope.region.as_deref().unwrap_or_default());
            let place = (self.names.intern(place.0), self.names.intern(place.1));
            self.scopes.insert(place);
        }
        let services =
            ["ec2:", "elasticloadbalancing:", "sts:", "route53:", "rds:", "elasticache:", "es:", "ecs:", "eks:"];
        let ours = |failure: &&Failure| services.iter().any(|service| failure.call.starts_with(service));
        self.failures.extend(manifest.failures.iter().filter(ours).cloned());
        let scopes = manifest.scopes.iter().filter(|scope| scope.provider == Cloud::Aws.word());
        let regions = scopes.map(|scope| scope.region.as_ref().map(|region| self.names.intern(region)));
        self.covered.extend(regions);
        if manifest.scopes.is_empty() {
            self.covered.insert(None);
        }
    }

    /// What is taken to be so because nothing that was read speaks of it.
    #[must_use]
    pub fn assumption(&self) -> Option<&'static str> {
        let mut routes = self.tables.iter().flat_map(|table| &table.routes);
        let to_internet = routes.any(|route| matches!(route.target, Target::Internet(_)));
        let silent = !self.has(Listing::PublicAccessOptions) && self.covered.is_empty();
        (to_internet && silent).then_some(
            "VPC Block Public Access is off, as neither a listing of ec2:DescribeVpcBlockPublicAccessOptions nor a manifest \
             speaks of it",
        )
    }

    /// Whether anything was read at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// Says where the next documents stand: pages of one listing stand together, and those of another region or
    /// account somewhere else.
    pub fn folder(&mut self, folder: &str) {
        if self.folder != folder {
            folder.clone_into(&mut self.folder);
        }
    }

    /// Whether a listing was read, in whatever part.
    pub(super) fn has(&self, listing: Listing) -> bool {
        self.pages.keys().any(|(known, _)| *known == listing)
    }

    /// Whether the last page of a listing is missing: documents say that more follows, and none is the end.
    pub(super) fn truncated(&self, listing: Listing) -> bool {
        self.pages.iter().any(|((known, _), (more, last))| *known == listing && *more > 0 && *last == 0)
    }

    /// The failed call that explains why something of a listing is missing.
    pub(super) fn failure(&self, listing: Listing, resource: Option<&str>) -> Option<&Failure> {
        let covers = |failure: &&Failure| {
            failure.call == listing.permission()
                && (failure.resources.is_empty()
                    || resource.is_none_or(|id| failure.resources.iter().any(|known| is_called(known, id))))
        };
        self.failures.iter().find(covers)
    }
}

/// Whether an identifier of a manifest is this one; load balancers are known by the end of their ARN.
fn is_called(known: &str, id: &str) -> bool {
    known.strip_suffix(id).is_some_and(|rest| rest.is_empty() || rest.ends_with(":loadbalancer/"))
}
