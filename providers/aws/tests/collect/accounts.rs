//! Several accounts: which are read, as whom, and what is asked of those that evidence leads to.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use reachlint_aws::collect::{Accounts, CollectError, Event, Options, Wanted, collect};
use reachlint_model::{Collected, Failure};

use crate::estate::{ACCOUNT, interface, public_access, reply, transit_route};
use crate::server::{Form, Reply, Server, filters, members, set};
use crate::tests::options;

/// The account on the other side.
const OTHER: &str = "444455556666";
const OTHERS_ROLE: &str = "arn:aws:iam::444455556666:role/audit/reader";

/// The id of the key that a role's session gets; it carries the account.
fn key(account: &str) -> String {
    format!("ASIA{account}0000")
}

/// The account whose key signed a request.
fn account(form: &Form) -> &str {
    form["Key"].strip_prefix("ASIA").and_then(|rest| rest.strip_suffix("0000")).unwrap_or(ACCOUNT)
}

fn session(form: &Form) -> Reply {
    let of = form["RoleArn"].split(':').nth(4).unwrap();
    Reply::Answer(format!(
        "<AssumeRoleResult><Credentials><AccessKeyId>{}</AccessKeyId><SecretAccessKey>secret-of-{of}</SecretAccessKey>\
         <SessionToken>token-of-{of}</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration></Credentials>\
         <AssumedRoleUser><Arn>arn:aws:sts::{of}:assumed-role/reader/reachlint</Arn><AssumedRoleId>A:reachlint\
         </AssumedRoleId></AssumedRoleUser></AssumeRoleResult>",
        key(of)
    ))
}

fn refused() -> Reply {
    Reply::Raw(
        403,
        "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User: \
         arn:aws:iam::111122223333:user/reader is not authorized to perform: sts:AssumeRole on resource: \
         arn:aws:iam::444455556666:role/audit/reader</Message></Error></ErrorResponse>",
    )
}

const EMPTY: [(&str, &str); 27] = [
    ("DescribeNetworkInterfaces", "networkInterfaceSet"),
    ("DescribeInstances", "reservationSet"),
    ("DescribeSecurityGroups", "securityGroupInfo"),
    ("DescribeSecurityGroupRules", "securityGroupRuleSet"),
    ("DescribeManagedPrefixLists", "prefixListSet"),
    ("GetManagedPrefixListEntries", "entrySet"),
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
    ("DescribeLoadBalancers", "LoadBalancers"),
    ("DescribeTargetGroups", "TargetGroups"),
    ("DescribeVpcEndpoints", "vpcEndpointSet"),
    ("DescribeDBInstances", "DBInstances"),
    ("DescribeDBClusters", "DBClusters"),
    ("DescribeCacheClusters", "CacheClusters"),
    ("DescribeReplicationGroups", "ReplicationGroups"),
];

/// An account without anything in it.
fn nothing(action: &str) -> Reply {
    let found = EMPTY.iter().find(|(known, _)| *known == action);
    match (action, found) {
        ("DescribeVpcBlockPublicAccessOptions", _) => public_access("off"),
        ("ListDomainNames", _) => Reply::Json(200, r#"{"DomainNames": []}"#.to_owned()),
        (_, Some((_, name))) if name.starts_with(char::is_uppercase) => members(action, name, &[], None),
        (_, Some((_, name))) => set(name, &[], None),
        (_, None) => Reply::Error(400, "InvalidAction", action.to_owned()),
    }
}

/// The small estate in the own account, and nothing in others.
fn estate(action: &str, form: &Form) -> Reply {
    match (action, account(form)) {
        ("AssumeRole", _) => session(form),
        (_, ACCOUNT) => reply(action, form),
        _ => nothing(action),
    }
}

fn accounts(roles: &[&str]) -> Accounts {
    Accounts { roles: roles.iter().map(|role| role.parse().unwrap()).collect(), ..Accounts::default() }
}

fn evidence(address: &str) -> Wanted {
    Wanted::Evidence {
        from: vec!["i-nginx".parse().unwrap()],
        addresses: vec![address.parse().unwrap()],
        names: Vec::new(),
    }
}

fn with(server: &Server, wanted: Wanted, accounts: Accounts) -> Options {
    Options { accounts, ..options(server, wanted) }
}

/// Collects, and holds every run to what every run must keep.
fn run(options: &Options) -> Result<Collected, CollectError> {
    let events = std::sync::Mutex::new(Vec::new());
    let result = collect(options, &|event| events.lock().unwrap().push(event));
    if let Ok(collected) = &result {
        let failed = |event: &&Event| matches!(event, Event::Failed { .. });
        let told = events.lock().unwrap().iter().filter(failed).count();
        assert_eq!(told, collected.manifest.failures.len(), "progress tells every failure");
        let documents = collected.documents.iter().map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned());
        let all = format!("{}{}", serde_json::to_string(&collected.manifest).unwrap(), documents.collect::<String>());
        for secret in ["secret-of-", "token-of-", "ASIA", "AKIA", "external-id-of-the-test"] {
            assert!(!all.contains(secret), "{secret} is told: {all}");
        }
    }
    result
}

