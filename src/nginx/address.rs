//! The grammar of addresses: `ngx_parse_url` and its IPv4 and IPv6 readers in nginx's `ngx_inet.c`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a directive lets an address contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Grammar {
    /// Used where no port is written.
    pub(crate) default_port: Option<u16>,
    /// Whether a path or arguments may follow.
    pub(crate) uri_part: bool,
}

/// An address as nginx reads it, before any name is looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url<'u> {
    pub(crate) host: Host,
    /// The host as written, which is what names of `upstream` groups are compared with. IPv6 keeps its brackets.
    pub(crate) written: &'u [u8],
    /// The written port, or the default one.
    pub(crate) port: Option<u16>,
    /// A port is written.
    pub(crate) has_port: bool,
    /// A path or arguments follow.
    pub(crate) has_uri: bool,
}

/// What the host part is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    /// A literal that nginx reads itself.
    Address(IpAddr),
    /// Anything else goes to the resolver.
    Name,
    /// A path of a unix socket.
    Unix,
}

/// Why nginx does not take an address, in its own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressProblem {
    /// A path where none may be, or no closing bracket.
    #[error("invalid host")]
    InvalidHost,
    /// Not a number from 1 to 65535.
    #[error("invalid port")]
    InvalidPort,
    /// Nothing where the host should be.
    #[error("no host")]
    NoHost,
    /// No IPv6 address between the brackets.
    #[error("invalid IPv6 address")]
    InvalidIpv6,
    /// `unix:` and nothing else.
    #[error("no path in the unix domain socket")]
    NoUnixPath,
    /// Longer than the socket structure of Linux allows.
    #[error("too long path in the unix domain socket")]
    LongUnixPath,
    /// A name that no resolver can have.
    #[error("host not found")]
    HostNotFound,
}

/// Reads an address.
pub(crate) fn parse(url: &[u8], grammar: Grammar) -> Result<Url<'_>, AddressProblem> {
    if let Some(scheme) = url.get(..5)
        && scheme.eq_ignore_ascii_case(b"unix:")
    {
        return unix(url.get(5..).unwrap_or_default(), grammar);
    }
    if url.first() == Some(&b'[') {
        return bracketed(url, grammar);
    }
    let colon = position(url, b':');
    let uri = uri_start(url);
    if uri.is_some() && !grammar.uri_part {
        return Err(AddressProblem::InvalidHost);
    }
    let end = uri.unwrap_or(url.len());
    let colon = colon.filter(|colon| *colon < end);
    let written = url.get(..colon.unwrap_or(end)).unwrap_or_default();
    // The port is judged before the host, so `:x` is an invalid port, not a missing host.
    let port = match colon {
        Some(colon) => Some(port_number(url.get(colon + 1..end).unwrap_or_default())?),
        None => None,
    };
    if written.is_empty() {
        return Err(AddressProblem::NoHost);
    }
    Ok(Url {
        // nginx takes 255.255.255.255 for its own error value and asks the resolver, which returns the same address.
        host: ipv4(written).map_or(Host::Name, |address| Host::Address(IpAddr::V4(address))),
        written,
        port: port.or(grammar.default_port),
        has_port: port.is_some(),
        has_uri: uri.is_some(),
    })
}

fn unix(path: &[u8], grammar: Grammar) -> Result<Url<'_>, AddressProblem> {
    /// `sizeof(sun_path)` on Linux, and the closing zero byte has to fit.
    const LONGEST: usize = 107;
    let uri = if grammar.uri_part { position(path, b':') } else { None };
    let written = path.get(..uri.unwrap_or(path.len())).unwrap_or_default();
    if written.is_empty() {
        return Err(AddressProblem::NoUnixPath);
    }
    if written.len() > LONGEST {
        return Err(AddressProblem::LongUnixPath);
    }
    Ok(Url { host: Host::Unix, written, port: None, has_port: false, has_uri: uri.is_some() })
}

