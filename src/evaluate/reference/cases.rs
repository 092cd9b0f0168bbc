//! The filters of the clouds and of Linux in the words of the model, by hand.

use reachlint_model::{
    Action, Gate, GateId, Half, HopKind, Identity, ListId, Narrow, Packet, Path, Peer, PortRange, Protocol,
    ProtocolMatch, Rule, Side, Verdict,
};

use super::expected;
use super::models::{Builder, Fake, LAYER, SERVER};

const CLIENT: (u16, u16) = (40_000, 40_009);

/// Builds one path and asks both evaluators about it.
struct Case {
    builder: Builder,
    path: Path,
}

impl Case {
    fn new() -> Self {
        Self { builder: Builder::new(), path: Path::default() }
    }

    fn list(&mut self, rules: &[Rule]) -> ListId {
        self.builder.network.list(self.builder.name, rules.iter().copied(), None)
    }

    fn gate(&mut self, stage: u8, default: Action, lists: Vec<ListId>) -> GateId {
        let name = self.builder.name;
        let gate = Gate { layer: LAYER, name, lists: 0..0, default, side: Side::Source, stage };
        self.builder.network.gate(lists, gate)
    }

    fn packet(client: (u16, u16)) -> Packet {
        Packet {
            protocol: Protocol::TCP,
            source: "10.0.0.1".parse().unwrap(),
            destination: "10.0.0.6".parse().unwrap(),
            source_ports: PortRange::new(client.0, client.1).unwrap(),
            destination_ports: PortRange::single(SERVER),
            source_identity: Identity::Nobody,
            destination_identity: Identity::Nobody,
        }
    }

    /// A gate of one list on the way in.
    fn enters(&mut self, stage: u8, default: Action, rules: &[Rule]) -> &mut Self {
        let list = self.list(rules);
        let gate = self.gate(stage, default, vec![list]);
        let kind = HopKind::Gate { gate, packet: Self::packet(CLIENT) };
        self.path.enter.hops.push(self.builder.hop(kind));
        self
    }

    fn verdict(&mut self) -> Verdict {
        let network = std::mem::take(&mut self.builder.network).build();
        let fake = Fake { network, path: std::mem::take(&mut self.path), arrivals: Vec::new() };
        let verdict = fake.verdict();
        assert!(expected(&fake.network, &fake.path).unwrap().permits(verdict));
        verdict
    }
}

fn any(action: Action) -> Rule {
    Rule {
        peer: Peer::Any,
        ports: PortRange::ALL,
        protocol: ProtocolMatch::Any,
        action,
        narrow: None,
        name: None,
        peer_name: None,
    }
}

fn from(base: &str, length: u8, action: Action) -> Rule {
    let base: std::net::Ipv4Addr = base.parse().unwrap();
    Rule { peer: Peer::V4 { base: base.to_bits(), length }, ..any(action) }
}

/// The organisation's policy, then the rules of the network, in one stage: `allow` in a policy ends the whole
/// evaluation, `goto_next` hands on (Cloud NGFW, firewall policies, rule evaluation order).
#[test]
fn google_policies_hand_on_or_decide() {
    let chain = |policy: Rule| {
        let mut case = Case::new();
        let network = [from("10.0.0.1", 32, Action::Deny), any(Action::Allow)];
        case.enters(1, Action::Next, &[policy]).enters(1, Action::Deny, &network).verdict()
    };
    assert_eq!(chain(from("10.0.0.0", 8, Action::Accept)), Verdict::Allowed);
    assert_eq!(chain(from("10.0.0.0", 8, Action::Next)), Verdict::Blocked);
    assert_eq!(chain(from("10.0.0.0", 8, Action::Deny)), Verdict::Blocked);
    assert_eq!(chain(from("10.0.0.6", 32, Action::Accept)), Verdict::Blocked);
}

/// A policy that was not read could have allowed for good what a later rule refuses.
#[test]
fn an_unread_policy_leaves_later_refusals_undecided() {
    let mut case = Case::new();
    let peer = Peer::Unknown(case.builder.reason);
    let unread = [Rule { peer, ..any(Action::Deny) }, Rule { peer, ..any(Action::Accept) }];
    case.enters(1, Action::Next, &unread).enters(1, Action::Deny, &[]);
    assert_eq!(case.verdict(), Verdict::Unknown);
}

