//! Upstreams in another VPC over a transit gateway.

use crate::estate::{interface, reply, transit_route};
use crate::run::{check, verdict};
use crate::server::{Form, Reply, Server, filters, set};

/// nginx in `vpc-1`, and in `vpc-2` 10.8.2.20 and, as a second address of the same machine, 10.8.2.21.
pub(crate) fn estate(action: &str, form: &Form) -> Reply {
    let asked: Vec<String> = filters(form).into_values().flatten().collect();
    let wanted = |word: &str| asked.iter().any(|value| value == word);
    let some = |words: [&str; 3], text: String| words.iter().any(|word| wanted(word)).then_some(text);
    match action {
        "DescribeNetworkInterfaces" => {
            let near = interface("eni-nginx", "i-nginx", "subnet-1", "sg-nginx", "10.0.1.10", "");
            let far = interface("eni-app", "i-app", "subnet-2", "sg-app", "10.8.2.20", "").replace("vpc-1", "vpc-2");
            let both = "</item><item><privateIpAddress>10.8.2.21</privateIpAddress></item></privateIpAddressesSet>";
            let far = far.replace("</item></privateIpAddressesSet>", both);
            let near = some(["i-nginx", "10.0.1.10", "eni-nginx"], near);
            let found: Vec<String> = near.into_iter().chain(some(["i-app", "10.8.2.20", "subnet-2"], far)).collect();
            set("networkInterfaceSet", &found, None)
        }
        "DescribeSecurityGroupRules" => {
            let rule = |id: &str, group: &str, egress: bool, peer: &str| {
                let text = format!(
                    "<securityGroupRuleId>{id}</securityGroupRuleId><groupId>{group}</groupId><isEgress>{egress}\
                     </isEgress><ipProtocol>tcp</ipProtocol><fromPort>8080</fromPort><toPort>8080</toPort>{peer}"
                );
                some([group, "", ""], text)
            };
            let out = rule("sgr-1", "sg-nginx", true, "<cidrIpv4>10.8.0.0/16</cidrIpv4>");
            let by_group = "<referencedGroupInfo><groupId>sg-nginx</groupId></referencedGroupInfo>";
            let rules: Vec<String> = out.into_iter().chain(rule("sgr-2", "sg-app", false, by_group)).collect();
            set("securityGroupRuleSet", &rules, None)
        }
        "DescribeSubnets" => {
            let subnet = |at: u8, block: &str| {
                let text = format!(
                    "<subnetId>subnet-{at}</subnetId><vpcId>vpc-{at}</vpcId><cidrBlock>{block}</cidrBlock>\
                     <availabilityZone>us-east-1a</availabilityZone><availabilityZoneId>use1-az1</availabilityZoneId>"
                );
                some([&format!("vpc-{at}"), "", ""], text)
            };
            let subnets = subnet(1, "10.0.1.0/24").into_iter().chain(subnet(2, "10.8.2.0/24"));
            set("subnetSet", &subnets.collect::<Vec<_>>(), None)
        }
        "DescribeVpcs" => {
            let vpc = |id: &str, block: &str| {
                some([id, "", ""], format!("<vpcId>{id}</vpcId><cidrBlock>{block}</cidrBlock>"))
            };
            let vpcs = vpc("vpc-1", "10.0.0.0/16").into_iter().chain(vpc("vpc-2", "10.8.0.0/16"));
            set("vpcSet", &vpcs.collect::<Vec<_>>(), None)
        }
        "DescribeRouteTables" => {
            let table = |vpc: &str, own: &str, far: &str| {
                let text = format!(
                    "<routeTableId>rtb-{vpc}</routeTableId><vpcId>{vpc}</vpcId><routeSet><item><destinationCidrBlock>\
                     {own}</destinationCidrBlock><gatewayId>local</gatewayId><state>active</state></item><item>\
                     <destinationCidrBlock>{far}</destinationCidrBlock><transitGatewayId>tgw-1</transitGatewayId>\
                     <state>active</state></item></routeSet><associationSet><item><main>true</main></item>\
                     </associationSet>"
                );
                some([vpc, "", ""], text)
            };
            let near = table("vpc-1", "10.0.0.0/16", "10.0.0.0/8");
            let tables: Vec<String> = near.into_iter().chain(table("vpc-2", "10.8.0.0/16", "10.0.0.0/8")).collect();
            set("routeTableSet", &tables, None)
        }
        _ => reply(action, form),
    }
}