fn bracketed(url: &[u8], grammar: Grammar) -> Result<Url<'_>, AddressProblem> {
    let close = position(url, b']').ok_or(AddressProblem::InvalidHost)?;
    let rest = url.get(close + 1..).unwrap_or_default();
    let uri = uri_start(rest);
    if uri.is_some() && !grammar.uri_part {
        return Err(AddressProblem::InvalidHost);
    }
    let port = match rest.get(..uri.unwrap_or(rest.len())).unwrap_or_default() {
        [] => None,
        [b':', digits @ ..] => Some(port_number(digits)?),
        _ => return Err(AddressProblem::InvalidHost),
    };
    let inside = url.get(1..close).unwrap_or_default();
    if inside.is_empty() {
        return Err(AddressProblem::NoHost);
    }
    let address = ipv6(inside).ok_or(AddressProblem::InvalidIpv6)?;
    Ok(Url {
        host: Host::Address(IpAddr::V6(address)),
        written: url.get(..=close).unwrap_or_default(),
        port: port.or(grammar.default_port),
        has_port: port.is_some(),
        has_uri: uri.is_some(),
    })
}

/// Where a path or arguments start.
fn uri_start(url: &[u8]) -> Option<usize> {
    url.iter().position(|byte| matches!(byte, b'/' | b'?'))
}

fn position(text: &[u8], wanted: u8) -> Option<usize> {
    text.iter().position(|byte| *byte == wanted)
}

/// `ngx_atoi` and the range of ports: digits only, leading zeros welcome, no ranges.
pub(crate) fn port_number(digits: &[u8]) -> Result<u16, AddressProblem> {
    if digits.is_empty() {
        return Err(AddressProblem::InvalidPort);
    }
    let mut number = 0_u32;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return Err(AddressProblem::InvalidPort);
        }
        number = number.saturating_mul(10).saturating_add(u32::from(digit - b'0'));
    }
    match u16::try_from(number) {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(AddressProblem::InvalidPort),
    }
}

/// `ngx_inet_addr`: exactly three dots, decimal octets with any number of leading zeros, an empty octet counts as 0.
pub(crate) fn ipv4(text: &[u8]) -> Option<Ipv4Addr> {
    let mut octets = [0_u8; 4];
    let mut parts = text.split(|byte| *byte == b'.');
    for octet in &mut octets {
        let mut value = 0_u32;
        for digit in parts.next()? {
            if !digit.is_ascii_digit() {
                return None;
            }
            value = value * 10 + u32::from(digit - b'0');
            if value > 255 {
                return None;
            }
        }
        *octet = u8::try_from(value).ok()?;
    }
    parts.next().is_none().then(|| Ipv4Addr::from(octets))
}

/// `ngx_inet6_addr`: groups of up to four hexadecimal digits, one `::`, an IPv4 tail in nginx's own notation. No zones.
pub(crate) fn ipv6(text: &[u8]) -> Option<Ipv6Addr> {
    let mut groups: Vec<u16> = Vec::with_capacity(8);
    let mut gap: Option<usize> = None;
    let mut word = 0_u16;
    let mut digits = 0_u8;
    // Where the current group starts, once a colon has been seen.
    let mut group_start: Option<usize> = None;
    let skipped = usize::from(text.first() == Some(&b':'));
    for (at, byte) in text.iter().enumerate().skip(skipped) {
        match byte {
            b':' if digits > 0 => {
                groups.push(word);
                if groups.len() == 8 {
                    return None;
                }
                group_start = Some(at + 1);
                digits = 0;
                word = 0;
            }
            b':' if gap.is_none() => {
                group_start = Some(at + 1);
                gap = Some(groups.len());
            }
            b':' => return None,
            b'.' if digits > 0 => {
                if groups.len() > 6 {
                    return None;
                }
                let tail = ipv4(text.get(group_start?..)?)?;
                let [a, b, c, d] = tail.octets();
                groups.push(u16::from_be_bytes([a, b]));
                word = u16::from_be_bytes([c, d]);
                break;
            }
            _ => {
                digits += 1;
                if digits > 4 {
                    return None;
                }
                let digit = char::from(*byte).to_digit(16)?;
                word = word * 16 + u16::try_from(digit).ok()?;
            }
        }
    }
    if digits == 0 && gap.is_none() {
        return None;
    }
    groups.push(word);
    let mut whole = [0_u16; 8];
    let missing = whole.len().checked_sub(groups.len())?;
    match gap {
        // nginx wants the gap to stand for something.
        Some(gap) if missing > 0 => {
            for (at, group) in groups.iter().enumerate() {
                let place = if at < gap { at } else { at + missing };
                *whole.get_mut(place)? = *group;
            }
        }
        None if missing == 0 => {
            for (place, group) in whole.iter_mut().zip(&groups) {
                *place = *group;
            }
        }
        _ => return None,
    }
    Some(Ipv6Addr::from(whole))
}

