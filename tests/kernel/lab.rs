//! Two network namespaces with a cable between them: nginx's and an upstream's.

use std::io::{BufRead, BufReader, Write};
use std::net::IpAddr;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use reachlint_host::SCRIPT;

/// nginx's addresses.
pub(crate) const NGINX: [IpAddr; 2] = [v4([10, 0, 1, 10]), v6(0x10)];
/// The upstream's.
pub(crate) const UPSTREAM: [IpAddr; 2] = [v4([10, 0, 1, 20]), v6(0x20)];
/// The first port that connections are opened from, as Linux has it.
const FIRST: u16 = 32_768;
/// The port that most rulesets are about.
pub(crate) const APP: u16 = 8080;
/// Ports that something listens on at every address.
const OPEN: [u16; 10] = [22, 53, 80, 443, 5432, APP, 8443, 9000, 9001, 30000];
/// A port that something listens on at the loopback address only, one that only IPv4 has, one that only IPv6 has, and one
/// that nobody listens on.
const SPECIAL: [u16; 4] = [7001, 7002, 7003, 7004];

const fn v4(octets: [u8; 4]) -> IpAddr {
    IpAddr::V4(std::net::Ipv4Addr::from_octets(octets))
}

const fn v6(last: u16) -> IpAddr {
    IpAddr::V6(std::net::Ipv6Addr::new(0xfd00, 0, 0, 1, 0, 0, 0, last))
}

/// Listens until its input ends.
const LISTEN: &str = r"
import select, socket, sys
held = []
def listen(family, address, port, only=None):
    s = socket.socket(family)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if only is not None: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
    s.bind((address, port)); s.listen(64); held.append(s)
for port in map(int, sys.argv[1].split(',')): listen(socket.AF_INET6, '::', port, 0)
listen(socket.AF_INET, '127.0.0.1', 7001)
listen(socket.AF_INET, '0.0.0.0', 7002)
listen(socket.AF_INET6, '::', 7003, 1)
print('ready', flush=True)
# Whom nobody accepts stays in the queue, and a full queue drops what comes.
while True:
    ready, _, _ = select.select(held + [sys.stdin], [], [])
    if sys.stdin in ready: break
    for s in ready: s.accept()[0].close()
";

/// Opens connections side by side and says what came of each: `open`, an error number, or `silent`.
const DIAL: &str = r"
import errno, select, socket, sys, time
wait, first = float(sys.argv[1]), int(sys.argv[2])
poll, pending, found = select.poll(), {}, []
for at, target in enumerate(sys.argv[3:]):
    address, port = target.rsplit(' ', 1)
    s = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET)
    s.setblocking(False)
    s.bind(('', first + at))
    code = s.connect_ex((address, int(port)))
    found.append('silent')
    if code == errno.EINPROGRESS:
        pending[s.fileno()] = (at, s)
        poll.register(s, select.POLLOUT)
    else:
        found[at] = str(code) if code else 'open'
end = time.monotonic() + wait
while pending:
    left = end - time.monotonic()
    if left <= 0: break
    for fd, _ in poll.poll(left * 1000):
        at, s = pending.pop(fd)
        poll.unregister(s)
        code = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        found[at] = str(code) if code else 'open'
        s.close()
print(' '.join(found))
";

/// Which end of the cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Nginx,
    Upstream,
}

/// What loads a ruleset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loader {
    Nft,
    Iptables,
    Ip6tables,
    Legacy,
}

/// The namespaces, which go away with it.
pub(crate) struct Lab {
    name: String,
    listener: Option<Child>,
    /// The port that the next connection is opened from. None is used twice: what connection tracking remembers of an
    /// earlier one would let the next one in.
    next_port: AtomicU16,
}

