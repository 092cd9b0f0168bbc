//! Configurations out of a seed: most are what nginx takes, the others break one thing in one of them.

use std::collections::BTreeMap;

use crate::random::Random;

/// A main file `nginx.conf` and the files that it includes.
pub(crate) type Texts = BTreeMap<String, String>;

/// A statement before it is written down.
#[derive(Debug, Clone)]
struct Node {
    words: Vec<String>,
    block: Option<Vec<Node>>,
}

/// Words as they are separated by blanks.
fn line(text: &str) -> Node {
    Node { words: text.split(' ').map(str::to_owned).collect(), block: None }
}

fn block(head: &str, content: Vec<Node>) -> Node {
    Node { block: Some(content), ..line(head) }
}

/// The configuration of a seed.
pub(crate) fn configuration(seed: u64) -> Texts {
    let mut maker = Maker { random: Random::new(seed), port: 20_000, groups: Vec::new(), variables: Vec::new() };
    let mut nodes = maker.main();
    // Half of them are as nginx wants them.
    let broken = maker.random.one_in(2);
    if broken && !maker.random.one_in(3) {
        maker.break_tree(&mut nodes);
        if maker.random.one_in(6) {
            maker.break_tree(&mut nodes);
        }
        return maker.write(nodes);
    }
    let mut texts = maker.write(nodes);
    if broken {
        maker.break_text(&mut texts);
    }
    texts
}

struct Maker {
    random: Random,
    /// The next port to listen on.
    port: u16,
    groups: Vec<String>,
    variables: Vec<String>,
}

impl Maker {
    fn main(&mut self) -> Vec<Node> {
        let mut nodes = vec![block("events", Vec::new())];
        if self.random.one_in(4) {
            nodes.push(line("worker_processes 1"));
        }
        if self.random.one_in(8) {
            nodes.push(line("error_log syslog:server=127.0.0.2:5140,tag=x info"));
        }
        let which = self.random.below(10);
        if which < 8 {
            nodes.push(block("http", self.http()));
        }
        if which == 7 || which == 8 {
            nodes.push(block("stream", self.stream()));
        }
        if which == 9 {
            nodes.push(block("mail", self.mail()));
        }
        self.random.shuffle(&mut nodes);
        nodes
    }

    fn http(&mut self) -> Vec<Node> {
        self.world();
        let mut nodes = Vec::new();
        self.groups_and_variables(&mut nodes, true);
        if self.random.one_in(3) {
            nodes.push(line("resolver 127.0.0.53:5353 valid=30s ipv6=off"));
        }
        if self.random.one_in(4) {
            nodes.push(line("proxy_bind 127.0.0.66"));
        }
        if self.random.one_in(5) {
            nodes.push(Node {
                words: ["log_format", "short", "$remote_addr $status \"$request\""].map(str::to_owned).to_vec(),
                block: None,
            });
        }
        if self.random.one_in(5) {
            nodes.push(line("access_log syslog:server=127.0.0.3,facility=local7 combined"));
        }
        for _ in 0..=self.random.below(2) {
            nodes.push(block("server", self.server()));
        }
        self.random.shuffle(&mut nodes);
        nodes
    }

    fn world(&mut self) {
        self.groups = ["back", "Front", "127.0.0.9", "api.test"].map(str::to_owned).to_vec();
        self.random.shuffle(&mut self.groups);
        self.groups.truncate(1 + self.random.below(2));
        self.variables.clear();
    }

