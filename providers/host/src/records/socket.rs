//! Who listens, as `ss` or `/proc/net` tells it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reachlint_model::Protocol;

use super::{Document, Ending};

/// The address that a socket is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// One address.
    One(IpAddr),
    /// Every IPv4 address.
    AnyV4,
    /// Every IPv6 address, and every IPv4 address too if that is true; `None` where it is not known
    /// (`IPV6_V6ONLY`, Linux `ipv6(7)`).
    AnyV6(Option<bool>),
}

/// A socket that takes new connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listener {
    pub(crate) protocol: Protocol,
    pub(crate) bound: Bound,
    pub(crate) port: u16,
    /// The device that it is bound to (`SO_BINDTODEVICE`, Linux `socket(7)`).
    pub(crate) device: Option<String>,
    /// As the listing has it, with the name of the program where that is known.
    pub(crate) name: String,
}

/// The listeners of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sockets {
    /// All of them.
    Read(Vec<Listener>),
    /// All of them, but not the devices that they may be bound to.
    WithoutDevices(Vec<Listener>),
    /// None, and why.
    Unread(String),
}

pub(super) fn sockets(document: &Document) -> Sockets {
    let (output, ending) = document.command("ss -Hltnupe");
    match ending {
        Ending::Exit(0) => return Sockets::Read(output.lines().filter_map(listed).collect()),
        Ending::Exit(code) => return Sockets::Unread(format!("`ss` failed with {code}")),
        Ending::Absent | Ending::Missing => {}
    }
    let (output, ending) = document.command("cat /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6");
    // A kernel without IPv6 has only two of the files, and `cat` complains about the others.
    let read = ["tcp", "udp"].into_iter().all(|_| output.contains("local_address"));
    match ending {
        Ending::Exit(_) if read && !output.contains("Permission denied") => Sockets::WithoutDevices(proc(output)),
        _ => Sockets::Unread("the evidence has neither `ss` nor `/proc/net/tcp`".to_owned()),
    }
}

/// A line of `ss -Hltnupe`: protocol, state, two queue lengths, own end, other end, and the rest.
fn listed(line: &str) -> Option<Listener> {
    let mut fields = line.split_whitespace();
    let protocol = match fields.next()? {
        "tcp" => Protocol::TCP,
        "udp" => Protocol::UDP,
        _ => return None,
    };
    let state = fields.next()?;
    if state != "LISTEN" && state != "UNCONN" {
        return None;
    }
    let local = fields.nth(2)?;
    let (host, port) = local.rsplit_once(':')?;
    let (host, device) = match host.split_once('%') {
        Some((host, device)) => (host, Some(device.trim_end_matches(']').to_owned())),
        None => (host, None),
    };
    let rest: Vec<&str> = fields.collect();
    let only = rest.iter().find_map(|field| field.strip_prefix("v6only:")).map(|only| only == "1");
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let bound = match bare {
        // `ss` writes a star for a socket of both families.
        "*" => Bound::AnyV6(Some(only != Some(true))),
        "::" | "" => Bound::AnyV6(only.map(|only| !only)),
        "0.0.0.0" => Bound::AnyV4,
        address => match address.parse::<IpAddr>().ok()?.to_canonical() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Bound::AnyV4,
            address => Bound::One(address),
        },
    };
    let program = rest.iter().find_map(|field| field.strip_prefix("users:((\"")?.split('"').next());
    let name = program.map_or_else(|| local.to_owned(), |program| format!("{local} ({program})"));
    Some(Listener { protocol, bound, port: port.parse().ok()?, device, name })
}

/// The files below `/proc/net` one after the other; their headers do not name them, but UDP has a column more.
fn proc(text: &str) -> Vec<Listener> {
    let mut udp = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.contains("local_address") {
            udp = line.contains("drops");
            continue;
        }
        let mut fields = line.split_whitespace();
        let (Some(_), Some(local), Some(remote), Some(state)) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        // The kernel's `TCP_LISTEN`, and `TCP_CLOSE` for a UDP socket without a peer.
        let takes = if udp { state == "07" && remote.ends_with(":0000") } else { state == "0A" };
        let Some((bound, port)) = hexadecimal(local).filter(|_| takes) else { continue };
        let protocol = if udp { Protocol::UDP } else { Protocol::TCP };
        let name = match bound {
            Bound::One(address) => std::net::SocketAddr::new(address, port).to_string(),
            Bound::AnyV4 => format!("0.0.0.0:{port}"),
            Bound::AnyV6(_) => format!("[::]:{port}"),
        };
        found.push(Listener { protocol, bound, port, device: None, name });
    }
    found
}

