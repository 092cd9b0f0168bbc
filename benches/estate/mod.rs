//! Made-up AWS estates of any size, with the right answer to every question that is asked about them.
//!
//! An estate follows from its size and seed alone. It is written as the AWS CLI would print it, record by record, so
//! that a large one needs no more memory than its rules. The answers come from the plainest evaluation of those rules
//! and share no code with reachlint.

mod write;

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;

/// How large an estate is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) name: &'static str,
    vpcs: usize,
    interfaces: usize,
    groups: usize,
    /// Ingress rules of a group.
    rules: usize,
    /// Groups of an interface, at most.
    carried: usize,
    upstreams: usize,
    lists: usize,
    /// Entries of a prefix list.
    entries: usize,
    /// One group in so many has its rules only in the newer listing, with an id for each.
    listed_apart: Option<usize>,
}

/// One nginx and what it needs.
pub(crate) const SMALL: Size = Size {
    name: "small",
    vpcs: 1,
    interfaces: 20,
    groups: 10,
    rules: 8,
    carried: 2,
    upstreams: 8,
    lists: 2,
    entries: 5,
    listed_apart: Some(2),
};
/// A company.
pub(crate) const MEDIUM: Size = Size {
    name: "medium",
    vpcs: 10,
    interfaces: 1_000,
    groups: 500,
    rules: 20,
    carried: 3,
    upstreams: 200,
    lists: 20,
    entries: 20,
    listed_apart: Some(3),
};
/// A region at the limits of its quotas.
pub(crate) const LARGE: Size = Size {
    name: "large",
    vpcs: 100,
    interfaces: 50_000,
    groups: 10_000,
    rules: 60,
    carried: 5,
    upstreams: 2_000,
    lists: 100,
    entries: 50,
    listed_apart: None,
};

/// What is true of an estate.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    /// The instance that nginx runs on.
    pub(crate) from: String,
    /// Every upstream of its configuration.
    pub(crate) upstreams: Vec<Upstream>,
    /// Every ingress rule that admits the internet, sorted.
    pub(crate) open: Vec<Open>,
}

/// An upstream with what decides about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Upstream {
    pub(crate) address: Ipv4Addr,
    pub(crate) port: u16,
    /// Whether nginx's groups let the connection out, and the upstream's let it in.
    pub(crate) egress: bool,
    pub(crate) ingress: bool,
    /// Whether the ACL of the upstream's subnet lets it in.
    pub(crate) acl: bool,
    /// Whether the upstream's machine runs.
    pub(crate) runs: bool,
}

impl Upstream {
    pub(crate) fn allowed(&self) -> bool {
        self.egress && self.ingress && self.acl && self.runs
    }
}

/// A rule that admits the internet: its group, protocol and ports.
pub(crate) type Open = (String, Option<u8>, u16, u16);

/// Makes an estate, writes its evidence and nginx's configuration into a folder, and says what is true of it.
pub(crate) fn make(size: &Size, seed: u64, folder: &Path) -> io::Result<Expected> {
    let mut estate = Estate::new(size, seed);
    estate.add_upstreams();
    fs::create_dir_all(folder)?;
    write::evidence(&estate, folder)?;
    write::nginx(&estate, folder)?;
    Ok(Expected {
        from: id("i", 0),
        upstreams: estate.upstreams.iter().map(|upstream| estate.judge(*upstream)).collect(),
        open: estate.open(),
    })
}

/// Identifiers look like those of AWS and are different for every number.
fn id(kind: &str, number: usize) -> String {
    let bits = mix(number as u64 ^ 0xa5a5_5a5a);
    format!("{kind}-0{bits:016x}")
}

