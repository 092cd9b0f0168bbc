//! `reachlint trace`.

use std::str::FromStr;

use clap::Args;
use reachlint_model::{Protocol, Selector};

use super::CliError;
use super::evidence::{gather, origin};
use super::options::{EvidenceOptions, FailOptions, PolicyOptions, Settings, settings};
use super::output::{Format, print};
use crate::audit::{Subject, Wanted, WantedSource, WantedTarget, judge};
use crate::exit;
use crate::report::{FlowVerdict, Place, json, trace};

/// Arguments of `trace`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Where the connection begins: an instance or interface id, a name, an address, `tag:KEY=VALUE` or `self`.
    #[arg(long, value_name = "SELECTOR", help_heading = "Input")]
    from: Vec<Selector>,
    /// Where it goes: `10.0.2.20:8080`, `[2001:db8::1]:443`, `app.internal:53/udp`.
    #[arg(long, value_name = "ADDR:PORT[/tcp|udp]", help_heading = "Input")]
    to: To,
    #[command(flatten)]
    evidence: EvidenceOptions,
    #[command(flatten)]
    policy: PolicyOptions,
    /// `human`, `short` or `json`.
    #[arg(long, value_name = "FORMAT", default_value = "human", help_heading = "Output")]
    report: Format,
}

/// `ADDR:PORT[/tcp|udp]`.
#[derive(Clone, Debug)]
struct To {
    host: String,
    port: u16,
    protocol: Protocol,
}

impl FromStr for To {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, protocol) = match text.rsplit_once('/') {
            Some((address, "tcp")) => (address, Protocol::TCP),
            Some((address, "udp")) => (address, Protocol::UDP),
            Some((_, other)) => return Err(format!("`{other}` is neither `tcp` nor `udp`")),
            None => (text, Protocol::TCP),
        };
        let (host, port) = address.rsplit_once(':').ok_or("a port is missing, as in `10.0.2.20:8080`")?;
        let port = port.parse().map_err(|_| format!("`{port}` is not a port"))?;
        let bracketed = host.starts_with('[') && host.ends_with(']');
        if host.is_empty() || (host.contains(':') && !bracketed) {
            return Err(format!("`{host}` is not a host; IPv6 addresses stand in brackets"));
        }
        Ok(Self { host: host.to_owned(), port, protocol })
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    let fail = FailOptions::default();
    let settings = settings(None, &arguments.policy, &fail, &arguments.evidence, &arguments.from)?;
    let settings = Settings { from: origin(settings.from, &arguments.evidence)?, ..settings };
    let To { host, port, protocol } = arguments.to.clone();
    let place = Place { file: String::new(), line: 0, column: 0, directive: "--to".to_owned(), upstream: None };
    let target = WantedTarget::Host { host, port };
    let wanted = [Wanted { target, protocol, source: WantedSource::Default, place }];
    let gathered = gather(&arguments.evidence, &settings, &wanted)?;
    let providers = gathered.snapshot.providers();
    let nodes = gathered.nodes(&settings.from)?;
    let subject = Subject { providers: &providers, nodes: &nodes, wanted: &wanted, ephemeral: settings.ephemeral };
    let judged = judge(&subject, &gathered.resolver(&settings, &providers));
    let flows: Vec<_> = judged
        .into_iter()
        .map(|judged| {
            let mut flow = judged.flow;
            // The command line asked for it, not a line of nginx's configuration.
            flow.nginx.clear();
            flow
        })
        .collect();
    match (arguments.report, flows.as_slice()) {
        (Format::Json, [flow]) => print(&json(flow))?,
        (Format::Json, flows) => {
            let ids: Vec<&str> = flows.iter().map(|flow| flow.id.as_str()).collect();
            return Err(CliError::usage(
                format!("these are {} connections, and JSON holds one: {}", flows.len(), ids.join(", ")),
                "name one interface and one address",
            ));
        }
        (Format::Human, flows) => print(&flows.iter().map(trace).collect::<Vec<_>>().join("\n"))?,
        (Format::Short, flows) => {
            let lines =
                flows.iter().map(|flow| format!("{}: {}\n", flow.verdict.word(), crate::report::neutral(&flow.id)));
            print(&lines.collect::<String>())?;
        }
    }
    let any = |verdict: FlowVerdict| flows.iter().any(|flow| flow.verdict == verdict);
    Ok(if any(FlowVerdict::Blocked) || any(FlowVerdict::Partial) {
        exit::FINDINGS
    } else if any(FlowVerdict::Unknown) {
        exit::UNDECIDED
    } else {
        exit::OK
    })
}
