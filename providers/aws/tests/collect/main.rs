//! Live collection against a server that answers as the EC2 API does, and as it does on a bad day.

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod estate;
#[cfg(test)]
mod server;
#[cfg(test)]
#[expect(dead_code, reason = "the live tests use all of it")]
mod services;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::Mutex;
    use std::time::Duration;

    use reachlint_aws::collect::{AccessKey, CollectError, Event, Options, PERMISSIONS, Patience, Wanted, collect};
    use reachlint_aws::network::{AwsNetwork, Estate};
    use reachlint_aws::records::{self, Listing, Recognised};
    use reachlint_model::{Collected, Failure, Provider, Selector};

    use crate::estate::{ACCOUNT, interface, reply};
    use crate::server::{Form, Reply, Server, filters, set};

    pub(crate) fn options(server: &Server, wanted: Wanted) -> Options {
        Options {
            access_key: Some(AccessKey {
                id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
                secret: "secret-of-the-test".to_owned(),
                token: Some("token-of-the-test".to_owned()),
            }),
            regions: vec!["us-east-1".to_owned()],
            endpoint_url: Some(server.url.clone()),
            patience: Patience {
                attempts: 3,
                backoff: Duration::from_millis(5),
                connect: Duration::from_secs(5),
                answer: Duration::from_secs(5),
            },
            ..Options::new(wanted, "2026-01-02T03:04:05Z".to_owned())
        }
    }

    /// Collects, and holds every run to what every run must keep.
    fn run(server: &Server, options: &Options) -> Result<Collected, CollectError> {
        let events = Mutex::new(Vec::new());
        let result = collect(options, &|event| events.lock().unwrap().push(event));
        let allowed: BTreeSet<&str> =
            PERMISSIONS.iter().map(|permission| permission.action.split_once(':').unwrap().1).collect();
        for action in server.actions() {
            let reads = ["Describe", "Get", "List", "Search"].iter().any(|verb| action.starts_with(verb));
            assert!(reads, "{action} is no call that reads");
            assert!(allowed.contains(&*action), "{action} is not among the permissions");
            for form in server.asked(&action) {
                let values: usize = filters(&form).values().map(Vec::len).sum();
                assert!(values <= 200, "{action} was sent {values} filter values");
                let single = ["DescribeAddresses", "DescribeVpcBlockPublicAccessOptions", "GetCallerIdentity"];
                let paged = !single.contains(&&*action);
                let of_ec2 = form.get("Version").is_some_and(|version| version == "2016-11-15");
                assert_eq!(form.contains_key("MaxResults"), paged && of_ec2, "{action}: {form:?}");
            }
        }
        if let Ok(collected) = &result {
            let failed = |event: &&Event| matches!(event, Event::Failed { .. });
            let told = events.lock().unwrap().iter().filter(failed).count();
            let ours = |failure: &&Failure| !failure.call.starts_with("sts:");
            assert_eq!(told, collected.manifest.failures.iter().filter(ours).count(), "progress tells every failure");
            let everything = serde_json::to_string(&collected.manifest).unwrap();
            for secret in ["AKIAIOSFODNN7EXAMPLE", "secret-of-the-test", "token-of-the-test"] {
                assert!(!everything.contains(secret), "{everything}");
            }
        }
        result
    }

    fn everything(server: &Server) -> Collected {
        run(server, &options(server, Wanted::Everything)).unwrap()
    }

    fn evidence(server: &Server, from: &[&str], addresses: &[&str]) -> Collected {
        let wanted = Wanted::Evidence {
            from: from.iter().map(|selector| selector.parse().unwrap()).collect(),
            addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
            names: Vec::new(),
        };
        run(server, &options(server, wanted)).unwrap()
    }

    fn document<'c>(collected: &'c Collected, command: &str) -> Option<&'c str> {
        let name = format!("{ACCOUNT}/us-east-1/{command}.json");
        let found = collected.documents.iter().find(|(known, _)| *known == name)?;
        Some(std::str::from_utf8(&found.1).unwrap())
    }

    /// The ids of a document's records in their order.
    fn ids(collected: &Collected, command: &str, key: &str, id: &str) -> Vec<String> {
        let text = document(collected, command).unwrap_or_else(|| panic!("no {command}"));
        let json: serde_json::Value = serde_json::from_str(text).unwrap();
        json[key].as_array().unwrap().iter().map(|record| record[id].as_str().unwrap().to_owned()).collect()
    }

    fn interfaces(collected: &Collected) -> Vec<String> {
        ids(collected, "describe-network-interfaces", "NetworkInterfaces", "NetworkInterfaceId")
    }

    /// The only failure, which is of this call.
    fn failure<'c>(collected: &'c Collected, call: &str) -> &'c Failure {
        let failures = &collected.manifest.failures;
        assert_eq!(failures.len(), 1, "{failures:?}");
        assert_eq!(failures[0].call, call);
        assert_eq!(failures[0].account.as_deref(), Some(ACCOUNT));
        assert_eq!(failures[0].region.as_deref(), Some("us-east-1"));
        &failures[0]
    }

    /// Everything but the named document is there.
    fn only_missing(collected: &Collected, missing: &str) {
        let names: Vec<&str> = collected.documents.iter().filter_map(|(name, _)| name.rsplit('/').next()).collect();
        assert_eq!(names.len(), 43, "{names:?}");
        assert!(!names.contains(&&*format!("{missing}.json")), "{names:?}");
    }

    #[test]
    fn a_region_is_read_whole() {
        let server = Server::start(|action, form, _| reply(action, form));
        let collected = everything(&server);
        assert_eq!(collected.manifest.failures, []);
        assert_eq!(interfaces(&collected), ["eni-app", "eni-nginx", "eni-node", "eni-other"]);
        let rules = ids(&collected, "describe-security-group-rules", "SecurityGroupRules", "SecurityGroupRuleId");
        assert_eq!(rules, ["sgr-1", "sgr-2", "sgr-3"]);
        let entries = document(&collected, "get-managed-prefix-list-entries-pl-1").unwrap();
        assert_eq!(entries, "{\"PrefixListId\":\"pl-1\",\"Entries\":[\n{\"Cidr\":\"10.0.1.0/24\"}\n]}\n");
        let scope = &collected.manifest.scopes[0];
        assert_eq!((&*scope.provider, &*scope.account, scope.region.as_deref()), ("aws", ACCOUNT, Some("us-east-1")));
        assert_eq!(scope.principal.as_deref(), Some("arn:aws:iam::111122223333:user/reader"));
        assert_eq!(collected.manifest.collected_at, "2026-01-02T03:04:05Z");
        for form in server.asked("DescribeNetworkInterfaces") {
            assert_eq!(form["IncludeManagedResources"], "true");
            assert_eq!(form["MaxResults"], "1000");
        }
        // Every listing but the one that nothing hangs on, and the identity.
        assert_eq!(server.actions().iter().collect::<BTreeSet<_>>().len(), PERMISSIONS.len());
    }

    #[test]
    fn documents_are_read_back_as_evidence() {
        let server = Server::start(|action, form, _| reply(action, form));
        let collected = everything(&server);
        let mut estate = Estate::new();
        let mut seen = BTreeSet::new();
        for (name, bytes) in &collected.documents {
            match records::read(name, &mut bytes.as_slice(), &mut estate).unwrap() {
                Recognised::Evidence(found) => seen.extend(found.into_iter().map(|(listing, _)| listing)),
                Recognised::Other(other) => panic!("{name}: {}", other.why),
            }
        }
        estate.manifest(&collected.manifest);
        assert_eq!(seen.len(), Listing::ALL.len() - Listing::OFFLINE.len(), "{seen:?}");
        let network = AwsNetwork::new(estate);
        assert_eq!(network.select(&Selector::Name("i-app".to_owned())).len(), 1);
        assert_eq!(network.select(&Selector::Address("10.0.2.70".parse().unwrap())).len(), 1);
    }

    #[test]
    fn the_order_of_the_answers_does_not_matter() {
        let forward = Server::start(|action, form, _| reply(action, form));
        let backward = Server::start(|action, form, _| match (action, reply(action, form)) {
            ("DescribeNetworkInterfaces", Reply::Answer(text)) => {
                let inside = text.replace("<requestId>r</requestId>", "");
                let inside = inside.strip_prefix("<networkInterfaceSet><item>").unwrap();
                let inside = inside.strip_suffix("</item></networkInterfaceSet>").unwrap();
                let mut items: Vec<String> = inside
                    .split("</item><item><networkInterfaceId>")
                    .map(|item| format!("<networkInterfaceId>{}", item.trim_start_matches("<networkInterfaceId>")))
                    .collect();
                assert_eq!(items.len(), 4);
                items.reverse();
                set("networkInterfaceSet", &items, None)
            }
            (_, other) => other,
        });
        assert_eq!(everything(&forward), everything(&backward));
    }

    #[test]
    fn every_page_is_read_even_after_an_empty_one() {
        let server = Server::start(|action, form, _| match action {
            "DescribeNetworkInterfaces" => {
                let page = |id: &str| interface(id, "i-1", "subnet-1", "sg-1", "10.0.1.1", "");
                match form.get("NextToken").map(String::as_str) {
                    None => set("networkInterfaceSet", &[page("eni-3")], Some("two")),
                    Some("two") => set("networkInterfaceSet", &[], Some("three")),
                    Some("three") => set("networkInterfaceSet", &[page("eni-1"), page("eni-2")], None),
                    Some(other) => panic!("{other}"),
                }
            }
            _ => reply(action, form),
        });
        let collected = everything(&server);
        assert_eq!(interfaces(&collected), ["eni-1", "eni-2", "eni-3"]);
        assert_eq!(server.asked("DescribeNetworkInterfaces").len(), 3);
        assert_eq!(collected.manifest.failures, []);
    }

    #[test]
    fn pages_that_never_end_are_not_taken_for_the_end() {
        let server = Server::start(|action, form, _| match action {
            "DescribeVpcs" => set("vpcSet", &["<vpcId>vpc-1</vpcId>".to_owned()], Some("again")),
            _ => reply(action, form),
        });
        let collected = everything(&server);
        let failure = failure(&collected, "ec2:DescribeVpcs");
        assert_eq!(failure.error, "EndlessPages");
        assert_eq!(failure.resources, Vec::<String>::new());
        assert_eq!(ids(&collected, "describe-vpcs", "Vpcs", "VpcId"), ["vpc-1"]);
    }

    #[test]
    fn a_throttled_call_is_tried_again() {
        let server = Server::start(|action, form, before| match action {
            "DescribeSubnets" if before < 2 => {
                Reply::Error(503, "RequestLimitExceeded", "Request limit exceeded.".to_owned())
            }
            _ => reply(action, form),
        });
        let collected = everything(&server);
        assert_eq!(collected.manifest.failures, []);
        assert_eq!(server.asked("DescribeSubnets").len(), 3);
        assert_eq!(ids(&collected, "describe-subnets", "Subnets", "SubnetId"), ["subnet-1", "subnet-2"]);
        assert_eq!(collected.documents.len(), 44, "all others arrive too");
        assert_eq!(server.actions().len(), 48, "and are asked once");
    }

    #[test]
    fn throttling_without_end_is_a_failure() {
        let server = Server::start(|action, form, _| match action {
            "DescribeSubnets" => Reply::Error(503, "RequestLimitExceeded", "Request limit exceeded.".to_owned()),
            _ => reply(action, form),
        });
        let collected = everything(&server);
        assert_eq!(failure(&collected, "ec2:DescribeSubnets").error, "RequestLimitExceeded");
        assert_eq!(server.asked("DescribeSubnets").len(), 3);
        only_missing(&collected, "describe-subnets");
    }

    #[test]
    fn a_refused_call_leaves_the_others() {
        let refusal = "You are not authorized to perform this operation. User: arn:aws:iam::111122223333:user/reader \
                       is not authorized to perform: ec2:DescribeNetworkAcls because no identity-based policy allows \
                       the action. Encoded authorization failure message: k3hFz0123456789";
        let server = Server::start(move |action, form, _| match action {
            "DescribeNetworkAcls" => Reply::Error(403, "UnauthorizedOperation", refusal.to_owned()),
            _ => reply(action, form),
        });
        let collected = everything(&server);
        let failure = failure(&collected, "ec2:DescribeNetworkAcls");
        assert_eq!(failure.error, "UnauthorizedOperation");
        assert!(
            failure.message.ends_with("because no identity-based policy allows the action."),
            "{}",
            failure.message
        );
        only_missing(&collected, "describe-network-acls");
        assert_eq!(server.asked("DescribeNetworkAcls").len(), 1, "a refusal is not tried again");
    }

    #[test]
    fn a_refused_call_names_what_was_asked() {
        let server = Server::start(|action, form, _| match action {
            "DescribeNetworkAcls" => Reply::Error(403, "UnauthorizedOperation", "no".to_owned()),
            _ => reply(action, form),
        });
        let collected = evidence(&server, &["i-nginx"], &["10.0.2.20"]);
        let failure = failure(&collected, "ec2:DescribeNetworkAcls");
        assert_eq!(failure.resources, ["vpc-1", "subnet-1", "subnet-2"]);
    }

    #[test]
    fn a_broken_answer_leaves_the_others() {
        // Each is taken by the SDK for an answer, or for the beginning of one.
        let broken = [
            "<DescribeSubnetsResponse><subnetSet><item><subnetId>subnet-1</subnetId></item></subnetSet>",
            "<DescribeSubnetsResponse><subnetSet><item><subnetId>subnet-1</subnetId></item><item><subnetId>subnet-2</sub",
            "<DescribeSubnetsResponse><subnetSet><item><subnetId>subnet-1</item></subnetSet></DescribeSubnetsResponse>",
            "<DescribeSubnetsResponse><subnetSet/></DescribeSubnetsRes",
            "<html><body>Please log in</body></html>",
            "{}",
            "",
        ];
        for body in broken {
            let server = Server::start(move |action, form, _| match action {
                "DescribeSubnets" => Reply::Raw(200, body),
                _ => reply(action, form),
            });
            let collected = everything(&server);
            assert_eq!(failure(&collected, "ec2:DescribeSubnets").error, "BrokenAnswer", "{body}");
            only_missing(&collected, "describe-subnets");
        }
    }

    #[test]
    fn a_page_of_something_else_leaves_the_others() {
        let server = Server::start(|action, form, _| match action {
            "DescribeAddresses" => Reply::Raw(500, "<!doctype html><h1>Internal Server Error</h1>"),
            _ => reply(action, form),
        });
        let collected = everything(&server);
        assert_eq!(failure(&collected, "ec2:DescribeAddresses").error, "HTTP 500");
        only_missing(&collected, "describe-addresses");
    }

    #[test]
    fn a_connection_that_breaks_leaves_the_others() {
        let server = Server::start(|action, form, _| match action {
            "DescribeRouteTables" => Reply::Reset,
            _ => reply(action, form),
        });
        let collected = everything(&server);
        assert_eq!(failure(&collected, "ec2:DescribeRouteTables").error, "ConnectionFailed");
        assert_eq!(server.asked("DescribeRouteTables").len(), 3);
        only_missing(&collected, "describe-route-tables");
    }

    #[test]
    fn a_connection_that_broke_once_is_made_again() {
        let server = Server::start(|action, form, before| match action {
            "DescribeRouteTables" if before == 0 => Reply::Reset,
            _ => reply(action, form),
        });
        assert_eq!(everything(&server).manifest.failures, []);
    }

    #[test]
    fn a_call_without_an_answer_ends() {
        let server = Server::start(|action, form, _| match action {
            "DescribeNatGateways" => Reply::Silence(Duration::from_secs(20)),
            _ => reply(action, form),
        });
        let mut options = options(&server, Wanted::Everything);
        options.patience.answer = Duration::from_millis(500);
        let collected = run(&server, &options).unwrap();
        assert_eq!(failure(&collected, "ec2:DescribeNatGateways").error, "Timeout");
        only_missing(&collected, "describe-nat-gateways");
    }

    /// The first page of an answer, and then nothing but refusals.
    fn first_page_of(broken: &'static str, name: &'static str) -> Server {
        Server::start(move |action, form, _| match reply(action, form) {
            Reply::Answer(_) if action == broken && form.contains_key("NextToken") => {
                Reply::Error(400, "InvalidNextToken", "the token has expired".to_owned())
            }
            Reply::Answer(text) if action == broken => {
                let end = format!("</{name}>");
                assert!(text.contains(&end));
                Reply::Answer(text.replace(&end, &format!("{end}<nextToken>two</nextToken>")))
            }
            other => other,
        })
    }

    #[test]
    fn pages_before_a_failure_are_kept_and_known_to_be_a_part() {
        let server = first_page_of("DescribeSecurityGroupRules", "securityGroupRuleSet");
        let collected = evidence(&server, &["i-nginx"], &["10.0.2.20"]);
        let failure = failure(&collected, "ec2:DescribeSecurityGroupRules");
        assert_eq!((&*failure.error, &*failure.message), ("InvalidNextToken", "the token has expired"));
        assert_eq!(failure.resources, Vec::<String>::new());
        let rules = ids(&collected, "describe-security-group-rules", "SecurityGroupRules", "SecurityGroupRuleId");
        assert_eq!(rules, ["sgr-1", "sgr-2"]);
    }

    #[test]
    fn a_part_of_the_route_tables_is_worth_nothing() {
        // The main table would be taken for subnets whose own table is on the page that failed.
        let server = first_page_of("DescribeRouteTables", "routeTableSet");
        let collected = everything(&server);
        assert_eq!(failure(&collected, "ec2:DescribeRouteTables").error, "InvalidNextToken");
        only_missing(&collected, "describe-route-tables");
    }

    #[test]
    fn a_part_of_a_prefix_list_is_worth_nothing() {
        let server = first_page_of("GetManagedPrefixListEntries", "entrySet");
        let collected = everything(&server);
        let failure = failure(&collected, "ec2:GetManagedPrefixListEntries");
        assert_eq!(failure.resources, ["pl-1"]);
        only_missing(&collected, "get-managed-prefix-list-entries-pl-1");
    }

    #[test]
    fn evidence_leads_from_the_machine_to_what_decides() {
        let server = Server::start(|action, form, _| reply(action, form));
        let collected = evidence(&server, &["i-nginx"], &["10.0.2.20"]);
        assert_eq!(collected.manifest.failures, []);
        assert_eq!(interfaces(&collected), ["eni-app", "eni-nginx"]);
        let groups = ids(&collected, "describe-security-groups", "SecurityGroups", "GroupId");
        assert_eq!(groups, ["sg-app", "sg-nginx"]);
        assert!(document(&collected, "get-managed-prefix-list-entries-pl-1").is_some());
        assert_eq!(document(&collected, "describe-addresses"), None, "no address is public");
        // No route leads out of the VPC.
        for command in ["describe-nat-gateways", "describe-internet-gateways", "describe-vpc-peering-connections"] {
            assert_eq!(document(&collected, command), None);
        }
        assert_eq!(document(&collected, "describe-vpc-block-public-access-options"), None);
        let tables = server.asked("DescribeRouteTables");
        assert_eq!(filters(&tables[0])["vpc-id"], ["vpc-1"]);
        assert_eq!(tables[0]["MaxResults"], "100");
        assert!(server.actions().len() <= 12, "{:?}", server.actions());
    }

    #[test]
    fn an_address_in_a_delegated_block_is_found_through_its_subnet() {
        let server = Server::start(|action, form, _| reply(action, form));
        // The subnet of the address is known through another upstream in the VPC.
        let collected = evidence(&server, &["i-nginx"], &["10.0.2.70"]);
        assert_eq!(interfaces(&collected), ["eni-nginx", "eni-node"], "the others of the subnet decide nothing");
        let groups = ids(&collected, "describe-security-groups", "SecurityGroups", "GroupId");
        assert_eq!(groups, ["sg-nginx", "sg-node"]);
    }

    #[test]
    fn no_call_has_more_filter_values_than_the_api_takes() {
        let server = Server::start(|action, form, _| reply(action, form));
        let addresses: Vec<IpAddr> = (0..450_u32).map(|at| IpAddr::V4(Ipv4Addr::from_bits(0x0a14_0000 + at))).collect();
        let wanted = Wanted::Evidence {
            from: vec!["i-nginx".parse().unwrap()],
            addresses: addresses.clone(),
            names: Vec::new(),
        };
        run(&server, &options(&server, wanted)).unwrap();
        let asked = server.asked("DescribeNetworkInterfaces");
        let by_address: Vec<Vec<String>> =
            asked.iter().filter_map(|form| filters(form).remove("private-ip-address")).collect();
        assert_eq!(by_address.iter().map(Vec::len).collect::<BTreeSet<_>>(), BTreeSet::from([50, 200]));
        let sent: BTreeSet<IpAddr> = by_address.iter().flatten().map(|text| text.parse().unwrap()).collect();
        assert_eq!(sent, addresses.into_iter().collect());
    }

    #[test]
    fn each_kind_of_address_is_a_call_of_its_own() {
        let server = Server::start(|action, form, _| reply(action, form));
        evidence(&server, &["eni-nginx", "tag:Role=web*", "front"], &["203.0.113.7", "2001:db8::7", "127.0.0.1"]);
        let asked = server.asked("DescribeNetworkInterfaces");
        let sent: BTreeSet<(String, String)> = asked
            .iter()
            .map(|form: &Form| filters(form))
            .flat_map(|filters| {
                assert_eq!(filters.len(), 1, "filters of different names must all match");
                filters
                    .into_iter()
                    .flat_map(|(name, values)| values.into_iter().map(move |value| (name.clone(), value)))
            })
            .collect();
        let expected = [
            ("association.public-ip", "203.0.113.7"),
            ("description", "front"),
            ("ipv6-addresses.ipv6-address", "2001:db8::7"),
            ("network-interface-id", "eni-nginx"),
            ("private-ip-address", "203.0.113.7"),
            // A tag's value is no pattern.
            ("tag:Role", "web\\*"),
        ];
        assert_eq!(sent, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        assert_eq!(filters(&server.asked("DescribeAddresses")[0])["public-ip"], ["203.0.113.7"]);
        let machines: Vec<_> = server.asked("DescribeInstances").iter().map(filters).collect();
        assert!(machines.iter().any(|filters| filters.get("tag:Name") == Some(&vec!["front".to_owned()])));
    }

    /// Route 53 answers in one Region for all (AWS General Reference, Route 53 endpoints).
    #[test]
    fn zones_are_asked_for_where_route_53_is() {
        let server = Server::start(|action, form, _| reply(action, form));
        let mut options = options(&server, Wanted::Everything);
        options.regions = vec!["eu-west-1".to_owned()];
        run(&server, &options).unwrap();
        let asked = server.asked("ListHostedZonesByVPC");
        assert_eq!((&*asked[0]["SignedFor"], &*asked[0]["vpcregion"]), ("us-east-1", "eu-west-1"));
        assert_eq!(server.asked("ListResourceRecordSets")[0]["SignedFor"], "us-east-1");
        assert_eq!(server.asked("DescribeDBInstances")[0]["SignedFor"], "eu-west-1");
    }

    #[test]
    fn regions_stand_side_by_side() {
        let server = Server::start(|action, form, _| reply(action, form));
        let mut options = options(&server, Wanted::Everything);
        options.regions = vec!["us-west-2".to_owned(), "eu-west-1".to_owned(), "us-west-2".to_owned()];
        let collected = run(&server, &options).unwrap();
        let regions: Vec<_> = collected.manifest.scopes.iter().map(|scope| scope.region.as_deref().unwrap()).collect();
        assert_eq!(regions, ["eu-west-1", "us-west-2"]);
        let names: Vec<_> = collected.documents.iter().map(|(name, _)| &**name).collect();
        assert!(names.contains(&"111122223333/eu-west-1/describe-subnets.json"), "{names:?}");
        assert!(names.contains(&"111122223333/us-west-2/describe-subnets.json"), "{names:?}");
        assert_eq!(server.asked("GetCallerIdentity").len(), 1);
    }

    #[test]
    fn without_the_identity_the_owner_of_what_was_read_is_the_account() {
        let server = Server::start(|action, form, _| match action {
            "GetCallerIdentity" => {
                Reply::Raw(403, "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>")
            }
            _ => reply(action, form),
        });
        let collected = everything(&server);
        let failures = &collected.manifest.failures;
        assert_eq!(failures.len(), 1, "{failures:?}");
        assert_eq!((&*failures[0].call, &*failures[0].error), ("sts:GetCallerIdentity", "AccessDenied"));
        assert_eq!(collected.manifest.scopes[0].account, ACCOUNT);
        assert_eq!(collected.manifest.scopes[0].principal, None);
        assert!(document(&collected, "describe-subnets").is_some());
    }

    #[test]
    fn when_every_call_fails_nothing_was_collected() {
        let server = Server::start(|action, form, _| match action {
            "GetCallerIdentity" => reply(action, form),
            _ => {
                Reply::Error(401, "AuthFailure", "AWS was not able to validate the provided access credentials".into())
            }
        });
        let error = run(&server, &options(&server, Wanted::Everything)).unwrap_err();
        let CollectError::NothingRead { failures } = &error else { panic!("{error}") };
        assert_eq!(failures.len(), 29);
        let text = error.to_string();
        assert!(text.contains("AuthFailure") && text.contains("renew the credentials"), "{text}");
    }

    #[test]
    fn this_machine_is_for_the_caller_to_name() {
        let server = Server::start(|action, form, _| reply(action, form));
        let wanted = Wanted::Evidence { from: vec![Selector::Itself], addresses: Vec::new(), names: Vec::new() };
        let error = run(&server, &options(&server, wanted)).unwrap_err();
        assert!(matches!(error, CollectError::ItselfUnresolved), "{error}");
        assert_eq!(server.actions(), Vec::<String>::new());
    }
}
