//! What the words and numbers in records mean.

use std::net::IpAddr;

use reachlint_model::{PortRange, Prefix, Protocol, ProtocolMatch};

use crate::records::Text;

/// The region of an availability zone: `us-east-1a`, `us-west-2-lax-1a` and `us-gov-west-1b` all begin with it.
pub(in crate::network) fn region_of_zone(zone: &str) -> &str {
    let digits = zone.char_indices().skip_while(|(_, c)| !c.is_ascii_digit());
    let end = digits.skip_while(|(_, c)| c.is_ascii_digit()).map(|(at, _)| at).next();
    end.and_then(|end| zone.get(..end)).unwrap_or(zone)
}

pub(super) fn address(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

/// EC2 writes protocols as names for the four common ones and as numbers otherwise; infrastructure code also as
/// `6` or `TCP`. `-1` is every protocol (EC2 API, `IpPermission$IpProtocol`).
pub(super) fn protocol(text: &str) -> ProtocolMatch {
    let named = [("tcp", 6), ("udp", 17), ("icmp", 1), ("icmpv6", 58)];
    let number = named
        .iter()
        .find(|(name, _)| text.eq_ignore_ascii_case(name))
        .map(|(_, number)| *number)
        .or_else(|| text.parse::<u8>().ok());
    match number {
        Some(number) => ProtocolMatch::Only(Protocol(number)),
        // Only `-1` and `all` stand for every protocol. A word that AWS does not know cannot be TCP or UDP either:
        // 255 is reserved by IANA and no connection has it.
        None if text == "-1" || text.eq_ignore_ascii_case("all") => ProtocolMatch::Any,
        None => ProtocolMatch::Only(Protocol(255)),
    }
}

/// Ports of a rule. Any protocol other than TCP, UDP and ICMP takes all ports whatever the rule says (EC2 API,
/// `IpPermission`), and for ICMP the fields are type and code, which never name a port.
pub(super) fn ports(protocol: ProtocolMatch, from: Option<i32>, to: Option<i32>) -> PortRange {
    if !matches!(protocol, ProtocolMatch::Only(Protocol::TCP | Protocol::UDP)) {
        return PortRange::ALL;
    }
    match (from, to) {
        (None | Some(-1), None | Some(-1)) => PortRange::ALL,
        (from, to) => {
            let first = from.and_then(|port| u16::try_from(port).ok()).unwrap_or(0);
            let last = to.and_then(|port| u16::try_from(port).ok()).unwrap_or(first);
            PortRange::new(first, last).unwrap_or(PortRange::single(first))
        }
    }
}

/// An option that is `enable` or `disable`.
pub(super) fn enabled(text: Option<&Text<'_>>) -> Option<bool> {
    text.map(|text| &**text == "enable")
}

pub(in crate::network) fn id<'t>(text: &'t Text<'_>, field: &str) -> Result<&'t str, String> {
    if text.is_empty() { Err(format!("a record has no `{field}`")) } else { Ok(text) }
}

pub(super) fn block(text: &str, owner: &str) -> Result<Prefix, String> {
    text.parse().map_err(|error| format!("`{owner}`: {error}"))
}
