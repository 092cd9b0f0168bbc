//! Evidence fresh from a cloud.

#[cfg(feature = "aws")]
mod aws;
#[cfg(feature = "azure")]
mod azure;
#[cfg(feature = "gcp")]
mod gcp;

#[cfg(any(feature = "aws", feature = "gcp"))]
use std::io::IsTerminal;
#[cfg(any(feature = "aws", feature = "gcp"))]
use std::net::IpAddr;

use reachlint_model::{Collected, NameAnswer, Selector};

use super::CliError;
use super::options::{CloudName, LiveOptions, ONLY_AZURE, Settings};
use crate::audit::Wanted;
#[cfg(any(feature = "aws", feature = "gcp"))]
use crate::audit::{WantedTarget, host_address};
use crate::resolve;

/// What evidence is wanted for.
pub(super) struct Ask<'a> {
    pub(super) live: &'a LiveOptions,
    /// Where nginx runs is among them, by names: see [`place`].
    pub(super) settings: &'a Settings,
    pub(super) wanted: &'a [Wanted],
    /// Whether all of nginx's machines are this one.
    pub(super) here: bool,
    /// Whole AWS Regions, whatever is wanted.
    #[cfg_attr(not(feature = "aws"), expect(dead_code, reason = "other clouds are always collected whole"))]
    pub(super) all: bool,
}

/// Asks names, then the cloud.
pub(super) fn collect(cloud: CloudName, ask: &Ask<'_>) -> Result<Collected, CliError> {
    if cloud != CloudName::Azure {
        ask.live.no_confirmation(ONLY_AZURE)?;
    }
    let names = answers(ask);
    let collected: Result<Collected, CliError> = match cloud {
        #[cfg(feature = "aws")]
        CloudName::Aws => aws::collect(ask, &names),
        #[cfg(feature = "azure")]
        CloudName::Azure => azure::collect(ask, &names),
        #[cfg(feature = "gcp")]
        CloudName::Gcp => gcp::collect(ask, &names),
        #[cfg(not(all(feature = "aws", feature = "azure", feature = "gcp")))]
        other => Err(not_here(other)),
    };
    let mut collected = collected?;
    collected.manifest.names = names;
    Ok(collected)
}

/// Says which machine `self` is, where it was said, as the cloud's metadata service has it. Region, subscription or project
/// of it are those to read where none was named.
#[cfg_attr(
    not(any(feature = "aws", feature = "azure", feature = "gcp")),
    expect(unused_variables, clippy::unnecessary_wraps, reason = "only a metadata service is asked, and can fail")
)]
pub(super) fn place(
    cloud: CloudName,
    live: &mut LiveOptions,
    from: &mut [Selector],
) -> Result<Option<Selector>, CliError> {
    let mut selves = from.iter_mut().filter(|selector| **selector == Selector::Itself).peekable();
    if selves.peek().is_none() {
        return Ok(None);
    }
    let itself = match cloud {
        #[cfg(feature = "aws")]
        CloudName::Aws => Some(aws::itself(live)?),
        #[cfg(feature = "azure")]
        CloudName::Azure => Some(azure::itself(live)?),
        #[cfg(feature = "gcp")]
        CloudName::Gcp => Some(gcp::itself(live)?),
        // Collection says why not.
        #[cfg(not(all(feature = "aws", feature = "azure", feature = "gcp")))]
        _ => None,
    };
    if let Some(itself) = &itself {
        selves.for_each(|selector| selector.clone_from(itself));
    }
    Ok(itself)
}

/// What the system resolver says of the names. On nginx's own machine it knows more than any evidence of it.
fn answers(ask: &Ask<'_>) -> Vec<NameAnswer> {
    let names = resolve::questions(ask.wanted, &ask.settings.resolve);
    let asked = |name: &String| {
        let elsewhere = !ask.here && !resolve::is_everywhere(name);
        NameAnswer { elsewhere, ..resolve::system(name) }
    };
    names.iter().map(asked).collect()
}

/// Every address that nginx may connect to, as far as it is known before anything is read.
#[cfg(any(feature = "aws", feature = "gcp"))]
fn addresses(ask: &Ask<'_>, names: &[NameAnswer]) -> Vec<IpAddr> {
    let literal = hosts(ask.wanted).filter_map(host_address);
    let answered = names.iter().flat_map(|answer| answer.addresses.iter().copied());
    let given = ask.settings.resolve.values().flatten().copied();
    let mut addresses: Vec<IpAddr> = literal.chain(answered).chain(given).map(|it| it.to_canonical()).collect();
    addresses.sort();
    addresses.dedup();
    addresses
}

/// The hosts that nginx connects to.
#[cfg(any(feature = "aws", feature = "gcp"))]
fn hosts(wanted: &[Wanted]) -> impl Iterator<Item = &str> {
    wanted.iter().filter_map(|wanted| match &wanted.target {
        WantedTarget::Host { host, .. } => Some(host.as_str()),
        _ => None,
    })
}

/// When collection began.
#[cfg(any(feature = "aws", feature = "azure", feature = "gcp"))]
fn now() -> String {
    humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string()
}

/// Whether somebody watches: one line for each call is for a terminal, and a log of a nightly run wants the result.
#[cfg(any(feature = "aws", feature = "gcp"))]
fn is_watched() -> bool {
    std::io::stderr().is_terminal()
}

/// `1 page`, `2 pages`.
#[cfg(any(feature = "aws", feature = "gcp"))]
fn pages(count: usize) -> String {
    format!("{count} {}", if count == 1 { "page" } else { "pages" })
}

#[cfg(not(all(feature = "aws", feature = "azure", feature = "gcp")))]
fn not_here(cloud: CloudName) -> CliError {
    let cloud = match cloud {
        CloudName::Aws => "aws",
        CloudName::Azure => "azure",
        CloudName::Gcp => "gcp",
    };
    CliError::usage(
        format!("this build cannot collect live from {cloud}"),
        format!("give a snapshot with `--snapshot PATH`, or build with the feature `{cloud}`"),
    )
}
