//! Live collection.
