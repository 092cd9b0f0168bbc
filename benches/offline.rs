//! What an offline audit costs: whole processes on made-up estates, beside a script that does the same the plain way,
//! and single checks without any explanation.
//!
//! `cargo bench --no-default-features --bench offline`, with `-- example`, `small`, `medium`, `large` or `checks` for a
//! part; `docs/performance.md` has figures and says how to read them.

#[cfg(unix)]
#[path = "estate/mod.rs"]
mod estate;
#[cfg(unix)]
mod figures;

#[cfg(unix)]
fn main() -> std::io::Result<()> {
    figures::main()
}

#[cfg(not(unix))]
fn main() {}
