//! A real nginx runs the cases on loopback and answers requests; what it dials is what reachlint says it dials.
//!
//! Nothing listens where it dials, so that it goes on from server to server; `strace` sees every connect.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use reachlint::nginx::{Config, Endpoint, MemoryFiles, Options, Protocol, Purpose, State, Target};
use serde::Deserialize;

use crate::case::{Case, cases};
use crate::generate::Texts;
use crate::real::{NAMES, Nginx, note};

/// What the data file says about a case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plan {
    /// What to send, besides requests for the locations.
    #[serde(default)]
    requests: Vec<String>,
    /// Endpoints that these requests do not reach.
    #[serde(default)]
    never: Vec<String>,
    /// The case cannot be run.
    #[serde(default)]
    not_run: bool,
    reason: Option<String>,
}

#[test]
fn nginx_dials_what_reachlint_says() {
    let nginx = Nginx::needed();
    for tool in ["strace", "setpriv"] {
        let found = Command::new(tool).arg("--version").output().is_ok();
        assert!(found, "install strace and util-linux: there is no `{tool}`");
    }
    let mut plans: BTreeMap<String, Plan> =
        toml::from_str(include_str!("dialled.toml")).unwrap_or_else(|error| panic!("dialled.toml: {error}"));
    let folder = tempfile::tempdir().unwrap();
    let ports = ports();
    answer_names(ports + 9);
    let (mut run, mut addresses, mut wrong) = (0, 0, Vec::new());
    for (name, case) in cases() {
        let plan = plans.remove(&case.id);
        if let Some(plan) = &plan {
            let excuse = plan.not_run || !plan.never.is_empty();
            assert_eq!(excuse, plan.reason.is_some(), "{name}: an excuse has a reason");
        }
        let newer = case.since.as_ref().is_some_and(|since| !nginx.is_at_least(since));
        let refused = case.refused.is_some() || case.nginx_refuses.is_some() || case.lenient;
        if refused || newer || case.not_run.is_some() || plan.as_ref().is_some_and(|plan| plan.not_run) {
            continue;
        }
        let texts = on_loopback(&case, ports);
        let config = read(&texts);
        let endpoints = config.endpoints().unwrap().endpoints;
        if let Some(outside) = endpoints.iter().find(|endpoint| !is_local(endpoint)) {
            wrong.push(format!("{name}: not on loopback, so it must not be run: {outside:?}"));
            continue;
        }
        let modules: Vec<&str> = ["stream"].into_iter().chain(case.modules.iter().map(String::as_str)).collect();
        let loading = nginx.loading_needed(&modules);
        let dialled = dialled(&nginx, &folder.path().join(&case.id), &loading, &texts, &config, plan.as_ref());
        run += 1;
        addresses += dialled.len();
        wrong.extend(complaints(&endpoints, &dialled, plan.as_ref()).into_iter().map(|what| format!("{name}: {what}")));
    }
    note(&format!("{run} cases run, {addresses} addresses dialled"));
    assert!(
        plans.is_empty() || !wrong.is_empty() || plans.values().all(|plan| plan.not_run),
        "no such cases: {plans:?}"
    );
    assert!(wrong.is_empty(), "{} differences in {run} cases:\n{}", wrong.len(), wrong.join("\n"));
    assert!(run >= 90, "only {run} cases could be run");
}

/// Ten free ports in a row, the first a multiple of ten: the listeners of the cases are at 18080 and after. Generated
/// configurations have their listeners below, and systems their passing ports above.
fn ports() -> u16 {
    let free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok() && UdpSocket::bind(("127.0.0.1", port)).is_ok();
    // Two runs at a time begin at different ports.
    let first = u16::try_from(std::process::id() % 600).unwrap();
    let tens = (0..600).map(|at| 2_600 + (first + at) % 600);
    tens.map(|ten| ten * 10).find(|base| (*base..base + 10).all(free)).unwrap()
}

