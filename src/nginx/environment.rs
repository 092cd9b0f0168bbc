//! What `set` has put into variables at some place.

use std::collections::HashMap;
use std::rc::Rc;

use super::values::Value;

/// What variables hold at some place: what has been assigned there, and below that what was assigned before.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    before: Option<Rc<Environment>>,
    own: Vec<Assignments>,
}

/// Variables and what they have been given.
pub(crate) type Assignments = HashMap<Vec<u8>, Assigned>;

impl Environment {
    /// Nothing assigned yet, on top of another place.
    pub(crate) fn on(before: Option<Rc<Environment>>) -> Self {
        Self { before, own: vec![Assignments::new()] }
    }

    /// What a variable has been given.
    pub(crate) fn get(&self, name: &[u8]) -> Option<&Assigned> {
        let places = std::iter::successors(Some(self), |place| place.before.as_deref());
        places.flat_map(|place| place.own.iter().rev()).find_map(|own| own.get(name))
    }

    pub(crate) fn insert(&mut self, name: Vec<u8>, assigned: Assigned) {
        if let Some(own) = self.own.last_mut() {
            own.insert(name, assigned);
        }
    }

    /// What comes now may not happen at all.
    pub(crate) fn enter(&mut self) {
        self.own.push(Assignments::new());
    }

    /// What has been assigned since.
    pub(crate) fn leave(&mut self) -> Assignments {
        self.own.pop().unwrap_or_default()
    }

    /// Takes an assignment out, for a change, or copies an earlier one.
    pub(crate) fn take(&mut self, name: &[u8]) -> Option<Assigned> {
        self.own.last_mut().and_then(|own| own.remove(name)).or_else(|| self.get(name).cloned())
    }
}

/// What `set` has put into a variable.
#[derive(Debug, Clone)]
pub(crate) struct Assigned {
    pub(crate) values: Rc<Vec<Value>>,
    /// Some `set` is always executed.
    pub(crate) definite: bool,
}
