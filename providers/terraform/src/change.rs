//! One change of a plan.

use serde_json::Value as Json;

use crate::address::{Step, steps};
use crate::values::Object;

/// What happens to an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Actions {
    pub(crate) create: bool,
    pub(crate) update: bool,
    pub(crate) delete: bool,
    /// A data source that is read during the apply.
    pub(crate) read: bool,
    /// An action that this version does not know.
    pub(crate) odd: bool,
}

impl Actions {
    fn read(words: Option<&Json>) -> Self {
        let mut actions = Self::default();
        for word in words.and_then(Json::as_array).into_iter().flatten() {
            match word.as_str().unwrap_or_default() {
                "create" => actions.create = true,
                "update" => actions.update = true,
                "delete" => actions.delete = true,
                "read" => actions.read = true,
                // `forget` takes an object out of Terraform's state and leaves it where it is.
                "no-op" | "forget" => {}
                _ => actions.odd = true,
            }
        }
        actions
    }

    /// Whether anything in the cloud changes.
    pub(crate) fn any(self) -> bool {
        self.create || self.update || self.delete || self.odd
    }

    /// The word for people.
    pub(crate) fn word(self) -> &'static str {
        match (self.create, self.delete, self.update) {
            (true, true, _) => "replace",
            (true, false, _) => "create",
            (false, true, _) => "delete",
            (false, false, true) => "update",
            (false, false, false) => "an action that this version does not know",
        }
    }
}

/// One entry of `resource_changes`.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// Its address, which also stands for the id of an object that is yet to be created.
    pub(crate) address: String,
    /// Its modules, and itself.
    pub(crate) steps: Vec<Step>,
    /// The type of resource: `aws_security_group`.
    pub(crate) kind: String,
    /// The provider's full name.
    pub(crate) provider: String,
    /// A resource, and not a data source.
    pub(crate) managed: bool,
    /// An old object that is left from a replacement which did not get to its end.
    pub(crate) deposed: bool,
    pub(crate) actions: Actions,
    before: Json,
    after: Json,
    unknown: Json,
    sensitive: Json,
}

impl Change {
    /// Reads an entry, whose values it takes.
    pub(crate) fn read(entry: &mut Json) -> Option<Self> {
        let text = |key: &str| entry.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
        let (address, kind, provider, mode) = (text("address"), text("type"), text("provider_name"), text("mode"));
        let deposed = entry.get("deposed").is_some_and(Json::is_string);
        let change = entry.get_mut("change")?;
        let actions = Actions::read(change.get("actions"));
        let mut take = |key: &str| change.get_mut(key).map(Json::take).unwrap_or_default();
        if address.is_empty() || kind.is_empty() {
            return None;
        }
        Some(Self {
            steps: steps(&address),
            address,
            kind,
            provider,
            managed: mode != "data",
            deposed,
            actions,
            before: take("before"),
            after: take("after"),
            unknown: take("after_unknown"),
            sensitive: take("after_sensitive"),
        })
    }

    /// The object as it is. What is sensitive in it only ever serves to find what goes away.
    pub(crate) fn before(&self) -> Object<'_> {
        Object::new(&self.before, &Json::Null, &Json::Null)
    }

    /// The object as it will be.
    pub(crate) fn after(&self) -> Object<'_> {
        Object::new(&self.after, &self.unknown, &self.sensitive)
    }

    /// The object that is there, if one is.
    pub(crate) fn old(&self) -> Option<Object<'_>> {
        self.before.is_object().then(|| self.before())
    }

    /// The id of the object that is there.
    pub(crate) fn old_id(&self) -> Option<&str> {
        self.before().get("id").text().ok().flatten()
    }

    /// The id of the object that will be there; the address stands for one that is yet to be created.
    pub(crate) fn new_id(&self) -> &str {
        self.after().get("id").text().ok().flatten().unwrap_or(&self.address)
    }

    /// Whether the object's own id is known only after apply.
    pub(crate) fn is_new(&self) -> bool {
        self.after().get("id").text().is_err()
    }

    /// The key among its brothers, as it is written.
    pub(crate) fn key(&self) -> Option<&str> {
        self.steps.last()?.key.as_deref()
    }

    /// Whether a value is another one afterwards, or may be.
    pub(crate) fn alters(&self, name: &str) -> bool {
        let (old, new) = (self.before().get(name), self.after().get(name));
        new.is_open() || !old.is_like(&new)
    }

    /// Whether an update is about tags alone.
    pub(crate) fn is_tags_only(&self) -> bool {
        let names = [&self.before, &self.after, &self.unknown].into_iter().filter_map(Json::as_object);
        let mut names = names.flat_map(serde_json::Map::keys);
        self.actions.update && !self.actions.create && names.all(|name| name.starts_with("tags") || !self.alters(name))
    }
}
