//! Cutting any bytes into words and statements.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let (statements, words) = reachlint::nginx::scan(text);
    assert!(statements <= text.len() && words <= text.len());
});
