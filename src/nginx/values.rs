//! Values of variables: texts with holes that are filled for each request.

use std::collections::HashSet;
use std::rc::Rc;

/// A value: text with holes that are filled for each request.
pub(crate) type Value = Vec<Piece>;

/// A piece of a value. Neighbouring texts are always joined.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Piece {
    Text(Vec<u8>),
    Unknown(Rc<Unknown>),
}

/// Why a capture is not known.
pub(crate) const CAPTURE: &str = "is a capture of a regular expression";

/// A hole in a value.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Unknown {
    /// The variable with its `$`.
    pub(crate) name: String,
    /// Why it is not known; empty for variables of nginx that simply depend on the request.
    pub(crate) reason: String,
    pub(crate) class: Class,
}

/// What is known about an unknown text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Class {
    /// Starts with `/` or `?`, or all that follows is empty too: it ends a host and port.
    Path,
    /// `$uri`: starts with `/` unless a `rewrite` takes it off.
    Uri,
    /// Holds no `/`, `?` or `:` that would end a host.
    HostOnly,
    /// Anything at all.
    Any,
}

/// The bytes of a value, with something for each variable in it.
pub(crate) fn length(value: &[Piece]) -> usize {
    value.iter().map(|piece| if let Piece::Text(text) = piece { text.len() } else { size_of::<Piece>() }).sum()
}

pub(crate) fn unknown(name: &str, reason: String, class: Class) -> Piece {
    Piece::Unknown(Rc::new(Unknown { name: name.to_owned(), reason, class }))
}

pub(crate) fn one(piece: Piece) -> Rc<Vec<Value>> {
    Rc::new(vec![vec![piece]])
}

/// Puts pieces at the end of a value and joins texts.
pub(crate) fn append(value: &mut Value, pieces: &[Piece]) {
    for piece in pieces {
        match (value.last_mut(), piece) {
            (_, Piece::Text(text)) if text.is_empty() => {}
            (Some(Piece::Text(before)), Piece::Text(text)) => before.extend_from_slice(text),
            _ => value.push(piece.clone()),
        }
    }
}

/// The values without repetitions, in order.
pub(crate) fn distinct(values: Vec<Value>) -> Vec<Value> {
    if values.len() < 2 {
        return values;
    }
    let mut seen = HashSet::with_capacity(values.len());
    let new: Vec<bool> = values.iter().map(|value| seen.insert(value)).collect();
    values.into_iter().zip(new).filter_map(|(value, new)| new.then_some(value)).collect()
}

/// A value as it would be written, with the names of what is unknown.
pub(crate) fn shown(value: &[Piece]) -> String {
    value
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => String::from_utf8_lossy(text).into_owned(),
            Piece::Unknown(unknown) => unknown.name.clone(),
        })
        .collect()
}
