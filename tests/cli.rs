//! The command line, as data: `tests/cmd/*.trycmd` and the console blocks of the documentation.
//!
//! `TRYCMD=overwrite cargo test --test cli` writes down what the commands print now.

#[test]
fn commands_print_what_is_written_down() {
    trycmd::TestCases::new()
        .env("NO_COLOR", "1")
        .env("CLICOLOR_FORCE", "0")
        .case("tests/cmd/*.trycmd")
        .case("README.md")
        .case("examples/*/README.md");
}
