//! Bounds that keep a hostile or broken configuration from exhausting memory or the stack.
//!
//! nginx itself has none of these. They are far above what real configurations reach, and passing one is an error or a
//! value reported as dynamic, never a silent cut.

/// How many files may include one another in a row. nginx has no limit and crashes on a file that includes itself.
pub(crate) const INCLUDE_DEPTH: usize = 64;

/// How long a file may be. Offsets are kept in 32 bits, of which words need one for something else.
pub(crate) const FILE_BYTES: usize = 1 << 31;

/// How many files one configuration may open.
pub(crate) const FILES: usize = 50_000;

/// How many files all `include` lines together may put in place. The same file counts each time.
pub(crate) const INCLUSIONS: usize = 1_000_000;

/// How many names in directories, or in the list of a dump, patterns of `include` lines may be compared with.
pub(crate) const COMPARISONS: u64 = 5_000_000;

/// How many directives a configuration may have after every include has been put in its place. The same file may be
/// included many times, so a few small files can describe an enormous configuration.
pub(crate) const EXPANDED_DIRECTIVES: u64 = 10_000_000;

/// How often each byte of a dump may be read to find out whether a line in it starts a file or is a comment.
pub(crate) const DUMP_READINGS: usize = 16;

/// How many warnings there may be. A lenient reading gives one for everything that nginx refuses.
pub(crate) const WARNINGS: usize = 100_000;

/// How many `server`, `location`, `if` and `limit_except` blocks there may be.
pub(crate) const BLOCKS: usize = 2_000_000;

/// How deep blocks may nest, over all included files.
pub(crate) const BLOCK_DEPTH: usize = 100;

/// How many endpoints one configuration may produce.
pub(crate) const ENDPOINTS: usize = 2_000_000;

/// How long the texts of all endpoints together may be: many passes may lead to the same long names.
pub(crate) const ENDPOINT_BYTES: usize = 256 << 20;

/// How many different values one variable or pass value may take before it counts as dynamic.
pub(crate) const VALUES: usize = 65_536;

/// How long the texts of all values of one variable or pass together may be before it counts as dynamic.
pub(crate) const VALUE_BYTES: usize = 16 << 20;

/// What all values of variables may cost, roughly in bytes of memory. Values that come later count as dynamic. A few
/// lines can ask for any number of values: each `set` may multiply those before it.
pub(crate) const VALUES_COST: u64 = 256 << 20;

/// How many variables may be defined through one another before the value counts as dynamic.
pub(crate) const VARIABLE_DEPTH: usize = 32;

/// Bytes in the buffer that nginx reads its configuration through: a longer token or comment is refused
/// (`NGX_CONF_BUFFER` in `ngx_conf_file.c`).
pub(crate) const TOKEN_BUFFER: usize = 4096;