    fn groups_and_variables(&mut self, nodes: &mut Vec<Node>, http: bool) {
        for group in self.groups.clone() {
            let mut content = Vec::new();
            if self.random.one_in(4) {
                let zone = format!("zone {group}{http} 64k");
                content.push(line(self.random.pick(&["least_conn", &zone, "random two"])));
            }
            for _ in 0..=self.random.below(2) {
                let server =
                    if http && self.random.one_in(2) { self.server_address() } else { self.address_and_port() };
                let parameter = self.random.pick(&["", "", "", " weight=5", " down", " max_fails=2 fail_timeout=3s"]);
                content.push(line(&format!("server {server}{parameter}")));
            }
            nodes.push(block(&format!("upstream {group}"), content));
        }
        if self.random.one_in(2) {
            nodes.push(self.map(http));
            self.variables.push("$mapped".to_owned());
        }
        if self.random.one_in(6) {
            let content = vec![
                line(&format!("default {}", self.address_and_port())),
                line(&format!("127.0.0.0/8 {}", self.address_and_port())),
                line(&format!("10.1.0.0/16 {}", self.groups[0])),
                line("2001:db8::/32 x"),
            ];
            nodes.push(block("geo $placed", content));
            self.variables.push("$placed".to_owned());
        }
        if self.random.one_in(6) {
            let rest = self.groups[0].clone();
            let content = vec![line(&format!("12.5% {}", self.address_and_port())), line(&format!("* {rest}"))];
            nodes.push(block("split_clients $remote_addr$msec $split", content));
            self.variables.push("$split".to_owned());
        }
    }

    fn map(&mut self, http: bool) -> Node {
        let mut content = vec![line(&format!("default {}", self.address_and_port()))];
        if self.random.one_in(3) {
            content.push(line("hostnames"));
            content.push(line(&format!(".a.test {}", self.groups[0])));
        }
        if self.random.one_in(3) {
            content.push(line(r"~^(?<label>\w+)\.b\.test$ 127.0.0.3:83"));
        }
        content.push(line(&format!("{} {}", self.random.pick(&["x", "y", "server", "''"]), self.address_and_port())));
        let source = if http { self.random.pick(&["$host", "$arg_x", "$uri$args"]) } else { "$remote_addr" };
        if self.random.one_in(2) {
            content.push(line(&format!("z {}", if http { "$http_host" } else { "$remote_addr" })));
        }
        block(&format!("map {source} $mapped"), content)
    }

