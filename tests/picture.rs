//! The pictures of the documentation show what the program prints.
//!
//! `REACHLINT_REGENERATE=1 cargo test --test picture` draws them anew.

#[cfg(test)]
mod common;

use std::fs;

use common::{reachlint, root};

const TRACE: [&str; 7] =
    ["trace", "--snapshot", "examples/aws-shop/aws", "--from", "edge-1", "--to", "10.20.2.95:3000"];

#[test]
fn the_picture_of_a_trace_is_what_it_prints() {
    let output = reachlint().args(["--color", "always"]).args(TRACE).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    let command = format!("$ reachlint {}\n", TRACE.join(" "));
    let drawn = anstyle_svg::Term::new().render_svg(&format!("{command}{text}"));
    let path = root().join("docs/pictures/trace.svg");
    if std::env::var_os("REACHLINT_REGENERATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &drawn).unwrap();
    }
    let known = fs::read_to_string(&path).unwrap_or_default();
    assert!(known == drawn, "docs/pictures/trace.svg is of another version; REACHLINT_REGENERATE=1 draws it anew");
}
