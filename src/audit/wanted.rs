//! From what nginx's configuration dials to what has to be judged.

use std::collections::HashSet;
use std::path::Path;

use reachlint_model::Protocol;

use super::{Wanted, WantedSource, WantedTarget};
use crate::nginx::{Config, Dynamic, Endpoint, Endpoints, Protocol as Transport, SourceAddress, State, Target};
use crate::report::{Place, SourceText, Upstream};

/// Every connection that nginx may open, each once for the line that asks for it. Servers that are `down`, groups that nothing refers to and passes that no
/// request reaches open none.
#[must_use]
pub fn wanted(config: &Config, endpoints: &Endpoints, standing: &Path) -> Vec<Wanted> {
    let live = endpoints.endpoints.iter().filter(|endpoint| is_live(endpoint));
    let mut known = HashSet::new();
    live.map(|endpoint| Wanted {
        target: match &endpoint.target {
            Target::Address { address, port } => WantedTarget::Host { host: address.to_string(), port: *port },
            Target::Name { host, port } => WantedTarget::Host { host: host.clone(), port: *port },
            Target::Unix(path) => WantedTarget::Unix(path.clone()),
            Target::Dynamic(open) => {
                let Dynamic { host, port, reason, by_client } = Dynamic::clone(open);
                WantedTarget::Dynamic { host, port, reason, by_client }
            }
        },
        protocol: match endpoint.protocol {
            Transport::Tcp => Protocol::TCP,
            Transport::Udp => Protocol::UDP,
        },
        source: match &endpoint.source {
            SourceAddress::Default => WantedSource::Default,
            SourceAddress::Bind(address) => WantedSource::Bind(*address),
            SourceAddress::Client => WantedSource::Unknown(
                "nginx takes the client's own address as the source (`transparent`), so the source is not known"
                    .to_owned(),
            ),
            SourceAddress::Dynamic(what) => {
                WantedSource::Unknown(format!("nginx takes its source address from {what}, which a request decides"))
            }
        },
        place: place(config, endpoint, standing),
    })
    .filter(|wanted| known.insert(wanted.clone()))
    .collect()
}

/// Whether nginx ever opens the connection.
#[must_use]
pub fn is_live(endpoint: &Endpoint) -> bool {
    matches!(endpoint.state, State::Active | State::Backup)
}

/// The rows of `reachlint upstreams`, each once, in the order of the configuration.
#[must_use]
pub fn upstreams(config: &Config, endpoints: &Endpoints, standing: &Path) -> Vec<Upstream> {
    let mut rows: Vec<Upstream> = Vec::new();
    let mut seen = HashSet::new();
    for endpoint in &endpoints.endpoints {
        let place = place(config, endpoint, standing);
        let (protocol, host, port, dynamic, why) = match &endpoint.target {
            Target::Address { address, port } => {
                (transport(endpoint), Some(address.to_string()), Some(*port), false, None)
            }
            Target::Name { host, port } => (transport(endpoint), Some(host.clone()), Some(*port), false, None),
            Target::Unix(path) => ("unix", Some(path.clone()), None, false, None),
            Target::Dynamic(open) => {
                (transport(endpoint), open.host.clone(), open.port, true, Some(open.reason.clone()))
            }
        };
        let state = match endpoint.state {
            State::Active => None,
            State::Backup => Some("backup: dialled when the servers before it fail"),
            State::Down => Some("never dialled: marked `down`"),
            State::Unreferenced => Some("never dialled: nothing refers to the group"),
            State::Overridden => Some("never dialled: a later directive of the same block takes its place"),
            State::Unreachable => Some("never dialled: every request is answered before"),
        };
        let bind = match &endpoint.source {
            SourceAddress::Default => None,
            SourceAddress::Bind(address) => Some(format!("from {address}")),
            SourceAddress::Client => Some("from the client's own address".to_owned()),
            SourceAddress::Dynamic(what) => Some(format!("from an address that {what} decides")),
        };
        let notes: Vec<String> = [state.map(str::to_owned), why, bind, endpoint.note.as_deref().map(str::to_owned)]
            .into_iter()
            .flatten()
            .collect();
        let row = Upstream {
            protocol: protocol.to_owned(),
            host,
            port,
            directive: endpoint.directive.to_string(),
            context: context(endpoint).to_owned(),
            upstream: endpoint.upstream.as_deref().map(str::to_owned),
            file: place.file,
            line: place.line,
            column: place.column,
            dynamic,
            note: (!notes.is_empty()).then(|| notes.join("; ")),
        };
        let key = (row.file.clone(), row.line, row.column, row.directive.clone(), row.host.clone(), row.port);
        if seen.insert((key, row.protocol.clone(), row.note.clone())) {
            rows.push(row);
        }
    }
    rows
}

fn transport(endpoint: &Endpoint) -> &'static str {
    match endpoint.protocol {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    }
}

fn context(endpoint: &Endpoint) -> &'static str {
    match endpoint.context {
        crate::nginx::Context::Http => "http",
        crate::nginx::Context::Stream => "stream",
        crate::nginx::Context::Mail => "mail",
        crate::nginx::Context::Main => "main",
    }
}

/// The `server` line of a group, or else the pass itself: the line that names the address.
fn place(config: &Config, endpoint: &Endpoint, standing: &Path) -> Place {
    let span = endpoint.server.unwrap_or(endpoint.pass);
    Place {
        file: shown(&config.source(span.file).path, standing),
        line: span.line,
        column: span.column,
        directive: endpoint.directive.to_string(),
        upstream: endpoint.upstream.as_deref().map(str::to_owned),
    }
}

/// A path as the user would type it from where they stand.
#[must_use]
pub fn shown(path: &Path, standing: &Path) -> String {
    path.strip_prefix(standing).unwrap_or(path).display().to_string()
}

/// The text of every file of a configuration.
#[must_use]
pub fn texts(config: &Config, standing: &Path) -> Vec<SourceText> {
    let files = config.files().iter();
    files
        .map(|file| SourceText {
            file: shown(&file.path, standing),
            text: String::from_utf8_lossy(&file.bytes).into_owned(),
        })
        .collect()
}
