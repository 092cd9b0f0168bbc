//! A server that speaks as much of the EC2 API as a test gives it to say, and notes what it was asked.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A request's form, by field, in `Key` the id of the access key that signed it, and in `SignedFor` the Region that it is
/// signed for.
pub(crate) type Form = BTreeMap<String, String>;

/// What the server does with a request.
pub(crate) enum Reply {
    /// Answers with the inside of the action's response.
    Answer(String),
    /// Answers with an error of the EC2 API.
    Error(u16, &'static str, String),
    /// Answers with a body of its own.
    Raw(u16, &'static str),
    /// Answers as services do that speak JSON.
    Json(u16, String),
    /// Closes the connection without an answer.
    Reset,
    /// Does not answer for a while.
    Silence(Duration),
}

/// A server on this machine.
pub(crate) struct Server {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Form>>>,
}

impl Server {
    /// Starts it. `reply` is given the action, the form, and how often that action was asked before.
    pub(crate) fn start(reply: impl Fn(&str, &Form, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (notes, reply) = (Arc::clone(&seen), Arc::new(reply));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (notes, reply) = (Arc::clone(&notes), Arc::clone(&reply));
                thread::spawn(move || serve(stream, &notes, &*reply));
            }
        });
        Self { url, seen }
    }

    /// What it was asked so far for one action.
    pub(crate) fn asked(&self, action: &str) -> Vec<Form> {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|form| form["Action"] == action).cloned().collect()
    }

    /// Every action that it was asked for.
    pub(crate) fn actions(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|form| form["Action"].clone()).collect()
    }
}

fn serve(mut stream: TcpStream, notes: &Mutex<Vec<Form>>, reply: &dyn Fn(&str, &Form, usize) -> Reply) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut length, mut target, mut key, mut region) = (0, None, String::new(), String::new());
    let mut first = String::new();
    if reader.read_line(&mut first).unwrap_or(0) == 0 {
        return;
    }
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        match line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim())) {
            Some((name, value)) if name == "content-length" => length = value.parse().unwrap(),
            Some((name, value)) if name == "x-amz-target" => target = value.rsplit('.').next().map(str::to_owned),
            // AWS4-HMAC-SHA256 Credential=KEY/day/region/service/aws4_request, …
            Some((name, value)) if name == "authorization" => {
                let mut parts = value.split_once("Credential=").map(|(_, rest)| rest.split('/')).into_iter().flatten();
                key = parts.next().unwrap_or_default().to_owned();
                region = parts.nth(1).unwrap_or_default().to_owned();
            }
            _ => {}
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let body = std::str::from_utf8(&body).unwrap();
    // A call in JSON is noted as a form with the whole of it in one field.
    let mut form = match target {
        Some(action) => Form::from([("Action".to_owned(), action), ("Body".to_owned(), body.to_owned())]),
        None => by_path(first.split(' ').nth(1).unwrap_or_default(), body).unwrap_or_else(|| parse(body)),
    };
    form.insert("Key".to_owned(), key);
    form.insert("SignedFor".to_owned(), region);
    let action = form["Action"].clone();
    let before = {
        let mut seen = notes.lock().unwrap();
        let before = seen.iter().filter(|known| known["Action"] == action).count();
        seen.push(form.clone());
        before
    };
    let (status, kind, body) = match reply(&action, &form, before) {
        Reply::Answer(inside) if matches!(&*action, "GetCallerIdentity" | "AssumeRole") => (
            200,
            "text/xml",
            format!(
                "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">{inside}</{action}Response>"
            ),
        ),
        Reply::Answer(inside) => (
            200,
            "text/xml",
            format!("<{action}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">{inside}</{action}Response>"),
        ),
        Reply::Error(status, code, message) => (
            status,
            "text/xml",
            format!(
                "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
                 <RequestID>r</RequestID></Response>"
            ),
        ),
        Reply::Raw(status, body) => (status, "text/html", body.to_owned()),
        Reply::Json(status, body) => (status, "application/x-amz-json-1.1", body),
        Reply::Reset => return,
        Reply::Silence(time) => return thread::sleep(time),
    };
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    // A client that gave up is no concern of the server.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
}

/// The calls of services that tell them by their paths.
pub(crate) fn by_path(path: &str, body: &str) -> Option<Form> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let (action, about) = match parts.as_slice() {
        ["2013-04-01", "hostedzonesbyvpc"] => ("ListHostedZonesByVPC", None),
        ["2013-04-01", "hostedzone", zone, "rrset"] => ("ListResourceRecordSets", Some(*zone)),
        ["2021-01-01", "domain"] => ("ListDomainNames", None),
        ["2021-01-01", "opensearch", "domain-info"] => ("DescribeDomains", Some(body)),
        _ => return None,
    };
    let mut form = parse(query);
    form.insert("Action".to_owned(), action.to_owned());
    form.extend(about.map(|about| ("About".to_owned(), about.to_owned())));
    Some(form)
}

fn parse(body: &str) -> Form {
    let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decode(name), decode(value))).collect()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            other => other,
        });
    }
    String::from_utf8(bytes).unwrap()
}

/// The values of a request's filters by name.
pub(crate) fn filters(form: &Form) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for at in 1.. {
        let Some(name) = form.get(&format!("Filter.{at}.Name")) else { break };
        let values = (1..).map_while(|value| form.get(&format!("Filter.{at}.Value.{value}")).cloned());
        found.entry(name.clone()).or_default().extend(values);
    }
    found
}

/// The members of an answer of Elastic Load Balancing, and the marker of a next page.
pub(crate) fn members(action: &str, name: &str, items: &[String], marker: Option<&str>) -> Reply {
    let mut text = format!("<{action}Result><{name}>");
    for item in items {
        write!(text, "<member>{item}</member>").unwrap();
    }
    write!(text, "</{name}>").unwrap();
    if let Some(marker) = marker {
        write!(text, "<NextMarker>{marker}</NextMarker>").unwrap();
    }
    write!(text, "</{action}Result>").unwrap();
    Reply::Answer(text)
}

/// `<set><item>…</item>…</set>`, and the token of a next page.
pub(crate) fn set(name: &str, items: &[String], token: Option<&str>) -> Reply {
    let mut text = format!("<requestId>r</requestId><{name}>");
    for item in items {
        write!(text, "<item>{item}</item>").unwrap();
    }
    write!(text, "</{name}>").unwrap();
    if let Some(token) = token {
        write!(text, "<nextToken>{token}</nextToken>").unwrap();
    }
    Reply::Answer(text)
}