/// A name server for the names of the cases: each has the address 127.0.3.1.
fn answer_names(port: u16) {
    let socket = UdpSocket::bind(("127.0.0.53", port)).unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut buffer) {
            let question = &buffer[..length];
            // The type stands in front of the class, the last two bytes.
            let wants_address = question[length - 4..length - 2] == [0, 1];
            let mut answer = question.to_vec();
            answer[2..4].copy_from_slice(&[0x81, 0x80]);
            answer[7] = u8::from(wants_address);
            if wants_address {
                answer.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 3, 1]);
            }
            let _ = socket.send_to(&answer, client);
        }
    });
}

/// The files of a case with names that need no DNS, and ports that are free.
fn on_loopback(case: &Case, ports: u16) -> Texts {
    let mut texts: Texts = case.files.clone();
    texts.insert("nginx.conf".to_owned(), case.nginx.clone());
    for text in texts.values_mut() {
        *text = NAMES.iter().fold(text.clone(), |text, (name, address)| text.replace(name, address));
        *text = text.replace("1808", &(ports / 10).to_string()).replace("18025", &(ports + 8).to_string());
        *text = text.replace("127.0.0.53:5353", &format!("127.0.0.53:{}", ports + 9));
    }
    texts
}

fn read(texts: &Texts) -> Config {
    let mut files = MemoryFiles::new();
    for (path, text) in texts {
        files.insert(path, text.as_bytes());
    }
    Config::read(Path::new("nginx.conf"), &files, &Options::default()).unwrap()
}

/// Whether an endpoint stays on this machine whatever the requests of this test say.
fn is_local(endpoint: &Endpoint) -> bool {
    match &endpoint.target {
        Target::Address { address, .. } => address.to_canonical().is_loopback() || address.is_unspecified(),
        // Asked of the name server above.
        Target::Name { host, .. } => endpoint.run_time || host == "localhost",
        Target::Unix(_) => true,
        Target::Dynamic(open) => open.host.as_ref().is_none_or(|host| host.starts_with("127.")),
    }
}

/// Starts nginx, sends the requests, and gives what it dialled, as `tcp 127.0.0.2:81`.
fn dialled(
    nginx: &Nginx,
    folder: &Path,
    loading: &str,
    texts: &Texts,
    config: &Config,
    plan: Option<&Plan>,
) -> BTreeSet<String> {
    for (path, text) in texts {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let trace = folder.join("trace");
    let running = Running::start(nginx, folder, loading, &trace);
    let mut context = String::new();
    let mut listeners = BTreeSet::new();
    let mut paths: BTreeSet<String> = ["/".to_owned()].into();
    for line in config.outline() {
        let words: Vec<_> = line.words.iter().map(|word| String::from_utf8_lossy(word)).collect();
        if line.depth == 0 {
            context = words[0].to_string();
        } else if words[0] == "listen" {
            let udp = words.iter().any(|word| word == "udp");
            // UDP first: a server that refuses over TCP is left out for a while.
            listeners.insert((!udp, context.clone(), words[1].trim_start_matches("127.0.0.1:").to_owned()));
        } else if words[0] == "location" && words.last().unwrap().starts_with('/') {
            paths.insert(words.last().unwrap().to_string());
        }
    }
    let mut requests: Vec<Vec<u8>> = paths.iter().map(|path| http("GET", path, "127.0.0.7")).collect();
    for request in plan.iter().flat_map(|plan| &plan.requests) {
        requests.push(match *request.split(' ').collect::<Vec<_>>() {
            ["TLS", name] => client_hello(name),
            [method, path, host] => http(method, path, host),
            _ => panic!("dialled.toml: `{request}`"),
        });
    }
    for (tcp, context, listener) in listeners {
        let mut ends = listener.split('-').map(|port| port.parse::<u16>().unwrap());
        let first = ends.next().unwrap();
        for port in first..=ends.next().unwrap_or(first) {
            match context.as_str() {
                // A server group takes turns: one datagram for each server.
                _ if !tcp => (0..3).for_each(|_| datagram(port)),
                "mail" => send(port, b"a LOGIN user password\r\n"),
                _ => requests.iter().for_each(|request| send(port, request)),
            }
        }
    }
    running.stop(&trace)
}

fn http(method: &str, path: &str, host: &str) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").into_bytes()
}

