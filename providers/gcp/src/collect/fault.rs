//! What a call failed with, and whether it is worth another try.

use google_cloud_gax::error::Error;
use google_cloud_gax::error::rpc::Status;

/// What went wrong, as far as it matters what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The permission is missing.
    Denied,
    /// The API is not enabled in the project.
    Disabled,
    /// A quota is used up, which passes.
    Throttled,
    /// The service is not able to, which passes.
    Unavailable,
    /// No connection, or one that broke or took too long.
    Connection,
    /// Who asks is not known.
    Credentials,
    /// An answer that nobody can read.
    Unreadable,
    /// Anything else.
    Other,
}

/// A failed call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) kind: Kind,
    /// The code, as the manifest has it.
    pub(super) error: String,
    /// In words.
    pub(super) message: String,
}

impl Fault {
    /// What the SDK's error comes to.
    pub(super) fn of(error: &Error) -> Self {
        let error = cause(error);
        if let Some(status) = error.http_status_code() {
            return match error.status() {
                // The SDK keeps what the body of an error says, and not the body.
                Some(said) => Self::answered(status, &said.message, &words_of(said)),
                None => Self::answered(status, "", &[]),
            };
        }
        let (kind, code) = if error.is_authentication() {
            (Kind::Credentials, "Credentials")
        } else if error.is_timeout() {
            (Kind::Connection, "Timeout")
        } else if error.is_deserialization() {
            (Kind::Unreadable, "Unreadable")
        } else if error.is_io() || error.is_connect() || error.is_transport() {
            (Kind::Connection, "Connection")
        } else {
            (Kind::Other, "Failed")
        };
        Self { kind, error: code.to_owned(), message: chain(error) }
    }

    /// What an answer that is no success comes to. A used-up quota is a 403 like a missing permission, and only the
    /// reason tells them apart (Compute Engine API, rate quotas).
    fn answered(status: u16, said: &str, reasons: &[String]) -> Self {
        let has = |words: &[&str]| reasons.iter().any(|reason| words.contains(&reason.as_str()));
        let throttled = has(&[
            "rateLimitExceeded",
            "userRateLimitExceeded",
            "quotaExceeded",
            "RATE_LIMIT_EXCEEDED",
            "RESOURCE_EXHAUSTED",
        ]);
        let kind = if throttled || status == 429 {
            Kind::Throttled
        } else if has(&["SERVICE_DISABLED", "accessNotConfigured"]) {
            Kind::Disabled
        } else {
            match status {
                401 => Kind::Credentials,
                403 => Kind::Denied,
                408 | 500 | 502 | 503 | 504 => Kind::Unavailable,
                _ => Kind::Other,
            }
        };
        let code = match kind {
            Kind::Throttled => "rateLimitExceeded".to_owned(),
            Kind::Disabled => "SERVICE_DISABLED".to_owned(),
            Kind::Denied => "PERMISSION_DENIED".to_owned(),
            _ => status.to_string(),
        };
        let message = match kind {
            Kind::Disabled => format!(
                "the Compute Engine API is not enabled; `gcloud services enable compute.googleapis.com` does it ({said})"
            ),
            _ => said.to_owned(),
        };
        Self { kind, error: code, message }
    }

    /// A listing of which a part could not be reached.
    pub(super) fn partial(remarks: &[String]) -> Self {
        Self { kind: Kind::Unavailable, error: "UNREACHABLE".to_owned(), message: remarks.join("; ") }
    }

    pub(super) fn other(message: impl Into<String>) -> Self {
        Self { kind: Kind::Other, error: "Failed".to_owned(), message: message.into() }
    }
}

/// What gave up at last hides what it gave up on.
fn cause(error: &Error) -> &Error {
    let mut found = error;
    while found.is_exhausted() || found.is_timeout() {
        match std::error::Error::source(found).and_then(|source| source.downcast_ref::<Error>()) {
            Some(inner) => found = inner,
            None => break,
        }
    }
    found
}

/// An error with everything that it came from; the SDK's own words say little.
fn chain(error: &Error) -> String {
    let mut words = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        let text = inner.to_string();
        if !words.contains(&text) {
            words.push_str(": ");
            words.push_str(&text);
        }
        source = inner.source();
    }
    words
}

/// Every word that an error has for its reason: those of its details, or of the older form without any, and the status.
fn words_of(status: &Status) -> Vec<String> {
    let details = status.details.iter().filter_map(|detail| serde_json::to_value(detail).ok());
    let reasons = details.filter_map(|detail| Some(detail.get("reason")?.as_str()?.to_owned()));
    reasons.chain([status.code.name().to_owned()]).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What the SDK makes of an answer.
    pub(crate) fn answer(status: u16, body: &str) -> Error {
        let plain = Error::http(status, http::HeaderMap::new(), body.as_bytes().to_vec().into());
        match Status::try_from(plain.http_payload().unwrap()) {
            Ok(said) => Error::service_with_http_metadata(said, Some(status), None),
            Err(_) => plain,
        }
    }

    fn kind(status: u16, body: &str) -> Kind {
        Fault::of(&answer(status, body)).kind
    }

    #[test]
    fn a_used_up_quota_is_no_missing_permission() {
        let older = r#"{"error": {"code": 403, "errors": [{"domain": "usageLimits", "reason": "rateLimitExceeded"}],
                       "message": "Rate Limit Exceeded", "status": "PERMISSION_DENIED"}}"#;
        let newer = r#"{"error": {"code": 403, "status": "PERMISSION_DENIED", "details": [
                       {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "RATE_LIMIT_EXCEEDED"}]}}"#;
        let denied = r#"{"error": {"code": 403, "message": "Required 'compute.routes.list' permission for 'projects/p'",
                        "errors": [{"domain": "global", "reason": "forbidden"}], "status": "PERMISSION_DENIED"}}"#;
        assert_eq!((kind(403, older), kind(403, newer)), (Kind::Throttled, Kind::Throttled));
        assert_eq!(kind(429, ""), Kind::Throttled);
        assert_eq!(kind(403, denied), Kind::Denied);
        assert!(Fault::of(&answer(403, denied)).message.contains("compute.routes.list"));
    }

    #[test]
    fn an_api_that_is_off_has_its_own_words() {
        let off = r#"{"error": {"code": 403, "message": "Compute Engine API has not been used in project 7 before",
                     "status": "PERMISSION_DENIED", "errors": [{"reason": "accessNotConfigured"}],
                     "details": [{"reason": "SERVICE_DISABLED"}]}}"#;
        let fault = Fault::of(&answer(403, off));
        assert_eq!((fault.kind, fault.error.as_str()), (Kind::Disabled, "SERVICE_DISABLED"));
        assert!(fault.message.contains("gcloud services enable compute.googleapis.com"), "{}", fault.message);
    }

    #[test]
    fn what_is_no_json_has_its_status() {
        assert_eq!(Fault::of(&answer(503, "<html>")).error, "503");
        assert_eq!(
            (kind(503, "<html>"), kind(401, "{}"), kind(404, "{}")),
            (Kind::Unavailable, Kind::Credentials, Kind::Other)
        );
    }

    #[test]
    fn what_gave_up_is_told_by_what_it_gave_up_on() {
        let gone = Error::exhausted(answer(503, "{}"));
        assert_eq!(Fault::of(&gone).kind, Kind::Unavailable);
        assert_eq!(Fault::of(&Error::timeout("too slow")).error, "Timeout");
    }
}
