//! The JSON of Azure Resource Manager, as `az`, Resource Graph and the API's list pages have it.
//!
//! A document is recognised by what it holds. What a few answers do not repeat, namely what they were asked about, stands
//! beside them under the request's own parameter, above them as the key of a map, or in the file's name.

mod check;
mod id;
pub(crate) mod resources;
pub(crate) mod rule;
mod shape;

use std::collections::BTreeMap;
use std::net::IpAddr;

use reachlint_model::Prefix;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub(crate) use check::Checked;
pub(crate) use id::{ResourceId, key};
use resources::Reference;
use rule::{AdminRule, FilterRule, SecurityRule};

/// A resource as it was read.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    /// Its id.
    pub(crate) id: ResourceId,
    /// Everything else.
    pub(crate) value: Value,
}

/// What an answer that does not repeat it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// A resource's name or id stood beside the answer or above it.
    Named(String),
    /// The name of the file may tell.
    File(String),
}

/// A rule of a network security group or of a network manager, and which manager's it is.
#[derive(Clone, Debug)]
pub(crate) struct ManagedRule {
    /// The key of the network manager.
    pub(crate) manager: Option<String>,
    /// The rule.
    pub(crate) rule: FilterRule,
}

/// The security admin rules in force on a virtual network, or a page of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct AdminRules {
    /// The rules.
    pub(crate) rules: Vec<ManagedRule>,
    /// Whether others follow on another page.
    pub(crate) more: bool,
}

/// A network security group as it is in force on a network interface.
#[derive(Clone, Debug)]
pub(crate) struct EffectiveGroup {
    /// The key of the group; none for admin rules.
    pub(crate) group: Option<String>,
    /// Whether the interface itself carries it, rather than its subnet.
    pub(crate) on_card: bool,
    /// Its rules, with tags as tags.
    pub(crate) rules: Vec<FilterRule>,
    /// Its rules, with the addresses that Azure has for tags and groups just there.
    pub(crate) exact: Vec<FilterRule>,
}

/// A route as it is in force on a network interface.
#[derive(Clone, Debug)]
pub(crate) struct EffectiveRoute {
    /// Where it leads to.
    pub(crate) prefix: Prefix,
    /// `Default`, `User` or `VirtualNetworkGateway`.
    pub(crate) source: String,
    /// `VnetLocal`, `VNetPeering`, `Internet`, …
    pub(crate) hop: String,
    /// The appliance.
    pub(crate) address: Option<IpAddr>,
}

/// What a document is.
#[derive(Clone, Debug)]
pub(crate) enum Document {
    /// Resources.
    Resources {
        /// All of them.
        found: Vec<Resource>,
        /// Whether others follow on another page.
        more: bool,
    },
    /// Address blocks of service tags, by tag in lower case.
    ServiceTags(BTreeMap<String, Vec<Prefix>>),
    /// Security admin rules by virtual network.
    Admin(Vec<(About, AdminRules)>),
    /// Network security groups in force by network interface.
    Groups(Vec<(About, Vec<EffectiveGroup>)>),
    /// Routes in force by network interface.
    Routes(Vec<(About, Vec<EffectiveRoute>)>),
    /// Addresses that appliances send from, by the address that routes name. Nothing of Azure tells them, so they are
    /// the user's own words.
    Appliances(Vec<(IpAddr, IpAddr)>),
}

/// Reads a document; `None` where it is no evidence of Azure.
///
/// # Errors
/// When it is, and a part of it cannot be read.
pub(crate) fn read(name: &str, bytes: &[u8]) -> Result<Option<Document>, String> {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return Ok(None) };
    match value {
        Value::Array(items) => resources(items, false),
        Value::Object(object) => of_object(name, object),
        _ => Ok(None),
    }
}

fn of_object(name: &str, object: Map<String, Value>) -> Result<Option<Document>, String> {
    let text = |key: &str| object.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    if object.contains_key("applianceSourceAddresses") {
        return appliances(&object).map(Some);
    }
    if object.contains_key("values") && (object.contains_key("changeNumber") || object.contains_key("cloud")) {
        return service_tags(object).map(Some);
    }
    if text("id").is_some_and(|id| ResourceId::parse(id).is_some()) {
        return resources(vec![Value::Object(object)], false);
    }
    if object.get("data").is_some_and(Value::is_array) {
        // Resource Graph: rows, and whether there are more of them (Resource Graph API, `QueryResponse`).
        let truncated = text("resultTruncated").is_some_and(|word| word.eq_ignore_ascii_case("true"));
        let more = truncated || text("$skipToken").is_some() || text("skip_token").is_some();
        let Some(Value::Array(items)) = object.get("data").cloned() else { return Ok(None) };
        return resources(items, more);
    }
    if let Some(answer) = answer(name, &object)? {
        return Ok(Some(answer));
    }
    if let Some(Value::Array(items)) = object.get("value") {
        return resources(items.clone(), text("nextLink").is_some());
    }
    by_id(object)
}

