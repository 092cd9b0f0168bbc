//! Without `--from` nginx is on this machine, which the metadata service knows.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use crate::internet::estate;
use crate::run::{Key, conf, run_where};
use crate::server::Server;

/// The metadata service of an instance: a token first, and nothing without it (EC2 guide, version 2).
fn metadata(instance: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let Some(first) = lines.next() else { continue };
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let token = head.iter().any(|line| line.eq_ignore_ascii_case("x-aws-ec2-metadata-token: the-token"));
            let (status, body) = match (first.split(' ').nth(1).unwrap(), token) {
                ("/latest/api/token", _) => (200, "the-token"),
                ("/latest/meta-data/instance-id", true) => (200, instance),
                ("/latest/meta-data/placement/region", true) => (200, "us-east-1"),
                (_, false) => (401, ""),
                _ => (404, ""),
            };
            let length = body.len();
            let text = format!(
                "HTTP/1.1 {status} X\r\nX-Aws-Ec2-Metadata-Token-Ttl-Seconds: 60\r\nContent-Length: {length}\r\n\
                 Connection: close\r\n\r\n{body}"
            );
            let _ = (&stream).write_all(text.as_bytes());
        }
    });
    url
}

#[test]
fn an_instance_is_judged_from_without_being_named() {
    let server = Server::start(|action, form, _| estate(action, form));
    let (_folder, conf) = conf(&["203.0.113.20:8080"]);
    let judge = |service: &str, more: &[&str]| {
        let environment = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", service)];
        let live = ["check", &conf, "--report", "json", "--endpoint-url", &server.url];
        run_where(&Key::any(), &environment, &[&live[..], more].concat())
    };
    let service = metadata("i-nginx");
    let named = judge(&service, &["--from", "i-nginx", "--region", "us-east-1"]);
    for more in [&[][..], &["--from", "self"]] {
        let ran = judge(&service, more);
        assert_eq!((ran.code, ran.report()), (named.code, named.report()), "{ran:?}");
        assert_eq!(ran.report()["flows"][0]["from"]["interface"], "eni-nginx");
    }
    // A machine that is no instance of EC2.
    let ran = judge(&metadata("mi-0123456789abcdef0"), &[]);
    assert_eq!(ran.code, 5, "{ran:?}");
    assert!(ran.stderr.contains("which instance this is"), "{}", ran.stderr);
}
