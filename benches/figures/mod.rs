//! Measuring and printing.

use std::ffi::OsStr;
use std::hint::black_box;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};
use reachlint::evaluate::{Evaluator, Query};
use reachlint::evidence::load;
use reachlint_model::{InterfaceId, PortRange, Protocol, Verdict};

use crate::estate::{self, Expected, LARGE, MEDIUM, SMALL, Size, Upstream};

/// The first argument of this program when it only runs and measures another one.
const MEASURE: &str = "--measure";

/// What one run of a process took.
#[derive(Clone, Copy, Debug)]
struct Cost {
    user: f64,
    system: f64,
    wall: f64,
    /// Most memory it held, in MiB.
    peak: f64,
}

pub(crate) fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some((MEASURE, command)) = arguments.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return measured(command);
    }
    // `cargo bench` adds an argument of its own.
    let chosen: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |part: &str| chosen.is_empty() || chosen.iter().any(|chosen| *chosen == part);
    let mut out = io::stdout();
    let folder = tempfile::tempdir()?;
    writeln!(out, "| estate | program | user CPU s | user + system CPU s | wall s | peak MiB |")?;
    writeln!(out, "| --- | --- | --- | --- | --- | --- |")?;
    if wanted("example") {
        example(&mut out)?;
    }
    for (size, runs) in [(&SMALL, 21), (&MEDIUM, 11), (&LARGE, 5)] {
        if wanted(size.name) {
            whole_audits(&mut out, size, runs, &folder.path().join(size.name))?;
        }
    }
    if wanted("checks") {
        single_checks(&mut out, &folder.path().join("checks"))?;
    }
    Ok(())
}

/// Runs a command and prints what it printed last and what it cost. A process of its own for each run, since the most
/// memory that any child ever held is all that the system tells.
fn measured(command: &[String]) -> io::Result<()> {
    let (program, arguments) = command.split_first().ok_or_else(|| io::Error::other("nothing to measure"))?;
    let start = Instant::now();
    let output = Command::new(program).args(arguments).stderr(Stdio::inherit()).output()?;
    let wall = start.elapsed().as_secs_f64();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let (user, system) = (seconds(usage.user_time()), seconds(usage.system_time()));
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default();
    let code = output.status.code().unwrap_or(-1);
    writeln!(io::stdout(), "{user} {system} {wall} {} {code}\n{last}", usage.max_rss())
}

fn seconds(time: TimeVal) -> f64 {
    Duration::from_micros(u64::try_from(time.num_microseconds()).unwrap_or_default()).as_secs_f64()
}

/// The cost of a command, its exit code and the last line that it printed.
fn run(command: &[&OsStr]) -> io::Result<(Cost, i32, String)> {
    let output = Command::new(std::env::current_exe()?).arg(MEASURE).args(command).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let (figures, last) = text.split_once('\n').unwrap_or((&text, ""));
    let figures: Vec<f64> = figures.split(' ').filter_map(|figure| figure.parse().ok()).collect();
    let [user, system, wall, peak, code] = figures[..] else {
        return Err(io::Error::other(format!("{command:?}: {text}{}", String::from_utf8_lossy(&output.stderr))));
    };
    // Linux counts in KiB, macOS in bytes.
    let unit = if cfg!(target_os = "macos") { 1024.0 * 1024.0 } else { 1024.0 };
    #[expect(clippy::cast_possible_truncation, reason = "an exit code")]
    Ok((Cost { user, system, wall, peak: peak / unit }, code as i32, last.trim().to_owned()))
}

fn median(mut costs: Vec<Cost>) -> Option<Cost> {
    costs.sort_by(|a, b| a.user.total_cmp(&b.user));
    costs.get(costs.len() / 2).copied()
}

fn row(out: &mut dyn Write, estate: &str, program: &str, costs: Vec<Cost>) -> io::Result<Option<Cost>> {
    let median = median(costs);
    if let Some(Cost { user, system, wall, peak }) = median {
        writeln!(out, "| {estate} | {program} | {user:.3} | {:.3} | {wall:.3} | {peak:.0} |", user + system)?;
    }
    Ok(median)
}

fn reachlint() -> &'static OsStr {
    OsStr::new(env!("CARGO_BIN_EXE_reachlint"))
}

fn example(out: &mut dyn Write) -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/aws-shop");
    let (conf, snapshot) = (root.join("nginx.conf"), root.join("aws"));
    let command = ["check".as_ref(), conf.as_os_str(), "--snapshot".as_ref(), snapshot.as_os_str()];
    let mut costs = Vec::new();
    for _ in 0..21 {
        let command = [&[reachlint()], &command[..], &["--from".as_ref(), "tag:Role=edge".as_ref()]].concat();
        costs.push(run(&command)?.0);
    }
    row(out, "examples/aws-shop", "reachlint", costs).map(drop)
}

