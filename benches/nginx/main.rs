//! What reading nginx configuration costs: cutting the text, the whole way to endpoints, memory, beside crossplane and a
//! real nginx.
//!
//! `cargo bench --no-default-features --bench nginx`; `docs/performance-nginx.md` has figures and says how to read them.

#[cfg(target_os = "linux")]
mod configuration;
#[cfg(target_os = "linux")]
mod figures;

#[cfg(target_os = "linux")]
fn main() -> std::io::Result<()> {
    figures::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {}
