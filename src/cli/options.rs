//! Options that several commands share.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use reachlint_model::{PortRange, Selector};

use super::CliError;
use crate::config::{self, Config};
use crate::exit;
use crate::report::{FlowVerdict, Report, Severity};
use crate::resolve::normal;

/// Options of every command.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Global {
    /// When to use colours.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = "General")]
    pub(super) color: Color,
}

/// When to use colours. `NO_COLOR` and `CLICOLOR_FORCE` count in `auto`.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Color {
    Auto,
    Always,
    Never,
}

impl Color {
    pub(super) fn write_global(self) {
        let choice = match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
    }
}

/// How nginx's configuration is read.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Input")]
pub(super) struct NginxOptions {
    /// Folder that the configuration's path starts from, as `nginx -p` has it.
    #[arg(long, value_name = "DIR")]
    pub(super) prefix: Option<PathBuf>,
    /// Go past what nginx refuses, with a warning.
    #[arg(long)]
    pub(super) lenient: bool,
}

/// Where evidence comes from.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Evidence")]
pub(super) struct EvidenceOptions {
    /// Files or folders with what `aws ec2 describe-*`, `gcloud compute`, `az … list` or `reachlint collect` wrote; without it, evidence
    /// is collected live.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub(super) snapshot: Vec<PathBuf>,
    /// Addresses of Azure's service tags, as `az network list-service-tags` prints them or the weekly file has them.
    #[arg(long, value_name = "FILE", requires = "snapshot")]
    pub(super) service_tags: Vec<PathBuf>,
    /// What the script of `reachlint host-evidence` printed on an upstream's host or on nginx's; may be repeated.
    #[arg(long, value_name = "FILE")]
    pub(super) host_evidence: Vec<PathBuf>,
    /// The cloud whose evidence counts where there is evidence of several.
    #[arg(long, value_name = "CLOUD")]
    pub(super) provider: Option<CloudName>,
    /// JSON of a Terraform plan, from `terraform show -json`: the audit is of what is there after its apply.
    #[arg(long, value_name = "FILE")]
    pub(super) plan: Option<PathBuf>,
    /// Name look-ups with a snapshot too.
    #[arg(long)]
    pub(super) dns: bool,
    /// What a name resolves to on nginx's host; may be repeated, also for one name.
    #[arg(long, value_name = "HOST=ADDR")]
    pub(super) resolve: Vec<Answer>,
    #[command(flatten)]
    pub(super) live: LiveOptions,
}

/// How evidence is collected live.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Live collection")]
pub(super) struct LiveOptions {
    /// Profile of the AWS configuration files.
    #[arg(long, value_name = "NAME")]
    pub(super) profile: Option<String>,
    /// AWS Region, in each account; may be repeated.
    #[arg(long, value_name = "REGION")]
    pub(super) region: Vec<String>,
    /// Role to read another account as: its ARN, or a name that the role has in every account; may be repeated.
    #[arg(long, value_name = "ROLE")]
    pub(super) assume_role: Vec<String>,
    /// External id that the roles ask for.
    #[arg(long, value_name = "ID", requires = "assume_role")]
    pub(super) external_id: Option<String>,
    /// AWS account to read, and no others; may be repeated. Without it, that of the credentials and those of the roles.
    #[arg(long, value_name = "ID")]
    pub(super) account: Vec<String>,
    /// Every active account of the organization, with the role that `--assume-role NAME` names.
    #[arg(long, requires = "assume_role", conflicts_with = "account")]
    pub(super) organization: bool,
    /// Azure subscription; may be repeated.
    #[arg(long, value_name = "ID")]
    pub(super) subscription: Vec<String>,
    /// Google Cloud project; may be repeated. The host projects of their Shared VPC networks come by themselves.
    #[arg(long, value_name = "ID")]
    pub(super) project: Vec<String>,
    /// Ask Azure what is in force on the interfaces of nginx and its upstreams too, and tell where that differs from what
    /// the rules and routes say; needs more than reading rights, and machines that run.
    #[arg(long)]
    pub(super) confirm_effective: bool,
    /// Where the EC2 API answers, Azure Resource Manager, or Google's Compute Engine API, for test servers, private
    /// endpoints and national clouds.
    #[arg(long, value_name = "URL")]
    pub(super) endpoint_url: Option<String>,
}

/// Why other clouds are not asked what is in force.
pub(super) const ONLY_AZURE: &str = "no other cloud: the rules of AWS are what is in force, and Google Cloud's effective \
                                     firewalls are evidence anyway";

impl LiveOptions {
    /// Refuses what only Azure answers, and only when it is asked.
    pub(super) fn no_confirmation(&self, why: &str) -> Result<(), CliError> {
        if !self.confirm_effective {
            return Ok(());
        }
        let what = format!("`--confirm-effective` asks Azure what is in force, and {why}");
        Err(CliError::usage(what, "docs/evidence-azure.md, what is in force, tells how it works"))
    }
}

