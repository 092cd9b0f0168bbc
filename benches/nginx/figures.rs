//! Measures, each time in a process of its own, and prints a table.

#![expect(clippy::print_stdout, reason = "printing figures is what this program is for")]

use std::env;
use std::fs;
use std::io::{self, Error, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use reachlint::nginx::{Config, MemoryFiles, Options, scan};

use crate::configuration;

/// How often each measurement is repeated; the median counts.
const ROUNDS: usize = 5;

/// What other tools get to read: their time grows with the square of the number of groups.
const FOR_OTHERS: [&str; 2] = ["10 MB", "one upstream of 100,000 servers"];

/// What one process has used.
#[derive(Debug, Clone, Copy)]
struct Cost {
    seconds: f64,
    /// Bytes at the peak.
    memory: f64,
}

pub(crate) fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().collect();
    if let [_, task, file] = arguments.as_slice()
        && let Some(task) = task.strip_prefix("task=")
    {
        return measure(task, Path::new(file));
    }
    let only = arguments.iter().skip(1).find(|argument| !argument.starts_with("--"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-nginx");
    fs::create_dir_all(folder.join("logs"))?;
    println!("| configuration | what | CPU s | MB/s | peak memory / input | times reachlint |");
    println!("| --- | --- | ---: | ---: | ---: | ---: |");
    for name in configuration::NAMES {
        if only.is_some_and(|only| !name.contains(only.as_str())) {
            continue;
        }
        let file = folder.join(format!("{}.conf", name.replace([' ', ','], "-")));
        fs::write(&file, configuration::text(name))?;
        #[expect(clippy::cast_precision_loss, reason = "sizes of files are far below 2^52")]
        let size = fs::metadata(&file)?.len() as f64;
        let row = |what: &str, cost: Cost, base: Option<Cost>| {
            let ratio = base.map_or_else(String::new, |base| format!("{:.1}", cost.seconds / base.seconds));
            println!(
                "| {name} ({:.1} MB) | {what} | {:.3} | {:.1} | {:.1} | {ratio} |",
                size / 1e6,
                cost.seconds,
                size / 1e6 / cost.seconds,
                cost.memory / size,
            );
        };
        row("lexer alone", own("lexer", &file)?, None);
        row("tree", own("tree", &file)?, None);
        let whole = own("endpoints", &file)?;
        row("tree and endpoints", whole, Some(whole));
        if !FOR_OTHERS.contains(&name) {
            continue;
        }
        for (what, command) in others(&folder, &file) {
            match other(command) {
                Ok(cost) => row(&what, cost, Some(whole)),
                Err(error) => println!("| {name} | {what} | {error} | | | |"),
            }
        }
    }
    Ok(())
}

/// Runs a task of this very program and reads what it printed.
fn own(task: &str, file: &Path) -> io::Result<Cost> {
    let mut costs = Vec::new();
    for _ in 0..ROUNDS {
        let output = Command::new(env::current_exe()?).arg(format!("task={task}")).arg(file).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let mut figures = text.split_whitespace().map(str::parse::<f64>);
        let (Some(Ok(seconds)), Some(Ok(memory))) = (figures.next(), figures.next()) else {
            return Err(Error::other(format!("{task}: {}", String::from_utf8_lossy(&output.stderr))));
        };
        costs.push(Cost { seconds, memory });
    }
    Ok(median(costs))
}

fn median(mut costs: Vec<Cost>) -> Cost {
    costs.sort_by(|one, other| one.seconds.total_cmp(&other.seconds));
    costs.get(costs.len() / 2).copied().unwrap_or(Cost { seconds: f64::NAN, memory: f64::NAN })
}

/// Does one task and prints the processor time in seconds and the peak of memory in bytes.
fn measure(task: &str, file: &Path) -> io::Result<()> {
    let bytes = fs::read(file)?;
    let before = processor_time()?;
    let result;
    let after;
    if task == "lexer" {
        result = format!("{:?}", scan(&bytes));
        after = processor_time()?;
    } else {
        let files = OneFile(std::cell::Cell::new(bytes));
        let config = Config::read(Path::new("/nginx.conf"), &files, &Options::default()).map_err(Error::other)?;
        if task == "tree" {
            after = processor_time()?;
            result = format!("{} files", config.files().len());
        } else {
            let found = config.endpoints().map_err(Error::other)?;
            after = processor_time()?;
            result = format!("{} endpoints", found.endpoints.len());
        }
    }
    let status = fs::read_to_string("/proc/self/status")?;
    println!("{} {}", after.saturating_sub(before).as_secs_f64(), peak(&status).unwrap_or(f64::NAN));
    writeln!(io::stderr(), "{result}")
}

/// Hands over the one file without a copy.
struct OneFile(std::cell::Cell<Vec<u8>>);

impl reachlint::nginx::Files for OneFile {
    fn read(&self, _: &Path) -> io::Result<Vec<u8>> {
        Ok(self.0.take())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<std::ffi::OsString>> {
        MemoryFiles::new().list(dir)
    }
}

/// What the scheduler has counted for this thread, which is the only one.
fn processor_time() -> io::Result<Duration> {
    // It counts when it takes the thread off the processor.
    std::thread::sleep(Duration::from_millis(1));
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = text.split_whitespace().next().and_then(|figure| figure.parse().ok());
    nanoseconds.map(Duration::from_nanos).ok_or_else(|| Error::other("no schedstat"))
}

/// The `VmHWM` of a process status, in bytes.
fn peak(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()? * 1024.0)
}

/// Other readers of the same file, where they are installed.
fn others(folder: &Path, file: &Path) -> Vec<(String, Command)> {
    let mut others = Vec::new();
    if let Some(nginx) = program("REACHLINT_TEST_NGINX", "nginx") {
        let mut command = Command::new(nginx);
        command.arg("-t").arg("-q").arg("-p").arg(folder).arg("-c").arg(file);
        others.push(("nginx -t".to_owned(), command));
    }
    if let Some(crossplane) = program("REACHLINT_BENCH_CROSSPLANE", "crossplane") {
        let mut command = Command::new(crossplane);
        // It always prints its words, so here to nowhere; the tree is asked for without any printing.
        command.args(["lex", "--out", "/dev/null"]).arg(file);
        others.push(("crossplane lex".to_owned(), command));
        let python = program("REACHLINT_BENCH_CROSSPLANE", "crossplane").map(|path| path.with_file_name("python3"));
        if let Some(python) = python.filter(|python| python.is_file()) {
            let mut command = Command::new(python);
            let script = "import crossplane, sys\n\
                if crossplane.parse(sys.argv[1], single=True)['status'] != 'ok': sys.exit(1)";
            command.args(["-c", script]).arg(file);
            others.push(("crossplane parse".to_owned(), command));
        }
    }
    others
}

/// The program that a variable names, or that of the path.
fn program(variable: &str, name: &str) -> Option<PathBuf> {
    if let Some(named) = env::var_os(variable) {
        return Some(named.into());
    }
    let path = env::var_os("PATH")?;
    env::split_paths(&path).chain(["/usr/sbin".into()]).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// Runs another tool once, and follows its memory while it runs.
fn other(mut command: Command) -> io::Result<Cost> {
    let before = children_time()?;
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let mut memory: f64 = 0.0;
    let status = loop {
        if let Ok(status) = fs::read_to_string(format!("/proc/{}/status", child.id())) {
            memory = memory.max(peak(&status).unwrap_or_default());
        }
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    if !status.success() {
        return Err(Error::other(format!("failed: {status}")));
    }
    Ok(Cost { seconds: children_time()? - before, memory })
}

/// Processor time of the children that have ended, in seconds, to the hundredth.
fn children_time() -> io::Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    // Fields 16 and 17 of proc(5), in clock ticks, of which Linux shows 100 in a second.
    let ticks = after_name.split_whitespace().skip(13).take(2).filter_map(|figure| figure.parse::<f64>().ok());
    Ok(ticks.sum::<f64>() / 100.0)
}
