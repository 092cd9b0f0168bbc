//! What variables can hold, as far as the configuration alone decides it.
//!
//! `set`, `map`, `geo` and `split_clients` give finite sets; `$scheme` and `$server_port` follow from the listeners of
//! the server. Everything else is known only while nginx runs, and the reason is kept.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;
use std::rc::Rc;

use super::builtins::{self, Builtin};
use super::environment::{Assigned, Assignments, Environment};
use super::error::Problem;
use super::limits;
use super::model::Kind;
use super::patterns;
use super::template::{self, Part};
use super::tree::{Directive, Span};
use super::values::{CAPTURE, Class, Piece, Value, append, distinct, length, one, unknown};

/// The server around a value.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServerFacts {
    pub(crate) schemes: Vec<&'static str>,
    pub(crate) ports: Rc<Vec<RangeInclusive<u16>>>,
    pub(crate) name: Option<Rc<Vec<u8>>>,
    pub(crate) uri_may_lose_slash: bool,
    /// Captures of the location's regular expression that can be part of a host only.
    pub(crate) host_only_captures: Vec<u8>,
}

/// The variables of `http` or `stream`.
#[derive(Debug)]
pub(crate) struct Variables<'c> {
    kind: Kind,
    definitions: HashMap<Vec<u8>, Definition<'c>>,
    assigned: HashSet<Vec<u8>>,
    modules_loaded: bool,
    /// Variables in the order of their first use, and where.
    referred: Vec<(Vec<u8>, Span)>,
    /// Values that are the same wherever they are used.
    memo: RefCell<HashMap<Vec<u8>, Rc<Vec<Value>>>>,
    /// What values may still cost.
    purse: Cell<u64>,
}

#[derive(Debug)]
enum Definition<'c> {
    /// The entries of a `map`, `geo` or `split_clients` block.
    Entries {
        values: Vec<Cow<'c, [u8]>>,
        /// `geo` and `split_clients` do not expand variables in their values.
        plain: bool,
        /// Nothing may match, and there is no default.
        may_be_empty: bool,
    },
    /// Filled while nginx runs, by the directive or expression named.
    Opaque(String),
}

/// A set of values, and whether it depends on where it is used.
#[derive(Debug)]
struct Set {
    values: Rc<Vec<Value>>,
    local: bool,
}

