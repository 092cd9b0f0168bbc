//! The JSON of the Compute Engine API, as `gcloud compute … list --format=json` and the API's list pages have it.
//!
//! Only the fields that decide are read. Fields that are not known are passed over, and values of enumerations that are
//! not known stay as the text that they are.

mod asset;
mod balancing;
mod dns;
mod filters;
mod machines;
mod path;
mod read;
mod routing;
mod values;

pub(crate) use balancing::{
    BackendService, Endpoint, EndpointGroup, ForwardingRule, HealthCheck, InstanceGroup, Member, TargetInstance,
    TargetPool, TargetProxy, UrlMap,
};
pub(crate) use dns::{DnsPolicy, ManagedZone, RecordSet};
pub(crate) use filters::{
    AddressGroup, Association, Effective, Firewall, Matcher, Policy, PolicyRule, SecureTag, Traffic,
};
pub(crate) use machines::{Address, Database, Instance, Nic, Peering, Subnet, Vpc};
pub(crate) use path::{last, path, region_of, segment, short};
pub(crate) use read::{About, Found, read};
pub(crate) use routing::{Nat, PolicyRoute, Route, Router, RouterStatus};
pub(crate) use values::{Block, protocol};