#[test]
fn a_group_reference_holds_over_a_transit_gateway() {
    let server = Server::start(|action, form, _| estate(action, form));
    let ran = check(&server, "10.8.2.20:8080");
    assert_eq!((ran.code, &*ran.stderr), (0, ""), "{ran:?}");
    let report = ran.report();
    assert_eq!(verdict(&report), "allowed");
    assert!(report["flows"][0]["path"].to_string().contains("tgw-rtb-1 10.8.0.0/16"), "{report}");
    let asked = server.asked("DescribeTransitGatewayVpcAttachments");
    assert_eq!(filters(&asked[0])["transit-gateway-id"], ["tgw-1"]);
    assert_eq!(filters(&server.asked("SearchTransitGatewayRoutes")[0])["state"], ["active", "blackhole"]);
}

#[test]
fn an_address_that_no_filter_finds_is_looked_for_where_the_gateway_leads() {
    let server = Server::start(|action, form, _| estate(action, form));
    let ran = check(&server, "10.8.2.21:8080");
    assert_eq!((ran.code, &*ran.stderr), (0, ""), "{ran:?}");
    assert_eq!(verdict(&ran.report()), "allowed");
    let wanted =
        server.asked("DescribeNetworkInterfaces").into_iter().filter_map(|form| filters(&form).remove("subnet-id"));
    assert!(wanted.into_iter().any(|subnets| subnets == ["subnet-2"]));
}

#[test]
fn every_page_of_the_gateways_routes_counts() {
    // The longer prefix stands on the second page, and is a blackhole.
    let blackhole =
        "<destinationCidrBlock>10.8.2.0/24</destinationCidrBlock><type>static</type><state>blackhole</state>";
    let server = Server::start(move |action, form, _| match (action, form.get("NextToken").map(String::as_str)) {
        ("SearchTransitGatewayRoutes", None) => {
            let routes = [transit_route("10.8.0.0/16", 2), transit_route("10.0.0.0/16", 1)];
            let Reply::Answer(text) = set("routeSet", &routes, Some("two")) else { unreachable!() };
            Reply::Answer(text + "<additionalRoutesAvailable>true</additionalRoutesAvailable>")
        }
        ("SearchTransitGatewayRoutes", Some(_)) => set("routeSet", &[blackhole.to_owned()], None),
        _ => estate(action, form),
    });
    let ran = check(&server, "10.8.2.20:8080");
    assert_eq!(verdict(&ran.report()), "blocked", "{ran:?}");
}

#[test]
fn routes_that_were_left_out_leave_the_verdict_open() {
    let server = Server::start(|action, form, _| match (action, estate(action, form)) {
        ("SearchTransitGatewayRoutes", Reply::Answer(text)) => {
            Reply::Answer(text + "<additionalRoutesAvailable>true</additionalRoutesAvailable>")
        }
        (_, other) => other,
    });
    let ran = check(&server, "10.8.2.20:8080");
    assert_eq!((ran.code, &*verdict(&ran.report())), (4, "unknown"), "{ran:?}");
}

#[test]
fn each_call_that_is_refused_leaves_the_verdict_open_and_is_named() {
    let calls = [
        "DescribeTransitGateways",
        "DescribeTransitGatewayVpcAttachments",
        "DescribeTransitGatewayRouteTables",
        "GetTransitGatewayRouteTableAssociations",
        "SearchTransitGatewayRoutes",
    ];
    for call in calls {
        let server = Server::start(move |action, form, _| match action {
            _ if action == call => Reply::Error(403, "UnauthorizedOperation", "no".to_owned()),
            _ => estate(action, form),
        });
        let ran = check(&server, "10.8.2.20:8080");
        assert_eq!(ran.code, 4, "{call}: {ran:?}");
        let report = ran.report();
        assert_eq!(verdict(&report), "unknown", "{call}");
        let reasons = report["flows"][0]["reasons"].to_string();
        assert!(reasons.contains(&format!("ec2:{call}")), "{call}: {reasons}");
    }
}
