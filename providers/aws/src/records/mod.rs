//! The JSON of the EC2 and Elastic Load Balancing APIs, of Route 53 and of services that stand in a VPC, as `aws ec2
//! describe-*`, `aws elbv2 describe-*` and others print it: only the fields that decide.
//!
//! Unknown fields are passed over, and values whose set AWS may extend stay text. The same shapes are read from
//! files and written by live collection.

mod access;
mod attributed;
mod balancing;
mod group;
mod insights;
mod interface;
mod listing;
mod managed;
mod read;
mod routing;
mod sink;
mod text;
mod transit;
mod vpc;
mod window;
mod zones;

pub use access::*;
pub use balancing::*;
pub use group::*;
pub use insights::*;
pub use interface::*;
pub use listing::Listing;
pub use managed::*;
pub use read::{Other, ReadError, Recognised, read};
pub use routing::*;
pub use sink::Sink;
pub use text::Text;
pub use transit::*;
pub use vpc::*;
pub use zones::*;
