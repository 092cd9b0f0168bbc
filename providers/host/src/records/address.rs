//! Devices and their addresses, as `ip -j addr` prints them.

use std::net::IpAddr;

use serde_json::Value;

/// A network device of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its name, such as `eth0`.
    pub name: String,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Whether a program of the kernel's XDP sees packets before everything else.
    pub has_program: bool,
}

/// The devices of a listing; `None` where it is none.
pub(super) fn devices(text: &str) -> Option<Vec<Device>> {
    // A warning may stand before the listing.
    let start = text.find('[')?;
    let listing: Value = serde_json::from_str(text.get(start..)?.trim()).ok()?;
    let devices = listing.as_array()?.iter().filter_map(|device| {
        let addresses = device.get("addr_info").and_then(Value::as_array).into_iter().flatten();
        let addresses = addresses.filter_map(|address| address.get("local")?.as_str()?.parse().ok());
        Some(Device {
            name: device.get("ifname")?.as_str()?.to_owned(),
            addresses: addresses.collect(),
            has_program: device.get("xdp").is_some(),
        })
    });
    Some(devices.collect())
}

#[cfg(test)]
mod tests {
    use super::devices;

    #[test]
    fn addresses_of_both_families_are_read() {
        let text = r#"[{},{"ifname":"lo","addr_info":[{"local":"127.0.0.1"},{"local":"::1"}]},
            {"ifname":"eth0","xdp":{"mode":1},"addr_info":[{"family":"inet","local":"10.0.2.20"},{"local":"x"}]}]"#;
        let found = devices(text).unwrap();
        let names: Vec<_> = found.iter().map(|device| (device.name.as_str(), device.addresses.len())).collect();
        assert_eq!(names, [("lo", 2), ("eth0", 1)]);
        assert_eq!(found.iter().map(|device| device.has_program).collect::<Vec<_>>(), [false, true]);
        assert_eq!(devices("Option \"-j\" is unknown"), None);
    }
}
