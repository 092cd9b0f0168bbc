//! Where directives may stand, with how many arguments, and how often.
//!
//! Only directives that decide connections, or that stand around those that do, are listed; any other may come from a module and
//! is accepted everywhere. The order of the checks is that of `ngx_conf_handler`.

use super::error::Problem;

/// The blocks that a directive may stand in, as bits.
pub(crate) type Places = u16;

pub(crate) const MAIN: Places = 1;
pub(crate) const EVENTS: Places = 1 << 1;
pub(crate) const HTTP: Places = 1 << 2;
pub(crate) const SERVER: Places = 1 << 3;
pub(crate) const LOCATION: Places = 1 << 4;
pub(crate) const UPSTREAM: Places = 1 << 5;
/// `if` in a `server`.
pub(crate) const SERVER_IF: Places = 1 << 6;
/// `if` in a `location`.
pub(crate) const LOCATION_IF: Places = 1 << 7;
pub(crate) const LIMIT_EXCEPT: Places = 1 << 8;
pub(crate) const STREAM: Places = 1 << 9;
pub(crate) const STREAM_SERVER: Places = 1 << 10;
pub(crate) const STREAM_UPSTREAM: Places = 1 << 11;
pub(crate) const MAIL: Places = 1 << 12;
pub(crate) const MAIL_SERVER: Places = 1 << 13;

const MANY: u32 = u32::MAX;

/// One way to use a directive.
#[derive(Debug)]
pub(crate) struct Rule {
    name: &'static str,
    places: Places,
    fewest: u32,
    most: u32,
    block: bool,
    /// A second one in the same block is refused.
    pub(crate) once: bool,
}

const fn simple(name: &'static str, places: Places, fewest: u32, most: u32) -> Rule {
    Rule { name, places, fewest, most, block: false, once: false }
}

const fn once(name: &'static str, places: Places, fewest: u32, most: u32) -> Rule {
    Rule { once: true, ..simple(name, places, fewest, most) }
}

const fn block(name: &'static str, places: Places, fewest: u32, most: u32) -> Rule {
    Rule { block: true, ..simple(name, places, fewest, most) }
}

const fn sole_block(name: &'static str, places: Places, fewest: u32, most: u32) -> Rule {
    Rule { once: true, ..block(name, places, fewest, most) }
}