/// What the C library makes of a host that nginx does not read as an address: `inet_aton` takes one to four parts in
/// decimal, octal or hexadecimal, the last of which fills the remaining bytes. Both glibc and musl do this in
/// `getaddrinfo`, so `2130706434` and `127.2` are addresses, and so is a lone port number.
pub(crate) fn c_library(text: &[u8]) -> Option<Ipv4Addr> {
    let text = std::str::from_utf8(text).ok()?;
    let parts = text
        .split('.')
        .map(|part| {
            let (digits, radix) = if let Some(hex) = part.strip_prefix("0x").or_else(|| part.strip_prefix("0X")) {
                (hex, 16)
            } else if part.len() > 1 && part.starts_with('0') {
                (part, 8)
            } else {
                (part, 10)
            };
            if !digits.starts_with(|first: char| first.is_digit(radix)) {
                return None;
            }
            u32::from_str_radix(digits, radix).ok()
        })
        .collect::<Option<Vec<u32>>>()?;
    let (last, leading) = parts.split_last()?;
    if leading.len() > 3 {
        return None;
    }
    let mut address = 0_u32;
    for (part, shift) in leading.iter().zip([24_u32, 16, 8]) {
        address |= u32::from(u8::try_from(*part).ok()?) << shift;
    }
    let room = 32 - 8 * u32::try_from(leading.len()).ok()?;
    if room < 32 && *last >> room != 0 {
        return None;
    }
    Some(Ipv4Addr::from(address | last))
}

/// The address of `proxy_bind` and its kin (`ngx_parse_addr_port`): with or without a port, never a name.
pub(crate) fn bound(text: &[u8]) -> Option<IpAddr> {
    if let Some(address) = ipv4(text) {
        return Some(address.into());
    }
    if let Some(address) = ipv6(text) {
        return Some(address.into());
    }
    match parse(text, Grammar::default()).ok()?.host {
        Host::Address(address) => Some(address),
        Host::Name | Host::Unix => None,
    }
}

