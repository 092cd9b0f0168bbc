//! The directives that hand a request to another server, and what each takes for an address.

use super::address::Grammar;
use super::error::Problem;

/// One directive that opens connections to upstream servers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Module {
    /// Scheme with its colon and slashes, and the port that it stands for.
    schemes: &'static [(&'static str, Option<u16>)],
    /// Nothing goes without a scheme.
    pub(crate) scheme_required: bool,
    /// A path may follow.
    pub(crate) uri_part: bool,
    /// `$` starts a variable.
    pub(crate) variables: bool,
    /// The directive that sets the source address.
    pub(crate) bind: &'static [u8],
    /// nginx has this directive, so that its rules are known.
    pub(crate) stock: bool,
}

const PLAIN: Module =
    Module { schemes: &[], scheme_required: false, uri_part: false, variables: true, bind: b"", stock: true };

/// `ngx_http_proxy_module.c`: the scheme is required, its case does not matter, and it gives the default port.
static PROXY: Module = Module {
    schemes: &[("http://", Some(80)), ("https://", Some(443))],
    scheme_required: true,
    uri_part: true,
    bind: b"proxy_bind",
    ..PLAIN
};
static FASTCGI: Module = Module { bind: b"fastcgi_bind", ..PLAIN };
static SCGI: Module = Module { bind: b"scgi_bind", ..PLAIN };
static UWSGI: Module = Module { schemes: &[("uwsgi://", None), ("suwsgi://", None)], bind: b"uwsgi_bind", ..PLAIN };
/// `ngx_http_grpc_module.c`: neither `grpc://` nor `grpcs://` has a default port.
static GRPC: Module = Module { schemes: &[("grpc://", None), ("grpcs://", None)], bind: b"grpc_bind", ..PLAIN };
/// `ngx_http_memcached_module.c` takes the argument as it is: a `$` is part of the host.
static MEMCACHED: Module = Module { variables: false, bind: b"memcached_bind", ..PLAIN };
/// `ngx_http_tunnel_module.c`: without an argument the client names host and port.
static TUNNEL: Module = Module { bind: b"tunnel_bind", ..PLAIN };
/// `ngx_stream_proxy_module.c`.
pub(crate) static STREAM: Module = Module { bind: b"proxy_bind", ..PLAIN };
/// A directive of a module that nginx does not ship.
pub(crate) static UNKNOWN: Module = Module { stock: false, ..PLAIN };

/// The module of an http directive.
pub(crate) fn http(name: &[u8]) -> Option<&'static Module> {
    Some(match name {
        b"proxy_pass" => &PROXY,
        b"fastcgi_pass" => &FASTCGI,
        b"scgi_pass" => &SCGI,
        b"uwsgi_pass" => &UWSGI,
        b"grpc_pass" => &GRPC,
        b"memcached_pass" => &MEMCACHED,
        b"tunnel_pass" => &TUNNEL,
        _ => return None,
    })
}

/// Whether a directive sets the source address of some pass.
pub(crate) fn is_bind(name: &[u8]) -> bool {
    [&PROXY, &FASTCGI, &SCGI, &UWSGI, &GRPC, &MEMCACHED, &TUNNEL].iter().any(|module| module.bind == name)
}

/// Directives whose names end in `_pass` although they name no server: `upload_pass` takes a location.
pub(crate) fn is_foreign_pass(name: &[u8]) -> bool {
    name.ends_with(b"_pass") && http(name).is_none() && name != b"upload_pass"
}

/// Content handlers that take a location over from a pass that stands before them.
pub(crate) fn is_content_handler(name: &[u8]) -> bool {
    matches!(name, b"empty_gif" | b"stub_status" | b"perl" | b"flv" | b"mp4" | b"js_content" | b"api" | b"f4f" | b"hls")
        || name.starts_with(b"content_by_lua")
}

impl Module {
    /// Takes the scheme off a value and says what the rest may contain.
    pub(crate) fn strip_scheme<'v>(&self, value: &'v [u8]) -> Result<(&'v [u8], Grammar), Problem> {
        for (scheme, default_port) in self.schemes {
            if let Some(start) = value.get(..scheme.len())
                && start.eq_ignore_ascii_case(scheme.as_bytes())
            {
                let rest = value.get(scheme.len()..).unwrap_or_default();
                return Ok((rest, Grammar { default_port: *default_port, uri_part: self.uri_part }));
            }
        }
        if self.scheme_required {
            return Err(Problem::UrlPrefix { url: String::from_utf8_lossy(value).into_owned() });
        }
        Ok((value, Grammar { default_port: None, uri_part: self.uri_part }))
    }

    /// The schemes, with colon and slashes.
    pub(crate) fn schemes(&self) -> impl Iterator<Item = &'static str> {
        self.schemes.iter().map(|(scheme, _)| *scheme)
    }
}
