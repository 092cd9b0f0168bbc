//! Properties of the reader on made-up text: it always comes to an end, and what it has read can be written down and
//! read again.

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;

use super::tree::{Body, Directives};
use super::{Config, MemoryFiles, Options};

/// One statement: its words and, for a block, what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Outline {
    words: Vec<Vec<u8>>,
    block: Option<Vec<Outline>>,
}

fn outline(directives: Directives<'_>) -> Vec<Outline> {
    directives
        .map(|directive| Outline {
            words: std::iter::once(directive.name()).chain(directive.arguments()).map(|word| word.to_vec()).collect(),
            block: directive.is_block().then(|| outline(directive.children())),
        })
        .collect()
}

/// Writes statements down with as many quotes and as few blanks as can be.
fn print(statements: &[Outline], text: &mut Vec<u8>) {
    for statement in statements {
        for (at, word) in statement.words.iter().enumerate() {
            if at > 0 {
                text.push(b' ');
            }
            text.push(b'"');
            for byte in word {
                match byte {
                    b'"' | b'\\' => text.extend([b'\\', *byte]),
                    b'\t' => text.extend(b"\\t"),
                    b'\r' => text.extend(b"\\r"),
                    _ => text.push(*byte),
                }
            }
            text.push(b'"');
        }
        match &statement.block {
            None => text.push(b';'),
            Some(inside) => {
                text.push(b'{');
                print(inside, text);
                text.push(b'}');
            }
        }
    }
}

fn config(text: &[u8], lenient: bool) -> Option<Config> {
    let files = MemoryFiles::new()
        .with("/nginx.conf", text)
        .with("/a.conf", "server 127.0.0.1:1; include b.conf;")
        .with("/b.conf", "set $a $b;");
    Config::read(Path::new("/nginx.conf"), &files, &Options { prefix: None, lenient }).ok()
}

/// Reads a text in both ways; it must not panic, and both must agree where the strict one finds nothing wrong.
fn both_ways(text: &[u8]) {
    let found = [false, true].map(|lenient| config(text, lenient).and_then(|config| config.endpoints().ok()));
    if let [Some(strict), Some(lenient)] = found {
        assert_eq!(strict.endpoints, lenient.endpoints);
    } else if let [Some(_), None] = found {
        panic!("only the strict reading takes it");
    }
}

/// What configurations are made of, with a weight on what means something.
fn token() -> impl Strategy<Value = Vec<u8>> {
    let words = vec![
        "http",
        "stream",
        "mail",
        "events",
        "server",
        "location",
        "upstream",
        "map",
        "geo",
        "split_clients",
        "if",
        "limit_except",
        "types",
        "include",
        "set",
        "rewrite",
        "return",
        "break",
        "proxy_pass",
        "fastcgi_pass",
        "grpc_pass",
        "memcached_pass",
        "x_pass",
        "proxy_bind",
        "resolver",
        "listen",
        "server_name",
        "error_log",
        "access_log",
        "auth_http",
        "ssl_stapling",
        "ssl_stapling_responder",
        "otel_exporter",
        "endpoint",
        "hash",
        "content_by_lua_block",
        "load_module",
        "default",
        "volatile",
        "a.conf",
        "*.conf",
        "[a-",
        "on",
        "udp",
        "transparent",
        "backup",
        "down",
        "resolve",
        "service=x",
        "http://",
        "https://",
        "unix:/a",
        "127.0.0.1",
        "[::1]",
        "[::1",
        "localhost",
        ":80",
        ":",
        "8080-8090",
        "syslog:server=",
        "$a",
        "$b",
        "$1",
        "${a}",
        "${",
        "$",
        "$uri",
        "$scheme",
        "$server_port",
        "$host",
        "$request_uri",
        "~^/(\\w+)/(?<a>.*)$",
        "(",
        ")",
        "/",
        "?",
        "@n",
        "=",
        "\"",
        "'",
        "\\",
        "#",
        "\n",
        "\r",
        "{",
        "}",
        ";",
        "--",
        "[[",
        "]]",
        "# configuration file /a.conf:\n",
        "\u{feff}",
        "é",
    ];
    prop_oneof![
        8 => prop::sample::select(words).prop_map(|word| word.as_bytes().to_vec()),
        4 => prop::sample::select(vec![" ", ";", ";\n", " {", "}\n", " $a", " $b"]).prop_map(|t| t.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..4),
    ]
}

/// Text that is balanced and known, so that it comes through to the passes.
fn statement() -> impl Strategy<Value = String> {
    let leaf = (
        prop::sample::select(vec![
            "set $a",
            "set $b",
            "proxy_pass http://",
            "proxy_pass $a",
            "rewrite ^/(.*)$",
            "return",
            "break",
            "include",
            "resolver",
            "listen",
            "proxy_bind",
            "server",
            "error_log",
            "x_pass",
            "fastcgi_pass",
        ]),
        vec(
            prop::sample::select(vec![
                "$a",
                "$b",
                "$scheme",
                "$server_port",
                "$1",
                "u",
                "u:81",
                "127.0.0.1:80",
                "$uri",
                "/x",
                ":80",
                "$a:80",
                "a.conf",
                "on",
                "[::1]:8",
                "1-65535",
                "http://$a$b",
            ]),
            0..3,
        ),
    )
        .prop_map(|(name, arguments)| format!("{name} {};", arguments.join(" ")));
    leaf.prop_recursive(5, 60, 8, |inner| {
        (
            prop::sample::select(vec![
                "server",
                "location /",
                "location ~ ^/(\\w+)",
                "if ($a)",
                "upstream u",
                "upstream v",
                "map $uri $a",
                "geo $b",
                "split_clients x $a",
                "limit_except GET",
                "stream",
                "x",
                "http",
            ]),
            vec(inner, 0..8),
        )
            .prop_map(|(head, inside)| format!("{head} {{ {} }}", inside.concat()))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(text in vec(any::<u8>(), 0..400)) {
        both_ways(&text);
    }

    #[test]
    fn any_soup_of_tokens_is_read_or_refused(tokens in vec(token(), 0..120)) {
        both_ways(&tokens.concat());
        both_ways(&tokens.join(&b' '));
    }

    #[test]
    fn any_tree_is_followed_or_refused(statements in vec(statement(), 0..8), world in "http|stream|mail|events") {
        both_ways(format!("{world} {{ {} }}", statements.concat()).as_bytes());
    }

    #[test]
    fn what_is_read_can_be_written_and_read_again(
        tokens in vec(token(), 0..120),
        statements in vec(statement(), 0..8),
    ) {
        for text in [tokens.concat(), tokens.join(&b' '), statements.concat().into_bytes()] {
            let Some(read) = config(&text, true) else { continue };
            if read.readings.iter().flat_map(|reading| &reading.nodes).any(|node| node.body == Body::Lua) {
                // Lua has no words.
                continue;
            }
            let once = outline(read.directives());
            let mut printed = Vec::new();
            print(&once, &mut printed);
            // What `include` gave is in its place now; an entry of that name in a block of data is text.
            if once.iter().any(has_include) {
                continue;
            }
            let again = config(&printed, true).map(|config| outline(config.directives()));
            prop_assert_eq!(Some(once), again, "{}", String::from_utf8_lossy(&printed));
        }
    }
}

fn has_include(statement: &Outline) -> bool {
    statement.words.first().is_some_and(|name| name == b"include") || statement.block.iter().flatten().any(has_include)
}
