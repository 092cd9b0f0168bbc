//! The reader of nginx configuration against cases as data, against a real nginx, and against hostile text.

#[cfg(test)]
#[expect(dead_code, reason = "the tests of the command line use all of it")]
#[path = "../common/mod.rs"]
mod common;
#[cfg(test)]
#[path = "../common/environment.rs"]
mod environment;

#[cfg(test)]
mod case;
#[cfg(test)]
mod crossplane;
#[cfg(test)]
mod dialled;
#[cfg(test)]
mod generate;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod random;
#[cfg(test)]
mod real;
#[cfg(test)]
mod traps;
