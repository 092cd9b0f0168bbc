//! Private zones, a Classic Load Balancer and services in the VPC of the small estate, as their APIs tell them.

use super::estate::{ACCOUNT, interface, reply as estate_reply};
use super::server::{Form, Reply, filters};

/// A list of an answer that is not EC2's.
fn listed(action: &str, list: &str, member: &str, items: &[String]) -> Reply {
    let items: Vec<String> = items.iter().map(|item| format!("<{member}>{item}</{member}>")).collect();
    Reply::Answer(format!("<{action}Result><{list}>{}</{list}></{action}Result>", items.concat()))
}

pub(crate) const ZONE: &str = "Z0123456789CORP";

/// A set of records with one value.
pub(crate) fn record(name: &str, kind: &str, value: &str) -> String {
    format!(
        "<ResourceRecordSet><Name>{name}</Name><Type>{kind}</Type><TTL>60</TTL><ResourceRecords><ResourceRecord>\
         <Value>{value}</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>"
    )
}

/// A set of records that stands for another name.
fn alias(name: &str, target: &str) -> String {
    format!(
        "<ResourceRecordSet><Name>{name}</Name><Type>A</Type><AliasTarget><HostedZoneId>Z35SXDOTRQ7X7K</HostedZoneId>\
         <DNSName>{target}</DNSName><EvaluateTargetHealth>false</EvaluateTargetHealth></AliasTarget></ResourceRecordSet>"
    )
}

/// A page of records, and the name that the next one begins with.
pub(crate) fn records(sets: &[String], next: Option<&str>) -> Reply {
    let more = next.map_or(String::new(), |name| format!("<NextRecordName>{name}</NextRecordName>"));
    Reply::Answer(format!(
        "<ResourceRecordSets>{}</ResourceRecordSets><IsTruncated>{}</IsTruncated>{more}<MaxItems>300</MaxItems>",
        sets.concat(),
        next.is_some()
    ))
}

/// The zones of a VPC by id, domain and owner.
pub(crate) fn zones(zones: &[(&str, &str, &str)]) -> Reply {
    let zone = |(id, name, owner): &(&str, &str, &str)| {
        format!(
            "<HostedZoneSummary><HostedZoneId>{id}</HostedZoneId><Name>{name}</Name><Owner>{owner}</Owner></HostedZoneSummary>"
        )
    };
    let zones: String = zones.iter().map(zone).collect();
    Reply::Answer(format!("<HostedZoneSummaries>{zones}</HostedZoneSummaries><MaxItems>100</MaxItems>"))
}

pub(crate) fn of_account(account: &str) -> String {
    format!("<OwningAccount>{account}</OwningAccount>")
}

/// Names of the load balancer and the database.
pub(crate) const FRONT: &str = "internal-old-1234567890.us-east-1.elb.amazonaws.com";
pub(crate) const SHOP: &str = "shop.abcdefghijkl.us-east-1.rds.amazonaws.com";
pub(crate) const SESSIONS: &str = "sessions.abcdef.ng.0001.use1.cache.amazonaws.com";
pub(crate) const LOGS: &str = "vpc-logs-abcdefghijklmnop.us-east-1.es.amazonaws.com";

