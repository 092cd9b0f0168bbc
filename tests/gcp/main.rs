//! Google Cloud over HTTP: a server that replays an estate, held to the API's own published description, and its clients.

#[cfg(test)]
#[path = "../common/mod.rs"]
mod common;

#[cfg(test)]
mod replay;
#[cfg(test)]
mod server;