fn scopes(collected: &Collected) -> Vec<(&str, &str)> {
    let scopes = collected.manifest.scopes.iter();
    scopes.map(|scope| (&*scope.account, scope.region.as_deref().unwrap())).collect()
}

/// What an account was asked: the action with the values of its filters.
fn asked(server: &Server, of: &str) -> BTreeSet<(String, Vec<String>)> {
    let actions: BTreeSet<String> = server.actions().into_iter().collect();
    let calls = actions.iter().flat_map(|action| server.asked(action));
    let ours = calls.filter(|form| account(form) == of && form["Action"].starts_with("Describe"));
    ours.map(|form| (form["Action"].clone(), filters(&form).into_values().flatten().collect())).collect()
}

#[test]
fn a_role_leads_into_an_account() {
    let server = Server::start(|action, form, _| estate(action, form));
    let accounts = Accounts { external_id: Some("external-id-of-the-test".to_owned()), ..accounts(&[OTHERS_ROLE]) };
    let mut options = with(&server, Wanted::Everything, accounts);
    options.regions = vec!["us-east-1".to_owned(), "eu-west-1".to_owned()];
    let collected = run(&options).unwrap();
    assert_eq!(collected.manifest.failures, []);
    let expected = [(ACCOUNT, "eu-west-1"), (ACCOUNT, "us-east-1"), (OTHER, "eu-west-1"), (OTHER, "us-east-1")];
    assert_eq!(scopes(&collected), expected);
    let principals: Vec<_> =
        collected.manifest.scopes.iter().map(|scope| scope.principal.as_deref().unwrap()).collect();
    assert_eq!(principals[0], "arn:aws:iam::111122223333:user/reader");
    assert_eq!(principals[2], "arn:aws:sts::444455556666:assumed-role/reader/reachlint");
    let roles = server.asked("AssumeRole");
    assert_eq!(roles.len(), 1, "once for all Regions");
    assert_eq!((&*roles[0]["RoleArn"], &*roles[0]["RoleSessionName"]), (OTHERS_ROLE, "reachlint"));
    assert_eq!(roles[0]["ExternalId"], "external-id-of-the-test");
    let names: Vec<_> = collected.documents.iter().map(|(name, _)| &**name).collect();
    assert!(names.contains(&"444455556666/eu-west-1/describe-subnets.json"), "{names:?}");
}

#[test]
fn a_role_that_refuses_leaves_the_other_accounts() {
    let server = Server::start(|action, form, _| match action {
        "AssumeRole" => refused(),
        _ => estate(action, form),
    });
    let mut options = with(&server, Wanted::Everything, accounts(&[OTHERS_ROLE]));
    options.regions = vec!["us-east-1".to_owned(), "eu-west-1".to_owned()];
    let collected = run(&options).unwrap();
    assert_eq!(scopes(&collected), [(ACCOUNT, "eu-west-1"), (ACCOUNT, "us-east-1")]);
    let failures = &collected.manifest.failures;
    let places: Vec<_> = failures.iter().map(|failure| (&*failure.call, failure.region.as_deref().unwrap())).collect();
    assert_eq!(places, [("sts:AssumeRole", "eu-west-1"), ("sts:AssumeRole", "us-east-1")]);
    for failure in failures {
        assert_eq!((failure.account.as_deref(), &*failure.error), (Some(OTHER), "AccessDenied"));
        assert!(failure.message.starts_with(&format!("{OTHERS_ROLE}: User: arn:aws:iam::111122223333:user/reader")));
    }
    let advice = reachlint_aws::collect::advice(&failures[0]);
    assert!(advice.contains("trust policy in account 444455556666 must allow sts:AssumeRole"), "{advice}");
    assert_eq!(server.asked("AssumeRole").len(), 1, "a refusal is not tried again");
}

