//! Reading any bytes as the main file or a dump, and again as a file that is included in three ways.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use reachlint::nginx::{Config, MemoryFiles, Options};

fuzz_target!(|text: &[u8]| {
    let main = "http { include a.conf; map $uri $a { include a.conf; } geo $b { include [a].*; } }";
    let files = MemoryFiles::new().with("/nginx.conf", main).with("/a.conf", text).with("/fuzzed.conf", text);
    for name in ["/nginx.conf", "/fuzzed.conf"] {
        let read = |lenient| Config::read(Path::new(name), &files, &Options { prefix: None, lenient });
        // A lenient reading takes whatever a strict one takes.
        assert!(read(false).is_err() || read(true).is_ok());
    }
});