/// `AlwaysAllow` passes both network security groups, `Allow` leaves the choice to them, `Deny` is final (Virtual
/// Network Manager, security admin rules).
#[test]
fn azure_admin_rules_come_before_both_groups() {
    let chain = |admin: Action, subnet: Action, card: Action| {
        let mut case = Case::new();
        case.enters(2, Action::Next, &[any(admin)]);
        case.enters(2, Action::Deny, &[any(subnet)]).enters(2, Action::Deny, &[any(card)]).verdict()
    };
    assert_eq!(chain(Action::Accept, Action::Deny, Action::Deny), Verdict::Allowed);
    assert_eq!(chain(Action::Next, Action::Allow, Action::Allow), Verdict::Allowed);
    assert_eq!(chain(Action::Next, Action::Deny, Action::Allow), Verdict::Blocked);
    assert_eq!(chain(Action::Next, Action::Allow, Action::Deny), Verdict::Blocked);
    assert_eq!(chain(Action::Deny, Action::Allow, Action::Allow), Verdict::Blocked);
}

/// A base chain whose policy is to accept: a verdict in a jumped chain ends it all, a `return` or the end of the
/// chain goes on behind the jump (`nft(8)`, verdict statements).
#[test]
fn a_chain_that_is_jumped_to_returns() {
    let chain = |inner: &[Rule], behind: Action| {
        let mut case = Case::new();
        let inner = case.list(inner);
        case.enters(0, Action::Allow, &[any(Action::Jump(inner)), from("10.0.0.0", 30, behind)]).verdict()
    };
    let ours = |action| from("10.0.0.1", 32, action);
    assert_eq!(chain(&[], Action::Deny), Verdict::Blocked);
    assert_eq!(chain(&[ours(Action::Allow)], Action::Deny), Verdict::Allowed);
    assert_eq!(chain(&[ours(Action::Next), any(Action::Allow)], Action::Deny), Verdict::Blocked);
    assert_eq!(chain(&[ours(Action::Next), any(Action::Deny)], Action::Allow), Verdict::Allowed);
    // The policy, where neither chain says anything.
    let others = from("10.0.0.2", 32, Action::Deny);
    assert_eq!(chain(&[others], Action::Next), Verdict::Allowed);
}

/// A `return` that may match leaves it open whether what follows in its chain or behind the jump decides.
#[test]
fn a_return_that_may_match() {
    let chain = |inside: Action, behind: Action| {
        let mut case = Case::new();
        let maybe = Narrow { maybe: Some(case.builder.reason), ..Narrow::default() };
        let narrow = Some(case.builder.network.narrow(maybe));
        let inner = case.list(&[Rule { narrow, ..any(Action::Next) }, any(inside)]);
        case.enters(0, Action::Deny, &[any(Action::Jump(inner)), any(behind)]).verdict()
    };
    assert_eq!(chain(Action::Allow, Action::Deny), Verdict::Unknown);
    assert_eq!(chain(Action::Deny, Action::Allow), Verdict::Unknown);
    assert_eq!(chain(Action::Allow, Action::Allow), Verdict::Allowed);
    assert_eq!(chain(Action::Deny, Action::Deny), Verdict::Blocked);
}

/// A jump that may be taken, such as one behind a rate limit, matters only for what its chain decides. Most lead to a
/// chain that logs.
#[test]
fn a_jump_that_may_be_taken() {
    let chain = |inside: &[Rule], behind: Action| {
        let mut case = Case::new();
        let maybe = Narrow { maybe: Some(case.builder.reason), ..Narrow::default() };
        let narrow = Some(case.builder.network.narrow(maybe));
        let inner = case.list(inside);
        case.enters(0, Action::Deny, &[Rule { narrow, ..any(Action::Jump(inner)) }, any(behind)]).verdict()
    };
    let other = from("10.0.0.2", 32, Action::Deny);
    assert_eq!(chain(&[], Action::Allow), Verdict::Allowed);
    assert_eq!(chain(&[any(Action::Next)], Action::Allow), Verdict::Allowed);
    assert_eq!(chain(&[other], Action::Allow), Verdict::Allowed);
    assert_eq!(chain(&[any(Action::Deny)], Action::Allow), Verdict::Unknown);
    assert_eq!(chain(&[any(Action::Allow)], Action::Deny), Verdict::Unknown);
    assert_eq!(chain(&[any(Action::Deny)], Action::Deny), Verdict::Blocked);
}

