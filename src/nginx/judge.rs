//! What a value that is put together for each request means as an address.
//!
//! The host and port of such a value are settled as soon as text of the configuration ends them: a `/`, a `?`, or
//! `$request_uri`, which always starts with a slash. Where a variable follows the host directly, whoever fills it can
//! name another port or go on with the host.

use super::address::{self, Host};
use super::builtins;
use super::error::Problem;
use super::passes::Module;
use super::values::{CAPTURE, Class, Piece, Unknown, shown};

/// A host and port, as far as they are settled.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Judged {
    /// Settled. A group or an address if there is one of this name, else a name for the `resolver`.
    Settled { host: Vec<u8>, address: Option<std::net::IpAddr>, port: Option<u16>, has_port: bool },
    /// A unix socket.
    Unix(String),
    /// Open, at least in part.
    Open {
        host: Option<String>,
        port: Option<u16>,
        reason: String,
        /// Whether the client decides.
        by_client: bool,
        /// No port is written, so the name of a group may be chosen.
        may_name_group: bool,
    },
    /// nginx answers 500 to a request that gets this value. The text says why.
    Fails(String),
}

/// A value as it would be written.
pub(crate) use super::values::shown as shown_value;

/// Judges one value of a pass.
pub(crate) fn judge(value: &[Piece], module: &Module) -> Judged {
    let split = value.iter().enumerate().find_map(|(at, piece)| match piece {
        Piece::Unknown(unknown) => Some((at, unknown)),
        Piece::Text(_) => None,
    });
    let start: &[u8] = match value.first() {
        Some(Piece::Text(text)) => text,
        _ => b"",
    };
    let Some((at, unknown)) = split else { return settled(start, module) };
    let rest = value.get(at + 1..).unwrap_or_default();
    let why = reason(value, unknown);
    let by_client = is_chosen_by_client(unknown);
    let (authority, grammar) = match module.strip_scheme(start) {
        Ok(stripped) => stripped,
        // The unknown part may hold the scheme and anything else.
        Err(_) if start.is_empty() => {
            return Judged::Open { host: None, port: None, reason: why, by_client, may_name_group: true };
        }
        Err(_) => return behind_unknown_scheme(value, module, why, by_client),
    };
    if authority.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"unix:")) {
        return Judged::Unix(shown(value));
    }
    let ended = authority.iter().any(|byte| matches!(byte, b'/' | b'?'));
    let ends_here = matches!(unknown.class, Class::Path | Class::Uri);
    if ended || (ends_here && module.uri_part) {
        return settled(start, module);
    }
    let Some((host, port)) = host_and_port(authority) else {
        return Judged::Fails("invalid host".to_owned());
    };
    if port.is_some() {
        let host = String::from_utf8_lossy(host).into_owned();
        return Judged::Open { host: Some(host), port: None, reason: why, by_client, may_name_group: false };
    }
    let tail = Tail::read(unknown, rest, module.uri_part);
    match tail {
        Tail::Port(port) => {
            Judged::Open { host: None, port: Some(port), reason: why, by_client, may_name_group: false }
        }
        Tail::Nothing if grammar.default_port.is_none() && module.stock => {
            // Without a port the value can only be good where it names a group, or brings its port along.
            Judged::Open { host: None, port: None, reason: why, by_client, may_name_group: true }
        }
        Tail::Nothing => {
            Judged::Open { host: None, port: grammar.default_port, reason: why, by_client, may_name_group: true }
        }
        Tail::Open => Judged::Open { host: None, port: None, reason: why, by_client, may_name_group: true },
        Tail::Invalid => Judged::Fails("invalid port".to_owned()),
    }
}

/// A value without unknown parts, or whose unknown parts come after the host and port.
fn settled(text: &[u8], module: &Module) -> Judged {
    let stripped = match module.strip_scheme(text) {
        // A scheme and nothing else counts as no scheme here (`ngx_http_proxy_eval`), unlike in a pass without variables.
        Ok((b"", _)) if module.scheme_required => {
            return Judged::Fails(Problem::UrlPrefix { url: String::new() }.to_string());
        }
        Ok(stripped) => stripped,
        Err(problem) => return Judged::Fails(problem.to_string()),
    };
    let url = match address::parse(stripped.0, stripped.1) {
        Ok(url) => url,
        Err(problem) => return Judged::Fails(problem.to_string()),
    };
    let address = match url.host {
        Host::Unix => return Judged::Unix(String::from_utf8_lossy(url.written).into_owned()),
        Host::Address(address) => Some(address),
        Host::Name => None,
    };
    Judged::Settled { host: url.written.to_vec(), address, port: url.port, has_port: url.has_port }
}