/// The first message of a TLS client that asks for a name (RFC 8446, section 4.1.2; RFC 6066, section 3).
fn client_hello(name: &str) -> Vec<u8> {
    let sized = |bytes: usize, content: &[u8]| {
        let length = u32::try_from(content.len()).unwrap().to_be_bytes();
        [&length[4 - bytes..], content].concat()
    };
    let names = sized(2, &[&[0], sized(2, name.as_bytes()).as_slice()].concat());
    let extensions = sized(2, &[&[0, 0], sized(2, &names).as_slice()].concat());
    let (version, random, no_session) = ([3, 3].as_slice(), [7; 32].as_slice(), [0].as_slice());
    let (ciphers, no_compression) = ([0, 2, 0x13, 0x01].as_slice(), [1, 0].as_slice());
    let hello = [version, random, no_session, ciphers, no_compression, &extensions].concat();
    let handshake = [[1].as_slice(), &sized(3, &hello)].concat();
    [[22, 3, 1].as_slice(), &sized(2, &handshake)].concat()
}

fn send(port: u16, message: &[u8]) {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    // nginx is a moment old.
    let connect = |_| {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(2));
        stream.inspect_err(|_| thread::sleep(Duration::from_millis(20))).ok()
    };
    let Some(mut stream) = (0..250).find_map(connect) else { panic!("nginx does not listen at {address}") };
    stream.set_read_timeout(Some(Duration::from_millis(700))).unwrap();
    stream.write_all(message).unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
}

fn datagram(port: u16) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    socket.send_to(b"hello", ("127.0.0.1", port)).unwrap();
    let _ = socket.recv(&mut [0; 16]);
}

struct Running {
    child: Child,
    said: PathBuf,
}