#[test]
fn accounts_limit_and_add() {
    let server = Server::start(|action, form, _| estate(action, form));
    let only = |ids: &[&str], roles: &[&str]| {
        let only = ids.iter().map(|id| (*id).to_owned()).collect();
        run(&with(&server, Wanted::Everything, Accounts { only, ..accounts(roles) }))
    };
    assert_eq!(scopes(&only(&[OTHER], &[OTHERS_ROLE]).unwrap()), [(OTHER, "us-east-1")]);
    assert_eq!(scopes(&only(&[ACCOUNT], &[]).unwrap()), [(ACCOUNT, "us-east-1")]);
    let both = only(&[ACCOUNT, OTHER], &["reader"]).unwrap();
    assert_eq!(scopes(&both), [(ACCOUNT, "us-east-1"), (OTHER, "us-east-1")]);
    let named = server.asked("AssumeRole").pop().unwrap();
    assert_eq!(named["RoleArn"], "arn:aws:iam::444455556666:role/reader");
    // The own account needs no role, unless one is given for it.
    let own = "arn:aws:iam::111122223333:role/reader";
    let collected = only(&[], &[own]).unwrap();
    assert_eq!(scopes(&collected), [(ACCOUNT, "us-east-1")]);
    let principal = collected.manifest.scopes[0].principal.as_deref();
    assert_eq!(principal, Some("arn:aws:sts::111122223333:assumed-role/reader/reachlint"));
}

#[test]
fn what_cannot_be_meant_is_refused_before_anything_is_asked() {
    let server = Server::start(|action, form, _| estate(action, form));
    let wrong = |accounts: Accounts| run(&with(&server, Wanted::Everything, accounts)).unwrap_err().to_string();
    let only = |id: &str, roles: &[&str]| Accounts { only: vec![id.to_owned()], ..accounts(roles) };
    let said = wrong(accounts(&[OTHERS_ROLE, "arn:aws:iam::444455556666:role/other"]));
    assert!(said.contains("two roles are given for account 444455556666"), "{said}");
    assert!(wrong(accounts(&["one", "two"])).contains("two roles are given for all accounts"));
    assert!(wrong(only("1234", &[])).contains("`1234` is not the id of an AWS account"));
    assert!(wrong(Accounts { organization: true, ..accounts(&[OTHERS_ROLE]) }).contains("`--assume-role NAME`"));
    assert!(wrong(accounts(&["reader"])).contains("names a role and no account"));
    assert_eq!(server.actions(), Vec::<String>::new());
    let said = wrong(only(OTHER, &["arn:aws:iam::777788889999:role/reader"]));
    assert!(said.contains("`--assume-role arn:aws:iam::444455556666:role/NAME`"), "{said}");
    for role in
        ["", "a b", "arn:aws:iam::1:role/x", "arn:aws:iam::444455556666:user/x", "arn:aws:sts::444455556666:role/x"]
    {
        assert!(role.parse::<reachlint_aws::collect::Role>().is_err(), "{role}");
    }
}

fn page(accounts: &[(&str, &str, &str)], token: Option<&str>) -> Reply {
    let accounts: Vec<_> = accounts
        .iter()
        .map(|(id, state, status)| {
            let mut account = serde_json::json!({ "Id": id });
            for (key, value) in [("State", state), ("Status", status)] {
                if !value.is_empty() {
                    account[key] = (*value).into();
                }
            }
            account
        })
        .collect();
    Reply::Json(200, serde_json::json!({ "Accounts": accounts, "NextToken": token }).to_string())
}

fn whole_organization() -> Accounts {
    Accounts { organization: true, ..accounts(&["reader"]) }
}

