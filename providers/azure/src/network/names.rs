//! What resources are called in reports: as short as they are unique.

use std::collections::BTreeMap;

use reachlint_model::{NameId, Names};
use rustc_hash::FxHashMap as HashMap;

use crate::records::ResourceId;

/// Names of resources. Resource ids fill a line each, so a resource is called by its name, by its group and name where
/// another one of its kind has the same, and by its whole id where even that is not unique.
#[derive(Clone, Debug, Default)]
pub(crate) struct Called {
    names: HashMap<String, NameId>,
    ids: HashMap<NameId, Vec<ResourceId>>,
}

impl Called {
    /// Gives every resource its name.
    pub(super) fn new<'a>(all: impl Iterator<Item = &'a ResourceId>, names: &mut Names) -> Self {
        let short = |id: &ResourceId| id.names.join("/");
        let mut resources: BTreeMap<&str, &ResourceId> = BTreeMap::new();
        for id in all {
            resources.entry(&id.key).or_insert(id);
        }
        let mut by_name: BTreeMap<String, usize> = BTreeMap::new();
        let mut by_group: BTreeMap<String, usize> = BTreeMap::new();
        let kinded = |id: &ResourceId, text: String| format!("{} {}", id.kind, text.to_ascii_lowercase());
        let grouped = |id: &ResourceId| format!("{}/{}", id.group, short(id));
        for id in resources.values() {
            *by_name.entry(kinded(id, short(id))).or_default() += 1;
            *by_group.entry(kinded(id, grouped(id))).or_default() += 1;
        }
        let mut called = Self::default();
        for id in resources.values() {
            let text = if by_name.get(&kinded(id, short(id))) == Some(&1) {
                short(id)
            } else if by_group.get(&kinded(id, grouped(id))) == Some(&1) {
                grouped(id)
            } else {
                id.text.clone()
            };
            let name = names.intern(&text);
            called.names.insert(id.key.clone(), name);
            called.ids.entry(name).or_default().push((*id).clone());
        }
        called
    }

    /// The name of a resource that was read.
    pub(super) fn get(&self, key: &str) -> Option<NameId> {
        self.names.get(key).copied()
    }

    /// The name of any resource: its own, or the end of its id where it was not read.
    pub(super) fn of(&self, key: &str, names: &mut Names) -> NameId {
        self.get(key).unwrap_or_else(|| names.intern(key.rsplit('/').next().unwrap_or(key)))
    }

    /// The resource of a kind that has a name; the kind is the end of the id's.
    pub(crate) fn resource(&self, name: NameId, kind: &str) -> Option<&ResourceId> {
        self.ids.get(&name)?.iter().find(|id| id.kind.ends_with(kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(subscription: &str, group: &str, name: &str) -> ResourceId {
        let text = format!("/subscriptions/{subscription}/resourceGroups/{group}/providers/M.N/virtualNetworks/{name}");
        ResourceId::parse(&text).unwrap()
    }

    #[test]
    fn names_are_as_long_as_they_must_be() {
        let all = [id("s", "a", "one"), id("s", "a", "two"), id("s", "B", "two"), id("s", "c", "x"), id("t", "c", "x")];
        let mut names = Names::default();
        let called = Called::new(all.iter(), &mut names);
        let shown: Vec<&str> = all.iter().map(|id| names.get(called.get(&id.key).unwrap())).collect();
        assert_eq!(shown, ["one", "a/two", "B/two", all[3].text.as_str(), all[4].text.as_str()]);
    }
}