/// The answer to a call about any of these.
pub(crate) fn reply(action: &str, form: &Form) -> Option<Reply> {
    let is_named = |name: &str| {
        let mut names = form.iter().filter(|(key, _)| key.starts_with("LoadBalancerName")).map(|(_, value)| value);
        names.clone().next().is_none() || names.any(|known| known == name)
    };
    let classic = form.get("Version").is_some_and(|version| version == "2012-06-01");
    Some(match action {
        "ListHostedZonesByVPC" => {
            let service = "<OwningService>efs.amazonaws.com</OwningService>";
            zones(&[
                (ZONE, "corp.internal.", &of_account(ACCOUNT)),
                ("Z0123456789EFS", "efs.us-east-1.amazonaws.com.", service),
            ])
        }
        "ListResourceRecordSets" => records(
            &[
                record("corp.internal.", "SOA", "ns.corp.internal. root.corp.internal. 1 1 1 1 1"),
                record("app.corp.internal.", "A", "10.0.2.20"),
                record("\\052.apps.corp.internal.", "CNAME", "app.corp.internal."),
                record("db.corp.internal.", "CNAME", &format!("{SHOP}.")),
                record("far.corp.internal.", "CNAME", "app.example.com."),
                alias("front.corp.internal.", &format!("{FRONT}.")),
            ],
            None,
        ),
        "DescribeLoadBalancers" if classic && !is_named("old") => Reply::Raw(
            400,
            "<ErrorResponse><Error><Type>Sender</Type><Code>LoadBalancerNotFound</Code><Message>no</Message></Error>\
             </ErrorResponse>",
        ),
        "DescribeLoadBalancers" if classic => {
            let balancer = format!(
                "<LoadBalancerName>old</LoadBalancerName><DNSName>{FRONT}</DNSName><VPCId>vpc-1</VPCId><Scheme>internal\
                 </Scheme><ListenerDescriptions><member><Listener><Protocol>HTTP</Protocol><LoadBalancerPort>8080\
                 </LoadBalancerPort><InstanceProtocol>HTTP</InstanceProtocol><InstancePort>8080</InstancePort></Listener>\
                 </member></ListenerDescriptions><Instances><member><InstanceId>i-app</InstanceId></member></Instances>"
            );
            listed(action, "LoadBalancerDescriptions", "member", &[balancer])
        }
        "DescribeInstanceHealth" => {
            let state = "<InstanceId>i-app</InstanceId><State>InService</State>".to_owned();
            listed(action, "InstanceStates", "member", &[state])
        }
        "DescribeLoadBalancerAttributes" if classic => Reply::Answer(format!(
            "<{action}Result><LoadBalancerAttributes><CrossZoneLoadBalancing><Enabled>true</Enabled>\
             </CrossZoneLoadBalancing></LoadBalancerAttributes></{action}Result>"
        )),
        "DescribeDBInstances" => {
            let database = format!(
                "<DBInstanceIdentifier>shop</DBInstanceIdentifier><DBInstanceStatus>available</DBInstanceStatus>\
                 <Endpoint><Address>{SHOP}</Address><Port>8080</Port></Endpoint><VpcSecurityGroups>\
                 <VpcSecurityGroupMembership><VpcSecurityGroupId>sg-other</VpcSecurityGroupId><Status>active</Status>\
                 </VpcSecurityGroupMembership></VpcSecurityGroups><DBSubnetGroup><VpcId>vpc-1</VpcId><Subnets><Subnet>\
                 <SubnetIdentifier>subnet-2</SubnetIdentifier></Subnet></Subnets></DBSubnetGroup><AvailabilityZone>us-east-1a\
                 </AvailabilityZone><PubliclyAccessible>false</PubliclyAccessible>"
            );
            listed(action, "DBInstances", "DBInstance", &[database])
        }
        "DescribeDBClusters" => {
            let cluster = "<DBClusterIdentifier>orders</DBClusterIdentifier><Status>available</Status>\
                           <Endpoint>orders.cluster-abcdefghijkl.us-east-1.rds.amazonaws.com</Endpoint><Port>8080</Port>\
                           <DBClusterMembers><DBClusterMember><DBInstanceIdentifier>shop</DBInstanceIdentifier>\
                           <IsClusterWriter>true</IsClusterWriter></DBClusterMember></DBClusterMembers>";
            listed(action, "DBClusters", "DBCluster", &[cluster.to_owned()])
        }
        "DescribeCacheClusters" => {
            let cache = "<CacheClusterId>sessions-001</CacheClusterId><CacheClusterStatus>available</CacheClusterStatus>\
                         <CacheNodes><CacheNode><CacheNodeId>0001</CacheNodeId><Endpoint>\
                         <Address>sessions-001.abcdef.0001.use1.cache.amazonaws.com</Address><Port>8080</Port></Endpoint>\
                         <CustomerAvailabilityZone>us-east-1a</CustomerAvailabilityZone></CacheNode></CacheNodes>";
            listed(action, "CacheClusters", "CacheCluster", &[cache.to_owned()])
        }
        "DescribeReplicationGroups" => {
            let group = format!(
                "<ReplicationGroupId>sessions</ReplicationGroupId><NodeGroups><NodeGroup><NodeGroupId>0001</NodeGroupId>\
                 <PrimaryEndpoint><Address>{SESSIONS}</Address><Port>8080</Port></PrimaryEndpoint><NodeGroupMembers>\
                 <NodeGroupMember><CacheClusterId>sessions-001</CacheClusterId><CurrentRole>primary</CurrentRole>\
                 </NodeGroupMember></NodeGroupMembers></NodeGroup></NodeGroups>"
            );
            listed(action, "ReplicationGroups", "ReplicationGroup", &[group])
        }
        "ListDomainNames" => Reply::Json(200, r#"{"DomainNames": [{"DomainName": "logs"}]}"#.to_owned()),
        "DescribeDomains" => Reply::Json(
            200,
            format!(
                r#"{{"DomainStatusList": [{{"DomainId": "{ACCOUNT}/logs", "DomainName": "logs", "ARN": "arn:aws:es:x",
                    "Deleted": false, "Endpoints": {{"vpc": "{LOGS}"}}, "VPCOptions": {{"VPCId": "vpc-1"}},
                    "ClusterConfig": {{}}, "DomainEndpointOptions": {{"EnforceHTTPS": false}}}}]}}"#
            ),
        ),
        "DescribeVpcEndpoints" => {
            let endpoint = "<vpcEndpointId>vpce-0123abcd</vpcEndpointId><vpcEndpointType>Interface</vpcEndpointType>\
                            <vpcId>vpc-1</vpcId><serviceName>com.amazonaws.us-east-1.sqs</serviceName><state>available</state>\
                            <privateDnsEnabled>true</privateDnsEnabled><networkInterfaceIdSet><item>eni-vpce</item>\
                            </networkInterfaceIdSet><dnsEntrySet><item>\
                            <dnsName>vpce-0123abcd-x1.sqs.us-east-1.vpce.amazonaws.com</dnsName></item><item>\
                            <dnsName>sqs.us-east-1.amazonaws.com</dnsName></item></dnsEntrySet>";
            super::server::set("vpcEndpointSet", &[endpoint.to_owned()], None)
        }
        _ => return None,
    })
}

