//! Names of DNS, and what a zone of them has for one.

use std::collections::HashMap;
use std::hash::BuildHasher;

/// Whether a name is that of a domain or below it. Both are in lower case and without the dot of the root.
#[must_use]
pub fn is_in(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// What a zone has for a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'z, T> {
    /// This.
    Records(&'z T),
    /// The servers of a part of the zone answer it.
    Delegated,
    /// Nothing: the name does not exist, or has no record.
    Nothing,
}

/// Looks a name up in the zone of a domain, whose records are there by name. `delegates` says whether records leave what is
/// below their name to other servers.
///
/// A wildcard stands for what does not exist beside it, and a name exists where anything below it does (RFC 4592).
pub fn find<'z, T, S: BuildHasher>(
    records: &'z HashMap<String, T, S>,
    domain: &str,
    host: &str,
    delegates: impl Fn(&T) -> bool,
) -> Found<'z, T> {
    let inside = above(host).take_while(|name| *name != domain && is_in(name, domain));
    if inside.into_iter().any(|name| records.get(name).is_some_and(&delegates)) {
        return Found::Delegated;
    }
    if let Some(own) = records.get(host) {
        return Found::Records(own);
    }
    let exists = |name: &str| records.keys().any(|known| is_in(known, name));
    if exists(host) {
        return Found::Nothing;
    }
    for name in above(host).skip(1).take_while(|name| is_in(name, domain)) {
        if let Some(wild) = records.get(&format!("*.{name}")) {
            return Found::Records(wild);
        }
        if name == domain || exists(name) {
            break;
        }
    }
    Found::Nothing
}

/// A name, the name that it is in, and so on.
fn above(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |name| name.split_once('.').map(|(_, above)| above))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_by_labels() {
        assert!(is_in("a.corp.example", "corp.example") && is_in("corp.example", "corp.example"));
        assert!(!is_in("acorp.example", "corp.example"));
    }

    #[test]
    fn wildcards_stand_for_what_does_not_exist() {
        let zone = [("corp", "start"), ("*.corp", "wild"), ("a.b.corp", "leaf"), ("sub.corp", "NS")];
        let zone: HashMap<String, &str> = zone.map(|(name, what)| (name.to_owned(), what)).into();
        let found = |host: &str| find(&zone, "corp", host, |what| *what == "NS");
        assert_eq!(found("corp"), Found::Records(&"start"));
        assert_eq!(found("x.corp"), Found::Records(&"wild"));
        assert_eq!(found("y.x.corp"), Found::Records(&"wild"));
        assert_eq!(found("a.b.corp"), Found::Records(&"leaf"));
        // `b` exists by what is below it, and stands between others below it and the wildcard.
        assert_eq!(found("b.corp"), Found::Nothing);
        assert_eq!(found("c.b.corp"), Found::Nothing);
        assert_eq!(found("sub.corp"), Found::Delegated);
        assert_eq!(found("x.sub.corp"), Found::Delegated);
    }
}