/// `0100007F:0051`: words of four bytes in the machine's own order, which is little-endian wherever nginx runs today.
fn hexadecimal(text: &str) -> Option<(Bound, u16)> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| u32::from_str_radix(address.get(at * 8..at * 8 + 8)?, 16).ok().map(u32::swap_bytes);
    let bound = match address.len() {
        8 => match Ipv4Addr::from_bits(word(0)?) {
            Ipv4Addr::UNSPECIFIED => Bound::AnyV4,
            address => Bound::One(address.into()),
        },
        32 => {
            let bits = (0..4).try_fold(0_u128, |bits, at| Some(bits << 32 | u128::from(word(at)?)))?;
            match Ipv6Addr::from_bits(bits) {
                Ipv6Addr::UNSPECIFIED => Bound::AnyV6(None),
                address => Bound::One(IpAddr::from(address).to_canonical()),
            }
        }
        _ => return None,
    };
    Some((bound, port))
}

#[cfg(test)]
mod tests {
    use super::{Bound, listed, proc};

    #[test]
    fn sockets_say_whom_they_listen_to() {
        let cases = [
            (
                "tcp LISTEN 0 5 127.0.0.1:81 0.0.0.0:* users:((\"node\",pid=1,fd=3)) ino:1 sk:2 <->",
                Bound::One("127.0.0.1".parse().unwrap()),
                None,
            ),
            ("tcp LISTEN 0 5 *:82 *:* ino:1 v6only:0 <->", Bound::AnyV6(Some(true)), None),
            ("tcp LISTEN 0 5 *:82 *:*", Bound::AnyV6(Some(true)), None),
            ("tcp LISTEN 0 5 [::]:83 [::]:* v6only:1 <->", Bound::AnyV6(Some(false)), None),
            ("tcp LISTEN 0 5 [::]:83 [::]:*", Bound::AnyV6(None), None),
            ("tcp LISTEN 0 5 0.0.0.0%eth0:85 0.0.0.0:*", Bound::AnyV4, Some("eth0")),
            ("tcp LISTEN 0 5 [::ffff:127.0.0.1]:87 *:* v6only:0", Bound::One("127.0.0.1".parse().unwrap()), None),
            ("tcp LISTEN 0 5 [fe80::1]%eth0:88 [::]:* v6only:1", Bound::One("fe80::1".parse().unwrap()), Some("eth0")),
            ("udp UNCONN 0 0 0.0.0.0:88 0.0.0.0:*", Bound::AnyV4, None),
        ];
        for (line, bound, device) in cases {
            let found = listed(line).unwrap();
            assert_eq!((found.bound, found.device.as_deref()), (bound, device), "{line}");
        }
        assert_eq!(listed(cases[0].0).unwrap().name, "127.0.0.1:81 (node)");
        assert_eq!(listed("tcp ESTAB 0 0 10.0.0.1:22 10.0.0.2:555"), None);
        assert_eq!(listed("nonsense"), None);
    }

    #[test]
    fn the_files_of_the_kernel_say_less() {
        let text = "  sl  local_address rem_address   st\n   0: 0100007F:0051 00000000:0000 0A 0\n   1: 0100007F:0052 0100007F:0001 01 0\n\
                    sl  local_address remote_address st\n 0: 0000000000000000FFFF00000100007F:0057 00000000000000000000000000000000:0000 0A\n\
                    1: 00000000000000000000000000000000:0053 0:0000 0A\n sl local_address rem_address st drops\n 9: 00000000:0035 00000000:0000 07 0\n";
        let found = proc(text);
        let names: Vec<_> = found.iter().map(|listener| listener.name.as_str()).collect();
        assert_eq!(names, ["127.0.0.1:81", "127.0.0.1:87", "[::]:83", "0.0.0.0:53"]);
        assert_eq!(found[2].bound, Bound::AnyV6(None));
        assert_eq!(found[3].protocol, reachlint_model::Protocol::UDP);
    }
}