/// No kernel loads a loop; evidence that holds one must not hang the program, and nothing passes it.
#[test]
fn a_loop_of_jumps_ends() {
    let mut case = Case::new();
    let itself = case.list(&[]);
    let itself = ListId(itself.0 + 1);
    assert_eq!(case.list(&[any(Action::Jump(itself)), any(Action::Jump(itself))]), itself);
    case.enters(0, Action::Allow, &[any(Action::Jump(itself))]);
    assert_eq!(case.verdict(), Verdict::Blocked);
}

fn client_ports(case: &mut Case, first: u16, last: u16, action: Action) -> Rule {
    let narrow = Narrow { source_ports: PortRange::new(first, last), ..Narrow::default() };
    Rule { narrow: Some(case.builder.network.narrow(narrow)), ..any(action) }
}

/// One gate passes only the lower half of the client's ports and the next only the upper one.
#[test]
fn refusals_that_leave_no_port_block() {
    let mut case = Case::new();
    let lower = client_ports(&mut case, 40_000, 40_004, Action::Allow);
    let upper = client_ports(&mut case, 40_005, 40_009, Action::Allow);
    case.enters(0, Action::Deny, &[lower]).enters(0, Action::Deny, &[upper]);
    assert_eq!(case.verdict(), Verdict::Blocked);

    let mut case = Case::new();
    let lower = client_ports(&mut case, 40_000, 40_005, Action::Allow);
    let upper = client_ports(&mut case, 40_005, 40_009, Action::Allow);
    case.enters(0, Action::Deny, &[lower]).enters(0, Action::Deny, &[upper]);
    assert_eq!(case.verdict(), Verdict::Partial);
}

/// A stage that is accepted for some ports is not accepted for the others.
#[test]
fn a_stage_is_accepted_port_by_port() {
    for (rest, verdict) in [(Action::Deny, Verdict::Partial), (Action::Allow, Verdict::Allowed)] {
        let mut case = Case::new();
        let lower = client_ports(&mut case, 40_000, 40_004, Action::Accept);
        case.enters(1, Action::Next, &[lower]).enters(1, rest, &[]);
        assert_eq!(case.verdict(), verdict);
    }
}

/// Two gates that share ports before and behind a translation, which gives any port for any other.
#[test]
fn a_translation_gives_other_ports() {
    let mut case = Case::new();
    let before = client_ports(&mut case, 40_000, 40_004, Action::Allow);
    let behind = client_ports(&mut case, 50_005, 50_009, Action::Allow);
    case.enters(0, Action::Deny, &[before]);
    let list = case.list(&[behind]);
    let gate = case.gate(0, Action::Deny, vec![list]);
    let kind = HopKind::Gate { gate, packet: Case::packet((50_000, 50_009)) };
    case.path.enter.hops.push(case.builder.hop(kind));
    assert_eq!(case.verdict(), Verdict::Partial);
}

/// Each cloud numbers its stages for itself, so what the sender's side accepts says nothing about the receiver's.
#[test]
fn a_stage_ends_with_its_half() {
    let mut case = Case::new();
    case.enters(1, Action::Accept, &[]);
    let leave = Half { hops: std::mem::take(&mut case.path.enter.hops), ..Half::default() };
    case.path.leave = leave;
    case.enters(1, Action::Deny, &[]);
    assert_eq!(case.verdict(), Verdict::Blocked);
}

/// Gates over the same lists differ by default and side; only gates without a list differ by name.
#[test]
fn gates_are_shared_only_if_they_decide_alike() {
    let mut case = Case::new();
    let list = case.list(&[any(Action::Next)]);
    let allow = case.gate(0, Action::Allow, vec![list]);
    assert_ne!(allow, case.gate(0, Action::Deny, vec![list]));
    assert_ne!(allow, case.gate(1, Action::Allow, vec![list]));
    assert_eq!(allow, case.gate(0, Action::Allow, vec![list]));
    let other = case.builder.network.names().intern("other");
    let name = case.builder.name;
    let gate = Gate { layer: LAYER, name, lists: 0..0, default: Action::Allow, side: Side::Source, stage: 0 };
    let network = &mut case.builder.network;
    assert_ne!(allow, network.gate(vec![list], Gate { side: Side::Destination, ..gate.clone() }));
    assert_eq!(allow, network.gate(vec![list], Gate { name: other, ..gate.clone() }));
    let unnamed = network.gate(Vec::new(), gate.clone());
    assert_ne!(unnamed, network.gate(Vec::new(), Gate { name: other, ..gate }));
}