impl<'c> Variables<'c> {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            definitions: HashMap::new(),
            assigned: HashSet::new(),
            modules_loaded: false,
            referred: Vec::new(),
            memo: RefCell::default(),
            purse: Cell::new(limits::VALUES_COST),
        }
    }

    /// Pays for values or for steps on the way to them; false when nothing is left, and stays so.
    pub(crate) fn pay(&self, cost: u64) -> bool {
        let left = self.purse.get().checked_sub(cost);
        self.purse.set(left.unwrap_or(0));
        left.is_some()
    }

    /// Modules may define variables that this program does not know.
    pub(crate) fn modules_are_loaded(&mut self) {
        self.modules_loaded = true;
    }

    /// Some `set` names the variable.
    pub(crate) fn assigned(&mut self, name: Vec<u8>) {
        self.assigned.insert(name);
    }

    /// A `map`, `geo` or `split_clients` block. Where several define one variable, the last one counts.
    pub(crate) fn define(&mut self, directive: Directive<'c>, name: &[u8]) {
        let Some(variable) = directive.arguments().last() else { return };
        let Some(variable) = variable.strip_prefix(b"$") else { return };
        let definition = match name {
            b"map" => self.map(directive),
            b"geo" => geo(directive),
            _ => split_clients(directive),
        };
        self.definitions.insert(variable.to_ascii_lowercase(), definition);
    }

    /// `ngx_http_map`: a parameter alone is `hostnames` or `volatile`, everything else has a key and a value.
    fn map(&mut self, directive: Directive<'c>) -> Definition<'c> {
        let mut values = Vec::new();
        let mut may_be_empty = true;
        for entry in directive.children() {
            let key = entry.name();
            for name in
                patterns::map_key(&key).and_then(|regex| patterns::captures(regex, b"map").ok()).unwrap_or_default()
            {
                self.capture(&name);
            }
            if let Some(value) = entry.argument(0) {
                // `\default` is the text itself.
                may_be_empty &= &*key != b"default";
                values.push(value);
            }
        }
        Definition::Entries { values, plain: false, may_be_empty }
    }

    /// A named capture of a regular expression becomes a variable (`ngx_http_regex_compile`).
    pub(crate) fn capture(&mut self, name: &str) {
        self.opaque(name.to_ascii_lowercase().as_bytes(), CAPTURE.to_owned());
    }

    /// Directives of other modules that fill a variable.
    pub(crate) fn define_by(&mut self, directive: Directive<'c>, name: &[u8]) {
        let fills = name.ends_with(b"_set")
            || name.starts_with(b"set_")
            || name.ends_with(b"_var")
            || name.starts_with(b"keyval")
            || name.starts_with(b"js_")
            || name.windows(7).any(|window| window == b"_by_lua");
        if !fills {
            return;
        }
        let reason = format!("is filled by `{}`", String::from_utf8_lossy(name));
        for argument in directive.arguments() {
            if let Some(variable) = argument.strip_prefix(b"$") {
                self.opaque(variable, reason.clone());
            }
        }
    }

    /// A block of an unknown module, as `geoip2` has it: variables stand where directives would.
    pub(crate) fn define_inside(&mut self, directive: Directive<'c>) {
        for inner in directive.children() {
            if let Some(variable) = inner.name().strip_prefix(b"$") {
                let reason = format!("is filled by `{}`", String::from_utf8_lossy(&directive.name()));
                self.opaque(variable, reason);
            }
        }
    }

    fn opaque(&mut self, name: &[u8], reason: String) {
        self.definitions.entry(name.to_ascii_lowercase()).or_insert(Definition::Opaque(reason));
    }

    /// Notes the variables of a value: nginx looks for them when it starts, whether it needs the value or not.
    pub(crate) fn refer(&mut self, value: &[u8], span: Span) {
        for part in template::parts(value).unwrap_or_default() {
            if let Part::Variable(name) = part {
                self.refer_name(name.to_vec(), span);
            }
        }
    }

    /// Notes a variable by its name.
    pub(crate) fn refer_name(&mut self, name: Vec<u8>, span: Span) {
        self.referred.push((name, span));
    }

    /// The first variable that nothing defines, unless a module may define it.
    pub(crate) fn undefined(&self, lenient: bool) -> Option<(Problem, Span)> {
        if lenient || self.modules_loaded {
            return None;
        }
        let known = |name: &[u8]| {
            let name = name.to_ascii_lowercase();
            self.definitions.contains_key(&name)
                || self.assigned.contains(&name)
                || builtins::builtin(self.kind, &name).is_some()
        };
        self.referred.iter().find(|(name, _)| !known(name)).map(|(name, span)| (undefined(name), *span))
    }

    /// Every value that a text with variables can take at a place.
    ///
    /// `lenient` takes a variable that nothing defines for one that a module defines.
    pub(crate) fn values(
        &self,
        text: &[u8],
        environment: &Environment,
        facts: &ServerFacts,
        lenient: bool,
    ) -> Result<Rc<Vec<Value>>, Problem> {
        if !self.pay(1) {
            // What the environment holds may be of an earlier statement.
            return Ok(one(unknown(&String::from_utf8_lossy(text), SPENT.to_owned(), Class::Any)));
        }
        let place = Place { environment, facts, lenient, known: RefCell::default() };
        Ok(self.expand(text, &place, 0)?.values)
    }

    /// Pays for what a pass makes of its values.
    pub(crate) fn paid(&self, values: Rc<Vec<Value>>, text: &[u8]) -> Rc<Vec<Value>> {
        let bytes = values.iter().map(|value| length(value)).sum();
        if self.pay(cost(values.len(), bytes)) {
            return values;
        }
        one(unknown(&String::from_utf8_lossy(text), SPENT.to_owned(), Class::Any))
    }

    /// Pays for one step along the statements of the rewrite module.
    pub(crate) fn pay_step(&self) -> bool {
        self.pay(16)
    }

    fn expand(&self, text: &[u8], place: &Place<'_>, depth: usize) -> Result<Set, Problem> {
        let parts = template::parts(text)?;
        if let [Part::Variable(name)] = parts.as_slice() {
            return self.variable(name, place, depth);
        }
        let mut values: Vec<Value> = vec![Vec::new()];
        let mut bytes = 0_usize;
        let mut local = false;
        let too_many = |reason: String, local| {
            let name = String::from_utf8_lossy(text);
            Ok(Set { values: one(unknown(&name, reason, Class::Any)), local })
        };
        for part in parts {
            let set = match part {
                Part::Text(text) => {
                    bytes = bytes.saturating_add(text.len().saturating_mul(values.len()));
                    for value in &mut values {
                        append(value, &[Piece::Text(text.to_vec())]);
                    }
                    continue;
                }
                Part::Capture(number) => {
                    let class =
                        if place.facts.host_only_captures.contains(&number) { Class::HostOnly } else { Class::Any };
                    let reason = CAPTURE.to_owned();
                    Set { values: one(unknown(&format!("${number}"), reason, class)), local: true }
                }
                Part::Variable(name) => self.variable(name, place, depth)?,
            };
            local |= set.local;
            let count = values.len().saturating_mul(set.values.len());
            if count > limits::VALUES {
                return too_many(more_than_values(), local);
            }
            let more: usize = set.values.iter().map(|value| length(value)).sum();
            bytes = bytes.saturating_mul(set.values.len()).saturating_add(more.saturating_mul(values.len()));
            if bytes > limits::VALUE_BYTES {
                return too_many(format!("has values of more than {} bytes", limits::VALUE_BYTES), local);
            }
            if !self.pay(cost(count, bytes)) {
                return too_many(SPENT.to_owned(), true);
            }
            values = match set.values.as_slice() {
                [] => Vec::new(),
                [only] => {
                    for value in &mut values {
                        append(value, only);
                    }
                    values
                }
                several => values
                    .iter()
                    .flat_map(|value| {
                        several.iter().map(move |more| {
                            let mut value = value.clone();
                            append(&mut value, more);
                            value
                        })
                    })
                    .collect(),
            };
        }
        Ok(Set { values: Rc::new(distinct(values)), local })
    }

    /// Everything that the entries of a `map`, `geo` or `split_clients` block give.
    fn entries(
        &self,
        values: &[Cow<'c, [u8]>],
        plain: bool,
        may_be_empty: bool,
        shown: &str,
        place: &Place<'_>,
        depth: usize,
    ) -> Result<Set, Problem> {
        let mut all = Vec::new();
        let mut seen = HashSet::new();
        let mut local = false;
        let mut bytes = 0_usize;
        let mut take = |value: &[Piece]| {
            if !seen.contains(value) {
                bytes = bytes.saturating_add(length(value));
                seen.insert(value.to_vec());
                all.push(value.to_vec());
            }
            if all.len() > limits::VALUES {
                Some(more_than_values())
            } else if bytes > limits::VALUE_BYTES {
                Some(format!("has values of more than {} bytes", limits::VALUE_BYTES))
            } else if !self.pay(cost(1, length(value))) {
                Some(SPENT.to_owned())
            } else {
                None
            }
        };
        let mut too_many = None;
        for value in values {
            too_many = if plain || !template::has_variables(value) {
                let mut whole = Value::new();
                append(&mut whole, &[Piece::Text(value.to_vec())]);
                take(&whole)
            } else {
                let set = self.expand(value, place, depth + 1)?;
                local |= set.local;
                set.values.iter().find_map(|value| take(value))
            };
            if too_many.is_some() {
                break;
            }
        }
        if may_be_empty && too_many.is_none() {
            too_many = take(&[]);
        }
        let values = match too_many {
            Some(reason) => one(unknown(shown, reason, Class::Any)),
            None => Rc::new(all),
        };
        Ok(Set { values, local })
    }

    /// Adds values that may have been assigned to those that were there before.
    pub(crate) fn merge_possible(&self, environment: &mut Environment, possible: Assignments) {
        for (name, assigned) in possible {
            let merged = match environment.take(&name) {
                Some(Assigned { mut values, definite }) => {
                    self.add(&mut values, &assigned.values, &name);
                    Assigned { values, definite }
                }
                None => Assigned { definite: false, ..assigned },
            };
            environment.insert(name, merged);
        }
    }

    /// Adds values that are not there yet.
    fn add(&self, values: &mut Rc<Vec<Value>>, more: &[Value], name: &[u8]) {
        /// For so few it is not worth while to sort the others into a table.
        const FEW: usize = 8;
        let bytes = more.iter().map(|value| length(value)).sum();
        let copied = if Rc::strong_count(values) > 1 { cost(values.len(), 0) } else { 0 };
        let few = more.len() <= FEW;
        let search = if few { values.len() * more.len() } else { values.len() * 8 } as u64;
        let name = || format!("${}", String::from_utf8_lossy(name));
        if !self.pay(cost(more.len(), bytes).saturating_add(copied).saturating_add(search)) {
            *values = one(unknown(&name(), SPENT.to_owned(), Class::Any));
            return;
        }
        let new: Vec<Value> = if few {
            more.iter().filter(|value| !values.contains(value)).cloned().collect()
        } else {
            let present: HashSet<&Value> = values.iter().collect();
            more.iter().filter(|value| !present.contains(value)).cloned().collect()
        };
        if values.len() + new.len() > limits::VALUES {
            *values = one(unknown(&name(), more_than_values(), Class::Any));
        } else if !new.is_empty() {
            Rc::make_mut(values).extend(new);
        }
    }

    fn variable(&self, written: &[u8], place: &Place<'_>, depth: usize) -> Result<Set, Problem> {
        let name = written.to_ascii_lowercase();
        let shown = || format!("${}", String::from_utf8_lossy(written));
        if depth > limits::VARIABLE_DEPTH {
            return Ok(Set { values: one(unknown(&shown(), THROUGH_ITSELF.to_owned(), Class::Any)), local: true });
        }
        if let Some(assigned) = place.environment.get(&name) {
            if assigned.definite {
                return Ok(Set { values: Rc::clone(&assigned.values), local: true });
            }
            let mut values = Rc::clone(&assigned.values);
            self.add(&mut values, &self.without_set(&name, written, place, depth)?.values, &name);
            return Ok(Set { values, local: true });
        }
        self.without_set(&name, written, place, depth)
    }

    /// What a variable holds where no `set` has been executed.
    fn without_set(&self, name: &[u8], written: &[u8], place: &Place<'_>, depth: usize) -> Result<Set, Problem> {
        let shown = || format!("${}", String::from_utf8_lossy(written));
        if let Some(values) = self.memo.borrow().get(name) {
            return Ok(Set { values: Rc::clone(values), local: false });
        }
        match self.definitions.get(name) {
            Some(Definition::Entries { .. }) if place.known.borrow().contains_key(name) => {
                let known = place.known.borrow().get(name).cloned().flatten();
                let through_itself = || one(unknown(&shown(), THROUGH_ITSELF.to_owned(), Class::Any));
                return Ok(Set { values: known.unwrap_or_else(through_itself), local: true });
            }
            Some(Definition::Entries { values, plain, may_be_empty }) => {
                place.known.borrow_mut().insert(name.to_vec(), None);
                let set = self.entries(values, *plain, *may_be_empty, &shown(), place, depth)?;
                place.known.borrow_mut().insert(name.to_vec(), Some(Rc::clone(&set.values)));
                if !set.local {
                    self.memo.borrow_mut().insert(name.to_vec(), Rc::clone(&set.values));
                }
                return Ok(set);
            }
            Some(Definition::Opaque(reason)) => {
                return Ok(Set { values: one(unknown(&shown(), reason.clone(), Class::Any)), local: false });
            }
            None => {}
        }
        if self.assigned.contains(name) {
            // Some other place sets it; here it is empty.
            return Ok(Set { values: Rc::new(vec![Value::new()]), local: true });
        }
        let texts = |texts: &mut dyn Iterator<Item = Vec<u8>>| Set {
            values: Rc::new(texts.map(|text| vec![Piece::Text(text)]).collect()),
            local: true,
        };
        Ok(match builtins::builtin(self.kind, name) {
            Some(Builtin::Scheme) => texts(&mut place.facts.schemes.iter().map(|scheme| scheme.as_bytes().to_vec())),
            Some(Builtin::ServerPort) if !place.facts.ports.is_empty() => {
                texts(&mut place.facts.ports.iter().cloned().flatten().map(|port| port.to_string().into_bytes()))
            }
            Some(Builtin::ServerName) => match &place.facts.name {
                Some(name)
                    if name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')) =>
                {
                    texts(&mut std::iter::once(name.to_vec()))
                }
                _ => Set { values: one(unknown(&shown(), String::new(), Class::HostOnly)), local: true },
            },
            Some(Builtin::Uri) => {
                let (class, reason) = if place.facts.uri_may_lose_slash {
                    (Class::Any, "may be without its leading `/` after a `rewrite`".to_owned())
                } else {
                    (Class::Uri, String::new())
                };
                Set { values: one(unknown(&shown(), reason, class)), local: true }
            }
            Some(Builtin::Path) => Set { values: one(unknown(&shown(), String::new(), Class::Path)), local: false },
            Some(Builtin::HostOnly | Builtin::ServerPort) => {
                Set { values: one(unknown(&shown(), String::new(), Class::HostOnly)), local: false }
            }
            Some(Builtin::Request) => Set { values: one(unknown(&shown(), String::new(), Class::Any)), local: false },
            None if self.modules_loaded || place.lenient => {
                let reason = "is not defined by the configuration; a module may define it".to_owned();
                Set { values: one(unknown(&shown(), reason, Class::HostOnly)), local: false }
            }
            None => return Err(undefined(written)),
        })
    }
}

fn undefined(written: &[u8]) -> Problem {
    let template = written.iter().any(u8::is_ascii_uppercase)
        && written.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_');
    Problem::UnknownVariable { name: String::from_utf8_lossy(written).into_owned(), template }
}

const THROUGH_ITSELF: &str = "is defined through itself, or through very many others";

/// The purse is empty.
const SPENT: &str = "is not followed: the variables of this configuration have too many possible values";

fn more_than_values() -> String {
    format!("has more than {} possible values", limits::VALUES)
}

/// What some values cost.
fn cost(count: usize, bytes: usize) -> u64 {
    /// The lists around a text.
    const VALUE: usize = 100;
    count.saturating_mul(VALUE).saturating_add(bytes) as u64
}

/// The values of a variable that has been looked at; `None` while that is going on.
type Known = Option<Rc<Vec<Value>>>;

/// Where a value is used.
struct Place<'p> {
    environment: &'p Environment,
    facts: &'p ServerFacts,
    lenient: bool,
    /// Variables that have been looked at, so that none is twice.
    known: RefCell<HashMap<Vec<u8>, Known>>,
}

/// `ngx_http_geo_block`: values are texts; networks and settings are no values.
fn geo(directive: Directive<'_>) -> Definition<'_> {
    let mut values = Vec::new();
    let mut may_be_empty = true;
    for entry in directive.children() {
        let key = entry.name();
        if let Some(value) = entry.argument(0)
            && !matches!(&*key, b"delete" | b"proxy")
        {
            may_be_empty &= &*key != b"default";
            values.push(value);
        }
    }
    Definition::Entries { values, plain: true, may_be_empty }
}

/// `ngx_conf_split_clients_block`: the rest goes to `*`, and without it to nothing.
fn split_clients(directive: Directive<'_>) -> Definition<'_> {
    let mut values = Vec::new();
    let mut may_be_empty = true;
    for entry in directive.children() {
        if let Some(value) = entry.argument(0) {
            may_be_empty &= &*entry.name() != b"*";
            values.push(value);
        }
    }
    Definition::Entries { values, plain: true, may_be_empty }
}
