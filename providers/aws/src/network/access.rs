//! VPC Block Public Access: what an account keeps off the internet in a Region, whatever routes and rules say.
//!
//! It is about internet gateways and egress-only internet gateways (VPC guide, block public access to VPCs and
//! subnets). Files without a manifest that say nothing of it are taken to mean that it is off, as it is unless somebody
//! switched it on. Where a manifest says that the Region was read, an answer that is not there leaves internet paths
//! undecided, and so does a call for it that failed.

use reachlint_model::{Direction, Hop, HopKind, NameId, Note, Outcome, Reason, ReasonCode, ReasonId};
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::PUBLIC_ACCESS;
use super::code;
use super::compile::{AwsNetwork, Compiler};
use crate::records::Listing;

/// What the switch does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Off,
    Bidirectional,
    Ingress,
    /// It is being changed, or of a kind that is not known.
    Unclear(ReasonId),
}

/// The switch of an account and Region.
#[derive(Clone, Copy, Debug)]
struct Switch {
    mode: Mode,
    /// Its mode in AWS's word.
    word: NameId,
    /// Why exclusions may be missing.
    incomplete: Option<ReasonId>,
}

/// What an exclusion of a VPC or subnet lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exclusion {
    Both,
    Egress,
    Unclear(ReasonId),
}

/// A call for the switch that failed: the account and Region that were asked, where the manifest names them.
type Failed = (Option<NameId>, Option<NameId>, ReasonId);

/// VPC Block Public Access as far as the evidence tells.
#[derive(Debug)]
pub(super) struct PublicAccess {
    switches: HashMap<(NameId, NameId), Switch>,
    exclusions: HashMap<NameId, Exclusion>,
    owners: HashMap<NameId, NameId>,
    failed: Vec<Failed>,
    /// Regions that were read, `None` for all of them, and what to say where they do not tell of the switch.
    covered: HashSet<Option<NameId>>,
    unread: ReasonId,
    /// Of exclusions that disagree, AWS does not document which counts.
    disagree: ReasonId,
}

/// A way between a VPC and the internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// In through an internet gateway.
    In,
    /// Out through one with a public address of one's own.
    Out,
    /// Out through a NAT gateway or an egress-only internet gateway, which open connections outward only.
    OutOnly,
}

impl Compiler {
    pub(super) fn compile_access(&mut self) -> PublicAccess {
        let listing = Listing::PublicAccessOptions;
        let mut access = PublicAccess {
            switches: HashMap::default(),
            exclusions: HashMap::default(),
            owners: std::mem::take(&mut self.estate.vpc_owners),
            failed: Vec::new(),
            covered: std::mem::take(&mut self.estate.covered),
            unread: self.missing(listing, None, "VPC Block Public Access"),
            disagree: self.undecidable("exclusions from VPC Block Public Access disagree on this way".to_owned()),
        };
        for failure in self.estate.failures.clone() {
            if failure.call == listing.permission() {
                let mut name = |text: Option<&String>| text.map(|text| self.builder.names().intern(text));
                let (account, region) = (name(failure.account.as_ref()), name(failure.region.as_ref()));
                let reason = self.missing(listing, None, "VPC Block Public Access");
                access.failed.push((account, region, reason));
            }
        }
        for (place, raw) in std::mem::take(&mut self.estate.public_access) {
            let word = self.text(raw.mode).to_owned();
            let mode = match word.as_str() {
                _ if raw.changing => self.unclear("VPC Block Public Access is being changed"),
                "off" => Mode::Off,
                "block-bidirectional" => Mode::Bidirectional,
                "block-ingress" => Mode::Ingress,
                _ => self.unclear(&format!("`{word}` is no known mode of VPC Block Public Access")),
            };
            let exclusions = Listing::PublicAccessExclusions;
            let listed = self.estate.pages.get(&(exclusions, raw.folder)).is_some_and(|(_, last)| *last > 0);
            let failed = self.estate.failure(exclusions, None).is_some();
            let complete = !raw.exclusions || (listed && !failed && !self.estate.truncated(exclusions));
            let incomplete =
                (!complete).then(|| self.missing(exclusions, None, "who is excluded from VPC Block Public Access"));
            access.switches.insert(place, Switch { mode, word: raw.mode, incomplete });
        }
        for (resource, found) in std::mem::take(&mut self.estate.exclusions) {
            let name = self.text(resource).to_owned();
            let mut all = Vec::new();
            for raw in found {
                let state = raw.state.map(|state| self.text(state)).unwrap_or_default();
                let mode = raw.mode.map(|mode| self.text(mode)).unwrap_or_default();
                match (state, mode) {
                    ("create-failed" | "delete-complete" | "disable-complete", _) => {}
                    ("create-complete" | "update-complete", "allow-bidirectional") => all.push(Exclusion::Both),
                    ("create-complete" | "update-complete", "allow-egress") => all.push(Exclusion::Egress),
                    _ => {
                        let text =
                            format!("the exclusion of {name} from VPC Block Public Access is `{state}`, `{mode}`");
                        all.push(Exclusion::Unclear(self.undecidable(text)));
                    }
                }
            }
            let Some(first) = all.first().copied() else { continue };
            let agree = all.iter().all(|other| *other == first);
            access.exclusions.insert(resource, if agree { first } else { Exclusion::Unclear(access.disagree) });
        }
        access
    }