/// A bijection of 64-bit numbers that looks random: the output step of `SplitMix64` (Steele, Lea, Flood 2014).
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap_or_default()
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn of<T: Copy + Default>(&mut self, choices: &[T]) -> T {
        choices.get(self.below(choices.len())).copied().unwrap_or_default()
    }

    fn port(&mut self, low: u16, count: u16) -> u16 {
        low + u16::try_from(self.below(usize::from(count))).unwrap_or_default()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    V4(u32, u8),
    /// A documentation /48 with this number, or everything.
    V6(Option<u16>),
    List(usize),
    Group(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rule {
    /// `None` is every protocol.
    protocol: Option<u8>,
    ports: (u16, u16),
    peer: Peer,
}

#[derive(Clone, Debug)]
struct SecurityGroup {
    vpc: usize,
    ingress: Vec<Rule>,
    egress: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Machine {
    vpc: usize,
    subnet: usize,
    address: u32,
    groups: Vec<usize>,
    runs: bool,
}

struct Estate {
    size: Size,
    random: Random,
    lists: Vec<Vec<(u32, u8)>>,
    groups: Vec<SecurityGroup>,
    machines: Vec<Machine>,
    /// Machine and port.
    upstreams: Vec<(usize, u16)>,
}

const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;
const SERVICES: [u16; 14] = [22, 80, 443, 1433, 3306, 5432, 5672, 6379, 8080, 8443, 9000, 9200, 11211, 27017];
/// Subnets of a VPC: a /18 each.
const SUBNETS: usize = 4;
/// The subnet of every VPC whose ACL refuses some ports, and those ports.
const GUARDED: usize = 3;
const REFUSED: (u16, u16) = (21_000, 21_999);
/// The ports that nginx's own groups let out.
const LET_OUT: (u16, u16) = (0, 23_499);
/// Addresses of AWS at the start of every subnet (VPC guide, subnet sizing).
const FIRST_HOST: u32 = 4;

fn vpc_base(vpc: usize) -> u32 {
    (10 << 24) | (u32::try_from(vpc).unwrap_or_default() << 16)
}

fn subnet_base(vpc: usize, subnet: usize) -> u32 {
    vpc_base(vpc) | (u32::try_from(subnet).unwrap_or_default() << 14)
}

fn mask(length: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0)
}

fn inside(address: u32, (base, length): (u32, u8)) -> bool {
    address & mask(length) == base
}

impl Estate {
    fn new(size: &Size, seed: u64) -> Self {
        let random = Random(mix(seed ^ size.interfaces as u64));
        let mut estate = Self {
            size: *size,
            random,
            lists: Vec::new(),
            groups: Vec::new(),
            machines: Vec::new(),
            upstreams: Vec::new(),
        };
        for list in 0..size.lists {
            // One list opens everything, which a search for `0.0.0.0/0` in rules would not see.
            let open = [(0, 0)].into_iter().filter(|_| list == 0);
            let entries = (0..size.entries).map(|_| estate.block(None)).collect::<Vec<_>>();
            estate.lists.push(open.chain(entries).collect());
        }
        for group in 0..size.groups {
            let vpc = group % size.vpcs;
            let ingress = (0..size.rules).map(|_| estate.rule(vpc, true)).collect();
            let everything = Rule { protocol: None, ports: (0, u16::MAX), peer: Peer::V4(0, 0) };
            let egress = if estate.random.chance(75) {
                vec![everything]
            } else {
                (0..size.rules.div_ceil(5)).map(|_| estate.rule(vpc, false)).collect()
            };
            estate.groups.push(SecurityGroup { vpc, ingress, egress });
        }
        for machine in 0..size.interfaces {
            let (vpc, position) = (machine % size.vpcs, machine / size.vpcs);
            let subnet = position % SUBNETS;
            let host = FIRST_HOST + u32::try_from(position / SUBNETS).unwrap_or_default();
            let mut groups: Vec<usize> =
                (0..=estate.random.below(size.carried)).map(|_| estate.group_of(vpc)).collect();
            groups.sort_unstable();
            groups.dedup();
            let runs = machine == 0 || !estate.random.chance(6);
            estate.machines.push(Machine { vpc, subnet, address: subnet_base(vpc, subnet) + host, groups, runs });
        }
        estate
    }

    fn group_of(&mut self, vpc: usize) -> usize {
        vpc + self.size.vpcs * self.random.below(self.size.groups / self.size.vpcs)
    }

    /// A block of a VPC, or of the internet and other networks.
    fn block(&mut self, vpc: Option<usize>) -> (u32, u8) {
        let low = u32::try_from(self.random.next() >> 40).unwrap_or_default();
        let (base, length) = if let Some(vpc) = vpc {
            (vpc_base(vpc) | (low & 0xffff), self.random.of(&[16, 18, 22, 24, 24, 28, 32, 32]))
        } else {
            let first = self.random.of(&[10, 13, 35, 44, 91, 146, 172, 193]);
            ((first << 24) | low, self.random.of(&[12, 16, 20, 24, 24, 27, 32]))
        };
        (base & mask(length), length)
    }

    fn rule(&mut self, vpc: usize, ingress: bool) -> Rule {
        let (protocol, first, more) = match self.random.below(100) {
            0..35 => (Some(TCP), self.random.of(&SERVICES), 0),
            35..80 => (Some(TCP), self.random.port(1024, 30_000), 0),
            80..90 => (Some(TCP), self.random.port(1024, 30_000), self.random.of(&[7, 15, 255, 4095])),
            90..95 => (Some(UDP), self.random.of(&[53, 123, 161, 514]), 0),
            95..99 => (Some(ICMP), 0, u16::MAX),
            _ => (None, 0, u16::MAX),
        };
        let peer = match self.random.below(100) {
            0..25 => self.v4(Some(vpc)),
            25..58 => self.v4(None),
            58..63 => Peer::V6(Some(self.random.port(0, u16::MAX))),
            63..90 => Peer::Group(self.group_of(vpc)),
            // A connection to anywhere is what egress rules are for, and ingress rules seldom.
            90..95 => Peer::List(self.random.below(self.size.lists)),
            95..98 if ingress => Peer::V4(0, 0),
            98.. if ingress => Peer::V6(None),
            _ => self.v4(Some(vpc)),
        };
        Rule { protocol, ports: (first, first + more), peer }
    }

    fn v4(&mut self, vpc: Option<usize>) -> Peer {
        let (base, length) = self.block(vpc);
        Peer::V4(base, length)
    }

    /// Chooses upstreams in nginx's VPC, and gives most of them a rule that lets nginx in.
    fn add_upstreams(&mut self) {
        let Some(nginx) = self.machines.first().cloned() else { return };
        let out = Rule { protocol: Some(TCP), ports: LET_OUT, peer: Peer::V4(vpc_base(nginx.vpc), 16) };
        for group in &nginx.groups {
            if let Some(group) = self.groups.get_mut(*group) {
                group.egress = vec![out];
            }
        }
        let candidates = self.machines.len().div_ceil(self.size.vpcs);
        while self.upstreams.len() < self.size.upstreams {
            let machine = self.size.vpcs * (1 + self.random.below(candidates - 1));
            let port = if self.random.chance(30) { self.random.of(&SERVICES) } else { self.random.port(20_000, 4000) };
            let Some(groups) = self.machines.get(machine).map(|machine| machine.groups.clone()) else { continue };
            if self.upstreams.contains(&(machine, port)) {
                continue;
            }
            self.upstreams.push((machine, port));
            let peer = match self.random.below(8) {
                0 | 1 => Peer::Group(self.random.of(&nginx.groups)),
                2 => Peer::V4(nginx.address, 32),
                3 => Peer::V4(subnet_base(nginx.vpc, nginx.subnet), 18),
                4 => Peer::V4(vpc_base(nginx.vpc), 16),
                _ => continue,
            };
            let (group, position) = (self.random.of(&groups), self.random.below(self.size.rules));
            let rule = self.groups.get_mut(group).and_then(|group| group.ingress.get_mut(position));
            if let Some(rule) = rule {
                *rule = Rule { protocol: Some(TCP), ports: (port, port), peer };
            }
        }
    }

    fn judge(&self, (machine, port): (usize, u16)) -> Upstream {
        let empty = Machine { vpc: 0, subnet: 0, address: 0, groups: Vec::new(), runs: false };
        let nginx = self.machines.first().unwrap_or(&empty);
        let target = self.machines.get(machine).unwrap_or(&empty);
        let rules = |machine: &Machine, ingress: bool| -> Vec<Rule> {
            let groups = machine.groups.iter().filter_map(|group| self.groups.get(*group));
            groups.flat_map(|group| if ingress { &group.ingress } else { &group.egress }).copied().collect()
        };
        let admits = |rules: Vec<Rule>, far: &Machine| rules.iter().any(|rule| self.admits(rule, port, far));
        let crosses = target.subnet != nginx.subnet;
        Upstream {
            address: Ipv4Addr::from_bits(target.address),
            port,
            egress: admits(rules(nginx, false), target),
            ingress: admits(rules(target, true), nginx),
            acl: !(crosses && target.subnet == GUARDED && (REFUSED.0..=REFUSED.1).contains(&port)),
            runs: target.runs,
        }
    }

    fn admits(&self, rule: &Rule, port: u16, far: &Machine) -> bool {
        let meant = rule.protocol.is_none_or(|protocol| protocol == TCP);
        meant
            && (rule.ports.0..=rule.ports.1).contains(&port)
            && match rule.peer {
                Peer::V4(base, length) => inside(far.address, (base, length)),
                Peer::V6(_) => false,
                Peer::List(list) => {
                    self.lists.get(list).is_some_and(|list| list.iter().any(|block| inside(far.address, *block)))
                }
                Peer::Group(group) => far.groups.contains(&group),
            }
    }

    fn open(&self) -> Vec<Open> {
        let mut open = Vec::new();
        for (number, group) in self.groups.iter().enumerate() {
            for rule in &group.ingress {
                let admits_all = match rule.peer {
                    Peer::V4(_, length) => length == 0,
                    Peer::V6(block) => block.is_none(),
                    Peer::List(list) => list == 0,
                    Peer::Group(_) => false,
                };
                if admits_all {
                    open.push((id("sg", number), rule.protocol, rule.ports.0, rule.ports.1));
                }
            }
        }
        open.sort();
        open
    }
}