/// Answers under the ids that they are about.
fn by_id(object: Map<String, Value>) -> Result<Option<Document>, String> {
    let ours = |key: &String| ResourceId::parse(key).is_some();
    if object.is_empty() || !object.keys().all(ours) {
        return Ok(None);
    }
    let mut whole: Option<Document> = None;
    for (id, value) in object {
        let Value::Object(mut inner) = value else { return Err(format!("what stands under `{id}` is no answer")) };
        let parameter = if id.to_ascii_lowercase().contains("/networkinterfaces/") { NIC } else { VNET };
        inner.insert(parameter.to_owned(), Value::String(id.clone()));
        let one = answer("", &inner)?.ok_or_else(|| format!("what stands under `{id}` is no answer"))?;
        whole = Some(match (whole, one) {
            (None, one) => one,
            (Some(Document::Admin(mut all)), Document::Admin(one)) => {
                all.extend(one);
                Document::Admin(all)
            }
            (Some(Document::Groups(mut all)), Document::Groups(one)) => {
                all.extend(one);
                Document::Groups(all)
            }
            (Some(Document::Routes(mut all)), Document::Routes(one)) => {
                all.extend(one);
                Document::Routes(all)
            }
            _ => return Err("answers of several kinds stand in one map".to_owned()),
        });
    }
    Ok(whole)
}

/// The request's parameters that name what an answer is about.
const VNET: &str = "virtualNetworkName";
const NIC: &str = "networkInterfaceName";

/// An answer that does not repeat what it is about.
fn answer(name: &str, object: &Map<String, Value>) -> Result<Option<Document>, String> {
    let text = |key: &str| object.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let about = |parameter: &str| match (text(parameter), text("resourceGroupName"), text("subscriptionId")) {
        (Some(name), Some(group), _) if !name.starts_with('/') => About::Named(format!("{group}/{name}")),
        (Some(name), ..) => About::Named(name.to_owned()),
        (None, ..) => About::File(name.to_owned()),
    };
    let Some(Value::Array(items)) = object.get("value") else { return Ok(None) };
    let first = items.first().map(|item| shape::normal(item.clone()));
    let has = |key: &str| first.as_ref().is_some_and(|first| first.get(key).is_some());
    let admin_rule = first
        .as_ref()
        .and_then(|first| first.get("id"))
        .and_then(Value::as_str)
        .is_some_and(|id| id.to_ascii_lowercase().contains("/securityadminconfigurations/"));
    let empty_admin = items.is_empty() && (object.contains_key("skipToken") || object.contains_key(VNET));
    if admin_rule || (has("access") && has("sources")) || empty_admin {
        let mut rules = AdminRules { more: text("skipToken").is_some(), ..AdminRules::default() };
        for item in items {
            let read: AdminRule = typed(item.clone(), "admin rule")?;
            let manager = read
                .id
                .as_deref()
                .map(key)
                .and_then(|id| Some(id.split("/securityadminconfigurations/").next()?.to_owned()));
            rules.rules.push(ManagedRule { manager, rule: read.read()? });
        }
        return Ok(Some(Document::Admin(vec![(about(VNET), rules)])));
    }
    if has("effectivesecurityrules") || has("association") || (items.is_empty() && object.contains_key(NIC)) {
        let mut groups = Vec::new();
        for item in items {
            groups.push(effective_group(item.clone())?);
        }
        return Ok(Some(Document::Groups(vec![(about(NIC), groups)])));
    }
    if has("nexthoptype") && first.as_ref().is_some_and(|first| first.get("addressprefix").is_some_and(Value::is_array))
    {
        let mut routes = Vec::new();
        for item in items {
            routes.extend(effective_routes(item.clone())?);
        }
        return Ok(Some(Document::Routes(vec![(about(NIC), routes)])));
    }
    Ok(None)
}

