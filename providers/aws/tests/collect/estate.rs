//! A small estate as the EC2 API tells it.

use super::server::{Form, Reply, filters, members, set};
use super::services;

pub(crate) const ACCOUNT: &str = "111122223333";

/// An interface of an instance in a subnet, with one group.
pub(crate) fn interface(id: &str, instance: &str, subnet: &str, group: &str, address: &str, more: &str) -> String {
    format!(
        "<networkInterfaceId>{id}</networkInterfaceId><subnetId>{subnet}</subnetId><vpcId>vpc-1</vpcId>\
         <availabilityZone>us-east-1a</availabilityZone><ownerId>{ACCOUNT}</ownerId><status>in-use</status>\
         <privateIpAddress>{address}</privateIpAddress><sourceDestCheck>true</sourceDestCheck>\
         <interfaceType>interface</interfaceType>\
         <groupSet><item><groupId>{group}</groupId><groupName>{group}</groupName></item></groupSet>\
         <attachment><instanceId>{instance}</instanceId><deviceIndex>0</deviceIndex><status>attached</status></attachment>\
         <privateIpAddressesSet><item><privateIpAddress>{address}</privateIpAddress><primary>true</primary></item>\
         </privateIpAddressesSet>{more}"
    )
}

fn interfaces() -> Vec<(&'static str, String)> {
    let block = "<ipv4PrefixSet><item><ipv4Prefix>10.0.2.64/28</ipv4Prefix></item></ipv4PrefixSet>";
    vec![
        ("i-nginx 10.0.1.10", interface("eni-nginx", "i-nginx", "subnet-1", "sg-nginx", "10.0.1.10", "")),
        ("i-app 10.0.2.20", interface("eni-app", "i-app", "subnet-2", "sg-app", "10.0.2.20", "")),
        ("i-node 10.0.2.30 subnet-2", interface("eni-node", "i-node", "subnet-2", "sg-node", "10.0.2.30", block)),
        ("i-other 10.0.2.40 subnet-2", interface("eni-other", "i-other", "subnet-2", "sg-other", "10.0.2.40", "")),
    ]
}

fn group(id: &str) -> String {
    format!("<groupId>{id}</groupId><groupName>{id}</groupName><ownerId>{ACCOUNT}</ownerId><vpcId>vpc-1</vpcId>")
}

fn rule(id: &str, group: &str, peer: &str) -> String {
    format!(
        "<securityGroupRuleId>{id}</securityGroupRuleId><groupId>{group}</groupId><isEgress>false</isEgress>\
         <ipProtocol>tcp</ipProtocol><fromPort>8080</fromPort><toPort>8080</toPort>{peer}"
    )
}

/// The switch of VPC Block Public Access in a mode.
pub(crate) fn public_access(mode: &str) -> Reply {
    Reply::Answer(format!(
        "<requestId>r</requestId><vpcBlockPublicAccessOptions><awsAccountId>{ACCOUNT}</awsAccountId>\
         <awsRegion>us-east-1</awsRegion><state>update-complete</state>\
         <internetGatewayBlockMode>{mode}</internetGatewayBlockMode><exclusionsAllowed>allowed</exclusionsAllowed>\
         </vpcBlockPublicAccessOptions>"
    ))
}

/// A transit gateway that joins `vpc-1` and `vpc-2`, with one route table for both.
fn transit(action: &str) -> Reply {
    let attachment = |at: u8| {
        format!(
            "<transitGatewayAttachmentId>tgw-attach-{at}</transitGatewayAttachmentId><transitGatewayId>tgw-1\
             </transitGatewayId><vpcId>vpc-{at}</vpcId><state>available</state><subnetIds><item>subnet-{at}</item>\
             </subnetIds><options><applianceModeSupport>disable</applianceModeSupport><ipv6Support>disable</ipv6Support>\
             <securityGroupReferencingSupport>enable</securityGroupReferencingSupport></options>"
        )
    };
    match action {
        "DescribeTransitGateways" => {
            let gateway = "<transitGatewayId>tgw-1</transitGatewayId><state>available</state><options>\
                           <securityGroupReferencingSupport>enable</securityGroupReferencingSupport></options>";
            set("transitGatewaySet", &[gateway.to_owned()], None)
        }
        "DescribeTransitGatewayVpcAttachments" => {
            set("transitGatewayVpcAttachments", &[attachment(2), attachment(1)], None)
        }
        "DescribeTransitGatewayRouteTables" => {
            let table = "<transitGatewayRouteTableId>tgw-rtb-1</transitGatewayRouteTableId><transitGatewayId>tgw-1\
                         </transitGatewayId>";
            set("transitGatewayRouteTables", &[table.to_owned()], None)
        }
        "DescribeTransitGatewayPolicyTables" => set("transitGatewayPolicyTables", &[], None),
        "GetTransitGatewayRouteTableAssociations" => {
            let association = |at: u8| {
                format!(
                    "<transitGatewayAttachmentId>tgw-attach-{at}</transitGatewayAttachmentId><state>associated</state>"
                )
            };
            set("associations", &[association(2), association(1)], None)
        }
        _ => set("routeSet", &[transit_route("10.8.0.0/16", 2), transit_route("10.0.0.0/16", 1)], None),
    }
}

