//! gcloud.
