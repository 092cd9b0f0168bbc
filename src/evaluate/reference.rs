//! A slow evaluator to compare the fast one with.
