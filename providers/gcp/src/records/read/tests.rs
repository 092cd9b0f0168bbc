use super::*;

fn kinds(document: &str) -> Vec<(String, usize)> {
    read("x.json", document.as_bytes()).unwrap().unwrap().1
}

#[test]
fn lists_pages_and_single_records_are_recognised_by_kind() {
    let one = r#"{"kind": "compute#firewall", "name": "a"}"#;
    assert_eq!(kinds(one), [("compute#firewall".to_owned(), 1)]);
    assert_eq!(kinds(&format!("[{one}, {one}]")), [("compute#firewall".to_owned(), 2)]);
    let page = r#"{"kind": "compute#firewallList", "id": "projects/p/global/firewalls", "items": [{"name": "a"}]}"#;
    assert_eq!(kinds(page), [("compute#firewall".to_owned(), 1)]);
    assert!(read("x.json", br#"[{"name": "a"}]"#).unwrap().is_none());
    assert!(read("x.json", b"[1, 2").unwrap().is_none());
    assert!(read("x.json", br#"[{"kind": "compute#firewall""#).is_err());
}

#[test]
fn a_record_of_a_list_is_of_the_kind_that_it_says() {
    for (list, kind) in [
        ("compute#regionInstanceGroupList", "compute#instanceGroup"),
        ("compute#urlMapsAggregatedList", "compute#urlMap"),
        ("compute#networkFirewallPolicyAggregatedList", "compute#firewallPolicy"),
        ("sql#instancesList", "sql#instance"),
    ] {
        let records = format!(r#"[{{"kind": "{kind}", "name": "a"}}]"#);
        let scoped = format!(r#"{{"regions/r": {{"all": {records}}}}}"#);
        let items = if list.ends_with("AggregatedList") { scoped } else { records };
        assert!(kinds(&format!(r#"{{"kind": "{list}", "items": {items}}}"#)).contains(&(kind.to_owned(), 1)), "{list}");
    }
}

#[test]
fn a_page_that_is_not_the_last_one_is_cut() {
    let page = r#"{"kind": "compute#routeList", "id": "projects/p/global/routes", "nextPageToken": "more"}"#;
    let (found, _) = read("x.json", page.as_bytes()).unwrap().unwrap();
    assert!(found.iter().any(|found| matches!(found, Found::Cut(what) if what == "projects/p/global/routes")));
}

#[test]
fn a_part_of_a_groups_members_is_not_taken_for_all() {
    let page = r#"{"kind": "compute#instanceGroupsListInstances", "nextPageToken": "more",
                   "id": "projects/p/zones/z/instanceGroups/web/listInstances",
                   "items": [{"instance": "projects/p/zones/z/instances/a", "status": "RUNNING"}]}"#;
    let (found, counts) = read("x.json", page.as_bytes()).unwrap().unwrap();
    assert!(!found.iter().any(|found| matches!(found, Found::Members(..))));
    assert_eq!(counts, [("cut listing".to_owned(), 1)]);
}

#[test]
fn a_record_alone_is_no_list() {
    let record = r#"{"kind": "compute#firewall", "name": "a", "selfLink": "projects/p/global/firewalls/a"}"#;
    let lists = |text: &str| {
        let (found, _) = read("x.json", text.as_bytes()).unwrap().unwrap();
        found.iter().any(|found| matches!(found, Found::Listed(of) if of == "projects/p/global/firewalls"))
    };
    assert!(!lists(record));
    assert!(lists(&format!("[{record}]")));
}

#[test]
fn scopes_without_anything_are_no_gap_and_unreachable_ones_are() {
    let document = |code: &str| {
        format!(
            r#"{{"kind": "compute#instanceAggregatedList", "id": "projects/p/aggregated/instances", "items":
               {{"zones/a": {{"warning": {{"code": "{code}"}}}}, "zones/b": {{"instances": [{{"name": "web"}}]}}}}}}"#
        )
    };
    let cut = |text: &str| {
        let (found, _) = read("x.json", text.as_bytes()).unwrap().unwrap();
        assert!(found.iter().any(|found| matches!(found, Found::Instance(web) if web.name == "web")));
        found.iter().any(|found| matches!(found, Found::Cut(_)))
    };
    assert!(!cut(&document("NO_RESULTS_ON_PAGE")));
    assert!(cut(&document("UNREACHABLE")));
}

#[test]
fn answers_that_do_not_say_what_they_are_about_are_attributed() {
    let about = |name: &str, text: &str| {
        let (found, _) = read(name, text.as_bytes()).unwrap().unwrap();
        found.into_iter().find_map(|found| match found {
            Found::Effective(about, _) | Found::Members(about, _) | Found::Endpoints(about, _) => Some(about),
            _ => None,
        })
    };
    let given = about("a.json", r#"{"instance": "web", "zone": "z", "firewalls": [], "firewallPolicys": []}"#);
    assert_eq!(given.unwrap().asked.as_deref(), Some("web"));
    let map = about("a.json", r#"{"projects/p/zones/z/instances/web": {"firewalls": []}}"#);
    assert_eq!(map.unwrap().asked.as_deref(), Some("projects/p/zones/z/instances/web"));
    let file = about("members-web.json", r#"[{"instance": "zones/z/instances/a", "status": "RUNNING"}]"#);
    assert_eq!(file.unwrap().file, "members-web");
    for (kind, place) in [("instanceGroups", "zones/z"), ("regionInstanceGroups", "regions/r")] {
        let group = format!("projects/p/{place}/instanceGroups/web");
        let page = format!(r#"{{"kind": "compute#{kind}ListInstances", "id": "{group}/listInstances", "items": []}}"#);
        assert_eq!(about("a.json", &page).unwrap().asked, Some(group));
    }
}

#[test]
fn a_broken_value_is_an_error_that_names_the_record() {
    let text = br#"[{"kind": "compute#firewall", "name": "a", "sourceRanges": ["10.0.0.0/33"]}]"#;
    let error = read("x.json", text).unwrap_err();
    assert!(error.contains("`a`") && error.contains("10.0.0.0/33"), "{error}");
}
