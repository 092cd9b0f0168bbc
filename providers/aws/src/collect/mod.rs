//! Live collection: the answers of EC2 and other APIs as the documents that `aws ec2 describe-*` and its like would print.
//!
//! Nothing here decides anything about a connection. What comes out is the same bytes as files would be, so live
//! runs and runs on files are one path. Only calls that read are made; [`PERMISSIONS`] lists them all.

mod accounts;
mod calls;
mod client;
mod convert;
mod error;
mod fault;
mod organization;
mod places;
mod plan;
mod targets;
mod whole;
mod write;

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reachlint_model::{Cloud, Collected, Failure, Manifest, NameAnswer, SNAPSHOT_SCHEMA, Scope, Selector};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::records::Listing;
use accounts::ASSUME_ROLE;
pub use accounts::{Accounts, Role, is_account};
use calls::Ask;
pub use error::{CollectError, advice};
use fault::Fault;
use organization::LIST_ACCOUNTS;
use places::Place;

/// Calls under way at the same time in one account and region. The account's allowance is shared with everybody in it
/// (EC2 API, request throttling).
const AT_ONCE: usize = 12;
/// Calls under way at the same time in all accounts and regions together.
const AT_ONCE_OVERALL: usize = 48;
/// Call and permission that tell whose credentials they are.
const IDENTITY: &str = "sts:GetCallerIdentity";
/// Call and permission that tell the names of search domains.
const LIST_DOMAINS: &str = "es:ListDomainNames";

/// How far a policy goes: each goes as far as those before it, and further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Connections inside of one VPC.
    Vpc,
    /// And to other VPCs and the internet.
    Networks,
    /// And through load balancers, and to databases, caches and search domains.
    Services,
}

/// A permission that collection uses, and what is unknown without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission {
    /// The smallest policy that it is in.
    pub tier: Tier,
    /// The IAM action, which has the name of the call: `ec2:DescribeSubnets`.
    pub action: &'static str,
    /// What it is for.
    pub purpose: &'static str,
}

const fn permission(tier: Tier, listing: Listing, purpose: &'static str) -> Permission {
    Permission { tier, action: listing.permission(), purpose }
}

