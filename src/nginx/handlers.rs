//! What the handlers of directives refuse in their arguments, in nginx's own words.
//!
//! Places, numbers of arguments and repetitions are judged before, see `rules`; addresses are judged where they are read.

use std::collections::HashSet;
use std::net::IpAddr;

use super::address;
use super::builtins;
use super::error::Problem;
use super::model::Kind;
use super::patterns;
use super::template;
use super::tree::Directive;
use super::walk::text;

/// A problem, and the statement or the line that has it where this is not the directive itself.
pub(crate) struct Fault<'c> {
    pub(crate) problem: Problem,
    pub(crate) at: Option<Directive<'c>>,
    pub(crate) at_end: bool,
}

impl From<Problem> for Fault<'_> {
    fn from(problem: Problem) -> Self {
        Self { problem, at: None, at_end: false }
    }
}

pub(crate) fn refused(message: String) -> Problem {
    Problem::Handler { message }
}

/// Judges a directive of `http` or `stream`, other than passes and groups.
pub(crate) fn check<'c>(kind: Kind, directive: Directive<'c>, name: &[u8]) -> Result<(), Fault<'c>> {
    let first = directive.argument(0).unwrap_or_default();
    let second = directive.argument(1).unwrap_or_default();
    match name {
        b"map" => map(kind, directive),
        b"geo" => geo(kind, directive),
        b"split_clients" => split_clients(kind, directive),
        b"set" => {
            assignable(kind, &first)?;
            Ok(template::parts(&second).map(|_| ())?)
        }
        b"if" => Ok(condition(directive)?),
        b"return" if kind == Kind::Http => Ok(returned(directive)?),
        b"return" => Ok(template::parts(&first).map(|_| ())?),
        b"rewrite" => {
            if second.is_empty() {
                return Err(refused("empty replacement".to_owned()).into());
            }
            if let Some(flag) = directive.argument(2)
                && !matches!(&*flag, b"last" | b"break" | b"redirect" | b"permanent")
            {
                return Err(Problem::Parameter { parameter: text(&flag) }.into());
            }
            Ok(template::parts(&second).map(|_| ())?)
        }
        b"error_page" => Ok(error_page(directive)?),
        b"limit_except" => {
            let known = |method: &[u8]| METHODS.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(method));
            match directive.arguments().find(|method| !known(method)) {
                Some(method) => Err(refused(format!("invalid method \"{}\"", text(&method))).into()),
                None => Ok(()),
            }
        }
        b"listen" => match directive.arguments().skip(1).find(|parameter| !is_listen_parameter(parameter)) {
            Some(parameter) if kind == Kind::Http => Err(Problem::Parameter { parameter: text(&parameter) }.into()),
            Some(parameter) => Err(refused(format!("the invalid \"{}\" parameter", text(&parameter))).into()),
            None => Ok(()),
        },
        b"allow" | b"deny" if !matches!(&*first, b"all" | b"unix:") && !is_network(&first) => {
            Err(Problem::Parameter { parameter: text(&first) }.into())
        }
        b"random" => match (&*first, &*second) {
            (b"" | b"two", b"" | b"least_conn") => Ok(()),
            (b"two", method) if method.starts_with(b"least_time") => Ok(()),
            (b"two", wrong) | (wrong, _) => Err(Problem::Parameter { parameter: text(wrong) }.into()),
        },
        b"access_log" => {
            let settings = [b"buffer=".as_slice(), b"flush=", b"gzip", b"if="];
            let known = |parameter: &[u8]| settings.iter().any(|setting| parameter.starts_with(setting));
            match directive.arguments().skip(2).find(|parameter| !known(parameter)) {
                Some(parameter) => Err(Problem::Parameter { parameter: text(&parameter) }.into()),
                None => Ok(()),
            }
        }
        b"proxy_redirect" if directive.argument_count() == 1 && !matches!(&*first, b"off" | b"default" | b"") => {
            Err(Problem::Parameter { parameter: text(&first) }.into())
        }
        b"root" | b"alias" | b"hash" => Ok(template::parts(&first).map(|_| ())?),
        b"add_header" => Ok(template::parts(&second).map(|_| ())?),
        _ => Ok(()),
    }
}

