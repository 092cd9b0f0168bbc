//! What went wrong with a call, in a code and a sentence that may be shown to anybody.

use std::error::Error;

use aws_sdk_ec2::config::http::HttpResponse;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};

/// Longest message that is kept.
const LONGEST_MESSAGE: usize = 400;
/// Longest word that is kept. The longest names of IAM are shorter, and a session token is longer.
const LONGEST_WORD: usize = 256;

/// Where the part of a message begins that helps nobody or may carry a secret: AWS appends to a refusal an encoded
/// copy of it, and to a wrong signature the request with its token.
const CUTS: [&str; 3] = ["Encoded authorization failure message", "The Canonical String", "The String-to-Sign"];

/// Why a call did not bring what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The code of AWS, or one word where the answer did not come from AWS.
    pub(super) code: String,
    /// A sentence.
    pub(super) message: String,
}

impl Fault {
    pub(super) fn new(code: &str, message: &str) -> Self {
        Self { code: clean(code), message: clean(message) }
    }

    /// The fault behind an error of the SDK.
    pub(super) fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        match error {
            SdkError::ServiceError(service) => Self::of_answer(service.err(), service.raw().status().as_u16()),
            SdkError::TimeoutError(_) => Self::new("Timeout", "no answer came in time"),
            SdkError::DispatchFailure(failure) if failure.is_timeout() => {
                Self::new("Timeout", "no connection came about in time")
            }
            SdkError::DispatchFailure(_) => Self::new("ConnectionFailed", &chain(error)),
            SdkError::ResponseError(response) => {
                let status = response.raw().status().as_u16();
                Self::new("BrokenAnswer", &format!("the answer with HTTP status {status} could not be read"))
            }
            _ => Self::new("NotSent", &chain(error)),
        }
    }

    fn of_answer<E: ProvideErrorMetadata>(error: &E, status: u16) -> Self {
        match error.code() {
            Some(code) => Self::new(code, error.message().unwrap_or_default()),
            // A proxy, a test server or a balancer may answer with a page of its own.
            None if (200..300).contains(&status) => {
                Self::new("BrokenAnswer", "the answer is not what the API promises")
            }
            None => Self::new(&format!("HTTP {status}"), "the answer is no error as AWS writes it"),
        }
    }
}

/// An error and its causes without what they repeat, the last cause being the one that helps.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        // These only say that there is a cause.
        let empty = ["dispatch failure", "io error", "other"].contains(&&*text);
        if !empty && parts.last() != Some(&text) {
            parts.push(text);
        }
        next = error.source();
    }
    parts.join(": ")
}

/// One line of text without secrets, control characters or more words than anybody reads.
pub(super) fn clean(text: &str) -> String {
    let end = CUTS.iter().filter_map(|cut| text.find(cut)).min().unwrap_or(text.len());
    let text = text.get(..end).unwrap_or_default();
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        let word = if secret(word) { "…" } else { word };
        if line.len() + word.len() > LONGEST_MESSAGE {
            line.push_str(" …");
            break;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// Whether a word carries a credential: an access key's id, a signature, or anything as long as a session token.
fn secret(word: &str) -> bool {
    let key = |prefix: &str| {
        word.match_indices(prefix).any(|(at, _)| {
            let id: Vec<char> = word.get(at..).unwrap_or_default().chars().take(20).collect();
            id.len() == 20 && id.iter().all(char::is_ascii_alphanumeric)
        })
    };
    word.len() > LONGEST_WORD
        || key("AKIA")
        || key("ASIA")
        || ["Signature=", "Credential=", "Token="].iter().any(|name| word.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_loses_its_encoded_copy() {
        let text = "You are not authorized to perform this operation. User: arn:aws:sts::111122223333:assumed-role/\
                    reader/i-0123 is not authorized to perform: ec2:DescribeNetworkAcls because no identity-based \
                    policy allows the action. Encoded authorization failure message: 3xWlQ0eZ0123456789";
        let cleaned = clean(text);
        assert!(cleaned.contains("arn:aws:sts::111122223333:assumed-role/reader/i-0123"), "{cleaned}");
        assert!(!cleaned.contains("3xWlQ0eZ"), "{cleaned}");
    }

    #[test]
    fn a_wrong_signature_loses_the_request() {
        let token = "FwoGZXIvYXdzE".repeat(40);
        let text = format!("The request signature does not match.\n\nThe Canonical String was\nx-amz-token:{token}");
        assert_eq!(clean(&text), "The request signature does not match.");
        assert_eq!(clean(&format!("token {token} is expired")), "token … is expired");
    }

    #[test]
    fn key_ids_and_signatures_are_not_repeated() {
        assert_eq!(clean("key AKIAIOSFODNN7EXAMPLE is unknown"), "key … is unknown");
        assert_eq!(clean("Credential=ASIAIOSFODNN7EXAMPLE/2026, Signature=abc"), "… …");
        assert_eq!(clean("ASIA is a continent"), "ASIA is a continent");
    }

    #[test]
    fn a_terminal_is_left_alone() {
        assert_eq!(clean("a\u{1b}[31mred\r\nline"), "a [31mred line");
    }
}
