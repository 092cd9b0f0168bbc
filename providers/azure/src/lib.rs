//! Azure evidence for reachlint: so far it is recognised, so that it is never taken for something else.

#![deny(clippy::disallowed_methods)]

pub mod records;