/// Sorted by name. Taken from what nginx 1.22 accepts, with what later versions have added.
static RULES: &[Rule] = &[
    simple("access_log", HTTP | SERVER | LOCATION | LOCATION_IF | LIMIT_EXCEPT | STREAM | STREAM_SERVER, 1, MANY),
    once("add_after_body", HTTP | SERVER | LOCATION, 1, 1),
    once("add_before_body", HTTP | SERVER | LOCATION, 1, 1),
    simple("add_header", HTTP | SERVER | LOCATION | LOCATION_IF, 2, 3),
    once("alias", LOCATION, 1, 1),
    simple("allow", HTTP | SERVER | LOCATION | LIMIT_EXCEPT | STREAM | STREAM_SERVER, 1, 1),
    once("auth_basic", HTTP | SERVER | LOCATION | LIMIT_EXCEPT, 1, 1),
    simple("auth_http", MAIL | MAIL_SERVER, 1, 1),
    once("auth_request", HTTP | SERVER | LOCATION, 1, 1),
    simple("auth_request_set", HTTP | SERVER | LOCATION, 2, 2),
    simple("break", SERVER | LOCATION | SERVER_IF | LOCATION_IF, 0, 0),
    simple("deny", HTTP | SERVER | LOCATION | LIMIT_EXCEPT | STREAM | STREAM_SERVER, 1, 1),
    simple("empty_gif", LOCATION, 0, 0),
    simple("env", MAIN, 1, 1),
    simple("error_log", MAIN | HTTP | SERVER | LOCATION | STREAM | STREAM_SERVER | MAIL | MAIL_SERVER, 1, MANY),
    simple("error_page", HTTP | SERVER | LOCATION | LOCATION_IF, 2, MANY),
    sole_block("events", MAIN, 0, 0),
    once("fastcgi_bind", HTTP | SERVER | LOCATION, 1, 2),
    simple("fastcgi_param", HTTP | SERVER | LOCATION, 2, 3),
    once("fastcgi_pass", LOCATION | LOCATION_IF, 1, 1),
    block("geo", HTTP | STREAM, 1, 2),
    once("grpc_bind", HTTP | SERVER | LOCATION, 1, 2),
    once("grpc_pass", LOCATION | LOCATION_IF, 1, 1),
    simple("grpc_set_header", HTTP | SERVER | LOCATION, 2, 2),
    simple("hash", UPSTREAM | STREAM_UPSTREAM, 1, 2),
    sole_block("http", MAIN, 0, 0),
    block("if", SERVER | LOCATION, 1, MANY),
    simple("index", HTTP | SERVER | LOCATION, 1, MANY),
    once("internal", LOCATION, 0, 0),
    simple("ip_hash", UPSTREAM, 0, 0),
    simple("least_conn", UPSTREAM | STREAM_UPSTREAM, 0, 0),
    simple("limit_conn_zone", HTTP | STREAM, 2, 2),
    sole_block("limit_except", LOCATION, 1, MANY),
    simple("limit_req_zone", HTTP, 3, 3),
    simple("listen", SERVER | STREAM_SERVER | MAIL_SERVER, 1, MANY),
    block("location", SERVER | LOCATION, 1, 2),
    simple("log_format", HTTP | STREAM, 2, MANY),
    sole_block("mail", MAIN, 0, 0),
    block("map", HTTP | STREAM, 2, 2),
    once("memcached_bind", HTTP | SERVER | LOCATION, 1, 2),
    once("memcached_pass", LOCATION | LOCATION_IF, 1, 1),
    simple("mirror", HTTP | SERVER | LOCATION, 1, 1),
    once("pass", STREAM_SERVER, 1, 1),
    simple("protocol", MAIL_SERVER, 1, 1),
    once("proxy_bind", HTTP | SERVER | LOCATION | STREAM | STREAM_SERVER, 1, 2),
    once("proxy_connect_timeout", HTTP | SERVER | LOCATION | STREAM | STREAM_SERVER, 1, 1),
    once("proxy_method", HTTP | SERVER | LOCATION, 1, 1),
    once("proxy_pass", LOCATION | LOCATION_IF | LIMIT_EXCEPT | STREAM_SERVER, 1, 1),
    once("proxy_redirect", HTTP | SERVER | LOCATION, 1, 2),
    simple("proxy_set_header", HTTP | SERVER | LOCATION, 2, 2),
    once("proxy_timeout", STREAM | STREAM_SERVER | MAIL | MAIL_SERVER, 1, 1),
    simple("random", UPSTREAM | STREAM_UPSTREAM, 0, 2),
    once(
        "resolver",
        HTTP | SERVER | LOCATION | STREAM | STREAM_SERVER | MAIL | MAIL_SERVER | UPSTREAM | STREAM_UPSTREAM,
        1,
        MANY,
    ),
    once(
        "resolver_timeout",
        HTTP | SERVER | LOCATION | STREAM | STREAM_SERVER | MAIL | MAIL_SERVER | UPSTREAM | STREAM_UPSTREAM,
        1,
        1,
    ),
    simple("return", SERVER | LOCATION | SERVER_IF | LOCATION_IF, 1, 2),
    once("return", STREAM_SERVER, 1, 1),
    simple("rewrite", SERVER | LOCATION | SERVER_IF | LOCATION_IF, 2, 3),
    once("root", HTTP | SERVER | LOCATION | LOCATION_IF, 1, 1),
    once("satisfy", HTTP | SERVER | LOCATION, 1, 1),
    once("scgi_bind", HTTP | SERVER | LOCATION, 1, 2),
    simple("scgi_param", HTTP | SERVER | LOCATION, 2, 3),
    once("scgi_pass", LOCATION | LOCATION_IF, 1, 1),
    block("server", HTTP | STREAM | MAIL, 0, 0),
    simple("server", UPSTREAM | STREAM_UPSTREAM, 0, MANY),
    simple("server_name", SERVER, 1, MANY),
    once("server_name", MAIL | MAIL_SERVER, 1, 1),
    simple("set", SERVER | LOCATION | SERVER_IF | LOCATION_IF | STREAM_SERVER, 2, 2),
    block("split_clients", HTTP | STREAM, 2, 2),
    once("ssl_preread", STREAM | STREAM_SERVER, 1, 1),
    once("ssl_stapling", HTTP | SERVER, 1, 1),
    once("ssl_stapling_file", HTTP | SERVER, 1, 1),
    once("ssl_stapling_responder", HTTP | SERVER, 1, 1),
    sole_block("stream", MAIN, 0, 0),
    simple("stub_status", SERVER | LOCATION, 0, 1),
    once("try_files", SERVER | LOCATION, 2, MANY),
    once("tunnel_pass", SERVER | LOCATION | LOCATION_IF, 0, 1),
    block("types", HTTP | SERVER | LOCATION, 0, 0),
    block("upstream", HTTP | STREAM, 1, 1),
    once("user", MAIN, 1, 2),
    once("uwsgi_bind", HTTP | SERVER | LOCATION, 1, 2),
    simple("uwsgi_param", HTTP | SERVER | LOCATION, 2, 3),
    once("uwsgi_pass", LOCATION | LOCATION_IF, 1, 1),
    once("worker_connections", EVENTS, 1, 1),
    once("worker_processes", MAIN, 1, 1),
    simple("zone", UPSTREAM | STREAM_UPSTREAM, 1, 2),
];

