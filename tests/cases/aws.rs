//! How a case's AWS evidence becomes files.

#![cfg(test)]

use serde_json::{Map, Value, json};

use super::Case;

/// The key that identifies a record of a listing.
pub(super) fn id_key(listing: &str) -> &'static str {
    match listing {
        "Reservations" => "ReservationId",
        "NetworkInterfaces" => "NetworkInterfaceId",
        "SecurityGroups" => "GroupId",
        "SecurityGroupRules" => "SecurityGroupRuleId",
        "PrefixLists" => "PrefixListId",
        "NetworkAcls" => "NetworkAclId",
        "RouteTables" => "RouteTableId",
        "Subnets" => "SubnetId",
        "Vpcs" => "VpcId",
        "VpcPeeringConnections" => "VpcPeeringConnectionId",
        "InternetGateways" => "InternetGatewayId",
        "EgressOnlyInternetGateways" => "EgressOnlyInternetGatewayId",
        "NatGateways" => "NatGatewayId",
        "Addresses" => "AllocationId",
        "VpcEndpoints" => "VpcEndpointId",
        "SecurityGroupVpcAssociations" => "GroupId",
        "VpcBlockPublicAccessExclusions" => "ExclusionId",
        "TransitGateways" => "TransitGatewayId",
        "LoadBalancers" => "LoadBalancerArn",
        "Listeners" => "ListenerArn",
        "Rules" => "RuleArn",
        "TargetGroups" => "TargetGroupArn",
        "TransitGatewayVpcAttachments" => "TransitGatewayAttachmentId",
        "TransitGatewayRouteTables" => "TransitGatewayRouteTableId",
        "TransitGatewayPolicyTables" => "TransitGatewayPolicyTableId",
        "DBInstances" => "DBInstanceIdentifier",
        "DBClusters" => "DBClusterIdentifier",
        "CacheClusters" => "CacheClusterId",
        "ReplicationGroups" => "ReplicationGroupId",
        "DomainStatusList" => "DomainName",
        "HostedZones" => "Id",
        "tasks" => "taskArn",
        "containerInstances" => "containerInstanceArn",
        "LoadBalancerDescriptions" => "LoadBalancerName",
        other => panic!("the harness does not know how records of `{other}` are identified"),
    }
}

/// The files that a snapshot of this evidence would have.
pub(super) fn documents(evidence: &Map<String, Value>, case: &Case) -> Vec<(String, Value)> {
    let mut documents = Vec::new();
    for (listing, records) in evidence {
        if listing == "PrefixListEntries" {
            for (list, entries) in records.as_object().unwrap() {
                let mut document = json!({ "PrefixListId": list, "Entries": entries });
                if case.cut.contains(list) {
                    document["NextToken"] = json!("more");
                }
                documents.push((format!("entries-{}.json", documents.len()), document));
            }
            continue;
        }
        // Answers that do not say which route table they are about.
        if let Some(key) = listing.strip_prefix("TransitGateway").filter(|_| records.is_object()) {
            for (table, found) in records.as_object().unwrap() {
                let document = json!({ key: found, "TransitGatewayRouteTableId": table });
                documents.push((format!("{key}-{}.json", documents.len()), document));
            }
            continue;
        }
        // A hosted zone with its VPCs is an answer of its own.
        if listing == "HostedZone" {
            for (id, answer) in records.as_object().unwrap() {
                let mut answer = answer.clone();
                answer["HostedZone"]["Id"] = json!(format!("/hostedzone/{id}"));
                documents.push((format!("zone-{}.json", documents.len()), answer));
            }
            continue;
        }
        // What is asked about a zone, or about a Classic Load Balancer by its name.
        let asked = match listing.as_str() {
            "ResourceRecordSets" => Some("HostedZoneId"),
            "HostedZoneSummaries" => Some("VPCId"),
            "InstanceStates" | "LoadBalancerAttributes" => Some("LoadBalancerName"),
            _ => None,
        };
        if let Some(asked) = asked {
            for (id, answer) in records.as_object().unwrap() {
                let mut document = json!({ asked: id, listing: answer });
                if case.cut.contains(id) {
                    document["NextToken"] = json!("more");
                }
                documents.push((format!("{listing}-{}.json", documents.len()), document));
            }
            continue;
        }
        // The answers that are a single record.
        if listing == "VpcBlockPublicAccessOptions" || listing == "addon" {
            documents.push((format!("{listing}.json"), json!({ listing: records })));
            continue;
        }
        if let Some(answers) = records.as_object() {
            // What does not say what it is about stands beside what was asked, under the request's own key.
            for (arn, answer) in answers {
                let balancer = arn.contains(":loadbalancer/");
                let asked = if balancer { "LoadBalancerArn" } else { "TargetGroupArn" };
                let document = json!({ asked: arn, listing: answer });
                documents.push((format!("{listing}-{}.json", documents.len()), document));
            }
            continue;
        }
        let records = records.as_array().unwrap();
        let pages = if listing == "SecurityGroupRules" { case.pages.unwrap_or(1) } else { 1 };
        let size = records.len().div_ceil(pages).max(1);
        let mut chunks: Vec<&[Value]> = records.chunks(size).collect();
        if chunks.is_empty() {
            chunks.push(&[]);
        }
        for (at, chunk) in chunks.iter().enumerate() {
            let mut document = json!({ listing: chunk });
            if at + 1 < chunks.len() {
                document["NextToken"] = json!("more");
            }
            documents.push((format!("{listing}-{at}.json"), document));
        }
    }
    documents
}
