//! Paths and analyses of AWS Reachability Analyzer.
//!
//! Shapes and field names are those of the EC2 API, as `aws ec2 describe-network-insights-analyses` and
//! `aws ec2 describe-network-insights-paths` print them. They are no evidence: nothing is judged by them, a verdict is
//! compared with them.

use serde::Deserialize;
use serde_json::{Map, Value};

/// What somebody had Reachability Analyzer look at, and what it said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Insights {
    /// What was asked.
    pub paths: Vec<InsightsPath>,
    /// What was answered.
    pub analyses: Vec<InsightsAnalysis>,
}

/// A question to Reachability Analyzer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct InsightsPath {
    /// Its id.
    pub network_insights_path_id: String,
    /// Id or ARN of where the path begins.
    pub source: Option<String>,
    /// Id or ARN of where it ends.
    pub destination: Option<String>,
    /// Address that it begins at.
    pub source_ip: Option<String>,
    /// Address that it ends at.
    pub destination_ip: Option<String>,
    /// `tcp` or `udp`.
    pub protocol: Option<String>,
    /// Port that it ends at; none for any.
    pub destination_port: Option<u16>,
    /// What packets look like where they begin.
    pub filter_at_source: Option<InsightsFilter>,
    /// What packets look like where they end.
    pub filter_at_destination: Option<InsightsFilter>,
}

/// What packets look like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct InsightsFilter {
    /// Their source address.
    pub source_address: Option<String>,
    /// Their destination address.
    pub destination_address: Option<String>,
    /// Their destination port.
    pub destination_port_range: Option<InsightsPorts>,
}

/// A range of ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct InsightsPorts {
    /// The first one.
    #[serde(alias = "From")]
    pub from_port: Option<u16>,
    /// The last one.
    #[serde(alias = "To")]
    pub to_port: Option<u16>,
}

/// An answer of Reachability Analyzer.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct InsightsAnalysis {
    /// Its id.
    pub network_insights_analysis_id: String,
    /// The path that it answers.
    pub network_insights_path_id: String,
    /// `running`, `succeeded` or `failed`.
    pub status: Option<String>,
    /// Why it failed.
    pub status_message: Option<String>,
    /// When it was started, in the form that sorts by time.
    pub start_date: Option<String>,
    /// Whether the destination is reachable.
    pub network_path_found: Option<bool>,
    /// Why it is not.
    pub explanations: Vec<InsightsExplanation>,
    /// What packets pass.
    pub forward_path_components: Vec<InsightsComponent>,
    /// What the path had to pass.
    pub filter_in_arns: Vec<String>,
    /// What the path had to avoid.
    pub filter_out_arns: Vec<String>,
}

/// Why a destination is not reachable.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct InsightsExplanation {
    /// The explanation code.
    pub explanation_code: Option<String>,
    /// `ingress` or `egress`.
    pub direction: Option<String>,
    /// The components concerned, under many names, and more.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// One thing that packets pass.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct InsightsComponent {
    /// What it is.
    pub component: Option<InsightsResource>,
    /// Packets as they leave it.
    pub outbound_header: Option<InsightsHeader>,
    /// What else is to be said of it.
    pub additional_details: Vec<InsightsDetail>,
}

/// A resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct InsightsResource {
    /// Its id.
    pub id: Option<String>,
}

/// A packet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct InsightsHeader {
    /// Protocol by number.
    pub protocol: Option<String>,
    /// Destination addresses as blocks.
    pub destination_addresses: Vec<String>,
    /// Destination ports.
    pub destination_port_ranges: Vec<InsightsPorts>,
}

/// A remark.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct InsightsDetail {
    /// Its additional detail code.
    pub additional_detail_type: Option<String>,
}

/// The listings of one document.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Document {
    network_insights_paths: Vec<InsightsPath>,
    network_insights_analyses: Vec<InsightsAnalysis>,
}

impl Insights {
    /// Adds all documents of a file, one after the other.
    ///
    /// # Errors
    /// What is wrong with the text: it is no JSON, or holds neither paths nor analyses.
    pub fn read(&mut self, text: &[u8]) -> Result<(), String> {
        let mut any = false;
        for document in serde_json::Deserializer::from_slice(text).into_iter::<Value>() {
            let document = document.map_err(|error| format!("it is no JSON: {error}"))?;
            let listings = ["NetworkInsightsPaths", "NetworkInsightsAnalyses"];
            any |= listings.iter().any(|listing| document.get(listing).is_some());
            let document: Document = serde_json::from_value(document).map_err(|error| error.to_string())?;
            self.paths.extend(document.network_insights_paths);
            self.analyses.extend(document.network_insights_analyses);
        }
        if any { Ok(()) } else { Err("it has neither `NetworkInsightsAnalyses` nor `NetworkInsightsPaths`".to_owned()) }
    }

    /// The question that an analysis answers.
    #[must_use]
    pub fn path(&self, analysis: &InsightsAnalysis) -> Option<&InsightsPath> {
        self.paths.iter().find(|path| path.network_insights_path_id == analysis.network_insights_path_id)
    }
}

impl InsightsPorts {
    /// Whether a port is in the range.
    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        self.from_port.is_none_or(|from| from <= port) && self.to_port.is_none_or(|to| port <= to)
    }

    /// Whether the range is this port alone.
    #[must_use]
    pub fn is_only(&self, port: u16) -> bool {
        self.from_port == Some(port) && self.to_port == Some(port)
    }
}

impl InsightsExplanation {
    /// The ids of all components that it names, in a fixed order.
    #[must_use]
    pub fn ids(&self) -> Vec<&str> {
        let mut ids = Vec::new();
        for value in self.rest.values() {
            gather(value, &mut ids);
        }
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

fn gather<'v>(value: &'v Value, ids: &mut Vec<&'v str>) {
    match value {
        Value::Object(fields) => {
            ids.extend(fields.get("Id").and_then(Value::as_str));
            for value in fields.values() {
                gather(value, ids);
            }
        }
        Value::Array(values) => {
            for value in values {
                gather(value, ids);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::Insights;

    #[test]
    fn several_documents_can_stand_in_one_file() {
        let mut insights = Insights::default();
        let text = br#"{"NetworkInsightsAnalyses": [{"NetworkInsightsPathId": "nip-1"}]}
            {"NetworkInsightsPaths": [{"NetworkInsightsPathId": "nip-1", "DestinationPort": 22}]}"#;
        insights.read(text).unwrap();
        assert_eq!(insights.path(&insights.analyses[0]).unwrap().destination_port, Some(22));
    }

    #[test]
    fn what_is_something_else_is_refused() {
        for text in ["{", "[]", r#"{"Vpcs": []}"#, "", r#"{"NetworkInsightsPaths": 1}"#] {
            assert!(Insights::default().read(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn all_components_of_an_explanation_are_found() {
        let mut insights = Insights::default();
        let text = br#"{"NetworkInsightsAnalyses": [{"Explanations": [{
            "ExplanationCode": "ENI_SG_RULES_MISMATCH",
            "NetworkInterface": {"Id": "eni-1", "Arn": "arn:x"},
            "SecurityGroups": [{"Id": "sg-2"}, {"Id": "sg-1"}]}]}]}"#;
        insights.read(text).unwrap();
        assert_eq!(insights.analyses[0].explanations[0].ids(), ["eni-1", "sg-1", "sg-2"]);
    }
}
