//! A server on this machine that answers each request with a page that is made.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::region::Pages;

pub(crate) struct Server {
    pub(crate) url: String,
    pages: Arc<Pages>,
    wait: Arc<AtomicU64>,
}

impl Server {
    pub(crate) fn start(pages: Pages) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let (pages, wait) = (Arc::new(pages), Arc::new(AtomicU64::new(0)));
        let (known, waits) = (Arc::clone(&pages), Arc::clone(&wait));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (known, waits) = (Arc::clone(&known), Arc::clone(&waits));
                // A client that went away is no concern of the server.
                thread::spawn(move || serve(stream, &known, &waits).ok());
            }
        });
        Ok(Self { url, pages, wait })
    }

    /// How long each page is to take from now on.
    pub(crate) fn wait(&self, wait: Duration) {
        self.wait.store(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn pages(&self) -> usize {
        self.pages.values().map(Vec::len).sum()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.pages.values().flatten().map(Vec::len).sum()
    }

    /// Pages of the longest listing, which come one after the other as each names the next.
    pub(crate) fn longest(&self) -> u32 {
        self.pages.values().map(Vec::len).max().and_then(|most| u32::try_from(most).ok()).unwrap_or_default()
    }
}

fn serve(stream: TcpStream, pages: &Pages, wait: &AtomicU64) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    loop {
        let mut length = 0;
        let mut first = String::new();
        if reader.read_line(&mut first)? == 0 {
            return Ok(());
        }
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let form = String::from_utf8_lossy(&body);
        let field = |name: &str| form.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
        // The one call that its path names.
        let domains = first.contains("/2021-01-01/domain ");
        let named = field("Action").map(|(_, action)| action.to_owned());
        let action = if domains { "ListDomainNames".to_owned() } else { named.unwrap_or_default() };
        let number = field("NextToken").and_then(|(_, token)| token.parse::<usize>().ok()).unwrap_or(0);
        let page = pages.get(action.as_str()).and_then(|pages| pages.get(number));
        let page = page.ok_or_else(|| io::Error::other(format!("{action} has no page {number}")))?;
        thread::sleep(Duration::from_millis(wait.load(Ordering::Relaxed)));
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n", page.len());
        stream.write_all(head.as_bytes())?;
        stream.write_all(page)?;
    }
}
