//! Google's APIs as a server on loopback that replays an estate: the files that `gcloud … list --format=json` prints.
//!
//! It answers from `/compute/v1/` as the Compute Engine API does, and what the commands of `docs/evidence.md` ask of Cloud DNS,
//! Cloud SQL, Network Connectivity, Network Security and Resource Manager from the paths of those.

#[path = "server/answers.rs"]
mod answers;
#[path = "server/effective.rs"]
mod effective;
#[path = "server/estate.rs"]
mod estate;
#[path = "server/faults.rs"]
mod faults;
#[path = "server/lists.rs"]
mod lists;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::Value;

pub(crate) use self::answers::{API, decoded};
use self::answers::{Answer, Asked};
pub(crate) use self::estate::{Estate, text};
pub(crate) use self::faults::Fault;
use self::faults::{Standing, refusal};

/// A request that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// As it came, so with `%3A` for a colon.
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) body: String,
    /// Whether it carried a token.
    pub(crate) authorization: bool,
}

/// What the server was told, and what it was asked.
#[derive(Default)]
pub(crate) struct Told {
    /// At most so many entries to a page.
    page: Option<usize>,
    faults: Vec<Standing>,
    asked: Vec<Request>,
    /// The answers that are no errors.
    answered: Vec<(Request, Value)>,
    /// Where each page token goes on, and for which listing it is.
    tokens: BTreeMap<String, (String, usize)>,
}

/// The server.
#[derive(Clone)]
pub(crate) struct Server {
    url: String,
    estate: Arc<Estate>,
    told: Arc<Mutex<Told>>,
}

impl Server {
    /// Serves what the files of a folder hold.
    pub(crate) fn start(estate: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { url, estate: Arc::new(Estate::read(estate)), told: Arc::default() };
        let answering = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let answering = answering.clone();
                std::thread::spawn(move || answering.connection(&stream));
            }
        });
        server
    }

    /// Scheme, address and port, without a slash at the end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Pages hold no more entries than this, however many are asked for.
    pub(crate) fn pages_of(&self, entries: usize) {
        self.told.lock().unwrap().page = Some(entries);
    }

    /// Requests whose path and query hold a text go wrong from now on.
    pub(crate) fn fault(&self, part: &str, fault: Fault) {
        self.told.lock().unwrap().faults.push(Standing::new(part, fault, None));
    }

    /// The first `times` such requests go wrong, those behind them do not.
    pub(crate) fn fault_first(&self, times: usize, part: &str, fault: Fault) {
        self.told.lock().unwrap().faults.push(Standing::new(part, fault, Some(times)));
    }

    /// Every request so far, in the order of arrival.
    pub(crate) fn asked(&self) -> Vec<Request> {
        self.told.lock().unwrap().asked.clone()
    }

    /// Every answer so far that was no error.
    pub(crate) fn answered(&self) -> Vec<(Request, Value)> {
        self.told.lock().unwrap().answered.clone()
    }

    fn connection(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        while let Some(request) = request(&mut reader) {
            let (fault, answer) = self.answer(request);
            let mut text = format!("HTTP/1.1 {} {}\r\n", answer.status, phrase(answer.status));
            let mut body = answer.body.to_string();
            if matches!(fault, Some(Fault::Broken)) {
                body.truncate(body.len() / 2);
            }
            text.push_str("content-type: application/json; charset=UTF-8\r\n");
            text.extend([format!("content-length: {}\r\n\r\n", body.len()), body.clone()]);
            let is_cut = matches!(fault, Some(Fault::Cut));
            if is_cut {
                text.truncate(text.len() - body.len() / 2 - 1);
            }
            let mut stream = stream;
            if stream.write_all(text.as_bytes()).is_err() || is_cut {
                let _ = stream.shutdown(std::net::Shutdown::Both);
                return;
            }
        }
    }

    fn answer(&self, request: Request) -> (Option<Fault>, Answer) {
        let asked = Asked::from(&request);
        let mut told = self.told.lock().unwrap();
        let target = format!("{}?{}", request.path, request.query);
        told.asked.push(request.clone());
        let standing = told.faults.iter_mut().find(|standing| standing.is_for(&target));
        let fault = standing.map(Standing::strike);
        let answer = fault.as_ref().and_then(|fault| refusal(fault, &asked));
        let answer = answer.unwrap_or_else(|| answers::answer(&self.estate, &mut told, &asked, fault.as_ref()));
        if answer.status == 200 {
            told.answered.push((request, answer.body.clone()));
        }
        (fault, answer)
    }
}

fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        429 => "Too Many Requests",
        _ => "Service Unavailable",
    }
}

fn request(reader: &mut BufReader<&TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let (mut length, mut authorization) = (0, false);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim().split_once(':') else { break };
        match name.to_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap(),
            "authorization" => authorization = !value.trim().is_empty(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).unwrap();
    Some(Request { method, path: path.to_owned(), query: query.to_owned(), body, authorization })
}