    /// Addresses as nginx reads them.
    fn address(&mut self) -> &'static str {
        self.random.pick(&[
            "127.0.0.2",
            "127.0.0.3",
            "[::1]",
            "[2001:db8::1]",
            "127.000.000.004",
            "127..0.5",
            "one.test",
            "0x7f000006",
        ])
    }

    fn address_and_port(&mut self) -> String {
        let port = self.random.pick(&["80", "8081", "443", "081", "65535"]);
        format!("{}:{port}", self.address())
    }

    fn server_address(&mut self) -> String {
        match self.random.below(4) {
            0 => "unix:/run/x.sock".to_owned(),
            1 => self.address_and_port(),
            _ => self.address().to_owned(),
        }
    }

    fn listen(&mut self) -> Node {
        self.port += 1;
        let form = self.random.pick(&["127.0.0.1:", "127.0.0.1:", "", "*:"]);
        line(&format!("listen {form}{}", self.port))
    }

    fn server(&mut self) -> Vec<Node> {
        let mut nodes = vec![self.listen()];
        if self.random.one_in(2) {
            nodes.push(line(self.random.pick(&["server_name a.test b.test", r"server_name ~^(?<sub>.+)\.c\.test$ _"])));
        }
        let own = self.variables.len();
        self.rewrites(&mut nodes, true);
        let mut names = ["/a/", "/b", "= /c", "^~ /d/", r"~ ^/e(\d+)$", "~* /f", "@g", "/h/i/"].to_vec();
        self.random.shuffle(&mut names);
        names.truncate(self.random.below(4));
        names.push("/");
        for name in names {
            let content = self.location(name, 0);
            nodes.push(block(&format!("location {name}"), content));
        }
        self.variables.truncate(own);
        self.random.shuffle(&mut nodes);
        nodes
    }

    fn location(&mut self, name: &str, depth: usize) -> Vec<Node> {
        let mut nodes = Vec::new();
        let no_path = name.starts_with(['~', '@']);
        let own = self.variables.len();
        self.rewrites(&mut nodes, false);
        match self.random.below(6) {
            0 => {}
            1 => nodes.push(line("return 204")),
            _ => nodes.push(self.pass(no_path)),
        }
        if self.random.one_in(4) {
            nodes.push(line(self.random.pick(&[
                "proxy_set_header Host $host",
                "proxy_bind off",
                "proxy_bind $remote_addr transparent",
                "error_page 502 504 = /b",
                "auth_request /a/",
                "add_header X-Up $upstream_addr always",
                "proxy_redirect http://127.0.0.9:9/ /",
                "root /srv/$host",
            ])));
        }
        if self.random.one_in(5) {
            let content = if self.random.one_in(2) { vec![self.pass(true)] } else { vec![line("set $seen 1")] };
            let condition = self.random.pick(&[
                "if ($arg_x)",
                "if ($arg_x = 1)",
                "if ( $request_method != GET )",
                "if ($uri ~* ^/x)",
                "if (!-f $request_filename)",
            ]);
            nodes.push(block(condition, content));
        }
        if self.random.one_in(8) {
            let pass = format!("proxy_pass http://{}", self.address_and_port());
            nodes.push(block("limit_except GET POST", vec![line(&pass), line("deny all")]));
        }
        if depth < 2 && name.ends_with('/') && !name.starts_with(['=', '~', '@']) && self.random.one_in(4) {
            let inner = format!("{}n{depth}/", name.rsplit(' ').next().unwrap());
            let content = self.location(&inner, depth + 1);
            nodes.push(block(&format!("location {inner}"), content));
        }
        self.variables.truncate(own);
        nodes
    }

    /// Statements of the rewrite module.
    fn rewrites(&mut self, nodes: &mut Vec<Node>, in_server: bool) {
        if self.random.one_in(3) {
            let value = self.value();
            let name = self.random.pick(&["$one", "$two", "$Three"]);
            nodes.push(line(&format!("set {name} {value}")));
            self.variables.push(name.to_owned());
        }
        if self.random.one_in(6) {
            nodes.push(line(self.random.pick(&[
                "rewrite ^/old/(.*)$ /new/$1 last",
                "rewrite ^ https://x.test/ permanent",
                "rewrite /q(?<rest>.*) /r",
                "break",
            ])));
        }
        if in_server && self.random.one_in(6) {
            let condition = self.random.pick(&["if ($host = a.test)", "if ($http_user_agent ~ 'x y')"]);
            nodes.push(block(condition, vec![line("set $flag 1"), line("return 301 http://b.test$request_uri")]));
        }
    }

    /// What a variable may hold.
    fn value(&mut self) -> String {
        if !self.variables.is_empty() && self.random.one_in(3) {
            return self.random_variable();
        }
        match self.random.below(4) {
            0 => self.groups[self.random.below(self.groups.len())].clone(),
            1 => self.random.pick(&["$host", "$remote_addr", "$arg_to", "''", "http://127.0.0.2:82/$uri"]).to_owned(),
            _ => self.address_and_port(),
        }
    }

    fn random_variable(&mut self) -> String {
        let name = self.variables[self.random.below(self.variables.len())].clone();
        if self.random.one_in(3) { format!("${{{}}}", &name[1..]) } else { name }
    }

    fn pass(&mut self, no_path: bool) -> Node {
        let path = if no_path { "" } else { self.random.pick(&["", "", "/", "/p/?q=#f", "/$uri"]) };
        let name =
            self.random.pick(&["proxy_pass", "proxy_pass", "proxy_pass", "fastcgi_pass", "grpc_pass", "uwsgi_pass"]);
        let group = self.groups[self.random.below(self.groups.len())].clone();
        let to = match self.random.below(5) {
            0 if !self.variables.is_empty() => self.random_variable(),
            1 | 2 => group,
            3 => "$host:8099".to_owned(),
            _ => self.address_and_port(),
        };
        match name {
            "proxy_pass" => {
                let scheme = self.random.pick(&["http://", "https://", "HTTP://"]);
                line(&format!("proxy_pass {scheme}{to}{path}"))
            }
            "grpc_pass" => line(&format!("grpc_pass {}{to}", self.random.pick(&["", "grpc://", "grpcs://"]))),
            "uwsgi_pass" => line(&format!("uwsgi_pass {}{to}", self.random.pick(&["", "uwsgi://", "suwsgi://"]))),
            other => line(&format!("{other} {to}")),
        }
    }

    fn stream(&mut self) -> Vec<Node> {
        self.world();
        let mut nodes = Vec::new();
        self.groups_and_variables(&mut nodes, false);
        if self.random.one_in(3) {
            nodes.push(line("resolver 127.0.0.53"));
        }
        for _ in 0..=self.random.below(2) {
            let mut listen = self.listen();
            if self.random.one_in(3) {
                listen.words.push("udp".to_owned());
            }
            let to = match self.random.below(4) {
                0 if !self.variables.is_empty() => self.random_variable(),
                1 | 2 => self.groups[self.random.below(self.groups.len())].clone(),
                _ => self.address_and_port(),
            };
            let mut content = vec![listen, line(&format!("proxy_pass {to}"))];
            if self.random.one_in(3) {
                content.push(line(self.random.pick(&[
                    "proxy_timeout 3s",
                    "proxy_bind 127.0.0.66",
                    "resolver 127.0.0.54",
                ])));
            }
            self.random.shuffle(&mut content);
            nodes.push(block("server", content));
        }
        self.random.shuffle(&mut nodes);
        nodes
    }

    fn mail(&mut self) -> Vec<Node> {
        let mut server = vec![self.listen(), line(self.random.pick(&["protocol imap", "protocol smtp"]))];
        let mut nodes = Vec::new();
        let auth = line(self.random.pick(&["auth_http 127.0.0.2:9000/auth", "auth_http http://127.0.0.3/a"]));
        if self.random.one_in(2) {
            nodes.push(auth);
        } else {
            server.push(auth);
        }
        if self.random.one_in(2) {
            nodes.push(line("resolver 127.0.0.53"));
        }
        nodes.push(block("server", server));
        self.random.shuffle(&mut nodes);
        nodes
    }
}

