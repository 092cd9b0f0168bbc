//! The JSON of the EC2 API, as `aws ec2 describe-*` prints it: only the fields that decide.
//!
//! Unknown fields are passed over, and values whose set AWS may extend stay text. The same shapes are read from
//! files and written by live collection.

mod access;
mod group;
mod interface;
mod read;
mod routing;
mod text;
mod transit;
mod vpc;
mod window;

pub use access::*;
pub use group::*;
pub use interface::*;
pub use read::{Interfaces, Listing, Other, ReadError, Recognised, Sink, read};
pub use routing::*;
pub use text::Text;
pub use transit::*;
pub use vpc::*;
