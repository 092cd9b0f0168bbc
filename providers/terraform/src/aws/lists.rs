//! Managed prefix lists.

use reachlint_aws::records::{ManagedPrefixList, PrefixListEntry, Sink};

use super::{LISTS, Overlay};
use crate::change::Change;
use crate::values::{Object, Why};

fn blocks(entries: &[Object<'_>]) -> Result<Vec<String>, Why> {
    let mut found = Vec::new();
    for entry in entries {
        found.extend(entry.get("cidr").text()?.map(str::to_owned));
    }
    Ok(found)
}

impl<'p> Overlay<'p, '_> {
    pub(super) fn remove_list(&mut self, change: &'p Change) {
        let Some(id) = change.old_id().filter(|_| change.actions.delete) else { return };
        self.estate.drop_list(id);
        self.estate.doubt(id, &format!("`{}` ({id}) is taken away by the plan", change.address));
    }

    pub(super) fn add_list(&mut self, change: &'p Change) -> Result<(), String> {
        let id = if change.actions.create { change.address.as_str() } else { change.new_id() };
        let new = match self.listed(change, "entry").and_then(|entries| blocks(&entries)) {
            Ok(new) => new,
            Err(why) => {
                self.unknown_list(id, &why.of(&change.address, "entry"));
                return Ok(());
            }
        };
        if change.actions.create {
            let name = change.after().get("name").text().ok().flatten();
            self.estate.prefix_list(ManagedPrefixList {
                prefix_list_id: id.to_owned().into(),
                prefix_list_name: name.map(|name| name.to_owned().into()),
                ..ManagedPrefixList::default()
            })?;
            let entries = new.into_iter().map(|cidr| PrefixListEntry { cidr: Some(cidr.into()) });
            return self.estate.prefix_list_entries(id, &entries.collect::<Vec<_>>(), false);
        }
        let old = change.before().get("entry").blocks().and_then(|entries| blocks(&entries)).unwrap_or_default();
        let gone: Vec<String> = old.iter().filter(|cidr| !new.contains(cidr)).cloned().collect();
        let added: Vec<String> = new.into_iter().filter(|cidr| !old.contains(cidr)).collect();
        self.estate.amend_list(id, &gone, &added)
    }

    pub(super) fn remove_list_entry(&mut self, change: &'p Change) {
        let old = change.before();
        if let (Ok(Some(list)), Ok(Some(cidr))) = (old.get("prefix_list_id").text(), old.get("cidr").text()) {
            // What is no block is in no list.
            let _ = self.estate.amend_list(list, &[cidr.to_owned()], &[]);
        }
    }

    pub(super) fn add_list_entry(&mut self, change: &'p Change) -> Result<(), String> {
        let list = match self.id(change, "prefix_list_id", LISTS) {
            Ok(Some(list)) => list,
            Ok(None) => return Ok(()),
            Err(why) => {
                let why = why.of(&change.address, "prefix_list_id");
                let new = self.plan.current().filter(|list| LISTS.contains(&list.kind.as_str()) && list.is_new());
                for list in new.collect::<Vec<_>>() {
                    self.unknown_list(&list.address, &why);
                }
                self.note(change, &why);
                return Ok(());
            }
        };
        if let Some(why) = self.contested(change, &list, "entry") {
            self.note(change, &why);
            self.unknown_list(&list, &why);
            return Ok(());
        }
        match change.after().get("cidr").text() {
            Ok(cidr) => {
                let added: Vec<String> = cidr.into_iter().map(str::to_owned).collect();
                self.estate.amend_list(&list, &[], &added)
            }
            Err(why) => {
                self.unknown_list(&list, &why.of(&change.address, "cidr"));
                Ok(())
            }
        }
    }

    fn unknown_list(&mut self, id: &str, why: &str) {
        self.estate.drop_list(id);
        self.estate.doubt(id, why);
    }
}