/// Every permission that collection uses. All of them only read.
pub const PERMISSIONS: [Permission; 41] = [
    permission(Tier::Vpc, Listing::NetworkInterfaces, "who has which address and carries which security groups"),
    permission(Tier::Vpc, Listing::Instances, "names, tags and states of machines"),
    permission(Tier::Vpc, Listing::SecurityGroups, "names and owners of security groups"),
    permission(Tier::Vpc, Listing::SecurityGroupRules, "rules of security groups and their ids"),
    permission(Tier::Vpc, Listing::PrefixLists, "names of prefix lists"),
    permission(Tier::Vpc, Listing::PrefixListEntries, "what prefix lists hold"),
    permission(Tier::Vpc, Listing::NetworkAcls, "rules of network ACLs"),
    permission(Tier::Vpc, Listing::RouteTables, "where packets go"),
    permission(Tier::Vpc, Listing::Subnets, "address blocks of subnets"),
    permission(Tier::Vpc, Listing::Vpcs, "address blocks of VPCs"),
    permission(Tier::Vpc, Listing::VpcEndpoints, "which names lead to endpoints of the VPC, and their states"),
    permission(Tier::Vpc, Listing::ZonesOfVpc, "which private zones answer names in the VPC"),
    permission(Tier::Vpc, Listing::ZoneRecords, "what private zones answer"),
    permission(Tier::Networks, Listing::PeeringConnections, "peerings between VPCs"),
    permission(Tier::Networks, Listing::InternetGateways, "ways to the internet"),
    permission(Tier::Networks, Listing::EgressOnlyInternetGateways, "ways out to the internet for IPv6"),
    permission(Tier::Networks, Listing::NatGateways, "address translation on the way out"),
    permission(Tier::Networks, Listing::Addresses, "elastic addresses"),
    permission(Tier::Networks, Listing::PublicAccessOptions, "whether VPC Block Public Access keeps the internet out"),
    permission(Tier::Networks, Listing::PublicAccessExclusions, "which VPCs and subnets it leaves open"),
    permission(Tier::Networks, Listing::TransitGateways, "transit gateways and their options"),
    permission(Tier::Networks, Listing::TransitAttachments, "which VPCs a transit gateway joins"),
    permission(Tier::Networks, Listing::TransitTables, "route tables of transit gateways"),
    permission(Tier::Networks, Listing::TransitPolicyTables, "whether a policy table may route instead"),
    permission(Tier::Networks, Listing::TransitAssociations, "which route table an attachment uses"),
    permission(Tier::Networks, Listing::TransitRoutes, "where transit gateways send packets"),
    permission(Tier::Services, Listing::LoadBalancers, "load balancers and their states"),
    permission(Tier::Services, Listing::Listeners, "ports that load balancers take connections on"),
    permission(Tier::Services, Listing::Rules, "where rules of listeners send"),
    permission(Tier::Services, Listing::TargetGroups, "what the targets of load balancers are"),
    permission(Tier::Services, Listing::TargetHealth, "which targets there are and get connections"),
    permission(Tier::Services, Listing::TargetGroupAttributes, "whether targets see the client's address"),
    permission(Tier::Services, Listing::LoadBalancerAttributes, "whether targets of other zones are sent to"),
    permission(Tier::Services, Listing::ClassicHealth, "which machines are in service behind Classic Load Balancers"),
    permission(Tier::Services, Listing::DbInstances, "names, ports and states of databases"),
    permission(Tier::Services, Listing::DbClusters, "which databases are behind the name of a cluster"),
    permission(Tier::Services, Listing::CacheClusters, "names, ports and states of caches"),
    permission(Tier::Services, Listing::ReplicationGroups, "which caches are behind the name of a replication group"),
    permission(Tier::Services, Listing::SearchDomains, "names and ports of search domains"),
    Permission { tier: Tier::Services, action: LIST_DOMAINS, purpose: "which search domains there are, with `--all`" },
    Permission { tier: Tier::Vpc, action: IDENTITY, purpose: "which account was read; AWS grants it to everybody" },
];

/// Permissions that the credentials need to read several accounts, beside [`PERMISSIONS`] in each of them.
pub const ACCOUNT_PERMISSIONS: [Permission; 2] = [
    Permission { tier: Tier::Vpc, action: ASSUME_ROLE, purpose: "the way into other accounts" },
    Permission { tier: Tier::Vpc, action: LIST_ACCOUNTS, purpose: "which accounts the organization has" },
];

/// What to collect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Whole regions.
    Everything,
    /// What decides on connections from some machines to some addresses.
    Evidence {
        /// nginx's machines. [`Selector::Itself`] is not among them: see [`this_instance`].
        from: Vec<Selector>,
        /// Addresses that nginx connects to.
        addresses: Vec<IpAddr>,
        /// Names that nginx connects to, with what a resolver said of them.
        names: Vec<NameAnswer>,
    },
}

/// How long to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Attempts for each call; 1 is without a retry.
    pub attempts: u32,
    /// Longest wait before the first retry; each further one waits about twice as long, at random within that.
    pub backoff: Duration,
    /// Longest wait for a connection.
    pub connect: Duration,
    /// Longest wait for an answer, for each attempt.
    pub answer: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            attempts: 5,
            backoff: Duration::from_secs(1),
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(30),
        }
    }
}

/// An access key that the caller holds, in place of the usual chain of credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// Token of the session that it belongs to.
    pub token: Option<String>,
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessKey(…)")
    }
}

/// Where and what to collect, and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Profile of the AWS configuration files; without it the usual chain of credentials decides.
    pub profile: Option<String>,
    /// An access key that goes before all of those.
    pub access_key: Option<AccessKey>,
    /// Regions to read in each account; without any, the one that the environment or the profile names.
    pub regions: Vec<String>,
    /// Accounts to read.
    pub accounts: Accounts,
    /// Address of the API, where it is not that of AWS.
    pub endpoint_url: Option<String>,
    /// What to collect.
    pub wanted: Wanted,
    /// When collection began, as RFC 3339 in UTC.
    pub collected_at: String,
    /// How long to try.
    pub patience: Patience,
}

