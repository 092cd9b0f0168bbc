//! Values that the API writes as text.

use reachlint_model::{PortRange, Prefix, Protocol};
use serde::{Deserialize, Deserializer, de};

/// An address block. Where the API keeps host bits (an alias range as it was typed), they are cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Block(pub(crate) Prefix);

impl<'de> Deserialize<'de> for Block {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(de::Error::custom)
    }
}

/// A port or a range of ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ports(pub(crate) PortRange);

impl<'de> Deserialize<'de> for Ports {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(de::Error::custom)
    }
}

/// An id that the API writes as text and some tools as a number.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id(pub(crate) String);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Text(String),
            Number(u64),
        }
        Ok(Self(match Either::deserialize(deserializer)? {
            Either::Text(text) => text,
            Either::Number(number) => number.to_string(),
        }))
    }
}

/// The protocol of a rule: a name, a number, or `all`. `Err` for a word that is not known (VPC, firewall rules,
/// protocols and ports).
pub(crate) fn protocol(text: &str) -> Result<Option<Protocol>, ()> {
    let number = match text.to_ascii_lowercase().as_str() {
        "all" => return Ok(None),
        "tcp" => 6,
        "udp" => 17,
        "icmp" => 1,
        "icmpv6" | "ipv6-icmp" => 58,
        "esp" => 50,
        "ah" => 51,
        "sctp" => 132,
        "ipip" => 4,
        "gre" => 47,
        number => number.parse::<u8>().map_err(|_| ())?,
    };
    Ok(Some(Protocol(number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_are_names_or_numbers() {
        assert_eq!(protocol("6"), protocol("tcp"));
        assert_eq!(protocol("TCP"), Ok(Some(Protocol::TCP)));
        assert_eq!((protocol("all"), protocol("warp"), protocol("300")), (Ok(None), Err(()), Err(())));
    }

    #[test]
    fn ids_are_text_or_numbers() {
        assert_eq!(serde_json::from_str::<Id>("12").unwrap(), serde_json::from_str::<Id>("\"12\"").unwrap());
    }

    #[test]
    fn a_broken_block_is_an_error() {
        assert!(serde_json::from_str::<Block>("\"10.0.0.0/33\"").is_err());
        assert!(serde_json::from_str::<Ports>("\"90-80\"").is_err());
    }
}
