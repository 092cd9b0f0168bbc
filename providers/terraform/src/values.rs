//! Values of a plan: known, known only after apply, or sensitive.
//!
//! Values stand in `after`; `after_unknown` and `after_sensitive` are of the same shape and have `true` where a value is
//! missing or must not be shown. Within lists and sets an unknown element is `null` in `after`.

use serde_json::Value as Json;

const NOTHING: &Json = &Json::Null;

/// Why there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It is known only after apply.
    Later,
    /// It is marked sensitive: reports would show it, so it is not read.
    Sensitive,
    /// It is of another shape than the provider documents.
    Odd,
}

impl Why {
    /// The sentence for people.
    pub(crate) fn of(self, address: &str, name: &str) -> String {
        let what = match self {
            Self::Later => "is known only after apply",
            Self::Sensitive => "is marked sensitive, so it is not read",
            Self::Odd => "has a value of a kind that this version does not know",
        };
        format!("`{address}` `{name}` {what}")
    }
}

/// An object: a resource or a block of one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Object<'p>(Field<'p>);

impl<'p> Object<'p> {
    pub(crate) fn new(value: &'p Json, unknown: &'p Json, sensitive: &'p Json) -> Self {
        Self(Field { value, unknown, sensitive })
    }

    /// Everything in it that looks like an identifier of AWS: `sg-…`, `subnet-…`. It is only asked for, never shown.
    pub(crate) fn mentioned(self) -> Vec<&'p str> {
        fn collect<'j>(value: &'j Json, found: &mut Vec<&'j str>) {
            match value {
                Json::String(text) => {
                    let id = text.rsplit_once('-').is_some_and(|(kind, rest)| {
                        !rest.is_empty()
                            && (1..=10).contains(&kind.len())
                            && kind.chars().all(|c| c.is_ascii_lowercase() || c == '-')
                    });
                    found.extend(id.then_some(text.as_str()));
                }
                Json::Array(parts) => parts.iter().for_each(|part| collect(part, found)),
                Json::Object(parts) => parts.values().for_each(|part| collect(part, found)),
                _ => {}
            }
        }
        let mut found = Vec::new();
        collect(self.0.value, &mut found);
        found
    }

    /// A value of it.
    pub(crate) fn get(self, name: &str) -> Field<'p> {
        self.0.inside(|json| json.get(name))
    }
}

/// A value and what is to be known about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field<'p> {
    value: &'p Json,
    unknown: &'p Json,
    sensitive: &'p Json,
}

impl<'p> Field<'p> {
    fn inside(self, part: impl Fn(&'p Json) -> Option<&'p Json>) -> Self {
        // One mark on the whole is a mark on every part.
        let mark = |marks: &'p Json| if marks.is_boolean() { marks } else { part(marks).unwrap_or(NOTHING) };
        Self {
            value: part(self.value).unwrap_or(NOTHING),
            unknown: mark(self.unknown),
            sensitive: mark(self.sensitive),
        }
    }

    fn settled(self) -> Result<&'p Json, Why> {
        match (self.sensitive, self.unknown) {
            (Json::Bool(true), _) => Err(Why::Sensitive),
            (_, Json::Bool(true)) => Err(Why::Later),
            _ => Ok(self.value),
        }
    }

    /// Whether it, or a part of it, is not known.
    pub(crate) fn is_open(self) -> bool {
        fn marked(json: &Json) -> bool {
            match json {
                Json::Bool(mark) => *mark,
                Json::Array(parts) => parts.iter().any(marked),
                Json::Object(parts) => parts.values().any(marked),
                _ => false,
            }
        }
        marked(self.unknown)
    }

    /// Whether both are the same, as far as they are known. Sets come in no order.
    pub(crate) fn is_like(self, other: &Field<'_>) -> bool {
        match (self.value, other.value) {
            (Json::Array(own), Json::Array(others)) => {
                own.len() == others.len()
                    && own.iter().all(|value| others.contains(value))
                    && others.iter().all(|value| own.contains(value))
            }
            (own, others) => own == others,
        }
    }

    /// A text; an empty one is none, as the provider writes what is not set.
    pub(crate) fn text(self) -> Result<Option<&'p str>, Why> {
        match self.settled()? {
            Json::Null => Ok(None),
            Json::String(text) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            _ => Err(Why::Odd),
        }
    }

    /// A number, which some attributes hold as a text.
    pub(crate) fn number(self) -> Result<Option<i32>, Why> {
        match self.settled()? {
            Json::Null => Ok(None),
            Json::Number(number) => {
                number.as_i64().and_then(|number| i32::try_from(number).ok()).map(Some).ok_or(Why::Odd)
            }
            Json::String(text) if text.is_empty() => Ok(None),
            Json::String(text) => text.parse().map(Some).map_err(|_| Why::Odd),
            _ => Err(Why::Odd),
        }
    }

    /// A switch.
    pub(crate) fn switch(self) -> Result<Option<bool>, Why> {
        match self.settled()? {
            Json::Null => Ok(None),
            Json::Bool(switch) => Ok(Some(*switch)),
            _ => Err(Why::Odd),
        }
    }

    /// The elements of a list or set.
    pub(crate) fn elements(self) -> Result<Vec<Self>, Why> {
        match self.settled()? {
            Json::Null => Ok(Vec::new()),
            Json::Array(values) => Ok((0..values.len()).map(|at| self.inside(|json| json.get(at))).collect()),
            _ => Err(Why::Odd),
        }
    }

    /// The blocks of a list or set.
    pub(crate) fn blocks(self) -> Result<Vec<Object<'p>>, Why> {
        Ok(self.elements()?.into_iter().map(Object).collect())
    }

    /// Texts of a list or set, all of which are known.
    pub(crate) fn texts(self) -> Result<Vec<&'p str>, Why> {
        let mut found = Vec::new();
        for element in self.elements()? {
            found.extend(element.text()?);
        }
        Ok(found)
    }

    /// The keys and values of a map of texts; what is not known of it is left out.
    pub(crate) fn pairs(self) -> Vec<(&'p str, &'p str)> {
        let Ok(Json::Object(map)) = self.settled() else { return Vec::new() };
        map.keys().filter_map(|key| Some((key.as_str(), self.inside(|json| json.get(key)).text().ok()??))).collect()
    }
}
