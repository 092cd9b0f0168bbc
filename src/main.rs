//! The `reachlint` program.

fn main() {}
