//! The whole way from any bytes to endpoints.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use reachlint::nginx::{Config, MemoryFiles, Options};

fuzz_target!(|text: &[u8]| {
    let files = MemoryFiles::new().with("/nginx.conf", text).with("/a.conf", "server 127.0.0.1:1;");
    let found = [false, true].map(|lenient| {
        let config = Config::read(Path::new("/nginx.conf"), &files, &Options { prefix: None, lenient }).ok()?;
        config.endpoints().ok()
    });
    if let [Some(strict), lenient] = found {
        assert_eq!(Some(strict.endpoints), lenient.map(|lenient| lenient.endpoints));
    }
});
