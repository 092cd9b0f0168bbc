//! Azure evidence for reachlint: so far it is recognised, so that it is never taken for something else.

pub mod records;