fn effective_group(item: Value) -> Result<EffectiveGroup, String> {
    #[derive(Deserialize)]
    struct Rule {
        #[serde(flatten)]
        rule: SecurityRule,
        #[serde(default)]
        expandedsourceaddressprefix: Vec<String>,
        #[serde(default)]
        expandeddestinationaddressprefix: Vec<String>,
    }
    #[derive(Default, Deserialize)]
    struct Association {
        networkinterface: Option<Reference>,
    }
    #[derive(Deserialize)]
    struct Printed {
        networksecuritygroup: Option<Reference>,
        #[serde(default)]
        association: Association,
        #[serde(default)]
        effectivesecurityrules: Vec<Rule>,
    }
    let printed: Printed = typed(item, "effective network security group")?;
    let (mut rules, mut exact) = (Vec::new(), Vec::new());
    for Rule { rule, expandedsourceaddressprefix, expandeddestinationaddressprefix } in printed.effectivesecurityrules {
        // Names are prefixed with the list that they come from, and what `*` is elsewhere is spelt out here.
        let name = rule.name.rsplit('/').next().unwrap_or_default().to_owned();
        let rule = SecurityRule { name, ..rule };
        rules.push(rule.read()?);
        // What a tag stands for is spelt out beside it, unless that is nothing or too much (Diagnose a network traffic
        // filter problem).
        let mut expanded = rule;
        if !expandedsourceaddressprefix.is_empty() {
            (expanded.sourceaddressprefix, expanded.sourceaddressprefixes) = (None, expandedsourceaddressprefix);
        }
        if !expandeddestinationaddressprefix.is_empty() {
            expanded.destinationaddressprefix = None;
            expanded.destinationaddressprefixes = expandeddestinationaddressprefix;
        }
        exact.push(expanded.read()?);
    }
    let group = printed.networksecuritygroup.map(|group| key(&group.id)).filter(|group| !group.is_empty());
    let on_card = printed.association.networkinterface.is_some();
    Ok(EffectiveGroup { group, on_card, rules, exact })
}

fn effective_routes(item: Value) -> Result<Vec<EffectiveRoute>, String> {
    #[derive(Deserialize)]
    struct Printed {
        addressprefix: Vec<String>,
        #[serde(default)]
        nexthopipaddress: Vec<String>,
        nexthoptype: String,
        #[serde(default)]
        source: String,
        #[serde(default)]
        state: String,
    }
    let printed: Printed = typed(item, "effective route")?;
    if !printed.state.is_empty() && !printed.state.eq_ignore_ascii_case("Active") {
        return Ok(Vec::new());
    }
    let address = printed.nexthopipaddress.first().map(|text| parse_address(text)).transpose()?;
    let routes = printed.addressprefix.iter().map(|prefix| {
        let prefix = prefix.parse().map_err(|error| format!("effective route: {error}"))?;
        Ok(EffectiveRoute { prefix, source: printed.source.clone(), hop: printed.nexthoptype.clone(), address })
    });
    routes.collect()
}

/// Resources of a list, if it is one.
fn resources(items: Vec<Value>, more: bool) -> Result<Option<Document>, String> {
    let id_of = |item: &Value| item.get("id").and_then(Value::as_str).and_then(ResourceId::parse);
    // One that is recognised makes all the others evidence too.
    if !items.iter().any(|item| id_of(item).is_some()) {
        return Ok(None);
    }
    let mut found = Vec::with_capacity(items.len());
    for (at, item) in items.into_iter().enumerate() {
        let Some(id) = id_of(&item) else { return Err(format!("record {} has no resource id", at + 1)) };
        found.push(Resource { id, value: shape::normal(item) });
    }
    Ok(Some(Document::Resources { found, more }))
}

impl Resource {
    /// The fields that decide.
    ///
    /// # Errors
    /// When one of them is not what the API has there.
    pub(crate) fn typed<T: DeserializeOwned + Checked>(self) -> Result<(ResourceId, T), String> {
        let record = serde_json::from_value::<T>(self.value);
        let record = record.map_err(|error| format!("`{}`: {error}", self.id.text))?;
        record.check().map_err(|why| format!("`{}`: {why}", self.id.text))?;
        Ok((self.id, record))
    }
}

fn typed<T: DeserializeOwned>(value: Value, what: &str) -> Result<T, String> {
    serde_json::from_value(shape::normal(value)).map_err(|error| format!("{what}: {error}"))
}

fn parse_address(text: &str) -> Result<IpAddr, String> {
    text.trim().parse().map_err(|_| format!("`{text}` is not an address"))
}