/// Ways to break things.
impl Maker {
    fn break_tree(&mut self, nodes: &mut Vec<Node>) {
        let count = size(nodes);
        let at = self.random.below(count);
        let other = self.random.below(count);
        match self.random.below(9) {
            // A statement in another block, or twice.
            0 | 1 => {
                let copy = nth(nodes, at).clone();
                if let Some(content) = &mut nth_mut(nodes, other).block {
                    let place = self.random.below(content.len() + 1);
                    content.insert(place, copy);
                } else {
                    nodes.push(copy);
                }
            }
            2 => {
                nth_mut(nodes, at).words.pop();
            }
            3 => {
                let more = self.random.pick(&["x", "$uri", "''", "127.0.0.2:80", "last", "backup", "down"]).to_owned();
                nth_mut(nodes, at).words.push(more);
            }
            4 => {
                let node = nth_mut(nodes, at);
                node.block = if node.block.is_some() { None } else { Some(Vec::new()) };
            }
            5 => {
                let strange = self.random.pick(&[
                    "set $late $nowhere",
                    "set late x",
                    "set $host x",
                    "set $x ${uri",
                    "set $x a$",
                    "proxy_pass http://back:80",
                    "proxy_pass ftp://127.0.0.2",
                    "proxy_pass http://127.0.0.2:0",
                    "proxy_pass http://127.0.0.2:65536/",
                    "proxy_pass http://::1:80",
                    "proxy_pass http://$nowhere",
                    "proxy_pass http://[::1",
                    "fastcgi_pass 127.0.0.2",
                    "memcached_pass 127.0.0.2:11211",
                    "grpc_pass http://127.0.0.2:1",
                    "server 127.0.0.2:8000-8005",
                    "server 127.0.0.2:80 weight=0",
                    "server 127.0.0.2:80 weight=x",
                    "server 127.0.0.2:80 backup",
                    "server 127.0.0.2:80 nonsense",
                    "proxy_bind 127.0.0.256",
                    "resolver 127.0.0.53",
                    "resolver",
                    "resolver 127.0.0.53 valid=x",
                    "listen 127.0.0.1:99999",
                    "listen 127.0.0.1:20001",
                    "server_name a.test",
                    "return",
                    "return x",
                    "return 200 $nowhere",
                    "rewrite ^/x /y sometimes",
                    "rewrite ^/x /y$nowhere",
                    "error_page 200 /x",
                    "error_page 404 $nowhere",
                    "access_log syslog:server=127.0.0.3,nonsense",
                    "access_log syslog:facility=local7",
                    "access_log syslog:server=127.0.0.3,facility=local8",
                    "error_log syslog:server=127.0.0.3,severity=err",
                    "error_log syslog:server=127.0.0.3,tag=a-b",
                    "error_log syslog:server=127.0.0.3,server=127.0.0.4",
                    "rewrite ^/x( /y",
                    "rewrite ^/(?<1x>y) /y",
                    "server_name ~",
                    "server_name ~^(?<who>a\\.test",
                    "proxy_redirect ~*( /",
                    "~*( x",
                    "~^[b-a] x",
                    "zone z",
                    "root /a",
                    "alias /a",
                    "break",
                    "break x",
                    "internal",
                    "ip_hash",
                    "hash $nowhere",
                    "zone z 64k",
                    "default x",
                    "include nowhere.conf",
                    "include nowhere/*.conf",
                    "include a b",
                    "auth_http https://127.0.0.2/",
                    "protocol pop4",
                    "worker_connections 64",
                    "add_header A $nowhere",
                    "proxy_set_header A $nowhere",
                ]);
                let strange = line(strange);
                match &mut nth_mut(nodes, at).block {
                    Some(content) => {
                        let place = self.random.below(content.len() + 1);
                        content.insert(place, strange);
                    }
                    None => *nth_mut(nodes, at) = strange,
                }
            }
            6 => {
                let head = self.random.pick(&[
                    "map $host $mapped",
                    "location ~ ^/a)",
                    "location ~*^/a{70000}",
                    "if ($uri ~ a(b)",
                    "map $nowhere $m2",
                    "map $host m2",
                    "map $host $uri",
                    "geo $remote_addr $placed",
                    "geo placed",
                    "split_clients $nowhere $s",
                    "upstream back",
                    "upstream BACK x",
                    "upstream new",
                    "location /",
                    "location /a/",
                    "location = /c",
                    "location @g",
                    "location ! /x",
                    "location",
                    "if ($nowhere)",
                    "if $uri",
                    "if ($uri is x)",
                    "if (-q $uri)",
                    "if ($uri = a b)",
                    "limit_except GOT",
                    "limit_except GET",
                    "server",
                    "http",
                    "stream",
                    "events",
                    "types",
                ]);
                let inside = self.random.pick(&[
                    "",
                    "x y",
                    "x",
                    "x y z",
                    "default a",
                    "x $nowhere",
                    "10% a",
                    "120% a",
                    "x% a",
                    "127.0.0.0/33 a",
                    "server 127.0.0.2:80",
                ]);
                let content = if inside.is_empty() { Vec::new() } else { vec![line(inside), line(inside)] };
                let strange = block(head, content);
                match &mut nth_mut(nodes, at).block {
                    Some(content) => content.push(strange),
                    None => *nth_mut(nodes, at) = strange,
                }
            }
            7 => {
                if let Some(content) = &mut nth_mut(nodes, at).block {
                    content.clear();
                } else {
                    let node = nth_mut(nodes, at);
                    let word = self.random.below(node.words.len());
                    node.words[word] =
                        self.random.pick(&["$nowhere", "x", "''", "127.0.0.2", "back:80", "a$b"]).to_owned();
                }
            }
            _ => {
                let node = nth_mut(nodes, at);
                let word = self.random.below(node.words.len());
                node.words[word].push_str(self.random.pick(&["$", ":80", "x", "\"", "$nowhere", "\\", "/", "${"]));
            }
        }
    }