/// A route of the transit gateway to one of its attachments.
pub(crate) fn transit_route(block: &str, to: u8) -> String {
    format!(
        "<destinationCidrBlock>{block}</destinationCidrBlock><transitGatewayAttachments><item>\
         <transitGatewayAttachmentId>tgw-attach-{to}</transitGatewayAttachmentId><resourceType>vpc</resourceType></item>\
         </transitGatewayAttachments><type>propagated</type><state>active</state>"
    )
}

const BALANCING: &str = "arn:aws:elasticloadbalancing:us-east-1:111122223333";

/// A load balancer of each kind, with one listener on 8080 and one target group: of the Application Load
/// Balancer `i-app` on 8080, of the Network Load Balancer 10.0.2.30 on 8080.
pub(crate) fn balancing(action: &str, form: &Form) -> Reply {
    let about = |parameter: &str| form.get(parameter).cloned();
    let some = |key: Option<String>, kind: &str| key.is_none_or(|key| key.contains(kind));
    let kinds = ["app", "net"];
    let member = |name: &str, about: Option<String>, record: &dyn Fn(&str) -> String| {
        let found: Vec<String> =
            kinds.iter().filter(|kind| some(about.clone(), kind)).map(|kind| record(kind)).collect();
        members(action, name, &found, None)
    };
    let group = |kind: &str| format!("{BALANCING}:targetgroup/{kind}/1");
    let forward =
        |kind: &str| format!("<member><Type>forward</Type><TargetGroupArn>{}</TargetGroupArn></member>", group(kind));
    let balancer = |kind: &str| format!("{BALANCING}:loadbalancer/{kind}/front-{kind}/1");
    match action {
        "DescribeLoadBalancers" => member("LoadBalancers", about("Names.member.1"), &|kind| {
            format!(
                "<LoadBalancerArn>{}</LoadBalancerArn><LoadBalancerName>front-{kind}</LoadBalancerName><State><Code>active\
                 </Code></State>",
                balancer(kind)
            )
        }),
        "DescribeListeners" => member("Listeners", about("LoadBalancerArn"), &|kind| {
            let protocol = if kind == "app" { "HTTP" } else { "TCP" };
            format!(
                "<ListenerArn>{BALANCING}:listener/{kind}/front-{kind}/1/2</ListenerArn><LoadBalancerArn>{}</LoadBalancerArn>\
                 <Port>8080</Port><Protocol>{protocol}</Protocol><DefaultActions>{}</DefaultActions>",
                balancer(kind),
                forward(kind)
            )
        }),
        "DescribeRules" => member("Rules", about("ListenerArn"), &|kind| {
            format!(
                "<RuleArn>{BALANCING}:listener-rule/{kind}/front-{kind}/1/2/3</RuleArn><IsDefault>true</IsDefault>\
                 <Actions>{}</Actions>",
                forward(kind)
            )
        }),
        "DescribeTargetGroups" => member("TargetGroups", about("LoadBalancerArn"), &|kind| {
            let (target, protocol) = if kind == "app" { ("instance", "HTTP") } else { ("ip", "TCP") };
            format!(
                "<TargetGroupArn>{}</TargetGroupArn><TargetGroupName>{kind}</TargetGroupName><Port>8080</Port>\
                 <Protocol>{protocol}</Protocol><TargetType>{target}</TargetType><LoadBalancerArns><member>{}</member>\
                 </LoadBalancerArns><IpAddressType>ipv4</IpAddressType>",
                group(kind),
                balancer(kind)
            )
        }),
        "DescribeTargetHealth" => member("TargetHealthDescriptions", about("TargetGroupArn"), &|kind| {
            let id = if kind == "app" { "i-app" } else { "10.0.2.30" };
            format!(
                "<Target><Id>{id}</Id><Port>8080</Port></Target><TargetHealth><State>healthy</State></TargetHealth>"
            )
        }),
        "DescribeTargetGroupAttributes" => member("Attributes", about("TargetGroupArn"), &|_| {
            "<Key>load_balancing.cross_zone.enabled</Key><Value>use_load_balancer_configuration</Value>".to_owned()
        }),
        _ => member("Attributes", about("LoadBalancerArn"), &|_| {
            "<Key>load_balancing.cross_zone.enabled</Key><Value>true</Value>".to_owned()
        }),
    }
}