/// Interfaces of these services by address, id and description.
const INTERFACES: [(&str, &str, &str); 5] = [
    ("10.0.2.60", "eni-old", "ELB old"),
    ("10.0.2.80", "eni-db", "RDSNetworkInterface"),
    ("10.0.2.81", "eni-cache", "ElastiCache sessions-001"),
    ("10.0.2.82", "eni-logs", "ES logs"),
    ("10.0.2.83", "eni-vpce", "VPC Endpoint Interface vpce-0123abcd"),
];

/// The small estate with those interfaces, with port 8080 open to nginx everywhere.
pub(crate) fn estate(action: &str, form: &Form) -> Reply {
    let asked: Vec<String> = filters(form).into_values().flatten().collect();
    match action {
        "DescribeNetworkInterfaces" => {
            let Reply::Answer(text) = estate_reply(action, form) else { panic!("no interfaces") };
            let wanted = INTERFACES.into_iter().filter(|(address, id, description)| {
                asked.is_empty() || asked.iter().any(|value| [*address, *id, *description].contains(&&**value))
            });
            let more: Vec<String> = wanted
                .map(|(address, id, description)| {
                    let described = format!("<description>{description}</description>");
                    let text = interface(id, "", "subnet-2", "sg-other", address, &described);
                    let (start, end) = (text.find("<attachment>").unwrap(), text.find("</attachment>").unwrap());
                    let text = text.replace(&text[start..end + "</attachment>".len()], "");
                    format!("<item>{text}</item>")
                })
                .collect();
            Reply::Answer(text.replace("</networkInterfaceSet>", &format!("{}</networkInterfaceSet>", more.concat())))
        }
        "DescribeSecurityGroupRules" => {
            let rules = ["sg-nginx", "sg-app", "sg-node", "sg-other"].into_iter().flat_map(|group| {
                ["false", "true"].map(|egress| {
                    format!(
                        "<securityGroupRuleId>sgr-{group}-{egress}</securityGroupRuleId><groupId>{group}</groupId>\
                         <isEgress>{egress}</isEgress><ipProtocol>tcp</ipProtocol><fromPort>8080</fromPort>\
                         <toPort>8089</toPort><cidrIpv4>10.0.0.0/16</cidrIpv4>"
                    )
                })
            });
            super::server::set("securityGroupRuleSet", &rules.collect::<Vec<_>>(), None)
        }
        // Only the Classic one has that name.
        "DescribeLoadBalancers" if form.get("Names.member.1").is_some_and(|name| name == "old") => Reply::Raw(
            400,
            "<ErrorResponse><Error><Type>Sender</Type><Code>LoadBalancerNotFound</Code><Message>no</Message></Error>\
             </ErrorResponse>",
        ),
        _ => estate_reply(action, form),
    }
}