impl Options {
    /// Collection of `wanted` with the usual credentials, region and patience.
    #[must_use]
    pub fn new(wanted: Wanted, collected_at: String) -> Self {
        Self {
            profile: None,
            access_key: None,
            regions: Vec::new(),
            accounts: Accounts::default(),
            endpoint_url: None,
            wanted,
            collected_at,
            patience: Patience::default(),
        }
    }
}

/// What collection is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A call was read to its last page.
    Read {
        /// Account that was asked, where it is not just that of the credentials.
        account: Option<String>,
        /// Region that was asked.
        region: String,
        /// Permission that names the call.
        call: &'static str,
        /// Number of records it brought.
        records: usize,
        /// Number of pages they came in.
        pages: usize,
    },
    /// A call failed, after all retries.
    Failed {
        /// Account that was asked, where it is not just that of the credentials.
        account: Option<String>,
        /// Region that was asked.
        region: String,
        /// Permission that names the call.
        call: &'static str,
        /// The error code.
        error: String,
    },
}

/// Collects, and tells `progress` of each call that ended.
///
/// Calls that fail leave the others standing and are in the manifest. It brings its own runtime and waits for it, so
/// it is not for the inside of another one.
///
/// # Errors
/// When nothing at all could be read.
pub fn collect(options: &Options, progress: &(dyn Fn(Event) + Sync)) -> Result<Collected, CollectError> {
    if let Wanted::Evidence { from, .. } = &options.wanted
        && from.contains(&Selector::Itself)
    {
        return Err(CollectError::ItselfUnresolved);
    }
    runtime()?.block_on(run(options, progress))
}

/// Instance id and region of the machine that this runs on, from the metadata service.
///
/// # Errors
/// When the machine is no instance of EC2, or its metadata service is switched off.
pub fn this_instance() -> Result<(String, String), CollectError> {
    runtime()?.block_on(client::this_instance(None))
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
}

/// Account and principal of the credentials.
type Identity = Result<(String, Option<String>), Fault>;

async fn identity(client: aws_sdk_sts::Client) -> Identity {
    let answer = client.get_caller_identity().send().await.map_err(|error| Fault::of(&error))?;
    let account = answer.account.filter(|account| !account.is_empty());
    let account = account.ok_or_else(|| Fault::new("BrokenAnswer", "the answer names no account"))?;
    Ok((account, answer.arn))
}

async fn run(options: &Options, progress: &(dyn Fn(Event) + Sync)) -> Result<Collected, CollectError> {
    options.accounts.check()?;
    if let (Wanted::Everything, [Role::Named(name)]) = (&options.wanted, options.accounts.roles.as_slice())
        && options.accounts.only.is_empty()
        && !options.accounts.organization
    {
        return Err(CollectError::NameAlone { name: name.clone() });
    }
    let config = client::load(options).await?;
    let mut regions: Vec<String> = options.regions.clone();
    if regions.is_empty() {
        regions.extend(config.region().map(ToString::to_string));
    }
    regions.sort();
    regions.dedup();
    let (events, mut heard) = mpsc::unbounded_channel();
    let collecting = tokio::spawn(places::read_all(options.clone(), config, regions, events));
    while let Some(event) = heard.recv().await {
        progress(event);
    }
    let (identity, places, refused) = bug(collecting.await)?;
    assemble(options, identity, places, refused)
}