/// `ngx_methods_names`.
const METHODS: [&str; 14] = [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "MKCOL",
    "COPY",
    "MOVE",
    "OPTIONS",
    "PROPFIND",
    "PROPPATCH",
    "LOCK",
    "UNLOCK",
    "PATCH",
];

/// Parameters of `listen`, in any version.
pub(crate) fn is_listen_parameter(parameter: &[u8]) -> bool {
    let settings =
        ["setfib=", "fastopen=", "backlog=", "rcvbuf=", "sndbuf=", "accept_filter=", "ipv6only=", "so_keepalive="];
    let flags = [
        "default_server",
        "default",
        "bind",
        "ssl",
        "http2",
        "spdy",
        "quic",
        "proxy_protocol",
        "deferred",
        "reuseport",
        "udp",
        "multipath",
    ];
    flags.iter().any(|flag| flag.as_bytes() == parameter)
        || settings.iter().any(|setting| parameter.starts_with(setting.as_bytes()))
}

/// The arguments whose variables nginx looks for when it starts, whether anything uses them or not.
pub(crate) fn values<'c>(directive: Directive<'c>, name: &[u8]) -> Vec<std::borrow::Cow<'c, [u8]>> {
    let argument = |index| directive.argument(index).into_iter().collect::<Vec<_>>();
    match name {
        b"set" | b"rewrite" | b"add_header" | b"proxy_set_header" | b"grpc_set_header" | b"fastcgi_param"
        | b"uwsgi_param" | b"scgi_param" | b"auth_request_set" => argument(1),
        b"return" if directive.argument_count() == 2 => argument(1),
        b"return" | b"split_clients" | b"hash" | b"limit_req_zone" | b"limit_conn_zone" | b"root" | b"alias" => {
            argument(0)
        }
        b"geo" if directive.argument_count() == 2 => argument(0),
        b"error_page" => argument(directive.argument_count().saturating_sub(1)),
        b"map" => {
            let entries = directive.children().filter_map(|entry| entry.argument(0));
            argument(0).into_iter().chain(entries).collect()
        }
        // What an `=` or a file test looks at; the variable in front is a name as it stands.
        b"if" => match condition_words(directive) {
            Ok(words)
                if words.get(1).is_some_and(|operator| operator.starts_with(b"~") || operator.starts_with(b"!~")) =>
            {
                Vec::new()
            }
            Ok(words) => words.into_iter().skip(1).map(Into::into).collect(),
            Err(_) => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// A variable that a directive may fill (`ngx_http_add_variable`).
fn assignable(kind: Kind, variable: &[u8]) -> Result<(), Problem> {
    let Some(name) = variable.strip_prefix(b"$").filter(|name| !name.is_empty()) else {
        return Err(refused(format!("invalid variable name \"{}\"", text(variable))));
    };
    let name = name.to_ascii_lowercase();
    if builtins::is_fixed(kind, &name) {
        return Err(refused(format!("the duplicate \"{}\" variable", text(&name))));
    }
    Ok(())
}

/// `ngx_http_map_block`.
fn map(kind: Kind, directive: Directive<'_>) -> Result<(), Fault<'_>> {
    template::parts(&directive.argument(0).unwrap_or_default())?;
    assignable(kind, &directive.argument(1).unwrap_or_default())?;
    let mut keys: HashSet<Vec<u8>> = HashSet::new();
    let mut has_default = false;
    let mut host_names = false;
    for entry in directive.children() {
        let fault = |problem| Fault { problem, at: Some(entry), at_end: false };
        let key = entry.name();
        match entry.argument(0) {
            None if &*key == b"hostnames" => host_names = true,
            None if &*key == b"volatile" => {}
            Some(value) if entry.argument_count() == 1 => {
                template::parts(&value).map_err(fault)?;
                if let Some(regex) = patterns::map_key(&key) {
                    patterns::captures(regex, b"map").map_err(fault)?;
                } else if &*key == b"default" {
                    if has_default {
                        return Err(fault(refused("duplicate default map parameter".to_owned())));
                    }
                    has_default = true;
                } else if !(host_names && has_wildcard(&key)) {
                    let literal = key.strip_prefix(b"\\").unwrap_or(&key);
                    if !keys.insert(literal.to_ascii_lowercase()) {
                        return Err(fault(refused(format!("conflicting parameter \"{}\"", text(literal)))));
                    }
                }
            }
            _ => return Err(fault(refused("invalid number of the map parameters".to_owned()))),
        }
    }
    Ok(())
}

fn has_wildcard(name: &[u8]) -> bool {
    name.starts_with(b".") || name.starts_with(b"*") || name.ends_with(b"*")
}

/// `ngx_http_geo_block`.
fn geo(kind: Kind, directive: Directive<'_>) -> Result<(), Fault<'_>> {
    let variable = directive.arguments().last().unwrap_or_default();
    if let Some(address) = directive.argument(0).filter(|_| directive.argument_count() == 2)
        && address.strip_prefix(b"$").is_none_or(<[u8]>::is_empty)
    {
        return Err(refused(format!("invalid variable name \"{}\"", text(&address))).into());
    }
    assignable(kind, &variable)?;
    let mut ranges = false;
    for entry in directive.children() {
        let fault = |message: String| Fault { problem: refused(message), at: Some(entry), at_end: false };
        let key = entry.name();
        match entry.argument(0) {
            None if matches!(&*key, b"ranges" | b"proxy_recursive" | b"volatile") => ranges |= &*key == b"ranges",
            Some(value) if entry.argument_count() == 1 => {
                let network = if matches!(&*key, b"delete" | b"proxy") { &value } else { &key };
                if !ranges && &**network != b"default" && !is_network(network) {
                    return Err(fault(format!("invalid network \"{}\"", text(network))));
                }
            }
            _ => return Err(fault("invalid number of the geo parameters".to_owned())),
        }
    }
    Ok(())
}

/// `ngx_ptocidr`.
fn is_network(network: &[u8]) -> bool {
    let (address, bits) = match network.iter().position(|byte| *byte == b'/') {
        Some(slash) => (network.get(..slash).unwrap_or_default(), network.get(slash + 1..)),
        None => (network, None),
    };
    let address = address::ipv4(address).map(IpAddr::V4).or_else(|| address::ipv6(address).map(IpAddr::V6));
    let bits = bits.map(|bits| number(bits).filter(|bits| *bits <= 128));
    match (address, bits) {
        (None, _) | (_, Some(None)) => false,
        (Some(IpAddr::V4(_)), Some(Some(bits))) => bits <= 32,
        _ => true,
    }
}

/// `ngx_conf_split_clients_block`.
fn split_clients(kind: Kind, directive: Directive<'_>) -> Result<(), Fault<'_>> {
    template::parts(&directive.argument(0).unwrap_or_default())?;
    assignable(kind, &directive.argument(1).unwrap_or_default())?;
    let mut sum = 0;
    for entry in directive.children() {
        let key = entry.name();
        if &*key == b"*" {
            continue;
        }
        let Some(share) = key.strip_suffix(b"%").and_then(hundredths).filter(|share| *share > 0) else {
            let problem = refused(format!("invalid percent value \"{}\"", text(&key)));
            return Err(Fault { problem, at: Some(entry), at_end: false });
        };
        sum += share;
        if sum > 10_000 {
            let problem = refused("percent total is greater than 100%".to_owned());
            return Err(Fault { problem, at: None, at_end: true });
        }
    }
    Ok(())
}

/// A number with up to two digits after its point.
fn hundredths(text: &[u8]) -> Option<u64> {
    let mut digits = text.to_vec();
    let after = match text.iter().position(|byte| *byte == b'.') {
        Some(point) => {
            digits.remove(point);
            text.len() - point - 1
        }
        None => 0,
    };
    (after <= 2)
        .then(|| number(&digits))
        .flatten()
        .map(|value| value.saturating_mul([100, 10, 1].get(after).copied().unwrap_or(1)))
}

/// `ngx_atoi`.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// A whole number as parameters of `server` have it.
pub(crate) fn is_number(digits: &[u8]) -> bool {
    number(digits).is_some_and(|number| i64::try_from(number).is_ok())
}

/// `ngx_parse_time` in seconds: numbers with units, the larger first.
pub(crate) fn is_time(time: &[u8]) -> bool {
    let mut units = b"ywdhms".as_slice();
    let mut rest = time;
    let mut any = false;
    // A number without a unit counts seconds and ends the text; `M` stands between years and weeks.
    while !rest.is_empty() {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (_, after) = rest.split_at(digits);
        any |= digits > 0;
        let Some((unit, after)) = after.split_first() else { return digits > 0 };
        if *unit == b' ' {
            return any && is_time(after);
        }
        let unit = if *unit == b'M' { b'w' } else { *unit };
        let Some(at) = units.iter().position(|known| *known == unit).filter(|_| digits > 0) else { return false };
        units = units.get(at + 1..).unwrap_or_default();
        rest = after;
    }
    any
}

/// The words of an `if` without its parentheses.
pub(crate) fn condition_words(directive: Directive<'_>) -> Result<Vec<Vec<u8>>, Problem> {
    let mut words: Vec<Vec<u8>> = directive.arguments().map(std::borrow::Cow::into_owned).collect();
    let first = words.first().cloned().unwrap_or_default();
    let Some(opened) = first.strip_prefix(b"(") else { return Err(invalid_condition(&first)) };
    if opened.is_empty() {
        words.remove(0);
    } else if let Some(word) = words.first_mut() {
        *word = opened.to_vec();
    }
    let last = words.last().cloned().unwrap_or_default();
    let Some(closed) = last.strip_suffix(b")") else { return Err(invalid_condition(&last)) };
    if closed.is_empty() {
        words.pop();
    } else if let Some(word) = words.last_mut() {
        *word = closed.to_vec();
    }
    if words.is_empty() { Err(invalid_condition(&last)) } else { Ok(words) }
}

fn invalid_condition(word: &[u8]) -> Problem {
    refused(format!("invalid condition \"{}\"", text(word)))
}

/// The variable that an `if` asks for: everything after the `$` is its name.
pub(crate) fn condition_variable(directive: Directive<'_>) -> Option<Vec<u8>> {
    let words = condition_words(directive).ok()?;
    words.first()?.strip_prefix(b"$").map(<[u8]>::to_vec)
}

/// `ngx_http_rewrite_if_condition`.
fn condition(directive: Directive<'_>) -> Result<(), Problem> {
    let words = condition_words(directive)?;
    let invalid = |word: &[u8]| Err(invalid_condition(word));
    let Some(subject) = words.first() else { return Ok(()) };
    let test = subject.strip_prefix(b"!").unwrap_or(subject);
    if subject.starts_with(b"$") && subject.len() > 1 {
        return match words.as_slice() {
            [_] => Ok(()),
            [_, operator, value] => match operator.as_slice() {
                b"=" | b"!=" => template::parts(value).map(|_| ()),
                b"~" | b"~*" | b"!~" | b"!~*" => Ok(()),
                other => Err(refused(format!("unexpected \"{}\" in condition", text(other)))),
            },
            _ => invalid(subject),
        };
    }
    match (test, words.as_slice()) {
        ([b'-', kind], [_, value]) => {
            template::parts(value)?;
            if matches!(kind, b'f' | b'd' | b'e' | b'x') { Ok(()) } else { invalid(subject) }
        }
        _ => invalid(subject),
    }
}

/// `ngx_http_rewrite_return`.
fn returned(directive: Directive<'_>) -> Result<(), Problem> {
    let first = directive.argument(0).unwrap_or_default();
    let url = [b"http://".as_slice(), b"https://", b"$scheme"].iter().any(|start| first.starts_with(start));
    match (number(&first), directive.argument(1)) {
        (Some(code), text) if code <= 999 => template::parts(&text.unwrap_or_default()).map(|_| ()),
        (None, None) if url => template::parts(&first).map(|_| ()),
        _ => Err(refused(format!("invalid return code \"{}\"", text(&first)))),
    }
}

/// `ngx_http_core_error_page`.
fn error_page(directive: Directive<'_>) -> Result<(), Problem> {
    let mut words: Vec<_> = directive.arguments().collect();
    let Some(page) = words.pop() else { return Ok(()) };
    let invalid = |word: &[u8]| Err(refused(format!("invalid value \"{}\"", text(word))));
    if let Some(code) = words.last().cloned().filter(|word| word.starts_with(b"=")) {
        let digits = code.get(1..).unwrap_or_default();
        if words.len() == 1 || !(digits.is_empty() || is_number(digits)) {
            return invalid(&code);
        }
        words.pop();
    }
    template::parts(&page)?;
    for code in words {
        match number(&code) {
            None | Some(499) => return invalid(&code),
            Some(300..=599) => {}
            Some(_) => return Err(refused(format!("value \"{}\" must be between 300 and 599", text(&code)))),
        }
    }
    Ok(())
}

/// What a `location` is, for those inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) name: Vec<u8>,
    exact: bool,
    named: bool,
    regex: bool,
}

impl Location {
    /// Reads the head of a location (`ngx_http_core_location`).
    pub(crate) fn read(directive: Directive<'_>, around: Option<&Self>) -> Result<Self, Problem> {
        let first = directive.argument(0).unwrap_or_default();
        let (modifier, name) = if let Some(name) = directive.argument(1) {
            (first.into_owned(), name.into_owned())
        } else {
            let modifiers = [b"=".as_slice(), b"^~", b"~*", b"~"];
            let modifier = modifiers.into_iter().find(|start| first.starts_with(start)).unwrap_or_default();
            (modifier.to_vec(), first.get(modifier.len()..).unwrap_or_default().to_vec())
        };
        if !matches!(modifier.as_slice(), b"=" | b"^~" | b"~" | b"~*")
            && (directive.argument_count() == 2 || !modifier.is_empty())
        {
            return Err(refused(format!("invalid location modifier \"{}\"", text(&modifier))));
        }
        let named = modifier.is_empty() && name.starts_with(b"@");
        let read = Self { exact: modifier == b"=", named, regex: modifier.starts_with(b"~"), name };
        let Some(around) = around else { return Ok(read) };
        let (inner, outer) = (text(&read.name), text(&around.name));
        let message = if around.exact {
            format!("location \"{inner}\" cannot be inside the exact location \"{outer}\"")
        } else if around.named {
            format!("location \"{inner}\" cannot be inside the named location \"{outer}\"")
        } else if read.named {
            format!("named location \"{inner}\" can be on the server level only")
        } else if !read.regex && !read.name.starts_with(&around.name) {
            format!("location \"{inner}\" is outside location \"{outer}\"")
        } else {
            return Ok(read);
        };
        Err(refused(message))
    }

    /// What no second location beside this one may be.
    pub(crate) fn key(&self) -> Option<(Vec<u8>, bool)> {
        (!self.regex && !self.named).then(|| (self.name.clone(), self.exact))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_nginx_reads_them() {
        for time in ["10", "10s", "1h30m", "1y 2M", "0"] {
            assert!(is_time(time.as_bytes()), "{time}");
        }
        for time in ["", "x", "1x", "s", "1m2h", "1s2s"] {
            assert!(!is_time(time.as_bytes()), "{time}");
        }
    }

    #[test]
    fn networks_are_read_as_nginx_reads_them() {
        for network in ["127.0.0.1", "10.0.0.0/8", "2001:db8::/32", "::/0", "1.2.3.4/32"] {
            assert!(is_network(network.as_bytes()), "{network}");
        }
        for network in ["127.0.0.0/33", "10.0.0", "x", "1.2.3.4/", "::/129", ""] {
            assert!(!is_network(network.as_bytes()), "{network}");
        }
    }

    #[test]
    fn shares_have_two_digits_after_the_point() {
        assert_eq!(hundredths(b"12.5"), Some(1250));
        assert_eq!(hundredths(b"12.25"), Some(1225));
        assert_eq!(hundredths(b"7"), Some(700));
        assert_eq!(hundredths(b"1.255"), None);
        assert_eq!(hundredths(b"x"), None);
    }
}