    fn break_text(&mut self, texts: &mut Texts) {
        let name = texts.keys().nth(self.random.below(texts.len())).unwrap().clone();
        let text = texts.get_mut(&name).unwrap();
        let special: Vec<usize> =
            text.char_indices().filter(|(_, letter)| ";{}\"'\\#$ \n".contains(*letter)).map(|(at, _)| at).collect();
        if special.is_empty() {
            return;
        }
        let at = special[self.random.below(special.len())];
        match self.random.below(4) {
            0 | 1 => {
                text.remove(at);
            }
            2 => {
                text.insert_str(at, self.random.pick(&[";", "{", "}", "\"", "'", "\\", "#", "$", "\n", "\u{b}", "\r"]));
            }
            _ => text.truncate(at),
        }
    }
}

fn size(nodes: &[Node]) -> usize {
    nodes.iter().map(|node| 1 + node.block.as_ref().map_or(0, |content| size(content))).sum()
}

fn nth(nodes: &[Node], at: usize) -> &Node {
    let mut left = at;
    for node in nodes {
        if left == 0 {
            return node;
        }
        left -= 1;
        let inside = node.block.as_ref().map_or(0, |content| size(content));
        if left < inside {
            return nth(node.block.as_ref().unwrap(), left);
        }
        left -= inside;
    }
    unreachable!("a number below the size")
}

