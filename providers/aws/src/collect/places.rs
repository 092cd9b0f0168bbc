//! Accounts and regions, side by side, and where their evidence leads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_config::SdkConfig;
use reachlint_model::Failure;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::accounts::{ASSUME_ROLE, Access, Ways};
use super::client::{self, Clients};
use super::fault::Fault;
use super::plan::{Leads, Plan};
use super::{AT_ONCE_OVERALL, CollectError, Event, Identity, Options, bug, failure, identity, organization, read};

/// Evidence that leads from account to account further than this leads in a circle.
const MOST_TURNS: usize = 4;

/// One account and region.
#[derive(Debug)]
pub(super) struct Place {
    /// The account; not known where the credentials do not tell theirs.
    pub(super) account: Option<String>,
    pub(super) principal: Option<String>,
    pub(super) region: String,
    /// The account as progress names it: not at all while there is only one.
    pub(super) shown: Option<String>,
    pub(super) clients: Clients,
    pub(super) plan: Plan,
}

/// Whose the credentials are, what was read, and which accounts let nobody in.
pub(super) type ReadAll = (Identity, Vec<Place>, Vec<Failure>);

/// Places that were read, by account and region.
type Known = BTreeMap<(Option<String>, String), Place>;

/// Reads every account and region that is wanted, then those that their evidence leads to.
pub(super) async fn read_all(
    options: Options,
    config: SdkConfig,
    regions: Vec<String>,
    events: mpsc::UnboundedSender<Event>,
) -> Result<ReadAll, CollectError> {
    let whose = tokio::spawn(identity(client::sts(&config, &options.patience)));
    let overall = Arc::new(Semaphore::new(AT_ONCE_OVERALL));
    if options.accounts.is_own() {
        let access = Access { account: None, principal: None, config };
        let places = regions.into_iter().map(|region| place(&access, region, false, Plan::new(&options.wanted)));
        let known = read_these(places.collect(), &overall, &events).await;
        return Ok((bug(whose.await), known.into_values().collect(), Vec::new()));
    }
    // Which account is the own one decides which roles are needed.
    let whose = bug(whose.await);
    let listed = if options.accounts.organization { Some(organization::accounts(&config).await?) } else { None };
    let ways = Ways::new(options.accounts.clone(), config, whose.as_ref().ok().cloned());
    let ways = Arc::new(ways);
    let mut reading = Reading { ways, regions, overall, events, entered: BTreeMap::new(), refused: Vec::new() };
    let first = reading.ways.first(listed)?;
    reading.enter(first.iter().map(|account| (account.clone(), Vec::new())).collect()).await;
    let mut places = Vec::new();
    for account in &first {
        if let Some(access) = reading.entered.get(account) {
            let plan = |region: &String| place(access, region.clone(), true, Plan::new(&options.wanted));
            places.extend(reading.regions.iter().map(plan));
        }
    }
    let mut known = read_these(places, &reading.overall, &reading.events).await;
    for _ in 0..MOST_TURNS {
        let next = reading.follow(&mut known).await;
        if next.is_empty() {
            break;
        }
        known.extend(read_these(next, &reading.overall, &reading.events).await);
    }
    Ok((whose, known.into_values().collect(), reading.refused))
}

fn place(access: &Access, region: String, shown: bool, plan: Plan) -> Place {
    Place {
        account: access.account.clone(),
        principal: access.principal.clone(),
        shown: access.account.clone().filter(|_| shown),
        clients: Clients::new(&access.config, &region),
        region,
        plan,
    }
}

/// Reads places side by side.
async fn read_these(places: Vec<Place>, overall: &Arc<Semaphore>, events: &mpsc::UnboundedSender<Event>) -> Known {
    let mut reading = JoinSet::new();
    for place in places {
        reading.spawn(read(place, Arc::clone(overall), events.clone()));
    }
    let mut known = Known::new();
    while let Some(joined) = reading.join_next().await {
        let place = bug(joined);
        known.insert((place.account.clone(), place.region.clone()), place);
    }
    known
}

/// Reading under way.
struct Reading {
    ways: Arc<Ways>,
    regions: Vec<String>,
    overall: Arc<Semaphore>,
    events: mpsc::UnboundedSender<Event>,
    entered: BTreeMap<Option<String>, Access>,
    refused: Vec<Failure>,
}

impl Reading {
    /// Enters accounts side by side; with each, what is asked for there. Those that refuse are noted.
    async fn enter(&mut self, accounts: Vec<(Option<String>, Vec<String>)>) {
        let mut entering = JoinSet::new();
        for (account, resources) in accounts {
            if !self.entered.contains_key(&account) {
                let (ways, overall) = (Arc::clone(&self.ways), Arc::clone(&self.overall));
                entering.spawn(async move {
                    let _slot = overall.acquire().await;
                    (ways.enter(account.as_deref()).await, account, resources)
                });
            }
        }
        let mut refusals = BTreeMap::new();
        while let Some(joined) = entering.join_next().await {
            let (entered, account, resources) = bug(joined);
            match entered {
                Ok(access) => drop(self.entered.insert(account, access)),
                Err((role, fault)) => drop(refusals.insert(account, (role, fault, resources))),
            }
        }
        for (account, (role, fault, resources)) in refusals {
            self.refused(account.as_deref(), &role, fault, &resources);
        }
    }

    /// Each region of the account is one that was not read.
    fn refused(&mut self, account: Option<&str>, role: &str, fault: Fault, resources: &[String]) {
        let message = format!("{role}: {}", fault.message);
        let fault = Fault { message, ..fault };
        for region in &self.regions {
            let _ = self.events.send(Event::Failed {
                account: account.map(str::to_owned),
                region: region.clone(),
                call: ASSUME_ROLE,
                error: fault.code.clone(),
            });
            self.refused.push(failure(ASSUME_ROLE, fault.clone(), resources.to_vec(), account, Some(region)));
        }
    }

    /// The places that have something more to ask after what was read so far.
    async fn follow(&mut self, known: &mut Known) -> Vec<Place> {
        let mut leads = Leads::new();
        for place in known.values() {
            if let Some(account) = &place.account {
                place.plan.leads(account, &place.region, &mut leads);
            }
        }
        leads.retain(|(account, region), _| self.regions.contains(region) && self.ways.lead_to(account));
        let mut wanted: BTreeMap<Option<String>, BTreeSet<String>> = BTreeMap::new();
        for ((account, _), lead) in &leads {
            let tried = self.refused.iter().any(|failure| failure.account.as_ref() == Some(account));
            if !tried {
                wanted.entry(Some(account.clone())).or_default().extend(lead.resources());
            }
        }
        self.enter(wanted.into_iter().map(|(account, ids)| (account, ids.into_iter().collect())).collect()).await;
        let mut next = Vec::new();
        for ((account, region), lead) in leads {
            let account = Some(account);
            let Some(access) = self.entered.get(&account) else { continue };
            let key = (account, region);
            let mut place = known.remove(&key).unwrap_or_else(|| place(access, key.1.clone(), true, Plan::led()));
            if place.plan.take_lead(&lead) {
                next.push(place);
            } else {
                known.insert(key, place);
            }
        }
        next
    }
}
