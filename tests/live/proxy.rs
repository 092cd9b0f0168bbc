//! A server between the program and moto: it notes what passes, and spoils what it is told to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::server::by_path;

/// What becomes of a call.
pub(crate) enum Fate {
    /// The answer of the server behind.
    Passes,
    /// An error of the EC2 API.
    Error(u16, &'static str, &'static str),
    /// The first half of the answer, as if it were all.
    Half,
    /// The connection closes without an answer.
    Reset,
}

/// The server between.
pub(crate) struct Proxy {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Starts it in front of a server. `fate` is given the action, and how often it was asked before.
    pub(crate) fn start(behind: &str, fate: impl Fn(&str, usize) -> Fate + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let behind = behind.strip_prefix("http://").unwrap().to_owned();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (notes, fate) = (Arc::clone(&seen), Arc::new(fate));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (notes, fate, behind) = (Arc::clone(&notes), Arc::clone(&fate), behind.clone());
                // A client that gave up is no concern of the server.
                thread::spawn(move || serve(stream, &behind, &notes, &*fate).ok());
            }
        });
        Self { url, seen }
    }

    /// The actions that were asked for, each time.
    pub(crate) fn actions(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

fn serve(
    mut stream: TcpStream,
    behind: &str,
    notes: &Mutex<Vec<String>>,
    fate: &dyn Fn(&str, usize) -> Fate,
) -> std::io::Result<()> {
    let (head, body) = message(&mut BufReader::new(stream.try_clone()?))?;
    let action = String::from_utf8_lossy(&body);
    let of_ec2 = action.contains("Version=2016-11-15");
    let path = head.split(' ').nth(1).unwrap_or_default();
    let by_path = by_path(path, "").map(|form| form["Action"].clone());
    let in_form = || action.split('&').find_map(|pair| pair.strip_prefix("Action=")).map(str::to_owned);
    let action = by_path.or_else(in_form).unwrap_or_else(|| "no action".to_owned());
    let before = {
        let mut seen = notes.lock().unwrap();
        seen.push(action.clone());
        seen.iter().filter(|known| **known == action).count() - 1
    };
    let forwarded = || -> std::io::Result<(String, Vec<u8>)> {
        let mut server = TcpStream::connect(behind)?;
        // One answer for each connection; the signature does not cover this header.
        let head: String =
            head.lines().filter(|line| !names(line, "connection")).flat_map(|line| [line, "\r\n"]).collect();
        server.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes())?;
        server.write_all(&body)?;
        message(&mut BufReader::new(server))
    };
    let (head, body) = match fate(&action, before) {
        Fate::Passes => forwarded()?,
        Fate::Half => {
            let (head, mut body) = forwarded()?;
            body.truncate(body.len() / 2);
            (head, body)
        }
        Fate::Error(status, code, message) => {
            let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
            // EC2 writes its errors in another way than all others.
            let body = if of_ec2 {
                format!("<Response><Errors>{error}</Errors><RequestID>r</RequestID></Response>")
            } else {
                format!("<ErrorResponse>{error}</ErrorResponse>")
            };
            (format!("HTTP/1.1 {status} X\r\nContent-Type: text/xml\r\n"), body.into_bytes())
        }
        Fate::Reset => return Ok(()),
    };
    let own = ["content-length", "connection"];
    let head = head.lines().filter(|line| !own.iter().any(|name| names(line, name)));
    let head: String = head.flat_map(|line| [line, "\r\n"]).collect();
    stream.write_all(format!("{head}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len()).as_bytes())?;
    stream.write_all(&body)
}

/// Whether a line of a head is the header of that name.
fn names(line: &str, header: &str) -> bool {
    line.split_once(':').is_some_and(|(name, _)| name.eq_ignore_ascii_case(header))
}

/// Head without its last, empty line, and body of a request or an answer.
fn message(reader: &mut impl BufRead) -> std::io::Result<(String, Vec<u8>)> {
    let (mut head, mut length) = (String::new(), None);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        if names(&line, "content-length") {
            length = line.split_once(':').and_then(|(_, value)| value.trim().parse().ok());
        }
        head.push_str(&line);
    }
    let mut body = Vec::new();
    match length {
        Some(length) => reader.take(length).read_to_end(&mut body)?,
        None if head.starts_with("HTTP/") => reader.read_to_end(&mut body)?,
        None => 0,
    };
    Ok((head, body))
}
