//! reachlint tells, before nginx does, which upstream connections a cloud will refuse, and which doors stand wider
//! than they must.
//!
//! The way through the crate is the way of the data: [`nginx`] finds what a configuration connects to, [`resolve`]
//! answers names, [`evidence`] reads what the clouds said, [`evaluate`] judges one connection, [`audit`] all of them,
//! [`rules`] finds what is wrong, and [`report`] tells it. [`verify`] compares a verdict with
//! AWS's own. [`cli`] ties them together.

#[deny(clippy::disallowed_methods)]
pub mod audit;
pub mod cli;
pub mod config;
#[deny(clippy::disallowed_methods)]
pub mod evaluate;
pub mod evidence;
pub mod exit;
#[deny(clippy::disallowed_methods)]
pub mod nginx;
#[deny(clippy::disallowed_methods)]
pub mod report;
pub mod resolve;
#[deny(clippy::disallowed_methods)]
pub mod rules;
#[deny(clippy::disallowed_methods)]
pub mod verify;
