//! Upstreams over the internet, which VPC Block Public Access may cut off whatever routes and rules say.

use crate::estate::{interface, public_access, reply};
use crate::run::{check, verdict};
use crate::server::{Form, Reply, Server, filters, set};

/// nginx and its upstream, each with a public address, in a VPC with a route to an internet gateway.
pub(crate) fn estate(action: &str, form: &Form) -> Reply {
    let asked: Vec<String> = filters(form).into_values().flatten().collect();
    let wanted = |words: [&str; 3]| asked.iter().any(|value| words.contains(&&**value));
    match action {
        "DescribeNetworkInterfaces" => {
            let found = [
                ("eni-nginx", "i-nginx", "subnet-1", "sg-nginx", "10.0.1.10", "203.0.113.10"),
                ("eni-app", "i-app", "subnet-2", "sg-app", "10.0.2.20", "203.0.113.20"),
            ];
            let found =
                found.into_iter().filter(|(_, instance, _, _, private, public)| wanted([instance, private, public]));
            let found: Vec<String> = found
                .map(|(id, instance, subnet, group, private, public)| {
                    let public = format!("<association><publicIp>{public}</publicIp></association>");
                    let text = interface(id, instance, subnet, group, private, &public);
                    text.replace("<primary>true</primary>", &format!("<primary>true</primary>{public}"))
                })
                .collect();
            set("networkInterfaceSet", &found, None)
        }
        "DescribeSecurityGroupRules" => {
            let rule = |id: &str, group: &str, egress: bool| {
                format!(
                    "<securityGroupRuleId>{id}</securityGroupRuleId><groupId>{group}</groupId><isEgress>{egress}\
                     </isEgress><ipProtocol>tcp</ipProtocol><fromPort>8080</fromPort><toPort>8080</toPort>\
                     <cidrIpv4>203.0.113.0/27</cidrIpv4>"
                )
            };
            set("securityGroupRuleSet", &[rule("sgr-1", "sg-nginx", true), rule("sgr-2", "sg-app", false)], None)
        }
        "DescribeRouteTables" => {
            let table = "<routeTableId>rtb-1</routeTableId><vpcId>vpc-1</vpcId><routeSet><item>\
                         <destinationCidrBlock>10.0.0.0/16</destinationCidrBlock><gatewayId>local</gatewayId>\
                         <state>active</state></item><item><destinationCidrBlock>0.0.0.0/0</destinationCidrBlock>\
                         <gatewayId>igw-1</gatewayId><state>active</state></item></routeSet><associationSet><item>\
                         <main>true</main></item></associationSet>";
            set("routeTableSet", &[table.to_owned()], None)
        }
        "DescribeInternetGateways" => {
            let gateway = "<internetGatewayId>igw-1</internetGatewayId><attachmentSet><item><vpcId>vpc-1</vpcId>\
                           <state>available</state></item></attachmentSet>";
            set("internetGatewaySet", &[gateway.to_owned()], None)
        }
        _ => reply(action, form),
    }
}

fn excluding(mode: &'static str) -> Reply {
    let exclusion = format!(
        "<exclusionId>vpcbpa-exclude-1</exclusionId><internetGatewayExclusionMode>{mode}\
         </internetGatewayExclusionMode><resourceArn>arn:aws:ec2:us-east-1:111122223333:vpc/vpc-1</resourceArn>\
         <state>create-complete</state>"
    );
    set("vpcBlockPublicAccessExclusionSet", &[exclusion], None)
}

fn refused() -> Reply {
    Reply::Error(403, "UnauthorizedOperation", "You are not authorized to perform this operation.".to_owned())
}

#[test]
fn the_switch_decides_over_routes_and_rules() {
    type Answer = fn() -> Reply;
    let cases: [(&str, Answer, &str); 5] = [
        ("off", refused, "allowed"),
        ("block-ingress", || set("vpcBlockPublicAccessExclusionSet", &[], None), "blocked"),
        ("block-ingress", || excluding("allow-egress"), "blocked"),
        ("block-bidirectional", || excluding("allow-bidirectional"), "allowed"),
        ("block-something-new", || excluding("allow-bidirectional"), "unknown"),
    ];
    for (mode, exclusions, expected) in cases {
        let server = Server::start(move |action, form, _| match action {
            "DescribeVpcBlockPublicAccessOptions" => public_access(mode),
            "DescribeVpcBlockPublicAccessExclusions" => exclusions(),
            _ => estate(action, form),
        });
        let ran = check(&server, "203.0.113.20:8080");
        assert_eq!(ran.stderr, "", "{mode}");
        let report = ran.report();
        assert_eq!(verdict(&report), expected, "{mode}: {report}");
        let path = report["flows"][0]["path"].as_array().unwrap();
        let told = path.iter().any(|step| step["layer"] == "aws.block-public-access");
        assert_eq!(told, mode != "off", "{mode}: {path:?}");
        // Nobody is excluded from what is off, so nobody asks.
        let asked = server.asked("DescribeVpcBlockPublicAccessExclusions").len();
        assert_eq!(asked > 0, mode != "off", "{mode}");
    }
}

#[test]
fn a_switch_that_cannot_be_read_leaves_the_verdict_open() {
    for (call, mode) in [
        ("DescribeVpcBlockPublicAccessOptions", "off"),
        ("DescribeVpcBlockPublicAccessExclusions", "block-bidirectional"),
    ] {
        let server = Server::start(move |action, form, _| match action {
            _ if action == call => refused(),
            "DescribeVpcBlockPublicAccessOptions" => public_access(mode),
            _ => estate(action, form),
        });
        let ran = check(&server, "203.0.113.20:8080");
        assert_eq!(ran.code, 4, "{call}: {ran:?}");
        let report = ran.report();
        assert_eq!(verdict(&report), "unknown", "{call}");
        let reasons = report["flows"][0]["reasons"].to_string();
        assert!(reasons.contains(&format!("ec2:{call}")), "{call}: {reasons}");
    }
}
