//! What live collection of a large region costs: the release program as a process of its own against a server in this
//! one, which answers with pages that are made before the clock runs, each after as long as it is told to wait.
//!
//! `cargo bench --bench collect`; `docs/performance.md` has figures and says how to read them.

#[cfg(unix)]
mod region;
#[cfg(unix)]
mod server;

#[cfg(unix)]
fn main() -> std::io::Result<()> {
    figures::main()
}

#[cfg(not(unix))]
fn main() {}

#[cfg(unix)]
mod figures {
    use std::io::{self, Write};
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeValLike;

    use crate::region::{GROUPS, INTERFACES, pages};
    use crate::server::Server;

    /// How long the server waits before each page: not at all, and as long as EC2 takes for a full one at its best.
    const WAITS: [Duration; 2] = [Duration::ZERO, Duration::from_millis(200)];

    pub(crate) fn main() -> io::Result<()> {
        let mut out = io::stdout();
        let server = Server::start(pages())?;
        writeln!(
            out,
            "{INTERFACES} interfaces, {GROUPS} groups; {} pages, {} MB of XML\n\n\
             | wait for each page | longest listing alone, s | wall s | user + system CPU s | peak MiB |\n\
             | --- | --- | --- | --- | --- |",
            server.pages(),
            server.bytes() / 1_000_000
        )?;
        for wait in WAITS {
            server.wait(wait);
            let folder = tempfile::tempdir()?;
            let before = cpu()?;
            let start = Instant::now();
            collect(&server, folder.path())?;
            let wall = start.elapsed().as_secs_f64();
            let cpu = cpu()? - before;
            // The most memory that any child ever held: that of these runs, as there are no others.
            let peak = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss();
            let unit = if cfg!(target_os = "macos") { 1024 * 1024 } else { 1024 };
            let alone = wait.as_secs_f64() * f64::from(server.longest());
            let wait = wait.as_millis();
            writeln!(out, "| {wait} ms | {alone:.1} | {wall:.1} | {cpu:.1} | {} |", peak / unit)?;
        }
        Ok(())
    }

    fn cpu() -> io::Result<f64> {
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
        let time = usage.user_time() + usage.system_time();
        Ok(Duration::from_micros(u64::try_from(time.num_microseconds()).unwrap_or_default()).as_secs_f64())
    }

    /// Figures of a run that left something out are worth nothing.
    fn collect(server: &Server, folder: &std::path::Path) -> io::Result<()> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reachlint"));
        command.env_clear().env("HOME", folder).env("AWS_EC2_METADATA_DISABLED", "true");
        command.env("AWS_ACCESS_KEY_ID", "any").env("AWS_SECRET_ACCESS_KEY", "any");
        let snapshot = folder.join("snapshot");
        command.args(["collect", "aws", "--all", "--region", "us-east-1", "--endpoint-url", &server.url]);
        let output = command.arg("-o").arg(&snapshot).stdin(Stdio::null()).output()?;
        if !output.status.success() || !output.stderr.is_empty() {
            return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        for (file, count) in [("describe-network-interfaces", INTERFACES), ("describe-security-groups", GROUPS)] {
            let text = std::fs::read_to_string(snapshot.join(format!("111122223333/us-east-1/{file}.json")))?;
            // One record on each line, between the lines of the listing.
            if text.lines().count() != count + 2 {
                return Err(io::Error::other(format!("{file} is not whole")));
            }
        }
        Ok(())
    }
}
