//! Bounds that keep a hostile or broken configuration from exhausting memory or the stack.
//!
//! nginx itself has none of these. They are far above what real configurations reach, and passing one is an error or a
//! value reported as dynamic, never a silent cut.

/// How many files may include one another in a row. nginx has no limit and crashes on a file that includes itself.
pub(crate) const INCLUDE_DEPTH: usize = 64;

/// How many files one configuration may open.
pub(crate) const FILES: usize = 50_000;

/// How many directives a configuration may have after every include has been put in its place. The same file may be
/// included many times, so a few small files can describe an enormous configuration.
pub(crate) const EXPANDED_DIRECTIVES: u64 = 20_000_000;

/// How deep blocks may nest, over all included files.
pub(crate) const BLOCK_DEPTH: usize = 100;

/// How many endpoints one configuration may produce.
pub(crate) const ENDPOINTS: usize = 5_000_000;

/// How many different values one variable or pass value may take before it counts as dynamic.
pub(crate) const VALUES: usize = 65_536;

/// How many variables may be defined through one another before the value counts as dynamic.
pub(crate) const VARIABLE_DEPTH: usize = 32;

/// Bytes in the buffer that nginx reads its configuration through: a longer token or comment is refused
/// (`NGX_CONF_BUFFER` in `ngx_conf_file.c`).
pub(crate) const TOKEN_BUFFER: usize = 4096;