fn whole_audits(out: &mut dyn Write, size: &Size, runs: usize, folder: &Path) -> io::Result<()> {
    let expected = estate::make(size, 1, folder)?;
    let (conf, report) = (folder.join("nginx.conf"), folder.with_extension("report"));
    let format = format!("json={}", report.display());
    let audit = [
        reachlint(),
        "check".as_ref(),
        conf.as_os_str(),
        "--snapshot".as_ref(),
        folder.as_os_str(),
        "--from".as_ref(),
        expected.from.as_ref(),
        "--report".as_ref(),
        format.as_ref(),
    ];
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/naive.py");
    let naive = ["python3".as_ref(), script.as_os_str(), folder.as_os_str(), expected.from.as_ref()];
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // In turn, so that whatever else the machine does falls on both.
    for _ in 0..runs {
        let (cost, code, _) = run(&audit)?;
        ours.push(cost);
        let (cost, _, answer) = run(&naive)?;
        theirs.push(cost);
        same(&expected, &report, code, &answer)?;
    }
    let ours = row(out, size.name, "reachlint", ours)?;
    let theirs = row(out, size.name, "naive.py", theirs)?;
    if let Some((ours, theirs)) = ours.zip(theirs) {
        writeln!(out, "| {} | reachlint ÷ naive.py | {:.3} | | | |", size.name, ours.user / theirs.user)?;
    }
    Ok(())
}

/// Figures of wrong answers are worth nothing.
fn same(expected: &Expected, report: &PathBuf, code: i32, naive: &str) -> io::Result<()> {
    let allowed = expected.upstreams.iter().filter(|upstream| upstream.allowed()).count();
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(report)?)?;
    let verdict = |flow: &serde_json::Value| {
        let to = flow.get("to")?;
        let address: IpAddr = to.get("address")?.as_str()?.parse().ok()?;
        Some((address, to.get("port")?.as_u64()?, flow.get("verdict")?.as_str()?.to_owned()))
    };
    let flows = report.get("flows").and_then(serde_json::Value::as_array);
    let mut seen: Vec<_> = flows.into_iter().flatten().filter_map(verdict).collect();
    let word = |upstream: &Upstream| if upstream.allowed() { "allowed" } else { "blocked" };
    let upstreams = expected.upstreams.iter();
    let mut wanted: Vec<_> = upstreams
        .map(|upstream| (IpAddr::V4(upstream.address), u64::from(upstream.port), word(upstream).to_owned()))
        .collect();
    seen.sort();
    wanted.sort();
    if code != 1 || seen != wanted {
        return Err(io::Error::other(format!("reachlint ended with {code} and gives other verdicts than expected")));
    }
    if naive != format!("{allowed} {}", expected.open.len()) {
        return Err(io::Error::other(format!("naive.py says `{naive}`, and {allowed} upstreams are allowed")));
    }
    Ok(())
}

/// Bare verdicts on the large estate, on one thread.
fn single_checks(out: &mut dyn Write, folder: &Path) -> io::Result<()> {
    const CHECKS: usize = 400_000;
    estate::make(&LARGE, 1, folder)?;
    let snapshot = load(&[folder.to_owned()], None).map_err(io::Error::other)?;
    let providers = snapshot.providers();
    let [aws] = providers.as_slice() else { return Err(io::Error::other("the estate is not of one cloud")) };
    let network = aws.network();
    let mut by_vpc = std::collections::HashMap::<_, Vec<(InterfaceId, IpAddr)>>::new();
    for (id, interface) in network.interfaces() {
        let address = network.addresses(interface).first();
        by_vpc.entry(interface.network).or_default().extend(address.map(|address| (id, address.private)));
    }
    let mut vpcs: Vec<_> = by_vpc.into_values().collect();
    vpcs.sort();
    let nginx = vpcs.first().and_then(|vpc| vpc.first()).copied();
    let mut number = 1_usize;
    let mut random = |bound: usize| {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (number >> 33) % bound.max(1)
    };
    let mut query = |one_source: bool| {
        let at = if one_source { 0 } else { random(vpcs.len()) };
        let vpc = vpcs.get(at)?;
        let (from, source) = if one_source { nginx? } else { *vpc.get(random(vpc.len()))? };
        let (_, to) = *vpc.get(random(vpc.len()))?;
        let port = u16::try_from(random(32_768)).ok()?;
        Some(Query { provider: 0, from, source, to, port, protocol: Protocol::TCP })
    };
    let mut evaluator = Evaluator::new(&providers, PortRange::LINUX_EPHEMERAL);
    writeln!(
        out,
        "\n| single checks on the large estate, one thread | per second of CPU | allowed |\n| --- | --- | --- |"
    )?;
    for (name, one_source) in
        [("from one machine to any of its VPC", true), ("between any two machines of a VPC", false)]
    {
        let queries: Vec<Query> = (0..CHECKS).filter_map(|_| query(one_source)).collect();
        let before = getrusage(UsageWho::RUSAGE_SELF)?.user_time();
        let verdicts = queries.iter().map(|query| evaluator.verdict(black_box(query)));
        let allowed = verdicts.filter(|verdict| *verdict == Verdict::Allowed).count();
        let seconds = seconds(getrusage(UsageWho::RUSAGE_SELF)?.user_time() - before);
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
        let (total, share) = (queries.len() as f64, 100.0 * allowed as f64 / queries.len().max(1) as f64);
        writeln!(out, "| {name} | {:.2} million | {share:.0} % |", total / seconds / 1e6)?;
    }
    Ok(())
}