fn nth_mut(nodes: &mut [Node], at: usize) -> &mut Node {
    let mut left = at;
    for node in nodes {
        if left == 0 {
            return node;
        }
        left -= 1;
        let inside = node.block.as_ref().map_or(0, |content| size(content));
        if left < inside {
            return nth_mut(node.block.as_mut().unwrap(), left);
        }
        left -= inside;
    }
    unreachable!("a number below the size")
}

/// Ways to write the same thing down.
impl Maker {
    fn write(&mut self, mut nodes: Vec<Node>) -> Texts {
        let mut texts = Texts::new();
        if self.random.one_in(3) {
            self.move_to_a_file(&mut nodes, &mut texts);
        }
        let mut text = String::new();
        self.statements(&nodes, 0, &mut text);
        if self.random.one_in(12) {
            text = text.replace('\n', "\r\n");
        }
        texts.insert("nginx.conf".to_owned(), text);
        texts
    }

    /// Puts the content of a block into a file of its own.
    fn move_to_a_file(&mut self, nodes: &mut [Node], texts: &mut Texts) {
        let at = self.random.below(size(nodes));
        let Some(content) = &mut nth_mut(nodes, at).block else { return };
        if content.is_empty() {
            return;
        }
        let from = self.random.below(content.len());
        let moved: Vec<Node> = content.drain(from..).collect();
        content.push(line(self.random.pick(&[
            "include sub/part.conf",
            "include sub/*.conf",
            "include sub/[p]art.conf",
        ])));
        let mut text = String::new();
        self.statements(&moved, 0, &mut text);
        texts.insert("sub/part.conf".to_owned(), text);
    }

    fn statements(&mut self, nodes: &[Node], depth: usize, text: &mut String) {
        for node in nodes {
            if self.random.one_in(12) {
                text.push_str(self.random.pick(&["# proxy_pass http://127.0.0.9:9;\n", "\n", "#{\n", "# it's \"\n"]));
            }
            if !self.random.one_in(10) {
                text.push_str(&"    ".repeat(depth));
            }
            for (index, word) in node.words.iter().enumerate() {
                if index > 0 {
                    let between = if self.random.one_in(20) {
                        self.random.pick(&["\n", "\t", "  ", " # why;\n", "\r\n"])
                    } else {
                        " "
                    };
                    text.push_str(between);
                }
                self.word(word, text);
            }
            match &node.block {
                None => {
                    text.push_str(if self.random.one_in(20) { "\n;" } else { ";" });
                }
                Some(content) => {
                    text.push_str(if self.random.one_in(8) { "{" } else { " {" });
                    text.push_str(if self.random.one_in(20) { "" } else { "\n" });
                    self.statements(content, depth + 1, text);
                    text.push('}');
                }
            }
            text.push_str(if self.random.one_in(20) { self.random.pick(&["", " # done", " "]) } else { "" });
            if !text.ends_with(['}', ';']) || !self.random.one_in(15) {
                text.push('\n');
            }
        }
    }

    fn word(&mut self, word: &str, text: &mut String) {
        let quoted_already = word.starts_with(['"', '\'']);
        let must = word.contains([' ', ';']) || word.is_empty();
        if must || (!quoted_already && self.random.one_in(15)) {
            let quote = if self.random.one_in(2) { "\"" } else { "'" };
            text.push_str(quote);
            text.push_str(&word.replace(quote, &format!("\\{quote}")));
            text.push_str(quote);
        } else {
            text.push_str(word);
        }
    }
}
