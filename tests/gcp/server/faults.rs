//! What can go wrong, in the bodies that the API sends then.

use serde_json::{Value, json};

use super::answers::{Answer, Asked, problem};

/// Something that goes wrong.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// 403: the caller lacks a permission, such as `compute.instances.list`.
    Denied(&'static str),
    /// 403 `rateLimitExceeded`: too many requests in this minute. That is no lack of a permission.
    RateLimit,
    /// 403 `quotaExceeded`: too many of something that is counted otherwise.
    Quota,
    /// 403 `accessNotConfigured`: the project has this API switched off.
    Disabled,
    /// 429: too many requests.
    TooMany,
    /// 503: try again.
    Unavailable,
    /// 200, and JSON that ends in the middle.
    Broken,
    /// The connection ends in the middle of the answer.
    Cut,
    /// A scope such as `zones/europe-west1-c` cannot be reached. With `returnPartialSuccess=true` the rest is told.
    Unreachable(&'static str),
}

/// A fault in force.
pub(crate) struct Standing {
    part: String,
    fault: Fault,
    left: Option<usize>,
}

impl Standing {
    pub(crate) fn new(part: &str, fault: Fault, left: Option<usize>) -> Self {
        Self { part: part.to_owned(), fault, left }
    }

    pub(crate) fn is_for(&self, target: &str) -> bool {
        self.left != Some(0) && target.contains(&self.part)
    }

    pub(crate) fn strike(&mut self) -> Fault {
        self.left = self.left.map(|left| left - 1);
        self.fault.clone()
    }
}

/// The answer that a fault is, if it is one instead of the answer.
pub(crate) fn refusal(fault: &Fault, asked: &Asked) -> Option<Answer> {
    let what = asked.resource();
    match fault {
        Fault::Denied(permission) => {
            let message = format!("Required '{permission}' permission for '{what}'");
            Some(problem(403, "global", "forbidden", &message))
        }
        Fault::RateLimit => {
            let message = format!(
                "Quota exceeded for quota metric 'Read requests' and limit 'Read requests per minute' of service \
                 'compute.googleapis.com' for consumer '{}'.",
                asked.consumer().replace("projects/", "project_number:")
            );
            let metadata = json!({
                "consumer": asked.consumer(),
                "quota_limit": "ReadRequestsPerMinutePerProject",
                "quota_metric": "compute.googleapis.com/read_requests",
                "service": "compute.googleapis.com",
            });
            let answer = problem(403, "usageLimits", "rateLimitExceeded", &message);
            Some(with_info(answer, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED", metadata))
        }
        Fault::Quota => Some(problem(403, "usageLimits", "quotaExceeded", "Quota 'LIST_REQUESTS' exceeded.")),
        Fault::Disabled => {
            let page = "https://console.developers.google.com/apis/api/compute.googleapis.com/overview";
            let message = format!(
                "Compute Engine API has not been used in project {0} before or it is disabled. Enable it by visiting \
                 {page}?project={0} then retry. If you enabled this API recently, wait a few minutes for the action to \
                 propagate to our systems and retry.",
                asked.consumer().trim_start_matches("projects/"),
            );
            let metadata = json!({ "consumer": asked.consumer(), "service": "compute.googleapis.com" });
            let mut answer = problem(403, "usageLimits", "accessNotConfigured", &message);
            answer.body["error"]["errors"][0]["extendedHelp"] = json!("https://console.developers.google.com");
            Some(with_info(answer, "PERMISSION_DENIED", "SERVICE_DISABLED", metadata))
        }
        Fault::TooMany => {
            let mut answer = problem(429, "usageLimits", "rateLimitExceeded", "Rate Limit Exceeded");
            answer.body["error"]["status"] = json!("RESOURCE_EXHAUSTED");
            Some(answer)
        }
        Fault::Unavailable => {
            let message = "Service is unavailable at this time. Please retry in 30 seconds.";
            let mut answer = problem(503, "global", "backendError", message);
            answer.body["error"]["status"] = json!("UNAVAILABLE");
            Some(answer)
        }
        // That it fails is documented, not how (Compute Engine API, `returnPartialSuccess`).
        Fault::Unreachable(scope) if !asked.is_set("returnPartialSuccess") => {
            Some(problem(503, "global", "backendError", &format!("'{scope}' is unreachable.")))
        }
        Fault::Broken | Fault::Cut | Fault::Unreachable(_) => None,
    }
}

/// The same refusal with the detail that Google's services in general add (google.rpc.ErrorInfo).
fn with_info(mut answer: Answer, status: &str, reason: &str, metadata: Value) -> Answer {
    answer.body["error"]["status"] = json!(status);
    answer.body["error"]["details"] = json!([{
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "domain": "googleapis.com",
        "reason": reason,
        "metadata": metadata,
    }]);
    answer
}
