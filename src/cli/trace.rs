//! `reachlint trace`.

use std::fs;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use reachlint_aws::records::Insights;
use reachlint_model::{InterfaceId, Protocol, Provider, Selector};

use super::CliError;
use super::evidence::{gather, origin};
use super::options::{EvidenceOptions, FailOptions, PolicyOptions, Settings, settings};
use super::output::{Format, print};
use crate::audit::{Judged, Subject, Wanted, WantedSource, WantedTarget, judge};
use crate::exit;
use crate::report::{Compared, Flow, FlowVerdict, Place, compared, json, trace};
use crate::verify::{Ends, compare};

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
    /// What `aws ec2 describe-network-insights-analyses` printed, and best also what `describe-network-insights-paths`
    /// did: the verdict is compared with AWS Reachability Analyzer's own.
    #[arg(long, value_name = "FILE", num_args = 1.., help_heading = "Input")]
    verify_with_aws: Vec<PathBuf>,
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
    let (hosts, _) = gathered.hosts(&providers);
    let ephemeral = settings.ephemeral;
    let subject = Subject { providers: &providers, hosts: &hosts, nodes: &nodes, wanted: &wanted, ephemeral };
    let judged = judge(&subject, &gathered.resolver(&settings, &providers));
    let insights = insights(&arguments.verify_with_aws)?;
    let mut flows = Vec::with_capacity(judged.len());
    for judged in judged {
        let ends = insights.as_ref().and_then(|_| ends(&providers, &judged));
        let mut flow = judged.flow;
        // The command line asked for it, not a line of nginx's configuration.
        flow.nginx.clear();
        flow.aws = insights.as_ref().zip(ends).and_then(|(insights, ends)| compare(&flow, &ends, insights));
        flows.push(flow);
    }
    if let Some(insights) = insights.as_ref().filter(|_| flows.iter().all(|flow| flow.aws.is_none())) {
        return Err(strangers(&flows, insights));
    }
    match (arguments.report, flows.as_slice()) {
        (Format::Json, [flow]) => print(&json(flow))?,
        (Format::Json, flows) => {
            let ids: Vec<&str> = flows.iter().map(|flow| flow.id.as_str()).collect();
            return Err(CliError::usage(
                format!("these are {} connections, and JSON holds one: {}", flows.len(), ids.join(", ")),
                "name one interface and one address",
            ));
        }
        (Format::Human, flows) => {
            let told = flows.iter().map(|flow| trace(flow) + &compared(flow));
            print(&told.collect::<Vec<_>>().join("\n"))?;
        }
        (Format::Short, flows) => {
            let lines = flows.iter().map(|flow| {
                let aws = flow.aws.as_ref().map_or_else(String::new, |aws| format!("; AWS: {}", aws.result.word()));
                format!("{}: {}{aws}\n", flow.verdict.word(), crate::report::neutral(&flow.id))
            });
            print(&lines.collect::<String>())?;
        }
    }
    let any = |verdict: FlowVerdict| flows.iter().any(|flow| flow.verdict == verdict);
    let results = || flows.iter().filter_map(|flow| flow.aws.as_ref()).map(|aws| aws.result);
    let differs = results().any(Compared::differs);
    let open = insights.is_some()
        && flows.iter().any(|flow| flow.aws.as_ref().is_none_or(|aws| aws.result == Compared::NotCompared));
    Ok(if any(FlowVerdict::Blocked) || any(FlowVerdict::Partial) || differs {
        exit::FINDINGS
    } else if any(FlowVerdict::Unknown) || open {
        exit::UNDECIDED
    } else {
        exit::OK
    })
}

/// What AWS Reachability Analyzer answered; none where nobody asks.
fn insights(files: &[PathBuf]) -> Result<Option<Insights>, CliError> {
    let mut insights = Insights::default();
    for file in files {
        let wrong = |why: String| {
            CliError::usage(
                format!("`{}` is no answer of Reachability Analyzer: {why}", file.display()),
                "give what `aws ec2 describe-network-insights-analyses` and `describe-network-insights-paths` print",
            )
        };
        let text = fs::read(file).map_err(|error| wrong(error.to_string()))?;
        insights.read(&text).map_err(wrong)?;
    }
    Ok((!files.is_empty()).then_some(insights))
}

/// The ends of a connection by all names that AWS may have for them.
fn ends(providers: &[&dyn Provider], judged: &Judged) -> Option<Ends> {
    let query = judged.query?;
    let names = |provider: usize, id: InterfaceId| {
        let network = providers.get(provider)?.network();
        let interface = network.interface(id)?;
        let ids = [Some(interface.id), interface.owner];
        Some(ids.into_iter().flatten().map(|id| network.name(id).to_owned()).collect::<Vec<_>>())
    };
    let landing = judged.explanation.landing;
    Some(Ends {
        from: names(query.provider, query.from)?,
        source: Some(query.source),
        to: landing.interface.and_then(|id| names(landing.provider, id)).unwrap_or_default(),
        address: query.to,
        port: query.port,
        protocol: query.protocol.to_string(),
    })
}

fn strangers(flows: &[Flow], insights: &Insights) -> CliError {
    let asked: Vec<String> = insights
        .analyses
        .iter()
        .map(|analysis| {
            let path = insights.path(analysis);
            let end = |text: Option<&String>| text.map_or("?", String::as_str).to_owned();
            let port =
                path.and_then(|path| path.destination_port).map_or(String::new(), |port| format!(" port {port}"));
            format!(
                "{} from {} to {}{port}",
                analysis.network_insights_analysis_id,
                end(path.and_then(|path| path.source.as_ref())),
                end(path.and_then(|path| path.destination.as_ref().or(path.destination_ip.as_ref())))
            )
        })
        .collect();
    let ids: Vec<&str> = flows.iter().map(|flow| flow.id.as_str()).collect();
    let known = if asked.is_empty() { "no analysis at all".to_owned() } else { asked.join(", ") };
    CliError::usage(
        format!("no analysis of Reachability Analyzer is about {}", ids.join(" or ")),
        format!("there is {known}; add what `aws ec2 describe-network-insights-paths` prints, or analyse that path"),
    )
}