fn service_tags(object: Map<String, Value>) -> Result<Document, String> {
    #[derive(Deserialize)]
    struct Tag {
        name: String,
        #[serde(default)]
        addressprefixes: Vec<String>,
    }
    #[derive(Deserialize)]
    struct Tags {
        values: Vec<Tag>,
    }
    let tags: Tags = typed(Value::Object(object), "service tags")?;
    let mut all = BTreeMap::new();
    for tag in tags.values {
        let blocks: Result<Vec<Prefix>, _> = tag.addressprefixes.iter().map(|block| block.parse::<Prefix>()).collect();
        let blocks = blocks.map_err(|error| format!("service tag `{}`: {error}", tag.name))?;
        all.insert(tag.name.to_ascii_lowercase(), blocks);
    }
    Ok(Document::ServiceTags(all))
}

fn appliances(object: &Map<String, Value>) -> Result<Document, String> {
    let Some(Value::Object(pairs)) = object.get("applianceSourceAddresses") else {
        return Err("`applianceSourceAddresses` is no map from the address in a route to that of the sender".to_owned());
    };
    let mut all = Vec::new();
    for (hop, source) in pairs {
        let source = source.as_str().ok_or_else(|| format!("the source address of `{hop}` is no text"))?;
        all.push((parse_address(hop)?, parse_address(source)?));
    }
    Ok(Document::Appliances(all))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NSG: &str = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/networkSecurityGroups/nsg";

    fn document(value: &Value) -> Option<Document> {
        read("file.json", value.to_string().as_bytes()).unwrap()
    }

    fn count(value: &Value) -> (usize, bool) {
        match document(value) {
            Some(Document::Resources { found, more }) => (found.len(), more),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_way_of_printing_resources_is_recognised() {
        let one = json!({"id": NSG.to_uppercase().replace("/SUBSCRIPTIONS", "/subscriptions")});
        assert_eq!(count(&json!([one])), (1, false));
        assert_eq!(count(&one), (1, false));
        assert_eq!(count(&json!({"value": [one], "nextLink": "https://x"})), (1, true));
        assert_eq!(count(&json!({"value": [one], "nextLink": null})), (1, false));
        assert_eq!(count(&json!({"data": [one], "resultTruncated": "true"})), (1, true));
        assert_eq!(count(&json!({"data": [one], "skip_token": null, "count": 1})), (1, false));
    }

    #[test]
    fn other_documents_are_not_azure() {
        for other in [json!([]), json!({"value": []}), json!([{"id": "other"}]), json!({"data": []}), json!({})] {
            assert!(document(&other).is_none(), "{other}");
        }
        assert!(read("x", b"{").unwrap().is_none());
    }

    #[test]
    fn a_record_without_an_id_among_others_is_an_error() {
        let why = read("x", json!([{"id": NSG}, {"name": "nsg-b"}]).to_string().as_bytes()).unwrap_err();
        assert!(why.contains("record 2"), "{why}");
    }

    #[test]
    fn answers_are_attributed_by_parameter_then_map_then_file() {
        let vnet = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v";
        let about = |value: &Value| match document(value) {
            Some(Document::Admin(found)) => found[0].0.clone(),
            other => panic!("{other:?}"),
        };
        let named = json!({"virtualNetworkName": "v", "resourceGroupName": "rg", "value": []});
        assert_eq!(about(&named), About::Named("rg/v".to_owned()));
        assert_eq!(about(&json!({vnet: {"value": [], "skipToken": ""}})), About::Named(vnet.to_owned()));
        assert_eq!(about(&json!({"value": [], "skipToken": ""})), About::File("file.json".to_owned()));
    }

    #[test]
    fn effective_answers_are_read() {
        let nic = json!({"networkInterfaceName": "nic", "value": [{
            "networkSecurityGroup": {"id": NSG}, "association": {"networkInterface": {"id": "x"}},
            "effectiveSecurityRules": [{
                "name": "securityRules/allow", "protocol": "All", "sourcePortRange": "0-65535",
                "destinationPortRange": "8080-8080", "sourceAddressPrefix": "10.0.0.0/8",
                "destinationAddressPrefix": "0.0.0.0/0", "access": "Allow", "priority": 100, "direction": "Inbound"
            }]
        }]});
        let Some(Document::Groups(found)) = document(&nic) else { panic!() };
        assert_eq!(found[0].1[0].rules[0].name, "allow");
        let routes = json!({"networkInterfaceName": "nic", "value": [
            {"addressPrefix": ["0.0.0.0/0"], "nextHopIpAddress": [], "nextHopType": "Internet", "source": "Default", "state": "Invalid"},
            {"addressPrefix": ["0.0.0.0/0"], "nextHopIpAddress": ["10.0.9.4"], "nextHopType": "VirtualAppliance", "source": "User", "state": "Active"}
        ]});
        let Some(Document::Routes(found)) = document(&routes) else { panic!() };
        assert_eq!(found[0].1.len(), 1);
    }
}
