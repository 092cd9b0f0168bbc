//! Which analysis is about a connection.

use std::net::IpAddr;

use reachlint_aws::records::{Insights, InsightsAnalysis, InsightsComponent, InsightsFilter, InsightsPath};

/// The ends of a connection by all names that AWS may have for them.
#[derive(Clone, Debug)]
pub struct Ends {
    /// The sender's interface and machine.
    pub from: Vec<String>,
    /// The address that it opens the connection from.
    pub source: Option<IpAddr>,
    /// The receiver's interface and machine.
    pub to: Vec<String>,
    /// The receiver's address.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
}

/// How well an analysis fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Match {
    /// It is about this port.
    Exact,
    /// It is about several ports, this one among them.
    AnyPort,
    /// It may be about another connection: its path is not known, and it is the only one.
    Assumed,
}

/// The analysis that is about a connection: that which fits best, and of several the newest with a result.
#[must_use]
pub fn choose<'i>(ends: &Ends, insights: &'i Insights) -> Option<(&'i InsightsAnalysis, Match)> {
    let fits = insights.analyses.iter().filter_map(|analysis| {
        let found = match insights.path(analysis) {
            Some(path) => ends.fit(path)?,
            None if analysis.forward_path_components.is_empty() => {
                (insights.analyses.len() == 1).then_some(Match::Assumed)?
            }
            None => ends.fit_components(&analysis.forward_path_components)?,
        };
        Some((analysis, found))
    });
    fits.min_by(|(one, first), (other, second)| {
        let rank = |analysis: &InsightsAnalysis| analysis.status.as_deref() != Some("succeeded");
        first.cmp(second).then(rank(one).cmp(&rank(other))).then_with(|| other.start_date.cmp(&one.start_date))
    })
}

/// The id in an ARN, or the id itself.
fn id(text: &str) -> &str {
    text.rsplit('/').next().unwrap_or(text)
}

fn address(text: Option<&str>) -> Option<IpAddr> {
    let text = text?;
    text.split('/').next().unwrap_or(text).parse().ok()
}

impl Ends {
    fn fit(&self, path: &InsightsPath) -> Option<Match> {
        let from = path.source.as_deref().is_some_and(|source| self.from.iter().any(|known| known == id(source)));
        let filters = || [&path.filter_at_source, &path.filter_at_destination].into_iter().flatten();
        let sources = || {
            let at_source = path.filter_at_source.as_ref().and_then(|filter| filter.source_address.as_deref());
            [path.source_ip.as_deref(), at_source].into_iter().filter_map(address)
        };
        let targets = || {
            let filtered = filters().filter_map(|filter: &InsightsFilter| filter.destination_address.as_deref());
            filtered.chain(path.destination_ip.as_deref()).filter_map(|text| address(Some(text)))
        };
        let to = match path.destination.as_deref() {
            Some(destination) => self.to.iter().any(|known| known == id(destination)),
            // A path may end at an address instead of a resource.
            None => targets().next().is_some(),
        };
        let addresses = sources().all(|source| self.source == Some(source)) && targets().all(|to| to == self.address);
        let protocol = path.protocol.as_deref().is_none_or(|protocol| protocol.eq_ignore_ascii_case(&self.protocol));
        if !(from && to && addresses && protocol) {
            return None;
        }
        let ranges = || filters().filter_map(|filter| filter.destination_port_range);
        if path.destination_port.is_some_and(|port| port != self.port)
            || ranges().any(|range| !range.contains(self.port))
        {
            return None;
        }
        let only = path.destination_port.is_some() || ranges().any(|range| range.is_only(self.port));
        Some(if only { Match::Exact } else { Match::AnyPort })
    }

    /// A path that is found begins and ends with its ends: each a machine and its interface.
    fn fit_components(&self, components: &[InsightsComponent]) -> Option<Match> {
        let is = |component: &InsightsComponent, known: &[String]| {
            let resource = component.component.as_ref().and_then(|resource| resource.id.as_deref());
            resource.is_some_and(|resource| known.iter().any(|known| known == id(resource)))
        };
        let from = components.iter().take(2).any(|component| is(component, &self.from));
        let to = components.iter().rev().take(2).any(|component| is(component, &self.to));
        if !(from && to) {
            return None;
        }
        let header = components.iter().find_map(|component| component.outbound_header.as_ref())?;
        let number = if self.protocol == "udp" { "17" } else { "6" };
        let ports = &header.destination_port_ranges;
        if header.protocol.as_deref().is_some_and(|protocol| protocol != number)
            || !(ports.is_empty() || ports.iter().any(|range| range.contains(self.port)))
        {
            return None;
        }
        let only = ports.len() == 1 && ports.iter().all(|range| range.is_only(self.port));
        Some(if only { Match::Exact } else { Match::AnyPort })
    }
}