/// What a task came to. A task that panicked is a bug, and is shown as one.
fn bug<T>(joined: Result<T, tokio::task::JoinError>) -> T {
    match joined {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Reads one account and region, round by round.
async fn read(mut place: Place, overall: Arc<Semaphore>, events: mpsc::UnboundedSender<Event>) -> Place {
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let asks = place.plan.next();
        if asks.is_empty() {
            return place;
        }
        let mut calls = JoinSet::new();
        for ask in asks {
            let client = place.clients.of(ask.listing);
            let (slots, overall) = (Arc::clone(&slots), Arc::clone(&overall));
            calls.spawn(async move {
                // Nobody closes the semaphores, so a slot always comes.
                let _slot = slots.acquire().await;
                let _slot = overall.acquire().await;
                calls::answer(&client, ask).await
            });
        }
        while let Some(joined) = calls.join_next().await {
            let answer = bug(joined);
            let (account, region) = (place.shown.clone(), place.region.clone());
            let call = answer.ask.listing.permission();
            let event = match &answer.fault {
                None => Event::Read { account, region, call, records: answer.count, pages: answer.pages },
                Some(fault) => Event::Failed { account, region, call, error: fault.code.clone() },
            };
            // Nobody hears when the caller is gone, and then nobody misses it.
            let _ = events.send(event);
            place.plan.take(answer);
        }
    }
}

/// Documents and manifest of what the accounts and regions brought.
fn assemble(
    options: &Options,
    identity: Identity,
    places: Vec<Place>,
    refused: Vec<Failure>,
) -> Result<Collected, CollectError> {
    let mut failures = Vec::new();
    let (own, principal) = match identity {
        Ok((account, principal)) => (Some(account), principal),
        Err(fault) => {
            failures.push(failure(IDENTITY, fault, Vec::new(), None, None));
            (None, None)
        }
    };
    failures.extend(refused);
    let own = own.or_else(|| owner(&places));
    let nothing = places.iter().all(|place| place.plan.read.is_empty());
    let (mut documents, mut scopes) = (Vec::new(), Vec::new());
    for Place { account, region, principal: of, mut plan, .. } in places {
        let (account, principal) = if account.is_some() { (account, of) } else { (own.clone(), principal.clone()) };
        let folder = format!("{}/{}", file_safe(account.as_deref().unwrap_or("unknown")), file_safe(&region));
        plan.faults.sort_by(|(a, _), (b, _)| (a.listing, &a.filter, &a.about).cmp(&(b.listing, &b.filter, &b.about)));
        for (Ask { listing, resources, .. }, fault) in plan.faults {
            failures.push(failure(listing.permission(), fault, resources, account.as_deref(), Some(&region)));
        }
        let (written, nameless) = write::documents(&folder, &plan.read, plan.records)?;
        documents.extend(written);
        for listing in nameless {
            let fault = Fault::new("BrokenAnswer", "a record without an id was left out");
            failures.push(failure(listing.permission(), fault, Vec::new(), account.as_deref(), Some(&region)));
        }
        scopes.push(Scope {
            provider: Cloud::Aws.word().to_owned(),
            account: account.unwrap_or_else(|| "unknown".to_owned()),
            region: Some(region),
            principal,
        });
    }
    if nothing {
        return Err(CollectError::NothingRead { failures });
    }
    documents.sort();
    let manifest = Manifest {
        schema: SNAPSHOT_SCHEMA.to_owned(),
        tool: concat!("reachlint ", env!("CARGO_PKG_VERSION")).to_owned(),
        collected_at: options.collected_at.clone(),
        scopes,
        failures,
        names: Vec::new(),
        notes: Vec::new(),
    };
    Ok(Collected { documents, manifest })
}

fn failure(call: &str, fault: Fault, resources: Vec<String>, account: Option<&str>, region: Option<&str>) -> Failure {
    Failure {
        call: call.to_owned(),
        error: fault.code,
        message: fault.message,
        resources,
        account: account.map(str::to_owned),
        region: region.map(str::to_owned),
    }
}

/// The account that owns what was read with the credentials themselves, where there is only one: in a shared VPC there
/// are several, and then none of them is known to be the reader's.
fn owner(places: &[Place]) -> Option<String> {
    let own = places.iter().filter(|place| place.account.is_none());
    let interfaces = own.flat_map(|place| &place.plan.records.interfaces);
    let owners: BTreeSet<&str> = interfaces.filter_map(|interface| interface.owner_id.as_deref()).collect();
    let mut owners = owners.into_iter().filter(|owner| !owner.is_empty());
    owners.next().filter(|_| owners.next().is_none()).map(str::to_owned)
}

/// A name that stays inside of the folder that it is written to.
fn file_safe(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}