#[test]
fn an_organization_is_read_past_an_empty_page() {
    let server = Server::start(|action, form, _| match action {
        "ListAccounts" if form["Body"].contains("\"three\"") => page(&[("777788889999", "", "ACTIVE")], None),
        // An empty page is not the last one (Organizations API, ListAccounts).
        "ListAccounts" if form["Body"].contains("\"two\"") => page(&[], Some("three")),
        "ListAccounts" => {
            let first = [
                (ACCOUNT, "ACTIVE", "ACTIVE"),
                (OTHER, "ACTIVE", ""),
                ("000000000001", "SUSPENDED", "ACTIVE"),
                ("000000000002", "PENDING_CLOSURE", "ACTIVE"),
                ("000000000003", "", "SUSPENDED"),
                ("000000000004", "A_STATE_OF_TOMORROW", ""),
            ];
            page(&first, Some("two"))
        }
        _ => estate(action, form),
    });
    let collected = run(&with(&server, Wanted::Everything, whole_organization())).unwrap();
    let expected = [(ACCOUNT, "us-east-1"), (OTHER, "us-east-1"), ("777788889999", "us-east-1")];
    assert_eq!(scopes(&collected), expected);
    assert_eq!(server.asked("ListAccounts").len(), 3);
    let roles: BTreeSet<String> = server.asked("AssumeRole").into_iter().map(|form| form["RoleArn"].clone()).collect();
    let others = [OTHER, "777788889999"].map(|account| format!("arn:aws:iam::{account}:role/reader"));
    assert_eq!(roles, others.into(), "the own account needs no role");
}