    fn undecidable(&mut self, text: String) -> ReasonId {
        self.builder.reason(Reason { code: ReasonCode::Undecidable, text, permission: None })
    }

    fn unclear(&mut self, text: &str) -> Mode {
        Mode::Unclear(self.undecidable(text.to_owned()))
    }
}

impl PublicAccess {
    /// What the switch says of a way, and the mode that it is in; nothing where it is off, or where files without a
    /// manifest do not tell.
    ///
    /// `subnets` are all that the packet has been in on this side: behind a NAT gateway the sender's and the
    /// gateway's.
    fn outcome(
        &self,
        account: NameId,
        region: NameId,
        vpc: NameId,
        subnets: [NameId; 2],
        door: Door,
    ) -> Option<(Outcome, Option<NameId>)> {
        // The switch is that of the VPC's owner, also for those who use a subnet that is shared with them.
        let owner = self.owners.get(&vpc).copied().unwrap_or(account);
        let Some(switch) = self.switches.get(&(owner, region)) else {
            let asked = |known: Option<NameId>, here: NameId| known.is_none_or(|known| known == here);
            let failed = self.failed.iter().find(|(account, place, _)| asked(*account, owner) && asked(*place, region));
            let reason = failed.map(|(.., reason)| *reason).or_else(|| {
                let covered = self.covered.contains(&None) || self.covered.contains(&Some(region));
                covered.then_some(self.unread)
            });
            return reason.map(|reason| (Outcome::Unknown(reason), None));
        };
        let closed = match switch.mode {
            Mode::Off => return None,
            Mode::Unclear(reason) => return Some((Outcome::Unknown(reason), None)),
            Mode::Ingress => door != Door::OutOnly,
            Mode::Bidirectional => true,
        };
        let mode = Some(switch.word);
        if !closed {
            return Some((Outcome::Pass, mode));
        }
        let [own, other] = subnets.map(|subnet| self.excluded(vpc, subnet, switch.mode, door));
        Some(match (own, other) {
            (Outcome::Pass, Outcome::Pass) => (Outcome::Pass, mode),
            (Outcome::Unknown(reason), _) | (_, Outcome::Unknown(reason)) => (Outcome::Unknown(reason), mode),
            (Outcome::Pass, _) | (_, Outcome::Pass) => (Outcome::Unknown(self.disagree), mode),
            // An exclusion that is missing from the evidence could still let it through.
            _ => (switch.incomplete.map_or(Outcome::Block, Outcome::Unknown), mode),
        })
    }

    /// Whether a subnet or its VPC is excluded: `allow-egress` counts in the bidirectional mode only, and only outward.
    fn excluded(&self, vpc: NameId, subnet: NameId, mode: Mode, door: Door) -> Outcome {
        let each = [self.exclusions.get(&subnet), self.exclusions.get(&vpc)].map(|found| match found {
            Some(Exclusion::Both) => Some(Outcome::Pass),
            Some(Exclusion::Egress) if mode == Mode::Bidirectional && door != Door::In => Some(Outcome::Pass),
            Some(Exclusion::Egress) => Some(Outcome::Block),
            Some(Exclusion::Unclear(reason)) => Some(Outcome::Unknown(*reason)),
            None => None,
        });
        match each {
            [Some(outcome), None] | [None, Some(outcome)] => outcome,
            [Some(first), Some(second)] if first == second => first,
            [Some(_), Some(_)] => Outcome::Unknown(self.disagree),
            [None, None] => Outcome::Block,
        }
    }
}

impl AwsNetwork {
    /// What VPC Block Public Access says of a way between a VPC and the internet, as a hop.
    pub(super) fn access_hop(
        &self,
        (account, region): (NameId, NameId),
        vpc: NameId,
        subnets: [NameId; 2],
        door: Door,
    ) -> Option<Hop> {
        let (outcome, mode) = self.access.outcome(account, region, vpc, subnets, door)?;
        let direction = if door == Door::In { Direction::Ingress } else { Direction::Egress };
        let words = match outcome {
            Outcome::Block => "VPC Block Public Access is {}, and nothing excludes this VPC or subnet from it",
            Outcome::Pass => "VPC Block Public Access is {}, which lets this through",
            Outcome::Unknown(_) => "VPC Block Public Access is {}",
        };
        let code = (outcome == Outcome::Block).then_some(code::VPC_BLOCK_PUBLIC_ACCESS_ENABLED);
        let note = mode.map(|mode| Note { code, ..Note::new(words).about(mode) });
        Some(Hop { kind: HopKind::Route(outcome), layer: PUBLIC_ACCESS, direction, subject: vpc, note })
    }
}
