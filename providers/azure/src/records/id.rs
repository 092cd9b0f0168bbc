//! Resource ids.

/// A resource id, taken apart. Ids are compared without regard to case (Azure Resource Manager, naming rules), and the
/// services disagree on the case that they print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResourceId {
    /// The whole of it as it was read.
    pub(crate) text: String,
    /// The id in lower case, by which it is found.
    pub(crate) key: String,
    /// The subscription.
    pub(crate) subscription: String,
    /// The resource group.
    pub(crate) group: String,
    /// The kind in lower case: `microsoft.network/virtualnetworks/subnets`.
    pub(crate) kind: String,
    /// The names of the resource and of those that it is part of, outermost first.
    pub(crate) names: Vec<String>,
}

impl ResourceId {
    /// Takes an id apart; `None` where it is none of a resource in a resource group.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.strip_prefix('/')?.split('/').collect();
        let [subscriptions, subscription, groups, group, providers, provider, rest @ ..] = parts.as_slice() else {
            return None;
        };
        let fits = subscriptions.eq_ignore_ascii_case("subscriptions")
            && groups.eq_ignore_ascii_case("resourceGroups")
            && providers.eq_ignore_ascii_case("providers")
            && rest.len() >= 2
            && rest.len() % 2 == 0
            && parts.iter().all(|part| !part.is_empty());
        if !fits {
            return None;
        }
        let mut kind = provider.to_ascii_lowercase();
        for part in rest.iter().step_by(2) {
            kind.push('/');
            kind.push_str(&part.to_ascii_lowercase());
        }
        Some(Self {
            text: text.to_owned(),
            key: text.to_ascii_lowercase(),
            subscription: (*subscription).to_owned(),
            group: (*group).to_owned(),
            kind,
            names: rest.iter().skip(1).step_by(2).map(|name| (*name).to_owned()).collect(),
        })
    }

    /// The name of the resource itself.
    #[must_use]
    pub(crate) fn name(&self) -> &str {
        self.names.last().map(String::as_str).unwrap_or_default()
    }

    /// The key of the resource that this one is part of, `levels` further out.
    #[must_use]
    pub(crate) fn outer(&self, levels: usize) -> String {
        let mut key = self.key.as_str();
        for _ in 0..levels * 2 {
            key = key.rsplit_once('/').map_or("", |(outer, _)| outer);
        }
        key.to_owned()
    }
}

/// The key of whatever an id refers to.
#[must_use]
pub(crate) fn key(id: &str) -> String {
    id.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::ResourceId;

    #[test]
    fn an_id_comes_apart_whatever_its_case() {
        let text = "/Subscriptions/s-1/resourcegroups/RG/providers/Microsoft.Network/virtualNetworks/Net/subnets/a";
        let id = ResourceId::parse(text).unwrap();
        assert_eq!((id.subscription.as_str(), id.group.as_str(), id.name()), ("s-1", "RG", "a"));
        assert_eq!(id.kind, "microsoft.network/virtualnetworks/subnets");
        let vnet = "/subscriptions/s-1/resourcegroups/rg/providers/microsoft.network/virtualnetworks/net";
        assert_eq!(id.outer(1), vnet);
        assert_eq!(id.names, ["Net", "a"]);
    }

    #[test]
    fn what_is_no_resource_is_none() {
        for text in ["", "/subscriptions/1", "/subscriptions/1/resourceGroups/a", "subscriptions/1/resourceGroups/a/x"]
        {
            assert_eq!(ResourceId::parse(text), None, "{text}");
        }
        assert_eq!(ResourceId::parse("/subscriptions/1/resourceGroups/a/providers/M.N/x"), None);
    }
}
