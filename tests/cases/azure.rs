//! How a case's Azure evidence becomes files.

#![cfg(test)]

use serde_json::{Map, Value, json};

use super::Case;

/// The key that identifies a record of a listing.
pub(super) fn id_key(listing: &str) -> &'static str {
    match listing {
        "subnets" | "peerings" => "id",
        "networkInterfaces"
        | "virtualNetworks"
        | "networkSecurityGroups"
        | "applicationSecurityGroups"
        | "routeTables"
        | "publicIPAddresses"
        | "loadBalancers"
        | "applicationGateways"
        | "privateEndpoints"
        | "natGateways"
        | "virtualMachines"
        | "virtualMachineScaleSets"
        | "vmssNetworkInterfaces"
        | "vmssVirtualMachines"
        | "privateDnsZones"
        | "privateDnsLinks"
        | "privateDnsRecords"
        | "resources" => "id",
        "serviceTags" => "name",
        other => panic!("the harness does not know how records of `{other}` are identified"),
    }
}

/// The files that a snapshot of this evidence would have.
pub(super) fn documents(evidence: &Map<String, Value>, case: &Case) -> Vec<(String, Value)> {
    let mut documents = Vec::new();
    for (listing, records) in evidence {
        match (listing.as_str(), records) {
            // What does not repeat it stands under what it is about.
            ("adminRules", Value::Object(answers)) => {
                for (vnet, answer) in answers {
                    let value = answer.as_array().unwrap();
                    let more = if case.cut.contains(vnet) { "more" } else { "" };
                    let document = json!({ "virtualNetworkName": vnet, "skipToken": more, "value": value });
                    documents.push((format!("admin-{}.json", documents.len()), document));
                }
            }
            ("effectiveNetworkSecurityGroups" | "effectiveRoutes", Value::Object(answers)) => {
                for (nic, answer) in answers {
                    let document = json!({ "networkInterfaceName": nic, "value": answer });
                    documents.push((format!("{listing}-{}.json", documents.len()), document));
                }
            }
            ("applianceSourceAddresses", pairs) => {
                documents.push((format!("{listing}.json"), json!({ listing: pairs })));
            }
            ("serviceTags", values) => {
                let document = json!({ "changeNumber": 1, "cloud": "Public", "values": values });
                documents.push((format!("{listing}.json"), document));
            }
            // As the API pages it, where a page is missing.
            (listing, records) if case.cut.iter().any(|cut| cut == listing) => {
                documents.push((format!("{listing}.json"), json!({ "value": records, "nextLink": "https://next" })));
            }
            (listing, records) => documents.push((format!("{listing}.json"), records.clone())),
        }
    }
    documents.into_iter().map(|(name, document)| (name, spelt_out(document))).collect()
}

/// Ids fill a line each, so that cases abbreviate them.
fn spelt_out(document: Value) -> Value {
    let group = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg-shop/providers";
    match document {
        Value::String(text) => Value::String(
            text.replace("~net/", &format!("{group}/Microsoft.Network/"))
                .replace("~vm/", &format!("{group}/Microsoft.Compute/")),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(spelt_out).collect()),
        Value::Object(object) => {
            Value::Object(object.into_iter().map(|(key, value)| (key, spelt_out(value))).collect())
        }
        other => other,
    }
}
