//! Targets of iptables rules.

use reachlint_model::Family;

use super::ruleset::{Refusal, Translation, Verdict};

/// What a target does, with the options behind it.
pub(super) fn target(name: &str, options: &[String], family: Family) -> Verdict {
    let option = |wanted: &str| {
        let at = options.iter().position(|option| option == wanted)?;
        options.get(at + 1).map(String::as_str)
    };
    match name {
        "ACCEPT" => Verdict::Accept,
        "DROP" => Verdict::Drop,
        "RETURN" => Verdict::Return,
        "REJECT" => {
            let kind = option("--reject-with").unwrap_or("port-unreachable");
            Verdict::Reject(Refusal::named(kind, family == Family::V6))
        }
        "DNAT" => {
            Verdict::Translate(Translation::Destination(option("--to-destination").unwrap_or_default().to_owned()))
        }
        "REDIRECT" => match option("--to-ports").map(str::parse) {
            None => Verdict::Translate(Translation::Redirect(None)),
            Some(Ok(port)) => Verdict::Translate(Translation::Redirect(Some(port))),
            Some(Err(_)) => Verdict::Translate(Translation::Destination("one of several ports".to_owned())),
        },
        "MASQUERADE" => Verdict::Translate(Translation::Masquerade),
        "SNAT" => Verdict::Translate(Translation::Source(option("--to-source").unwrap_or_default().to_owned())),
        // They look, or change what no filter here is about.
        "LOG" | "NFLOG" | "ULOG" | "TRACE" | "AUDIT" | "MARK" | "CONNMARK" | "CONNSECMARK" | "SECMARK" | "NOTRACK"
        | "CT" | "TCPMSS" | "TCPOPTSTRIP" | "TOS" | "DSCP" | "TTL" | "HL" | "ECN" | "CHECKSUM" | "CLASSIFY" | "SET"
        | "LED" | "RATEEST" | "TEE" => Verdict::Continue,
        "NETMAP" | "QUEUE" | "NFQUEUE" | "TPROXY" | "SYNPROXY" | "DNPT" | "SNPT" | "CLUSTERIP" | "IDLETIMER"
        | "HMARK" => Verdict::Other(format!("-j {name}")),
        // Chains have names of their own; one that is not there is noticed where the jump is compiled.
        chain => Verdict::Jump(chain.to_owned()),
    }
}
