//! Google Cloud over HTTP: a server that replays an estate, held to the API's own published description, and its clients.

#[cfg(test)]
#[expect(dead_code, reason = "the tests of the cases use all of it")]
#[path = "../cases/mod.rs"]
mod cases;
#[cfg(test)]
#[path = "../common/mod.rs"]
mod common;
#[cfg(test)]
#[path = "../common/environment.rs"]
mod environment;

#[cfg(test)]
mod gcloud;
#[cfg(test)]
mod held;
#[cfg(feature = "gcp")]
#[cfg(test)]
mod live;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod published;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod server;