/// The answer to any call, obeying its filters where a test depends on them.
pub(crate) fn reply(action: &str, form: &Form) -> Reply {
    let asked: Vec<String> = filters(form).into_values().flatten().collect();
    let wanted = |key: &str| asked.is_empty() || key.split(' ').any(|word| asked.iter().any(|value| value == word));
    let some = |all: Vec<(&str, String)>| -> Vec<String> {
        all.into_iter().filter(|(key, _)| wanted(key)).map(|(_, item)| item).collect()
    };
    if let Some(reply) = services::reply(action, form) {
        return reply;
    }
    match action {
        "GetCallerIdentity" => Reply::Answer(format!(
            "<GetCallerIdentityResult><Arn>arn:aws:iam::{ACCOUNT}:user/reader</Arn><UserId>A</UserId>\
             <Account>{ACCOUNT}</Account></GetCallerIdentityResult>"
        )),
        "DescribeNetworkInterfaces" => set("networkInterfaceSet", &some(interfaces()), None),
        "DescribeInstances" => {
            let machine = |id: &str| {
                format!(
                    "<reservationId>r-{id}</reservationId><ownerId>{ACCOUNT}</ownerId><instancesSet><item>\
                     <instanceId>{id}</instanceId><instanceState><code>16</code><name>running</name></instanceState>\
                     </item></instancesSet>"
                )
            };
            let all = ["i-nginx", "i-app", "i-node", "i-other"].map(|id| (id, machine(id)));
            set("reservationSet", &some(all.into()), None)
        }
        "DescribeSecurityGroups" => {
            let all = ["sg-nginx", "sg-app", "sg-node", "sg-other"].map(|id| (id, group(id)));
            set("securityGroupInfo", &some(all.into()), None)
        }
        "DescribeSecurityGroupRules" => {
            let from = format!(
                "<referencedGroupInfo><groupId>sg-nginx</groupId><userId>{ACCOUNT}</userId></referencedGroupInfo>"
            );
            let list = "<prefixListId>pl-1</prefixListId>";
            let all = vec![
                ("sg-app", rule("sgr-2", "sg-app", &from)),
                ("sg-app", rule("sgr-1", "sg-app", list)),
                ("sg-node", rule("sgr-3", "sg-node", "<cidrIpv4>10.0.0.0/16</cidrIpv4>")),
            ];
            set("securityGroupRuleSet", &some(all), None)
        }
        "DescribeManagedPrefixLists" => {
            let list = "<prefixListId>pl-1</prefixListId><prefixListName>web</prefixListName>";
            set("prefixListSet", &some(vec![("pl-1", list.to_owned())]), None)
        }
        "GetManagedPrefixListEntries" => set("entrySet", &["<cidr>10.0.1.0/24</cidr>".to_owned()], None),
        "DescribeSubnets" => {
            let subnet = |id: &str, block: &str| {
                format!("<subnetId>{id}</subnetId><vpcId>vpc-1</vpcId><cidrBlock>{block}</cidrBlock>")
            };
            set("subnetSet", &[subnet("subnet-2", "10.0.2.0/24"), subnet("subnet-1", "10.0.1.0/24")], None)
        }
        "DescribeVpcs" => set("vpcSet", &["<vpcId>vpc-1</vpcId><cidrBlock>10.0.0.0/16</cidrBlock>".to_owned()], None),
        "DescribeNetworkAcls" => {
            let entry = |egress: bool| {
                format!(
                    "<item><ruleNumber>100</ruleNumber><ruleAction>allow</ruleAction><egress>{egress}</egress>\
                     <protocol>-1</protocol><cidrBlock>0.0.0.0/0</cidrBlock></item>"
                )
            };
            let acl = format!(
                "<networkAclId>acl-1</networkAclId><vpcId>vpc-1</vpcId><entrySet>{}{}</entrySet><associationSet>\
                 <item><subnetId>subnet-1</subnetId></item><item><subnetId>subnet-2</subnetId></item></associationSet>",
                entry(true),
                entry(false)
            );
            set("networkAclSet", &[acl], None)
        }
        "DescribeRouteTables" => {
            let table = "<routeTableId>rtb-1</routeTableId><vpcId>vpc-1</vpcId><routeSet><item>\
                         <destinationCidrBlock>10.0.0.0/16</destinationCidrBlock><gatewayId>local</gatewayId>\
                         <state>active</state></item></routeSet><associationSet><item><main>true</main></item>\
                         </associationSet>";
            set("routeTableSet", &[table.to_owned()], None)
        }
        "DescribeVpcPeeringConnections" => set("vpcPeeringConnectionSet", &[], None),
        "DescribeInternetGateways" => set("internetGatewaySet", &[], None),
        "DescribeEgressOnlyInternetGateways" => set("egressOnlyInternetGatewaySet", &[], None),
        "DescribeNatGateways" => set("natGatewaySet", &[], None),
        "DescribeAddresses" => set("addressesSet", &[], None),
        "GetTransitGatewayRouteTableAssociations" | "SearchTransitGatewayRoutes" => transit(action),
        _ if action.starts_with("DescribeTransitGateway") => transit(action),
        "DescribeLoadBalancers" | "DescribeListeners" | "DescribeRules" | "DescribeLoadBalancerAttributes" => {
            balancing(action, form)
        }
        _ if action.starts_with("DescribeTarget") => balancing(action, form),
        "DescribeVpcBlockPublicAccessOptions" => public_access("off"),
        "DescribeVpcBlockPublicAccessExclusions" => set("vpcBlockPublicAccessExclusionSet", &[], None),
        _ => Reply::Error(400, "InvalidAction", format!("{action} is not valid")),
    }
}
