//! A server that answers as it was told, with the shapes that the Resource Manager API documents.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// One answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn ok(body: &Value) -> Self {
        Self { status: 200, headers: Vec::new(), body: body.to_string() }
    }

    /// An error in Resource Manager's words.
    pub(crate) fn error(status: u16, code: &str) -> Self {
        let body = json!({ "error": { "code": code, "message": format!("told to say {code}") } });
        Self { status, headers: Vec::new(), body: body.to_string() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) token: String,
    pub(crate) body: String,
}

#[derive(Default)]
struct Told {
    /// By method and path; the last answer is given again and again.
    answers: BTreeMap<String, VecDeque<Answer>>,
    asked: Vec<Asked>,
}

/// The server.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) url: String,
    told: Arc<Mutex<Told>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { url, told: Arc::default() };
        let answering = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let answering = answering.clone();
                std::thread::spawn(move || answering.connection(&stream));
            }
        });
        server
    }

    /// Says what to answer, one after the other.
    pub(crate) fn tell(&self, method: &str, path: &str, answers: Vec<Answer>) {
        let key = format!("{method} {}", path.to_lowercase());
        self.told.lock().unwrap().answers.insert(key, answers.into());
    }

    pub(crate) fn asked(&self, part: &str) -> Vec<Asked> {
        let told = self.told.lock().unwrap();
        told.asked.iter().filter(|asked| asked.path.contains(part)).cloned().collect()
    }

    fn connection(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        while let Some(asked) = request(&mut reader) {
            let answer = self.answer(asked);
            let mut text = format!("HTTP/1.1 {} x\r\ncontent-length: {}\r\n", answer.status, answer.body.len());
            let headers = answer.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
            text.extend(headers);
            text.push_str("content-type: application/json\r\n\r\n");
            text.push_str(&answer.body);
            let mut stream = stream;
            if stream.write_all(text.as_bytes()).is_err() {
                return;
            }
        }
    }

    fn answer(&self, asked: Asked) -> Answer {
        let mut told = self.told.lock().unwrap();
        let key = format!("{} {}", asked.method, asked.path.to_lowercase());
        told.asked.push(asked);
        let answers = told.answers.get_mut(&key);
        match answers {
            Some(answers) if answers.len() > 1 => answers.pop_front().unwrap(),
            Some(answers) => answers.front().cloned().unwrap_or_else(|| Answer::error(404, "NotFound")),
            // A subscription without anything else.
            None if key.starts_with("get ") || key.starts_with("GET ") => Answer::ok(&json!({ "value": [] })),
            None => Answer::ok(&json!({ "value": [], "skipToken": "" })),
        }
    }
}

fn request(reader: &mut BufReader<&TcpStream>) -> Option<Asked> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let (mut length, mut token) = (0, String::new());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim().split_once(':') else { break };
        match name.to_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap(),
            "authorization" => value.trim().clone_into(&mut token),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).unwrap();
    Some(Asked { method, path: path.to_owned(), query: query.to_owned(), token, body })
}