/// `http$s://host`: the scheme is open, and with it the default port, but a written host and port are not.
fn behind_unknown_scheme(value: &[Piece], module: &Module, reason: String, by_client: bool) -> Judged {
    let open = Judged::Open { host: None, port: None, reason: reason.clone(), by_client, may_name_group: true };
    let [Piece::Text(start), Piece::Unknown(_), Piece::Text(after), rest @ ..] = value else { return open };
    let Some(authority) = after.strip_prefix(b"://") else { return open };
    if !module.schemes().any(|scheme| scheme.as_bytes().starts_with(&start.to_ascii_lowercase())) {
        return Judged::Fails("invalid URL prefix".to_owned());
    }
    // Any scheme will do to find where the host ends; its default port is then taken back.
    let Some(scheme) = module.schemes().next() else { return open };
    let mut text = scheme.as_bytes().to_vec();
    text.extend_from_slice(authority);
    let mut whole = vec![Piece::Text(text)];
    whole.extend(rest.iter().cloned());
    match judge(&whole, module) {
        Judged::Settled { host, has_port: false, .. } => Judged::Open {
            host: Some(String::from_utf8_lossy(&host).into_owned()),
            port: None,
            reason,
            by_client,
            may_name_group: true,
        },
        Judged::Open { may_name_group: true, .. } => open,
        other => other,
    }
}

/// What follows an unknown part of a host.
enum Tail {
    /// A port that nothing can change.
    Port(u16),
    /// Nothing that names a port.
    Nothing,
    /// The unknown part can name a port itself.
    Open,
    /// No port that nginx would take.
    Invalid,
}

impl Tail {
    fn read(first: &Unknown, rest: &[Piece], uri_part: bool) -> Self {
        // Where no path may follow, a `/` in the value is an error and not a way to end the host.
        let mut closed = !uri_part || first.class == Class::HostOnly;
        let mut may_bring_port = first.class != Class::HostOnly;
        let mut rest = rest.iter();
        while let Some(piece) = rest.next() {
            match piece {
                Piece::Unknown(unknown) if matches!(unknown.class, Class::Path | Class::Uri) => break,
                Piece::Unknown(unknown) => {
                    closed &= !uri_part || unknown.class == Class::HostOnly;
                    may_bring_port |= unknown.class != Class::HostOnly;
                }
                Piece::Text(text) => {
                    let Some(end) = text.iter().position(|byte| matches!(byte, b':' | b'/' | b'?')) else { continue };
                    if text.get(end) != Some(&b':') {
                        break;
                    }
                    let after = text.get(end + 1..).unwrap_or_default();
                    let length = after.iter().position(|byte| matches!(byte, b'/' | b'?'));
                    let digits = after.get(..length.unwrap_or(after.len())).unwrap_or_default();
                    let goes_on = length.is_none()
                        && match rest.next() {
                            None => false,
                            Some(Piece::Unknown(next)) => !(uri_part && matches!(next.class, Class::Path | Class::Uri)),
                            Some(Piece::Text(_)) => true,
                        };
                    return match address::port_number(digits) {
                        _ if goes_on => Self::Open,
                        Ok(port) if closed => Self::Port(port),
                        Ok(_) => Self::Open,
                        Err(_) => Self::Invalid,
                    };
                }
            }
        }
        if may_bring_port { Self::Open } else { Self::Nothing }
    }
}

/// The host and what follows its colon, in text that an unknown part follows.
fn host_and_port(authority: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let colon = if authority.first() == Some(&b'[') {
        match authority.iter().position(|byte| *byte == b']') {
            None => return Some((authority, None)),
            Some(close) => match authority.get(close + 1) {
                None => None,
                Some(b':') => Some(close + 1),
                Some(_) => return None,
            },
        }
    } else {
        authority.iter().position(|byte| *byte == b':')
    };
    Some(match colon {
        Some(colon) => (authority.get(..colon)?, authority.get(colon + 1..)),
        None => (authority, None),
    })
}

fn reason(value: &[Piece], unknown: &Unknown) -> String {
    let name = &unknown.name;
    let why = if unknown.reason.is_empty() { "is known only for each request" } else { &unknown.reason };
    let whole = shown(value);
    if whole == *name { format!("`{name}` {why}") } else { format!("`{name}` in `{whole}` {why}") }
}

/// Whether a variable holds what the client sends. Captures are parts of the address that it asks for.
fn is_chosen_by_client(unknown: &Unknown) -> bool {
    let name = unknown.name.trim_start_matches(['$', '{']).trim_end_matches('}').to_ascii_lowercase();
    let sent = ["arg_", "http_", "cookie_"].iter().any(|start| name.starts_with(start));
    sent || unknown.reason == CAPTURE || builtins::is_sent(&name)
}