#[test]
fn a_part_of_an_organization_is_none() {
    for broken in ["refused", "cut", "endless"] {
        let server = Server::start(move |action, form, _| {
            match (action, form.get("Body")) {
            ("ListAccounts", Some(body)) if body.contains("\"two\"") => match broken {
                "refused" => Reply::Json(
                    400,
                    r#"{"__type":"AccessDeniedException","Message":"You don't have permissions to access this resource."}"#
                        .to_owned(),
                ),
                "cut" => Reply::Json(200, r#"{"Accounts":[{"Id":"444455556666","State":"#.to_owned()),
                _ => page(&[], Some("two")),
            },
            ("ListAccounts", _) => page(&[(OTHER, "ACTIVE", "")], Some("two")),
            _ => estate(action, form),
        }
        });
        let error = run(&with(&server, Wanted::Everything, whole_organization())).unwrap_err();
        let CollectError::Organization { code, .. } = &error else { panic!("{broken}: {error}") };
        let codes = [("refused", "AccessDeniedException"), ("cut", "BrokenAnswer"), ("endless", "EndlessPages")];
        assert!(codes.contains(&(broken, &**code)), "{broken}: {error}");
        assert!(error.to_string().contains("management account or of a delegated administrator"), "{error}");
    }
}

/// A peering of the own VPC with one of the other account.
fn peering(region: &str, status: &str) -> String {
    let side = |account: &str, vpc: &str, block: &str, region: &str| {
        format!(
            "<ownerId>{account}</ownerId><vpcId>{vpc}</vpcId><cidrBlock>{block}</cidrBlock><region>{region}</region>"
        )
    };
    format!(
        "<vpcPeeringConnectionId>pcx-1</vpcPeeringConnectionId><status><code>{status}</code></status>\
         <requesterVpcInfo>{}</requesterVpcInfo><accepterVpcInfo>{}</accepterVpcInfo>",
        side(ACCOUNT, "vpc-1", "10.0.0.0/16", "us-east-1"),
        side(OTHER, "vpc-9", "10.9.0.0/16", region),
    )
}

fn peered(action: &str, form: &Form, region: &str, status: &str) -> Reply {
    match (action, account(form)) {
        ("DescribeRouteTables", ACCOUNT) => {
            let Reply::Answer(tables) = estate(action, form) else { panic!("no route tables") };
            let route = "<item><destinationCidrBlock>10.9.0.0/16</destinationCidrBlock>\
                         <vpcPeeringConnectionId>pcx-1</vpcPeeringConnectionId><state>active</state></item></routeSet>";
            Reply::Answer(tables.replace("</routeSet>", route))
        }
        ("DescribeVpcPeeringConnections", ACCOUNT) => set("vpcPeeringConnectionSet", &[peering(region, status)], None),
        ("DescribeNetworkInterfaces", OTHER) => {
            let far = interface("eni-far", "i-far", "subnet-9", "sg-far", "10.9.1.20", "").replace("vpc-1", "vpc-9");
            let values: Vec<String> = filters(form).into_values().flatten().collect();
            let found: &[String] = if values.iter().any(|value| value == "10.9.1.20") { &[far] } else { &[] };
            set("networkInterfaceSet", found, None)
        }
        _ => estate(action, form),
    }
}

#[test]
fn a_peering_leads_into_the_account_of_its_other_side() {
    for role in [OTHERS_ROLE, "reader"] {
        let server = Server::start(|action, form, _| peered(action, form, "us-east-1", "active"));
        let collected = run(&with(&server, evidence("10.9.1.20"), accounts(&[role]))).unwrap();
        assert_eq!(collected.manifest.failures, []);
        assert_eq!(scopes(&collected), [(ACCOUNT, "us-east-1"), (OTHER, "us-east-1")]);
        let there = asked(&server, OTHER);
        let has = |action: &str, value: &str| there.contains(&(action.to_owned(), vec![value.to_owned()]));
        assert!(has("DescribeNetworkInterfaces", "10.9.1.20"), "{there:?}");
        assert!(has("DescribeSecurityGroupRules", "sg-far"), "{there:?}");
        for action in ["DescribeRouteTables", "DescribeNetworkAcls", "DescribeSubnets", "DescribeVpcs"] {
            assert!(has(action, "vpc-9"), "{action}: {there:?}");
        }
        for (action, values) in &there {
            assert!(!values.is_empty(), "{action} asks for everything");
        }
    }
}

#[test]
fn a_transit_gateway_leads_into_the_account_of_the_vpc_on_its_other_side() {
    let server = Server::start(|action, form, _| match (action, account(form), estate(action, form)) {
        ("DescribeRouteTables", ACCOUNT, Reply::Answer(tables)) => {
            let route = "<item><destinationCidrBlock>10.0.0.0/8</destinationCidrBlock><transitGatewayId>tgw-1\
                         </transitGatewayId><state>active</state></item></routeSet>";
            Reply::Answer(tables.replace("</routeSet>", route))
        }
        ("DescribeTransitGatewayVpcAttachments", ACCOUNT, Reply::Answer(found)) => {
            let owned = format!("<vpcId>vpc-2</vpcId><vpcOwnerId>{OTHER}</vpcOwnerId>");
            Reply::Answer(found.replace("<vpcId>vpc-2</vpcId>", &owned))
        }
        (_, _, reply) => reply,
    });
    let collected = run(&with(&server, evidence("10.8.1.20"), accounts(&["reader"]))).unwrap();
    assert_eq!(collected.manifest.failures, []);
    assert_eq!(scopes(&collected), [(ACCOUNT, "us-east-1"), (OTHER, "us-east-1")]);
    let there = asked(&server, OTHER);
    for (action, value) in [("DescribeNetworkInterfaces", "10.8.1.20"), ("DescribeRouteTables", "vpc-2")] {
        assert!(there.contains(&(action.to_owned(), vec![value.to_owned()])), "{action}: {there:?}");
    }
}

#[test]
fn only_what_the_evidence_needs_leads_on() {
    // Another address, another Region, a peering that is not in force, and no role.
    let cases = [
        ("10.0.2.20", "us-east-1", "active", "reader"),
        ("10.9.1.20", "eu-west-1", "active", "reader"),
        ("10.9.1.20", "us-east-1", "pending-acceptance", "reader"),
        ("10.9.1.20", "us-east-1", "active", "arn:aws:iam::111122223333:role/reader"),
    ];
    for (address, region, status, role) in cases {
        let server = Server::start(move |action, form, _| peered(action, form, region, status));
        let collected = run(&with(&server, evidence(address), accounts(&[role]))).unwrap();
        assert_eq!(scopes(&collected), [(ACCOUNT, "us-east-1")], "{address} {region} {status} {role}");
        let others = server.asked("AssumeRole").into_iter().filter(|form| form["RoleArn"].contains(OTHER));
        assert_eq!(others.count(), 0, "{address} {region} {status} {role}");
    }
}

#[test]
fn a_role_that_refuses_on_the_way_hides_only_what_it_leads_to() {
    let server = Server::start(|action, form, _| match action {
        "AssumeRole" => refused(),
        _ => peered(action, form, "us-east-1", "active"),
    });
    let collected = run(&with(&server, evidence("10.9.1.20"), accounts(&["reader"]))).unwrap();
    let [Failure { call, account, resources, .. }] = collected.manifest.failures.as_slice() else {
        panic!("{:?}", collected.manifest.failures)
    };
    assert_eq!((&**call, account.as_deref()), ("sts:AssumeRole", Some(OTHER)));
    assert_eq!(*resources, ["vpc-9"]);
}

#[test]
fn a_shared_vpc_leads_to_its_owner() {
    let server = Server::start(|action, form, _| match (action, account(form)) {
        ("DescribeVpcs", ACCOUNT) => {
            let vpc = format!("<vpcId>vpc-1</vpcId><cidrBlock>10.0.0.0/16</cidrBlock><ownerId>{OTHER}</ownerId>");
            set("vpcSet", &[vpc], None)
        }
        _ => estate(action, form),
    });
    // The own account sees who has the first address, and nobody with the second.
    let none = run(&with(&server, evidence("10.0.2.20"), accounts(&["reader"]))).unwrap();
    assert_eq!(scopes(&none), [(ACCOUNT, "us-east-1")]);
    let some = run(&with(&server, evidence("10.0.7.7"), accounts(&["reader"]))).unwrap();
    assert_eq!(scopes(&some), [(ACCOUNT, "us-east-1"), (OTHER, "us-east-1")]);
    let there = asked(&server, OTHER);
    assert!(there.contains(&("DescribeNetworkInterfaces".to_owned(), vec!["10.0.7.7".to_owned()])), "{there:?}");
    assert!(there.contains(&("DescribeRouteTables".to_owned(), vec!["vpc-1".to_owned()])), "{there:?}");
}

#[test]
fn a_reference_to_a_group_leads_to_its_account() {
    let server = Server::start(|action, form, _| match (action, account(form)) {
        ("DescribeSecurityGroupRules", ACCOUNT) => {
            let rule = format!(
                "<securityGroupRuleId>sgr-9</securityGroupRuleId><groupId>sg-app</groupId><isEgress>false</isEgress>\
                 <ipProtocol>-1</ipProtocol><referencedGroupInfo><groupId>sg-far</groupId><userId>{OTHER}</userId>\
                 </referencedGroupInfo>"
            );
            set("securityGroupRuleSet", &[rule], None)
        }
        _ => estate(action, form),
    });
    let collected = run(&with(&server, evidence("10.0.2.20"), accounts(&["reader"]))).unwrap();
    assert_eq!(scopes(&collected), [(ACCOUNT, "us-east-1"), (OTHER, "us-east-1")]);
    let groups = ["DescribeSecurityGroups", "DescribeSecurityGroupRules"];
    let expected = groups.map(|action| (action.to_owned(), vec!["sg-far".to_owned()]));
    assert_eq!(asked(&server, OTHER), expected.into(), "and nothing else is asked there");
}

/// The account behind the transit gateway, which is the other account's.
const FAR: &str = "777788889999";

/// What one of the accounts sees of a transit gateway between `vpc-1` and the far account's `vpc-9`: its owner all of it,
/// the own account the gateway and its own attachment.
fn shared_gateway(action: &str, form: &Form) -> Reply {
    let attachment = |at: u8, owner: &str| {
        format!(
            "<transitGatewayAttachmentId>tgw-attach-{at}</transitGatewayAttachmentId><transitGatewayId>tgw-1\
             </transitGatewayId><vpcId>vpc-{at}</vpcId><vpcOwnerId>{owner}</vpcOwnerId><state>available</state>"
        )
    };
    let table = |at: u8| {
        format!(
            "<transitGatewayRouteTableId>tgw-rtb-{at}</transitGatewayRouteTableId><transitGatewayId>tgw-1\
             </transitGatewayId>"
        )
    };
    match (action, account(form)) {
        ("DescribeRouteTables", ACCOUNT) => {
            let Reply::Answer(tables) = estate(action, form) else { panic!("no route tables") };
            let route = "<item><destinationCidrBlock>10.9.0.0/16</destinationCidrBlock>\
                         <transitGatewayId>tgw-1</transitGatewayId><state>active</state></item></routeSet>";
            Reply::Answer(tables.replace("</routeSet>", route))
        }
        ("DescribeTransitGateways", ACCOUNT | OTHER) => {
            let gateway = format!("<transitGatewayId>tgw-1</transitGatewayId><ownerId>{OTHER}</ownerId>");
            set("transitGatewaySet", &[gateway], None)
        }
        ("DescribeTransitGatewayVpcAttachments", ACCOUNT) => {
            set("transitGatewayVpcAttachments", &[attachment(1, ACCOUNT)], None)
        }
        ("DescribeTransitGatewayVpcAttachments", OTHER) => {
            set("transitGatewayVpcAttachments", &[attachment(1, ACCOUNT), attachment(9, FAR)], None)
        }
        ("DescribeTransitGatewayRouteTables", OTHER) => {
            set("transitGatewayRouteTables", &[table(1), table(2), table(9)], None)
        }
        ("GetTransitGatewayRouteTableAssociations", OTHER) => {
            let at = form["TransitGatewayRouteTableId"].rsplit('-').next().unwrap();
            let association = format!(
                "<transitGatewayAttachmentId>tgw-attach-{at}</transitGatewayAttachmentId><state>associated</state>"
            );
            set("associations", &[association], None)
        }
        ("SearchTransitGatewayRoutes", OTHER) => set("routeSet", &[transit_route("10.9.0.0/16", 9)], None),
        (_, ACCOUNT) if action.contains("TransitGateway") => nothing(action),
        ("DescribeNetworkInterfaces", FAR) => {
            let far = interface("eni-far", "i-far", "subnet-9", "sg-far", "10.9.1.20", "").replace("vpc-1", "vpc-9");
            set("networkInterfaceSet", &[far], None)
        }
        _ => estate(action, form),
    }
}

#[test]
fn a_transit_gateway_leads_to_its_owner_and_on_to_the_vpc_behind_it() {
    let server = Server::start(|action, form, _| shared_gateway(action, form));
    let collected = run(&with(&server, evidence("10.9.1.20"), accounts(&["reader"]))).unwrap();
    assert_eq!(collected.manifest.failures, []);
    assert_eq!(scopes(&collected), [(ACCOUNT, "us-east-1"), (OTHER, "us-east-1"), (FAR, "us-east-1")]);
    let searched = server.asked("SearchTransitGatewayRoutes").into_iter();
    let searched: BTreeSet<String> = searched.map(|form| form["TransitGatewayRouteTableId"].clone()).collect();
    assert_eq!(searched, ["tgw-rtb-1", "tgw-rtb-9"].map(str::to_owned).into(), "the way there and the way back");
    let there = asked(&server, FAR);
    let has = |action: &str, value: &str| there.contains(&(action.to_owned(), vec![value.to_owned()]));
    assert!(has("DescribeSecurityGroupRules", "sg-far") && has("DescribeRouteTables", "vpc-9"), "{there:?}");
    // Another address takes no route to the gateway.
    let server = Server::start(|action, form, _| shared_gateway(action, form));
    let collected = run(&with(&server, evidence("10.0.2.20"), accounts(&["reader"]))).unwrap();
    assert_eq!(scopes(&collected), [(ACCOUNT, "us-east-1")]);
}

/// Ten accounts with eight calls each at a time would be eighty.
#[test]
fn all_accounts_together_stay_within_one_bound() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, highest) = (Arc::clone(&now), Arc::clone(&most));
    let server = Server::start(move |action, form, _| {
        if action.starts_with("Describe") {
            highest.fetch_max(counted.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(50));
            counted.fetch_sub(1, Ordering::SeqCst);
        }
        estate(action, form)
    });
    let ids: Vec<String> = (1..=10).map(|at| format!("{at:012}")).collect();
    let accounts = Accounts { only: ids.clone(), ..accounts(&["reader"]) };
    let collected = run(&with(&server, Wanted::Everything, accounts)).unwrap();
    assert_eq!(scopes(&collected), ids.iter().map(|id| (&**id, "us-east-1")).collect::<Vec<_>>());
    let most = most.load(Ordering::SeqCst);
    assert!(most <= 48, "{most} calls at a time");
}
