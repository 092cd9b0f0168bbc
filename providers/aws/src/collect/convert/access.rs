//! VPC Block Public Access.

use aws_sdk_ec2::types;

use super::{id, text, word};
use crate::records::{PublicAccessExclusion, PublicAccessOptions};

pub(in crate::collect) fn public_access(from: types::VpcBlockPublicAccessOptions) -> PublicAccessOptions<'static> {
    PublicAccessOptions {
        aws_account_id: id(from.aws_account_id),
        aws_region: id(from.aws_region),
        state: from.state.map(|state| word(state.as_str())),
        internet_gateway_block_mode: from.internet_gateway_block_mode.map(|mode| word(mode.as_str())),
        exclusions_allowed: from.exclusions_allowed.map(|allowed| word(allowed.as_str())),
    }
}

pub(in crate::collect) fn exclusion(from: types::VpcBlockPublicAccessExclusion) -> PublicAccessExclusion<'static> {
    PublicAccessExclusion {
        exclusion_id: id(from.exclusion_id),
        internet_gateway_exclusion_mode: from.internet_gateway_exclusion_mode.map(|mode| word(mode.as_str())),
        resource_arn: text(from.resource_arn),
        state: from.state.map(|state| word(state.as_str())),
    }
}
