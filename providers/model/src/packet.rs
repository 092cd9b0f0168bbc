//! What a filter sees of a connection.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::network::InterfaceId;
use crate::ports::PortRange;
use crate::verdict::ReasonId;

/// A transport protocol by its IANA number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Protocol(pub u8);

impl Protocol {
    /// Transmission Control Protocol.
    pub const TCP: Self = Self(6);
    /// User Datagram Protocol.
    pub const UDP: Self = Self(17);
    /// Internet Control Message Protocol, for IPv4.
    pub const ICMP: Self = Self(1);
    /// Internet Control Message Protocol, for IPv6.
    pub const ICMP_V6: Self = Self(58);
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TCP => f.write_str("tcp"),
            Self::UDP => f.write_str("udp"),
            Self::ICMP => f.write_str("icmp"),
            Self::ICMP_V6 => f.write_str("icmpv6"),
            Self(number) => write!(f, "protocol {number}"),
        }
    }
}

/// Who stands behind an address, for rules that name a group instead of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// An interface of the evidence; its groups decide.
    Interface(InterfaceId),
    /// Certainly nobody whom a group rule could mean: an outside address, or a path on which the cloud
    /// forgets who sent the packet (address translation, a public address, another region).
    Nobody,
    /// Nobody either, at an address of the internet that is not known. The packet has the unspecified address there, and
    /// rules match where they are about every such address, or about none.
    Hidden,
    /// The evidence does not say.
    Unknown(ReasonId),
}

impl Identity {
    /// What is left of it where a cloud forgets who sent the packet.
    #[must_use]
    pub fn outside(self) -> Self {
        if self == Self::Hidden { Self::Hidden } else { Self::Nobody }
    }
}

/// The first packet of a new connection, or of the answer to it, as it looks at one point of the path.
///
/// One of the two port ranges is the client's ephemeral range and the other a single port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Transport protocol.
    pub protocol: Protocol,
    /// Source address as seen at this point.
    pub source: IpAddr,
    /// Destination address as seen at this point.
    pub destination: IpAddr,
    /// Possible source ports.
    pub source_ports: PortRange,
    /// Possible destination ports.
    pub destination_ports: PortRange,
    /// Who the source is.
    pub source_identity: Identity,
    /// Who the destination is.
    pub destination_identity: Identity,
}

impl Packet {
    /// The packet of a sender that leaves its cloud with an address which is not known.
    #[must_use]
    pub fn hidden(&self) -> Self {
        let source = match self.source {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        Self { source, source_identity: Identity::Hidden, ..*self }
    }

    /// The answer to this packet: both ends swapped.
    #[must_use]
    pub fn reply(&self) -> Self {
        Self {
            protocol: self.protocol,
            source: self.destination,
            destination: self.source,
            source_ports: self.destination_ports,
            destination_ports: self.source_ports,
            source_identity: self.destination_identity,
            destination_identity: self.source_identity,
        }
    }
}