impl Running {
    /// nginx itself is the child, strace its watcher, and both end with the test.
    fn start(nginx: &Nginx, folder: &Path, loading: &str, trace: &Path) -> Self {
        let said = folder.join("said");
        let errors = fs::File::create(&said).unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "strace", "-D", "-f", "-yy", "-e", "trace=connect,epoll_create"]);
        command.arg("-o").arg(trace).arg(nginx.program()).arg("-p").arg(folder);
        command.args(["-c", "nginx.conf", "-e", "stderr", "-g"]);
        command.arg(format!("daemon off; master_process off; pid nginx.pid; {loading}"));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).stderr(errors);
        let child = command.stdin(Stdio::null()).spawn().unwrap();
        let mut running = Self { child, said };
        // The second event queue is the one that it works with.
        let ready = |_| {
            let text = fs::read_to_string(trace).unwrap_or_default();
            thread::sleep(Duration::from_millis(10));
            (text.matches("epoll_create").count() >= 2).then_some(())
        };
        if (0..500).find_map(ready).is_none() {
            let _ = running.child.kill();
            panic!("nginx did not start: {}", fs::read_to_string(&running.said).unwrap_or_default());
        }
        // Its listeners are open before that queue.
        running.child.try_wait().unwrap();
        running
    }

    /// Ends it and reads what strace has seen since it was ready.
    fn stop(mut self, trace: &Path) -> BTreeSet<String> {
        // A request is logged after its answer.
        thread::sleep(Duration::from_millis(30));
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let text = || fs::read_to_string(trace).unwrap();
        let whole = |_| {
            let text = text();
            thread::sleep(Duration::from_millis(10));
            text.contains("+++").then_some(text)
        };
        let text = (0..200).find_map(whole).unwrap_or_else(|| panic!("strace did not come to its end"));
        let from = text.rfind("epoll_create").unwrap_or_default();
        text[from..].lines().filter_map(connect).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A line as `connect(8<TCP:[1]>, {sa_family=AF_INET, sin_port=htons(81), sin_addr=inet_addr("127.0.0.2")}, 16) = -1`.
fn connect(line: &str) -> Option<String> {
    let (_, call) = line.split_once("connect(")?;
    let between = |from: &str, to: char| Some(call.split_once(from)?.1.split_once(to)?.0);
    if call.contains("AF_UNIX") {
        return Some(format!("unix:{}", between("sun_path=\"", '"')?));
    }
    let protocol = if call.contains("<UDP") { "udp" } else { "tcp" };
    let port: u16 = between("htons(", ')')?.parse().unwrap();
    let address = between("inet_addr(\"", '"').or_else(|| between("inet_pton(AF_INET6, \"", '"'))?;
    let address: IpAddr = address.parse().unwrap();
    Some(format!("{protocol} {}", SocketAddr::new(address, port)))
}

fn complaints(endpoints: &[Endpoint], dialled: &BTreeSet<String>, plan: Option<&Plan>) -> Vec<String> {
    let live = endpoints.iter().filter(|endpoint| matches!(endpoint.state, State::Active | State::Backup));
    let mut left = dialled.clone();
    let mut complaints = Vec::new();
    let mut never: BTreeSet<&str> = plan.iter().flat_map(|plan| &plan.never).map(String::as_str).collect();
    for endpoint in live {
        // Answers are never truncated here.
        if endpoint.purpose == Purpose::Dns && endpoint.protocol == Protocol::Tcp {
            continue;
        }
        for (shown, fits) in wanted(endpoint) {
            let found: Vec<&String> = dialled.iter().filter(|dialled| fits(dialled)).collect();
            for found in &found {
                left.remove(*found);
            }
            match (found.is_empty(), never.remove(shown.as_str())) {
                (true, false) => complaints.push(format!("not dialled: {shown}, but {dialled:?}")),
                (false, true) => complaints.push(format!("dialled after all: {shown}")),
                _ => {}
            }
        }
    }
    complaints.extend(left.into_iter().map(|left| format!("reachlint does not know of {left}")));
    complaints.extend(never.into_iter().map(|never| format!("no such endpoint: {never}")));
    complaints
}

type Fits = Box<dyn Fn(&str) -> bool>;

/// What an endpoint stands for, and how it is recognised.
fn wanted(endpoint: &Endpoint) -> Vec<(String, Fits)> {
    let protocol = if endpoint.protocol == Protocol::Udp { "udp" } else { "tcp" };
    let exactly = |shown: String| -> (String, Fits) {
        let wanted = shown.clone();
        (shown, Box::new(move |dialled: &str| dialled == wanted))
    };
    match &endpoint.target {
        Target::Address { address, port } => vec![exactly(format!("{protocol} {}", SocketAddr::new(*address, *port)))],
        Target::Unix(path) => vec![exactly(format!("unix:{path}"))],
        Target::Name { host, port } if host == "localhost" => {
            vec![exactly(format!("{protocol} 127.0.0.1:{port}")), exactly(format!("{protocol} [::1]:{port}"))]
        }
        Target::Name { port, .. } => vec![exactly(format!("{protocol} 127.0.3.1:{port}"))],
        Target::Dynamic(open) => {
            let start = open.host.as_ref().map_or_else(|| format!("{protocol} "), |host| format!("{protocol} {host}:"));
            let end = open.port.map_or_else(String::new, |port| format!(":{port}"));
            let shown = format!("{start}*{end}");
            vec![(shown, Box::new(move |dialled: &str| dialled.starts_with(&start) && dialled.ends_with(&end)))]
        }
    }
}
