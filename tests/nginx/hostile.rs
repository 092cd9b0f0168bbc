//! Configurations that would use up memory or time if nothing stopped them: each ends soon, with an error that says
//! what there is too much of, or with a pass that is known only while nginx runs.

use std::fmt::Write as _;
use std::path::Path;

use reachlint::nginx::{Config, Endpoint, MemoryFiles, Options, Problem, Target};

fn read(files: &MemoryFiles, lenient: bool) -> Result<(usize, Vec<Endpoint>), Problem> {
    let options = Options { prefix: None, lenient };
    Config::read(Path::new("/nginx.conf"), files, &options)
        .and_then(|config| Ok((config.warnings().len(), config.endpoints()?.endpoints)))
        .map_err(|error| *error.problem)
}

fn main(text: impl Into<Vec<u8>>) -> MemoryFiles {
    MemoryFiles::new().with("/nginx.conf", text)
}

fn limit(files: &MemoryFiles, lenient: bool) -> &'static str {
    match read(files, lenient) {
        Err(Problem::Limit { what, .. }) => what,
        other => panic!("{:?}", other.map(|(warnings, endpoints)| (warnings, endpoints.len()))),
    }
}

/// The reasons of endpoints that are known only while nginx runs.
fn reasons(files: &MemoryFiles, lenient: bool) -> Vec<String> {
    let (_, endpoints) = read(files, lenient).unwrap();
    let reasons = endpoints.into_iter().filter_map(|endpoint| match endpoint.target {
        Target::Dynamic(open) => Some(open.reason),
        _ => None,
    });
    reasons.collect()
}

/// Files that each include the next one ten times.
fn bomb(files: usize, last: &str) -> MemoryFiles {
    let mut bomb = main("http { include 0; }");
    for file in 0..files {
        bomb.insert(format!("/{file}"), format!("include {};", file + 1).repeat(10));
    }
    bomb.with(format!("/{files}"), last)
}

#[test]
fn includes_that_multiply_are_counted_before_they_are_followed() {
    assert_eq!(limit(&bomb(30, "a;"), false), "directives after includes");
    assert_eq!(limit(&bomb(30, ""), false), "directives after includes");
    let many = main("http { include 0; }").with("/0", "include 1;".repeat(1_000_001)).with("/1", "");
    assert_eq!(limit(&many, false), "inclusions of files");
}

#[test]
fn included_blocks_and_servers_are_counted() {
    let mut blocks = main("http { server { include 0; } }");
    blocks.insert("/0", "include 1;".repeat(3000));
    blocks.insert("/1", "location / {}".repeat(1000));
    assert_eq!(limit(&blocks, false), "blocks");
    let mut servers = main("http { upstream u { include 0; } }");
    servers.insert("/0", "include 1;".repeat(3000));
    servers.insert("/1", "server 127.0.0.1;".repeat(1000));
    assert_eq!(limit(&servers, false), "endpoints");
}

#[test]
fn long_names_behind_many_passes_are_counted() {
    let server = format!("server {}:1;", "a".repeat(4000));
    let mut passes = String::new();
    for at in 0..400 {
        let _ = write!(passes, "location /{at} {{ proxy_pass http://u; }}");
    }
    let text = format!("http {{ upstream u {{ {} }} server {{ {passes} }} }}", server.repeat(400));
    assert_eq!(limit(&main(text), false), "bytes in the names of endpoints");
}

#[test]
fn cycles_and_chains_of_includes_end() {
    let cycle = main("include a;").with("/a", "include b;").with("/b", "include a;");
    assert!(matches!(read(&cycle, true), Err(Problem::IncludeCycle { .. })));
    let mut chain = main("include 0;");
    for file in 0..1000 {
        chain.insert(format!("/{file}"), format!("include {};", file + 1));
    }
    assert_eq!(limit(&chain, false), "files that include one another");
    // A pattern that matches the main file is a cycle too.
    assert!(matches!(read(&main("include *;"), false), Err(Problem::IncludeCycle { .. })));
}

#[test]
fn braces_may_be_as_many_as_they_like() {
    let open = "a{".repeat(100_000);
    assert_eq!(limit(&main(open.as_str()), false), "blocks inside one another");
    assert!(matches!(read(&main("}".repeat(100_000)), false), Err(Problem::Unexpected { byte: '}' })));
    let closed = format!("{open}{}", "}".repeat(100_000));
    for around in ["", "http{", "http{server{location /{", "stream{", "mail{"] {
        let text = format!("{around}{closed}{}", "}".repeat(around.matches('{').count()));
        assert_eq!(limit(&main(text), false), "blocks inside one another", "{around}");
    }
}

#[test]
fn patterns_are_compared_with_so_many_names_only() {
    let mut files = main("include d/x*;".repeat(1000));
    for file in 0..5_001 {
        files.insert(format!("/d/{file}"), "");
    }
    assert_eq!(limit(&files, false), "comparisons of file names with patterns of includes");
}

#[test]
fn huge_lines_and_words_are_refused_once() {
    let line = "a b; ".repeat(400_000);
    assert!(read(&main(line.as_str()), false).is_ok());
    let word = "x".repeat(2_000_000);
    assert!(matches!(read(&main(format!("a {word};")), false), Err(Problem::TooLong { .. })));
    assert!(matches!(read(&main(format!("a '{word}';")), false), Err(Problem::TooLongQuoted { quote: '\'' })));
    // A lenient reading goes on, and the line is not searched again for each of these.
    let words = format!("a {}; ", "x".repeat(5000)).repeat(1000);
    assert_eq!(read(&main(words), true).unwrap().0, 1000);
    let words = format!("a {};", format!("{} ", "x".repeat(5000)).repeat(1000));
    assert_eq!(read(&main(words), true).unwrap().0, 1000);
}

