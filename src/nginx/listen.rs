//! Where a `server` block listens, as far as that decides what it dials: `$scheme`, `$server_port`, UDP.

use std::ops::RangeInclusive;

use super::address::port_number;
use super::tree::Directive;

/// One `listen` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listen {
    /// The address as written, to compare with other servers on the same socket.
    pub(crate) address: Vec<u8>,
    /// No ports on a unix socket.
    pub(crate) ports: Option<RangeInclusive<u16>>,
    /// TLS, from `ssl` or from `quic`, which implies it.
    pub(crate) tls: bool,
    /// A stream over UDP. (`quic` is UDP too, but its requests are http.)
    pub(crate) udp: bool,
}

impl Listen {
    /// Reads a `listen` line; what nginx would refuse in it is not this program's concern.
    pub(crate) fn read(directive: Directive<'_>) -> Self {
        let address = directive.argument(0).unwrap_or_default().into_owned();
        let has = |wanted: &[u8]| directive.arguments().skip(1).any(|argument| &*argument == wanted);
        Self { ports: ports(&address), tls: has(b"ssl") || has(b"quic"), udp: has(b"udp"), address }
    }

    /// What a server without any `listen` does, when nginx is started by root.
    pub(crate) fn default_http() -> Self {
        Self { address: b"*:80".to_vec(), ports: Some(80..=80), tls: false, udp: false }
    }
}

fn ports(address: &[u8]) -> Option<RangeInclusive<u16>> {
    if address.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"unix:")) {
        return None;
    }
    let outside = match address.iter().rposition(|byte| *byte == b']') {
        Some(bracket) => address.get(bracket + 1..)?,
        None => address,
    };
    let written = match outside.iter().position(|byte| *byte == b':') {
        Some(colon) => outside.get(colon + 1..)?,
        None if !outside.is_empty() && outside.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-') => outside,
        None => return Some(80..=80),
    };
    let mut ends = written.splitn(2, |byte| *byte == b'-').map(port_number);
    let first = ends.next()?.ok()?;
    let last = match ends.next() {
        Some(last) => last.ok()?,
        None => first,
    };
    Some(first..=last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_found_in_every_form() {
        for (address, expected) in [
            ("18080", Some(18080..=18080)),
            ("127.0.0.1:18081-18083", Some(18081..=18083)),
            ("8000-8005", Some(8000..=8005)),
            ("*:81", Some(81..=81)),
            ("[::]:82", Some(82..=82)),
            ("[::1]", Some(80..=80)),
            ("localhost", Some(80..=80)),
            ("127.0.0.1", Some(80..=80)),
            ("unix:/run/x.sock", None),
        ] {
            assert_eq!(ports(address.as_bytes()), expected, "{address}");
        }
    }
}