/// Whether any resolver could know a host of this text. A `$` or a backslash that nginx left in a name shows a
/// mistake, and nginx stops there with `host not found`.
pub(crate) fn could_be_a_name(text: &[u8]) -> bool {
    text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_') || !byte.is_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(text: &str) -> Option<String> {
        ipv4(text.as_bytes()).map(|address| address.to_string())
    }

    #[test]
    fn ipv4_is_read_as_nginx_reads_it() {
        for (text, address) in [
            ("127.0.0.2", Some("127.0.0.2")),
            ("010.0.0.1", Some("10.0.0.1")),
            ("127.000.000.002", Some("127.0.0.2")),
            ("127..0.2", Some("127.0.0.2")),
            ("127.0.0.", Some("127.0.0.0")),
            ("...", Some("0.0.0.0")),
            ("256.0.0.1", None),
            ("1.2.3", None),
            ("1.2.3.4.5", None),
            ("1.2.3.4a", None),
            ("", None),
        ] {
            assert_eq!(v4(text).as_deref(), address, "{text}");
        }
    }

    #[test]
    fn ipv6_is_read_as_nginx_reads_it() {
        for (text, address) in [
            ("::1", Some("::1")),
            ("::", Some("::")),
            ("1::", Some("1::")),
            ("2001:DB8::5", Some("2001:db8::5")),
            ("1:2:3:4:5:6:7:8", Some("1:2:3:4:5:6:7:8")),
            ("::ffff:127.0.0.2", Some("::ffff:127.0.0.2")),
            ("1:2:3:4:5:6:10.1.2.3", Some("1:2:3:4:5:6:a01:203")),
            ("64:ff9b::010.0.0.1", Some("64:ff9b::a00:1")),
            ("1:2:3:4:5:6:7", None),
            ("1:2:3:4:5:6:7:8:9", None),
            ("1:2:3:4:5:6:7::8", None),
            ("1::2::3", None),
            ("12345::", None),
            ("fe80::1%lo", None),
            ("1:", None),
            ("g::", None),
            ("", None),
        ] {
            assert_eq!(ipv6(text.as_bytes()).map(|a| a.to_string()).as_deref(), address, "{text}");
        }
    }

    #[test]
    fn the_c_library_reads_more_than_nginx() {
        for (text, address) in [
            ("2130706434", Some("127.0.0.2")),
            ("127.2", Some("127.0.0.2")),
            ("0x7f000002", Some("127.0.0.2")),
            ("0177.0.0.2", Some("127.0.0.2")),
            ("8080", Some("0.0.31.144")),
            ("1.2.65535", Some("1.2.255.255")),
            ("255.255.255.255", Some("255.255.255.255")),
            ("1.2.3.256", None),
            ("4294967296", None),
            ("1.2.3.4.5", None),
            ("08", None),
            ("0x", None),
            ("+1", None),
            ("1.", None),
            ("a", None),
        ] {
            assert_eq!(c_library(text.as_bytes()).map(|a| a.to_string()).as_deref(), address, "{text}");
        }
    }

    #[test]
    fn urls_follow_the_grammar_of_their_directive() {
        let pass = Grammar { default_port: Some(80), uri_part: true };
        let server = Grammar { default_port: Some(80), uri_part: false };
        let read = |text: &'static str, grammar| {
            parse(text.as_bytes(), grammar)
                .map(|url| (String::from_utf8_lossy(url.written).into_owned(), url.port, url.has_port, url.has_uri))
        };
        let ok = |host: &str, port, has_port, has_uri| Ok((host.to_owned(), port, has_port, has_uri));
        assert_eq!(read("h", pass), ok("h", Some(80), false, false));
        assert_eq!(read("h:081/x:9", pass), ok("h", Some(81), true, true));
        assert_eq!(read("h?x=1:9", pass), ok("h", Some(80), false, true));
        assert_eq!(read("[::1]", pass), ok("[::1]", Some(80), false, false));
        assert_eq!(read("[::1]:92/", pass), ok("[::1]", Some(92), true, true));
        assert_eq!(read("UNIX:/a:8080:/y", pass), ok("/a", None, false, true));
        assert_eq!(read("unix:/a:b", server), ok("/a:b", None, false, false));
        assert_eq!(read("h/x", server), Err(AddressProblem::InvalidHost));
        assert_eq!(read("http://h", server), Err(AddressProblem::InvalidHost));
        assert_eq!(read("[::1]x", server), Err(AddressProblem::InvalidHost));
        assert_eq!(read("[::1", server), Err(AddressProblem::InvalidHost));
        assert_eq!(read("[::1%lo]:1", server), Err(AddressProblem::InvalidIpv6));
        assert_eq!(read(":80", server), Err(AddressProblem::NoHost));
        assert_eq!(read("", server), Err(AddressProblem::NoHost));
        assert_eq!(read("unix:", server), Err(AddressProblem::NoUnixPath));
        for port in ["h:", "h:0", "h:65536", "h:http", "h:8000-8005", "::1:92", "user:pass@h:80", "h:99999999999999"] {
            assert_eq!(read(port, server), Err(AddressProblem::InvalidPort), "{port}");
        }
    }
}