/// A cloud on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum CloudName {
    Aws,
    Gcp,
    Azure,
}

impl CloudName {
    /// The cloud.
    pub(super) fn cloud(self) -> reachlint_model::Cloud {
        match self {
            Self::Aws => reachlint_model::Cloud::Aws,
            Self::Gcp => reachlint_model::Cloud::Gcp,
            Self::Azure => reachlint_model::Cloud::Azure,
        }
    }
}

/// `HOST=ADDR`.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    host: String,
    address: IpAddr,
}

impl FromStr for Answer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (host, address) =
            text.split_once('=').ok_or("write it as `HOST=ADDR`, such as `app.internal=10.0.2.20`")?;
        let address = address.parse().map_err(|_| format!("`{address}` is not an address"))?;
        if host.is_empty() {
            return Err("the name before `=` is empty".to_owned());
        }
        Ok(Self { host: normal(host), address })
    }
}

/// What an audit assumes and when it fails.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Policy")]
pub(super) struct PolicyOptions {
    /// Ports that nginx's host opens connections from [default: 32768-60999, as Linux has it].
    #[arg(long, value_name = "FIRST-LAST")]
    pub(super) ephemeral_ports: Option<PortRange>,
    /// `reachlint.toml` to use instead of the one beside the configuration.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Use no `reachlint.toml`.
    #[arg(long, conflicts_with = "config")]
    pub(super) no_config: bool,
}

/// Which results make the exit code other than 0.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Policy")]
pub(super) struct FailOptions {
    /// Lowest severity that makes the exit code 1 [default: medium].
    #[arg(long, value_name = "SEVERITY")]
    pub(super) fail_on: Option<Severity>,
    /// Exit with 0 although something is undecided.
    #[arg(long)]
    pub(super) allow_undecided: bool,
    /// Exit with 0 although there are findings.
    #[arg(long)]
    pub(super) exit_zero: bool,
}

impl ValueEnum for Severity {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.word()))
    }
}

/// The command line joined with `reachlint.toml`; the command line goes first.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) ephemeral: PortRange,
    pub(super) fail_on: Severity,
    pub(super) from: Vec<Selector>,
    pub(super) resolve: BTreeMap<String, Vec<IpAddr>>,
}

/// Reads `reachlint.toml` and joins it with the options.
pub(super) fn settings(
    beside: Option<&std::path::Path>,
    policy: &PolicyOptions,
    fail: &FailOptions,
    evidence: &EvidenceOptions,
    from: &[Selector],
) -> Result<Settings, CliError> {
    let path = match &policy.config {
        Some(path) => Some(path.clone()),
        None if policy.no_config => None,
        None => beside.and_then(config::find),
    };
    let config = path.as_deref().map(config::read).transpose()?.unwrap_or_default();
    let Config { fail_on, ephemeral_ports, from: config_from, resolve: config_resolve } = config;
    let name = path.map(|path| path.display().to_string()).unwrap_or_default();
    let wrong = |key: &str, why: String| {
        CliError::usage(format!("`{key}` of `{name}`: {why}"), "docs/configuration.md lists the values")
    };
    let ephemeral = match (policy.ephemeral_ports, ephemeral_ports) {
        (Some(range), _) => range,
        (None, Some(text)) => text.parse().map_err(|why| wrong("ephemeral-ports", why))?,
        (None, None) => PortRange::LINUX_EPHEMERAL,
    };
    let fail_on = match (fail.fail_on, fail_on) {
        (Some(severity), _) => severity,
        (None, Some(text)) => Severity::ALL
            .into_iter()
            .find(|severity| severity.word() == text)
            .ok_or_else(|| wrong("fail-on", format!("`{text}` is no severity")))?,
        (None, None) => Severity::Medium,
    };
    let from = if from.is_empty() {
        let parsed = config_from.iter().map(|text| text.parse::<Selector>());
        parsed.collect::<Result<_, _>>().map_err(|error| wrong("from", error.to_string()))?
    } else {
        from.to_vec()
    };
    let mut resolve: BTreeMap<String, Vec<IpAddr>> = BTreeMap::new();
    for answer in &evidence.resolve {
        resolve.entry(answer.host.clone()).or_default().push(answer.address);
    }
    for (host, answers) in config_resolve {
        resolve.entry(normal(&host)).or_insert(answers.0);
    }
    Ok(Settings { ephemeral, fail_on, from, resolve })
}

impl FailOptions {
    /// The exit code of an audit.
    pub(super) fn code(&self, report: &Report, fail_on: Severity) -> u8 {
        let failing = report.findings.iter().any(|finding| finding.severity >= fail_on && finding.allowed_by.is_none());
        let undecided = report.flows.iter().any(|flow| flow.verdict == FlowVerdict::Unknown);
        match (failing, undecided) {
            (true, _) if !self.exit_zero => exit::FINDINGS,
            (_, true) if !self.allow_undecided => exit::UNDECIDED,
            _ => exit::OK,
        }
    }
}
