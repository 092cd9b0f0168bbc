//! Live AWS from the command line to the exit code: against moto, which is another's idea of the EC2 API, and against
//! a server that answers as AWS does on a bad day.

#![cfg(feature = "aws")]

#[cfg(test)]
#[path = "../common/mod.rs"]
mod common;
#[cfg(test)]
#[path = "../common/environment.rs"]
mod environment;
#[cfg(test)]
#[path = "../../providers/aws/tests/collect/estate.rs"]
mod estate;
#[cfg(test)]
#[expect(dead_code, reason = "the tests of the provider use all of it")]
#[path = "../../providers/aws/tests/collect/server.rs"]
mod server;
#[cfg(test)]
#[path = "../../providers/aws/tests/collect/services.rs"]
mod services;

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod bad_days;
#[cfg(test)]
mod balancing;
#[cfg(test)]
mod internet;
#[cfg(test)]
mod itself;
#[cfg(test)]
mod moto;
#[cfg(test)]
mod names;
#[cfg(test)]
mod permissions;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod run;
#[cfg(test)]
mod same_answer;
#[cfg(test)]
mod transit;