#[test]
fn warnings_are_counted() {
    assert_eq!(limit(&main("a} b;".repeat(100_001)), true), "warnings");
    assert_eq!(limit(&main(format!("http {{ {} }}", "set a b;".repeat(100_001))), true), "warnings");
}

#[test]
fn values_that_double_are_dynamic() {
    for (steps, expected) in [(25, "values of more than"), (200, "too many possible values")] {
        let mut text = "http { server { location / { set $v0 0123456789;".to_owned();
        for step in 0..steps {
            _ = write!(text, "set $v{} $v{step}$v{step};", step + 1);
        }
        _ = write!(text, "proxy_pass http://$v{steps}; }} }} }}");
        let found = reasons(&main(text), false);
        assert!(found.iter().any(|reason| reason.contains(expected)), "{found:?}");
    }
}

#[test]
fn values_that_multiply_are_dynamic() {
    let mut text = "http {".to_owned();
    for map in 0..5 {
        _ = write!(text, "map $uri $m{map} {{");
        for entry in 0..39 {
            _ = write!(text, "{entry} {entry};");
        }
        text.push('}');
    }
    let product = format!("{text}server {{ location / {{ proxy_pass http://$m0$m1$m2$m3$m4; }} }} }}");
    let found = reasons(&main(product), false);
    assert!(found.iter().any(|reason| reason.contains("more than 65536 possible values")), "{found:?}");
    // Each of these is within the limit; together they are not.
    for set in 0..3000 {
        _ = write!(text, "map $uri $p{set} {{ default $m0$m1$m2; }}");
    }
    text.push_str("server {");
    for set in 0..3000 {
        _ = write!(text, "set $s{set} x$p{set};");
    }
    text.push_str("location / { proxy_pass http://$s2999; } } }");
    let found = reasons(&main(text), false);
    assert!(found.iter().any(|reason| reason.contains("too many possible values")), "{found:?}");
}

#[test]
fn maps_that_refer_to_one_another_are_looked_at_once() {
    // Every map doubles the references, and `$scheme` keeps the values from being the same everywhere.
    let mut text = "http { map $uri $m0 { default $scheme; }".to_owned();
    for map in 1..30 {
        _ = write!(text, "map $uri $m{map} {{ a $m{0}; b $m{0}; c $m{0}; default $m{0}; }}", map - 1);
    }
    let ring = "map $uri $a { 1 $b; 2 $b; default $b; } map $uri $b { 1 $a; 2 $a; default $a; }";
    _ = write!(
        text,
        "{ring} server {{ location / {{ proxy_pass http://$m29; }} location /a {{ proxy_pass $a; }} }} }}"
    );
    let found = reasons(&main(text), false);
    assert!(found.iter().any(|reason| reason.contains("through itself")), "{found:?}");
}

#[test]
fn many_conditions_and_passes_in_one_place_take_their_time_once() {
    let conditions = |count: usize| {
        let mut text = "http { server { set $x 127.0.0.1; location / {".to_owned();
        for at in 0..count {
            _ = write!(text, "if ($uri = {at}) {{ set $x 127.0.0.2; proxy_pass http://$x:1; }}");
        }
        text + "} } }"
    };
    let (_, endpoints) = read(&main(conditions(300)), false).unwrap();
    assert!(endpoints.iter().all(|endpoint| matches!(endpoint.target, Target::Address { .. })));
    assert_eq!(endpoints.iter().filter(|endpoint| endpoint.pass == endpoints[0].pass).count(), 1);
    let found = reasons(&main(conditions(40_000)), false);
    assert!(found.iter().any(|reason| reason.contains("too many possible values")));
    let foreign: String = (0..30_000).fold("http { server { location / {".to_owned(), |mut text, at| {
        _ = write!(text, "x{at}_pass 127.0.0.1:{};", at + 1);
        text
    });
    assert_eq!(read(&main(foreign + "} } }"), false).unwrap().1.len(), 30_000);
}

#[test]
fn every_port_of_many_servers_is_a_range() {
    let servers =
        "server { listen 1-65535; listen 2-65535; location / { proxy_pass http://127.0.0.1:1; } }".repeat(2000);
    assert_eq!(read(&main(format!("http {{ {servers} }}")), false).unwrap().1.len(), 2000);
}

#[test]
fn captures_in_captures_are_judged_once() {
    let regex = "(".repeat(500_000) + "a" + &")".repeat(500_000);
    let text = format!("http {{ server {{ location ~ '{regex}' {{ proxy_pass http://$1:80; }} }} }}");
    assert_eq!(reasons(&main(text), true).len(), 1);
}

#[test]
fn a_dump_of_many_files_and_comments_is_taken_apart_once() {
    let mut dump = "# configuration file /nginx.conf:\n".to_owned();
    for file in 0..20_000 {
        _ = writeln!(dump, "include f{file};");
    }
    for file in 0..20_000 {
        _ = writeln!(dump, "\n# configuration file /f{file}:\n# configuration file /no{file}:\n");
    }
    assert_eq!(read(&main(dump), false).unwrap().0, 20_000);
    // Lines that look like files, inside of a statement that never ends.
    let mut endless = "# configuration file /nginx.conf:\na\n".to_owned();
    for line in 0..20_000 {
        _ = writeln!(endless, "# configuration file /no{line}:\nb");
    }
    assert_eq!(limit(&main(endless), false), "readings of each byte of a dump");
}

#[test]
fn quotes_in_lua_are_searched_once() {
    let text = format!("http {{ init_by_lua_block {{ {} }} }}", "\\\"\\'".repeat(500_000));
    assert!(read(&main(text), false).is_ok());
}