impl Lab {
    /// Makes the namespaces. Without root or the tools there are none on a developer's machine; where tests have to be
    /// complete that is a failure.
    pub(crate) fn make(what: &str) -> Option<Self> {
        if let Some(lacking) = lacking() {
            let told = format!("rulesets are not compared with the kernel: {lacking} (tests/run installs what it can)");
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{told}");
            writeln!(std::io::stderr(), "{told}").unwrap();
            return None;
        }
        let mut lab = Self {
            name: format!("reachlint-{}-{what}", std::process::id()),
            listener: None,
            next_port: AtomicU16::new(FIRST),
        };
        for end in [End::Nginx, End::Upstream] {
            plain(&["ip", "netns", "add", &lab.namespace(end)]);
        }
        // One message makes both ends where they belong, so that no name can clash.
        let (nginx, upstream) = (lab.namespace(End::Nginx), lab.namespace(End::Upstream));
        lab.run(End::Nginx, &format!("ip link add eth0 type veth peer name eth0 netns {upstream}"));
        drop(nginx);
        for (end, addresses) in [(End::Nginx, NGINX), (End::Upstream, UPSTREAM)] {
            lab.run(end, "sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.eth0.accept_dad=0");
            lab.run(end, "ip link set lo up && ip link set eth0 up");
            let [v4, v6] = addresses;
            lab.run(end, &format!("ip addr add {v4}/24 dev eth0 && ip addr add {v6}/64 dev eth0 nodad"));
            // An error that is not sent because there were many looks like a drop.
            lab.run(end, "sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0 net.ipv4.tcp_syncookies=2");
        }
        let ports = OPEN.map(|port| port.to_string()).join(",");
        let mut listener = Command::new("ip")
            .args(["netns", "exec", &upstream, "python3", "-c", LISTEN, &ports])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(listener.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        assert_eq!(ready, "ready\n");
        lab.listener = Some(listener);
        Some(lab)
    }

    fn namespace(&self, end: End) -> String {
        format!("{}-{end:?}", self.name).to_lowercase()
    }

    /// Every connection that is tried.
    pub(crate) fn targets() -> Vec<(IpAddr, u16)> {
        let ports = OPEN.into_iter().chain(SPECIAL);
        ports.flat_map(|port| UPSTREAM.map(|address| (address, port))).collect()
    }

    /// Runs a line of shell at one end.
    pub(crate) fn run(&self, end: End, command: &str) -> String {
        self.try_run(end, command).unwrap_or_else(|said| panic!("`{command}`: {said}"))
    }

    pub(crate) fn try_run(&self, end: End, command: &str) -> Result<String, String> {
        let output = Command::new("ip").args(["netns", "exec", &self.namespace(end), "sh", "-c", command]).output();
        said(&output.unwrap())
    }

    /// Takes every rule away at both ends and loads others at one.
    pub(crate) fn load(&self, end: End, loader: Loader, text: &str) {
        for end in [End::Nginx, End::Upstream] {
            self.run(end, "nft flush ruleset");
            for table in ["filter", "raw", "mangle", "nat"] {
                // What is not there is empty already.
                let clear = "-F && iptables-legacy -t TABLE -X && iptables-legacy -t TABLE -P INPUT ACCEPT";
                let _ = self.try_run(
                    end,
                    &format!(
                        "grep -qx {table} /proc/net/ip_tables_names && iptables-legacy -t {table} {}",
                        clear.replace("TABLE", table)
                    ),
                );
            }
        }
        let command = match loader {
            Loader::Nft => "nft -f -",
            Loader::Iptables => "iptables-restore",
            Loader::Ip6tables => "ip6tables-restore",
            Loader::Legacy => "iptables-legacy-restore",
        };
        let mut child = Command::new("ip")
            .args(["netns", "exec", &self.namespace(end), "sh", "-c", command])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        said(&child.wait_with_output().unwrap()).unwrap_or_else(|said| panic!("`{command}`: {said}\n{text}"));
    }

    /// What the script that users run prints at one end.
    pub(crate) fn evidence(&self, end: End) -> String {
        self.run(end, SCRIPT)
    }

    /// Opens connections and says what came of each. What is silent for a moment is asked once more with patience, unless
    /// that is what is expected: a slow machine is no drop.
    pub(crate) fn dial(&self, targets: &[(IpAddr, u16)]) -> Vec<String> {
        self.dial_for("0.7", targets)
    }

    pub(crate) fn dial_for(&self, wait: &str, targets: &[(IpAddr, u16)]) -> Vec<String> {
        let first = self.next_port.fetch_add(u16::try_from(targets.len()).unwrap(), Ordering::Relaxed);
        assert!((FIRST..60_000).contains(&first), "too many connections for one lab");
        let targets = targets.iter().map(|(address, port)| format!("{address} {port}"));
        let output = Command::new("ip")
            .args(["netns", "exec", &self.namespace(End::Nginx), "python3", "-c", DIAL, wait, &first.to_string()])
            .args(targets)
            .output()
            .unwrap();
        let found = said(&output).unwrap();
        found.split_whitespace().map(str::to_owned).collect()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Some(listener) = &mut self.listener {
            drop(listener.stdin.take());
            let _ = listener.wait();
        }
        for end in [End::Nginx, End::Upstream] {
            let _ = Command::new("ip").args(["netns", "del", &self.namespace(end)]).output();
        }
    }
}

fn said(output: &Output) -> Result<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr) + &text(&output.stdout)) }
}

fn plain(command: &[&str]) {
    let output = Command::new(command[0]).args(&command[1..]).output().unwrap();
    said(&output).unwrap_or_else(|said| panic!("{command:?}: {said}"));
}

/// What the tests cannot do without, if it is not there.
fn lacking() -> Option<String> {
    let tools = ["ip", "nft", "iptables", "iptables-legacy-restore", "ss", "python3"];
    for tool in tools {
        let found = Command::new("sh").args(["-c", &format!("command -v {tool}")]).output().unwrap();
        if !found.status.success() {
            return Some(format!("`{tool}` is not installed; install nftables, iptables and iproute2"));
        }
    }
    let user = Command::new("id").arg("-u").output().unwrap();
    (user.stdout.trim_ascii() != b"0").then(|| "namespaces need root".to_owned())
}