/// Judges a directive in a place. `None` is a directive that is not listed.
pub(crate) fn check(
    name: &[u8],
    place: Places,
    is_block: bool,
    arguments: u32,
) -> Result<Option<&'static Rule>, Problem> {
    let first = RULES.partition_point(|rule| rule.name.as_bytes() < name);
    let mut named = RULES.iter().skip(first).take_while(|rule| rule.name.as_bytes() == name).peekable();
    if named.peek().is_none() {
        return Ok(None);
    }
    let directive = || String::from_utf8_lossy(name).into_owned();
    let Some(rule) = named.find(|rule| rule.places & place != 0) else {
        return Err(Problem::NotAllowedHere { directive: directive(), at_top: place == MAIN });
    };
    if is_block && !rule.block {
        return Err(Problem::NotTerminated { directive: directive() });
    }
    if !is_block && rule.block {
        return Err(Problem::NoBlock { directive: directive() });
    }
    if !(rule.fewest..=rule.most).contains(&arguments) {
        return Err(Problem::ArgumentCount { directive: directive() });
    }
    Ok(Some(rule))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_sorted_by_name() {
        assert!(RULES.is_sorted_by_key(|rule| rule.name));
    }

    #[test]
    fn a_name_may_mean_several_directives() {
        assert!(check(b"server", HTTP, true, 0).is_ok_and(|rule| rule.is_some()));
        assert!(check(b"server", UPSTREAM, false, 1).is_ok_and(|rule| rule.is_some()));
        let no_block = Problem::NoBlock { directive: "server".to_owned() };
        assert_eq!(check(b"server", HTTP, false, 1).err(), Some(no_block));
        let not_here = Problem::NotAllowedHere { directive: "server".to_owned(), at_top: false };
        assert_eq!(check(b"server", LOCATION, true, 0).err(), Some(not_here));
        assert!(check(b"of_a_module", LOCATION, true, 7).is_ok_and(|rule| rule.is_none()));
    }
}
