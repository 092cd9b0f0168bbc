//! A region as the pages that the API answers with.

use std::collections::BTreeMap;
use std::fmt::Write as _;

pub(crate) const INTERFACES: usize = 20_000;
pub(crate) const GROUPS: usize = 10_000;
const RULES_OF_A_GROUP: usize = 4;
/// Records on a page: the most that EC2 gives.
const PAGE: usize = 1000;

/// Bodies of the pages by action.
pub(crate) type Pages = BTreeMap<&'static str, Vec<Vec<u8>>>;

/// Listings of which a region without anything more has an empty one.
const EMPTY: [(&str, &str); 16] = [
    ("DescribeManagedPrefixLists", "prefixListSet"),
    ("DescribeNetworkAcls", "networkAclSet"),
    ("DescribeRouteTables", "routeTableSet"),
    ("DescribeSubnets", "subnetSet"),
    ("DescribeVpcs", "vpcSet"),
    ("DescribeVpcPeeringConnections", "vpcPeeringConnectionSet"),
    ("DescribeInternetGateways", "internetGatewaySet"),
    ("DescribeEgressOnlyInternetGateways", "egressOnlyInternetGatewaySet"),
    ("DescribeNatGateways", "natGatewaySet"),
    ("DescribeAddresses", "addressesSet"),
    ("DescribeVpcBlockPublicAccessExclusions", "vpcBlockPublicAccessExclusionSet"),
    ("DescribeTransitGateways", "transitGatewaySet"),
    ("DescribeTransitGatewayVpcAttachments", "transitGatewayVpcAttachments"),
    ("DescribeTransitGatewayRouteTables", "transitGatewayRouteTables"),
    ("DescribeTransitGatewayPolicyTables", "transitGatewayPolicyTables"),
    ("DescribeVpcEndpoints", "vpcEndpointSet"),
];

