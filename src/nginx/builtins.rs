//! The variables that nginx itself fills, and what is known about them before a request comes.

use super::model::Kind;

/// What a variable of nginx can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Builtin {
    /// `http` or `https`.
    Scheme,
    /// The port of the listener.
    ServerPort,
    /// The first `server_name`.
    ServerName,
    /// The path after rewriting.
    Uri,
    /// Begins with `/` or `?`, or is empty together with what usually follows.
    Path,
    /// Text without `/`, `?`, or a `:` that could name a port.
    HostOnly,
    /// Whatever the request, the upstream server or a module puts there.
    Request,
}

/// A variable of nginx by its lower-case name; `None` is a name that nginx would refuse.
pub(crate) fn builtin(kind: Kind, name: &[u8]) -> Option<Builtin> {
    let name = std::str::from_utf8(name).ok()?;
    let known = match kind {
        Kind::Http => http(name),
        Kind::Stream => stream(name),
    };
    known.or_else(|| both(name))
}

/// Variables by whose value the client says where it wants to go, besides those of its arguments, headers and cookies
/// (`ngx_http_variables.c`, `ngx_http_core_variables`; `ngx_stream_ssl_preread_module.c`).
pub(crate) fn is_sent(name: &str) -> bool {
    matches!(
        name,
        "args"
            | "document_uri"
            | "host"
            | "query_string"
            | "remote_user"
            | "request"
            | "request_body"
            | "request_port"
            | "request_uri"
            | "ssl_preread_server_name"
            | "ssl_server_name"
            | "uri"
    )
}

/// Variables that no directive may fill: nginx calls another definition a duplicate. Those of modules that may be missing
/// are left out.
pub(crate) fn is_fixed(kind: Kind, name: &[u8]) -> bool {
    let Ok(name) = std::str::from_utf8(name) else { return false };
    let both = matches!(
        name,
        "binary_remote_addr"
            | "bytes_sent"
            | "connection"
            | "hostname"
            | "msec"
            | "nginx_version"
            | "pid"
            | "proxy_protocol_addr"
            | "remote_addr"
            | "remote_port"
            | "server_addr"
            | "server_port"
            | "status"
            | "time_iso8601"
            | "time_local"
            | "upstream_addr"
    );
    let own = match kind {
        Kind::Stream => matches!(name, "bytes_received" | "protocol" | "session_time"),
        Kind::Http => matches!(
            name,
            "body_bytes_sent"
                | "connection_requests"
                | "connection_time"
                | "content_length"
                | "content_type"
                | "document_root"
                | "document_uri"
                | "host"
                | "http_cookie"
                | "http_host"
                | "http_referer"
                | "http_user_agent"
                | "http_via"
                | "http_x_forwarded_for"
                | "https"
                | "is_args"
                | "pipe"
                | "query_string"
                | "realpath_root"
                | "remote_user"
                | "request"
                | "request_body"
                | "request_body_file"
                | "request_completion"
                | "request_filename"
                | "request_id"
                | "request_length"
                | "request_method"
                | "request_time"
                | "request_uri"
                | "scheme"
                | "sent_http_content_type"
                | "sent_http_location"
                | "server_name"
                | "server_protocol"
                | "upstream_status"
                | "uri"
        ),
    };
    both || own
}

fn both(name: &str) -> Option<Builtin> {
    Some(match name {
        "server_port" => Builtin::ServerPort,
        "hostname" | "remote_addr" | "remote_port" | "server_addr" | "pid" | "connection" | "msec"
        | "nginx_version" | "time_iso8601" | "status" | "ssl_server_name" => Builtin::HostOnly,
        "binary_remote_addr" | "time_local" | "protocol" | "bytes_sent" | "limit_conn_status" => Builtin::Request,
        _ if ["proxy_protocol_", "ssl_", "upstream_", "geoip_", "realip_", "otel_", "acme_"]
            .iter()
            .any(|prefix| name.starts_with(prefix)) =>
        {
            Builtin::Request
        }
        _ => return None,
    })
}

fn http(name: &str) -> Option<Builtin> {
    Some(match name {
        "scheme" => Builtin::Scheme,
        "server_name" => Builtin::ServerName,
        "uri" | "document_uri" => Builtin::Uri,
        // The first line of a request always gives a path that starts with a slash.
        "request_uri" | "is_args" => Builtin::Path,
        // nginx checks the Host header and takes the port off.
        "host" | "request_method" | "request_id" | "request_port" | "proxy_port" => Builtin::HostOnly,
        "ancient_browser"
        | "args"
        | "body_bytes_sent"
        | "connection_requests"
        | "connection_time"
        | "connections_active"
        | "connections_reading"
        | "connections_waiting"
        | "connections_writing"
        | "content_length"
        | "content_type"
        | "date_gmt"
        | "date_local"
        | "document_root"
        | "fastcgi_path_info"
        | "fastcgi_script_name"
        | "gzip_ratio"
        | "http2"
        | "http3"
        | "https"
        | "invalid_referer"
        | "is_request_port"
        | "limit_rate"
        | "limit_req_status"
        | "modern_browser"
        | "msie"
        | "pipe"
        | "proxy_add_x_forwarded_for"
        | "proxy_host"
        | "proxy_internal_body_length"
        | "proxy_internal_chunked"
        | "proxy_internal_connection"
        | "query_string"
        | "quic"
        | "realpath_root"
        | "remote_user"
        | "request"
        | "request_body"
        | "request_body_file"
        | "request_completion"
        | "request_filename"
        | "request_length"
        | "request_time"
        | "secure_link"
        | "secure_link_expires"
        | "server_protocol"
        | "session_log_binary_id"
        | "session_log_id"
        | "slice_range"
        | "spdy"
        | "spdy_request_priority"
        | "uid_got"
        | "uid_reset"
        | "uid_set" => Builtin::Request,
        _ if [
            "arg_",
            "cookie_",
            "http_",
            "sent_http_",
            "sent_trailer_",
            "tcpinfo_",
            "jwt_",
            "grpc_internal_",
            "trailer_",
            // Modules that are often built in, so that no `load_module` tells of them.
            "brotli_",
            "echo_",
            "opentelemetry_",
            "opentracing_",
            "upload_",
            "vts_",
            "zstd_",
        ]
        .iter()
        .any(|prefix| name.starts_with(prefix)) =>
        {
            Builtin::Request
        }
        _ => return None,
    })
}

fn stream(name: &str) -> Option<Builtin> {
    Some(match name {
        "ssl_preread_server_name" => Builtin::HostOnly,
        "bytes_received" | "session_time" | "mqtt_preread_clientid" | "mqtt_preread_username" => Builtin::Request,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_and_stream_have_variables_of_their_own() {
        assert_eq!(builtin(Kind::Http, b"request_uri"), Some(Builtin::Path));
        assert_eq!(builtin(Kind::Stream, b"request_uri"), None);
        assert_eq!(builtin(Kind::Stream, b"ssl_preread_server_name"), Some(Builtin::HostOnly));
        assert_eq!(builtin(Kind::Http, b"arg_x"), Some(Builtin::Request));
        assert_eq!(builtin(Kind::Http, b"p90"), None);
    }
}
