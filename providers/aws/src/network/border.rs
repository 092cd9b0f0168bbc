//! VPC Encryption Controls: what keeps traffic inside of a VPC that is not encrypted.

use reachlint_model::{Direction, Hop, HopKind, Layer, NameId, ReasonCode, ReasonId};
use rustc_hash::FxHashMap as HashMap;

use super::compile::{AwsNetwork, Compiler};

/// VPC Encryption Controls.
const ENCRYPTION: Layer = Layer("aws.encryption-controls");
impl Compiler {
    /// VPC Encryption Controls in the mode `enforce` keep traffic in that would leave the VPC unencrypted. Inside of it
    /// everything is encrypted by the machines themselves (VPC guide, enforce VPC encryption in transit).
    pub(super) fn compile_encrypting(&mut self) -> HashMap<NameId, ReasonId> {
        let mut found = HashMap::default();
        for vpc in std::mem::take(&mut self.estate.encrypting) {
            let text = format!(
                "VPC Encryption Controls enforce encryption in `{}`, and what they let across its border is not modelled",
                self.text(vpc)
            );
            found.insert(vpc, self.fixed(ReasonCode::NotModelled, &text));
        }
        found
    }
}

impl AwsNetwork {
    /// What VPC Encryption Controls do at the border of a VPC, as a hop.
    pub(super) fn border_hop(&self, vpc: NameId, direction: Direction) -> Option<Hop> {
        let reason = *self.encrypting.get(&vpc)?;
        Some(Hop { kind: HopKind::Opaque(reason), layer: ENCRYPTION, direction, subject: vpc, note: None })
    }
}