pub(crate) fn pages() -> Pages {
    let mut pages = Pages::new();
    pages.insert(
        "DescribeNetworkInterfaces",
        listing("DescribeNetworkInterfaces", "networkInterfaceSet", INTERFACES, interface),
    );
    pages.insert("DescribeInstances", listing("DescribeInstances", "reservationSet", INTERFACES, instance));
    pages.insert("DescribeSecurityGroups", listing("DescribeSecurityGroups", "securityGroupInfo", GROUPS, group));
    let rules = GROUPS * RULES_OF_A_GROUP;
    pages.insert(
        "DescribeSecurityGroupRules",
        listing("DescribeSecurityGroupRules", "securityGroupRuleSet", rules, rule),
    );
    for (action, set) in EMPTY {
        pages.insert(action, listing(action, set, 0, |_| String::new()));
    }
    let single =
        |action: &str, inside: &str| vec![format!("<{action}Response>{inside}</{action}Response>").into_bytes()];
    pages.insert(
        "DescribeVpcBlockPublicAccessOptions",
        single(
            "DescribeVpcBlockPublicAccessOptions",
            "<vpcBlockPublicAccessOptions><awsAccountId>111122223333</awsAccountId><awsRegion>us-east-1</awsRegion>\
             <state>default-state</state><internetGatewayBlockMode>off</internetGatewayBlockMode>\
             </vpcBlockPublicAccessOptions>",
        ),
    );
    pages.insert(
        "GetCallerIdentity",
        single(
            "GetCallerIdentity",
            "<GetCallerIdentityResult><Arn>arn:aws:iam::111122223333:user/reader</Arn><UserId>A</UserId>\
             <Account>111122223333</Account></GetCallerIdentityResult>",
        ),
    );
    let others = [
        ("DescribeLoadBalancers", "LoadBalancers"),
        ("DescribeTargetGroups", "TargetGroups"),
        ("DescribeDBInstances", "DBInstances"),
        ("DescribeDBClusters", "DBClusters"),
        ("DescribeCacheClusters", "CacheClusters"),
        ("DescribeReplicationGroups", "ReplicationGroups"),
    ];
    for (action, name) in others {
        pages.insert(action, single(action, &format!("<{action}Result><{name}></{name}></{action}Result>")));
    }
    pages.insert("ListDomainNames", vec![br#"{"DomainNames": []}"#.to_vec()]);
    pages
}

fn listing(action: &str, set: &str, count: usize, record: impl Fn(usize) -> String) -> Vec<Vec<u8>> {
    let last = count.div_ceil(PAGE).max(1);
    let page = |number: usize| {
        let mut text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{action}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\
             <requestId>r</requestId><{set}>"
        );
        for at in (number * PAGE..count).take(PAGE) {
            _ = write!(text, "<item>{}</item>", record(at));
        }
        _ = write!(text, "</{set}>");
        if number + 1 < last {
            _ = write!(text, "<nextToken>{}</nextToken>", number + 1);
        }
        _ = write!(text, "</{action}Response>");
        text.into_bytes()
    };
    (0..last).map(page).collect()
}

fn tags(name: &str) -> String {
    format!(
        "<item><key>Name</key><value>{name}</value></item><item><key>Team</key><value>platform</value></item>\
         <item><key>CostCenter</key><value>4711</value></item>"
    )
}

/// An interface with the fields that EC2 prints, also those that nobody reads.
fn interface(at: usize) -> String {
    let address = format!("10.{}.{}.{}", at >> 16, (at >> 8) & 255, at & 255);
    let group =
        |number: usize| format!("<item><groupId>sg-{:017x}</groupId><groupName>g</groupName></item>", number % GROUPS);
    format!(
        "<networkInterfaceId>eni-{at:017x}</networkInterfaceId><subnetId>subnet-{0:017x}</subnetId>\
         <vpcId>vpc-{0:017x}</vpcId><availabilityZone>us-east-1a</availabilityZone><description>primary</description>\
         <ownerId>111122223333</ownerId><requesterManaged>false</requesterManaged><status>in-use</status>\
         <macAddress>02:00:00:00:00:00</macAddress><privateIpAddress>{address}</privateIpAddress>\
         <privateDnsName>ip-10-0-0-0.ec2.internal</privateDnsName><sourceDestCheck>true</sourceDestCheck>\
         <groupSet>{1}{2}</groupSet><attachment><attachmentId>eni-attach-{at:017x}</attachmentId>\
         <instanceId>i-{at:017x}</instanceId><instanceOwnerId>111122223333</instanceOwnerId><deviceIndex>0</deviceIndex>\
         <status>attached</status><attachTime>2026-01-01T00:00:00.000Z</attachTime>\
         <deleteOnTermination>true</deleteOnTermination></attachment><tagSet>{3}</tagSet><privateIpAddressesSet><item>\
         <privateIpAddress>{address}</privateIpAddress><primary>true</primary></item></privateIpAddressesSet>\
         <interfaceType>interface</interfaceType>",
        at / 2000,
        group(at),
        group(at + 1),
        tags(&format!("machine-{at}"))
    )
}

fn instance(at: usize) -> String {
    format!(
        "<reservationId>r-{at:017x}</reservationId><ownerId>111122223333</ownerId><instancesSet><item>\
         <instanceId>i-{at:017x}</instanceId><imageId>ami-0</imageId><instanceState><code>16</code><name>running</name>\
         </instanceState><privateDnsName>ip-10-0-0-0.ec2.internal</privateDnsName><instanceType>m7g.large</instanceType>\
         <launchTime>2026-01-01T00:00:00.000Z</launchTime><tagSet>{}</tagSet></item></instancesSet>",
        tags(&format!("machine-{at}"))
    )
}

fn group(at: usize) -> String {
    format!(
        "<ownerId>111122223333</ownerId><groupId>sg-{at:017x}</groupId><groupName>group-{at}</groupName>\
         <groupDescription>of a service</groupDescription><vpcId>vpc-{:017x}</vpcId><ipPermissions></ipPermissions>\
         <ipPermissionsEgress></ipPermissionsEgress><tagSet>{}</tagSet>",
        at / 1000,
        tags(&format!("group-{at}"))
    )
}

fn rule(at: usize) -> String {
    let egress = at.is_multiple_of(RULES_OF_A_GROUP);
    format!(
        "<securityGroupRuleId>sgr-{at:017x}</securityGroupRuleId><groupId>sg-{:017x}</groupId>\
         <groupOwnerId>111122223333</groupOwnerId><isEgress>{egress}</isEgress><ipProtocol>tcp</ipProtocol>\
         <fromPort>{2}</fromPort><toPort>{2}</toPort><cidrIpv4>10.{1}.0.0/16</cidrIpv4><description>of a service\
         </description>",
        at / RULES_OF_A_GROUP,
        at % 200,
        8000 + at % 100
    )
}
