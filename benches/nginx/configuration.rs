//! Made-up configurations that a real nginx accepts.

use std::fmt::Write as _;

/// The configurations that are measured, by name.
pub(crate) const NAMES: [&str; 3] = ["10 MB", "100 MB", "one upstream of 100,000 servers"];

/// Builds a configuration.
pub(crate) fn text(name: &str) -> String {
    match name {
        "10 MB" => sites(10_000_000),
        "100 MB" => sites(100_000_000),
        _ => one_group(100_000),
    }
}

/// Sites of one group of ten servers and one `server` block each, up to a size in bytes.
fn sites(size: usize) -> String {
    let mut text = String::from(HEAD);
    let mut number = 0;
    while text.len() < size {
        group(&mut text, &format!("app_{number:06}"), number * 10..number * 10 + 10);
        _ = write!(
            text,
            "    server {{\n        listen 127.0.0.1:18080;\n        server_name app-{number:06}.example.com;\n\n        \
             # Everything goes to the application.\n        location / {{\n            proxy_set_header Host $host;\n            \
             proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n            \
             proxy_pass http://app_{number:06};\n        }}\n    }}\n\n"
        );
        number += 1;
    }
    text.push_str("}\n");
    text
}

fn one_group(servers: u32) -> String {
    let mut text = String::from(HEAD);
    group(&mut text, "app", 0..servers);
    text.push_str(
        "    server {\n        listen 127.0.0.1:18080;\n        location / { proxy_pass http://app; }\n    }\n}\n",
    );
    text
}

fn group(text: &mut String, name: &str, servers: std::ops::Range<u32>) {
    _ = writeln!(text, "    upstream {name} {{\n        least_conn;\n        keepalive 16;");
    for server in servers {
        let [_, a, b, c] = server.to_be_bytes();
        _ = writeln!(text, "        server 10.{a}.{b}.{c}:8080 weight=5 max_fails=3 fail_timeout=10s;");
    }
    text.push_str("    }\n");
}

const HEAD: &str = "worker_processes auto;\nerror_log stderr;\npid nginx.pid;\nevents {\n    worker_connections 1024;\n}\n\
    http {\n    access_log off;\n    server_names_hash_max_size 4194304;\n    server_names_hash_bucket_size 128;\n\n";
