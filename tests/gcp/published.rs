//! Requests, answers and records held to Google's own descriptions of its APIs (discovery documents, which Google's client
//! for Python brings; Apache-2.0).

#[path = "published/schema.rs"]
mod schema;

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::sync::OnceLock;

use pcre2::bytes::Regex;
use serde_json::{Map, Value, json};

use crate::common::scrubbed;
use crate::environment::tool;
use crate::server::{Request, Server, decoded};

/// The APIs that reachlint and the commands of `docs/evidence.md` ask.
const APIS: [&str; 8] = [
    "compute.v1",
    "sqladmin.v1beta4",
    "dns.v1",
    "networkconnectivity.v1",
    "networksecurity.v1",
    "cloudresourcemanager.v1",
    "cloudresourcemanager.v3",
    "cloudasset.v1",
];

/// The descriptions.
pub(crate) struct Published {
    apis: Vec<Value>,
    methods: Vec<Method>,
}

/// Something that can be asked.
struct Method {
    api: usize,
    id: String,
    verb: String,
    /// Each segment of its path: a word, or a parameter's place.
    path: Vec<Segment>,
    parameters: Map<String, Value>,
    request: Option<String>,
    response: Option<String>,
}

enum Segment {
    Word(String),
    /// The name of a parameter, and what stands behind its value: `:getAncestry`.
    Place(String, String),
}

/// The descriptions of the test environment.
pub(crate) fn published() -> &'static Published {
    static READ: OnceLock<Published> = OnceLock::new();
    READ.get_or_init(|| {
        let python = tool("python").unwrap_or_else(|why| panic!("{why}"));
        let script = "import googleapiclient; print(googleapiclient.__path__[0])";
        let output = scrubbed(Command::new(python)).args(["-c", script]).output().unwrap();
        let folder = String::from_utf8(output.stdout).unwrap();
        let read = |api: &str| {
            let path = format!("{}/discovery_cache/documents/{api}.json", folder.trim());
            let text = fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
            serde_json::from_slice(&text).unwrap()
        };
        Published::new(APIS.map(read).to_vec())
    })
}

/// Asserts that every request that a server got, and every answer that it gave, is one of the API.
pub(crate) fn hold_to_the_api(server: &Server) -> usize {
    let asked = server.asked();
    let complaints: Vec<String> = asked.iter().flat_map(|request| published().request(request)).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
    let answers = server.answered();
    let complaints: Vec<String> =
        answers.iter().flat_map(|(request, answer)| published().answer(request, answer)).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
    asked.len()
}

impl Published {
    fn new(apis: Vec<Value>) -> Self {
        let mut methods = Vec::new();
        for (at, api) in apis.iter().enumerate() {
            collect(api, at, api["servicePath"].as_str().unwrap(), &mut methods);
        }
        assert!(methods.len() > 800, "only {} methods", methods.len());
        Self { apis, methods }
    }

    /// What is wrong with a request.
    pub(crate) fn request(&self, request: &Request) -> Vec<String> {
        let asked = format!("{} {}?{}", request.method, request.path, request.query);
        let mut wrong = Vec::new();
        match self.method(request) {
            Err(why) => wrong.push(why),
            Ok((method, places)) => {
                wrong.extend(method.wrong_places(&places));
                self.query(method, &request.query, &mut wrong);
                self.body(method, &request.body, &mut wrong);
            }
        }
        wrong.into_iter().map(|why| format!("{asked}: {why}")).collect()
    }

    /// What is wrong with the answer to a request.
    pub(crate) fn answer(&self, request: &Request, answer: &Value) -> Vec<String> {
        let (method, _) = self.method(request).unwrap_or_else(|why| panic!("{why}"));
        let response = method.response.as_deref().unwrap();
        let wrong = schema::check(&self.apis[method.api], response, answer);
        wrong.into_iter().map(|why| format!("{} {}: {why}", request.method, request.path)).collect()
    }

    /// What is wrong with a record that says of which kind it is.
    pub(crate) fn record(&self, record: &Value) -> Vec<String> {
        // An asset has the resource in it, whose type is the name of its schema.
        if let Some(("compute", schema)) =
            record["assetType"].as_str().and_then(|kind| kind.split_once(".googleapis.com/"))
        {
            let mut wrong = self.object("cloudasset.v1", "Asset", record);
            wrong.extend(self.object("compute.v1", schema, &record["resource"]["data"]));
            return wrong;
        }
        let kind = record["kind"].as_str().unwrap_or_default();
        let api = match kind.split('#').next() {
            Some("sql") => 1,
            Some("dns") => 2,
            _ => 0,
        };
        let schemas = self.apis[api]["schemas"].as_object().unwrap();
        // Of Cloud SQL no schema says its kind.
        let of_kind = |schema: &Value| schema["properties"]["kind"]["default"] == kind;
        let name = match kind {
            "sql#instance" => Some("DatabaseInstance"),
            _ => schemas.iter().find(|(_, schema)| of_kind(schema)).map(|(name, _)| name.as_str()),
        };
        match name {
            Some(name) => self.object(APIS[api], name, record),
            None => vec![format!("no schema is of the kind `{kind}`")],
        }
    }

    /// What is wrong with an object of a schema.
    pub(crate) fn object(&self, api: &str, schema: &str, object: &Value) -> Vec<String> {
        let at = APIS.iter().position(|known| *known == api).unwrap();
        schema::check(&self.apis[at], schema, object)
    }

    /// The method that a request is for, with the parameters of its path.
    fn method(&self, request: &Request) -> Result<(&Method, BTreeMap<&str, String>), String> {
        let path = request.path.trim_start_matches('/');
        let all = self.methods.iter().filter_map(|method| Some((method, method.places(path)?)));
        // `firewallPolicies/listAssociations` is not a policy of that name.
        let fewest = |(_, places): &(&Method, BTreeMap<&str, String>)| places.len();
        let mut all: Vec<_> = all.collect();
        all.sort_by_key(fewest);
        let fewest = all.first().map(fewest).ok_or("the API has no such path")?;
        all.retain(|(_, places)| places.len() == fewest);
        let verbs: Vec<&str> = all.iter().map(|(method, _)| method.verb.as_str()).collect();
        let verbs = format!("the API knows the path with {}", verbs.join(", "));
        all.into_iter().find(|(method, _)| method.verb == request.method).ok_or(verbs)
    }

    fn query(&self, method: &Method, query: &str, wrong: &mut Vec<String>) {
        let common = self.apis[method.api]["parameters"].as_object().unwrap();
        let mut given: BTreeMap<String, usize> = BTreeMap::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decoded(name), decoded(&value.replace('+', " ")));
            *given.entry(name.clone()).or_default() += 1;
            let own = method.parameters.get(&name).filter(|known| known["location"] == "query");
            // Those of every API can be written with a dollar too (Google Cloud APIs, system parameters).
            let shared = common.get(&name).or_else(|| common.get(name.strip_prefix('$')?));
            match own.or(shared) {
                Some(known) => wrong.extend(schema::parameter(known, &name, &value)),
                // Every listing has it (Compute Engine API, reference), which the description tells in words alone.
                None if name == "returnPartialSuccess" && method.is_compute_listing() => {
                    wrong.extend(schema::parameter(&json!({ "type": "boolean" }), &name, &value));
                }
                // A version of the API's behaviour, by its date.
                None if name == "$apiVersion" && matches(r"\d{4}-\d{2}-\d{2}", &value) => {}
                None => wrong.push(format!("`{}` has no parameter `{name}`", method.id)),
            }
            // The descriptions have this bound in words alone (Compute Engine API, `maxResults`).
            if name == "maxResults" && method.api == 0 && value.parse().is_ok_and(|size: u64| size > 500) {
                wrong.push(format!("`maxResults` is {value}, and 500 is the most"));
            }
        }
        for (name, known) in &method.parameters {
            let count = given.get(name).copied().unwrap_or_default();
            if known["location"] != "query" {
                continue;
            }
            if known["required"] == true && count == 0 {
                wrong.push(format!("`{name}` is missing, which `{}` requires", method.id));
            }
            if known["repeated"] != true && count > 1 {
                wrong.push(format!("`{name}` is given {count} times"));
            }
        }
    }

    fn body(&self, method: &Method, body: &str, wrong: &mut Vec<String>) {
        match (&method.request, body) {
            (None, "") => {}
            (None, _) => wrong.push(format!("`{}` takes no body", method.id)),
            (Some(schema), body) => match serde_json::from_str(body) {
                Ok(body) => wrong.extend(schema::check(&self.apis[method.api], schema, &body)),
                Err(error) => wrong.push(format!("the body is not JSON: {error}")),
            },
        }
    }
}

impl Method {
    fn new(api: usize, service: &str, method: &Value) -> Self {
        let reference = |key: &str| method[key]["$ref"].as_str().map(str::to_owned);
        let flat = method.get("flatPath").unwrap_or(&method["path"]).as_str().unwrap();
        let whole = format!("{service}{flat}");
        let path = whole.split('/').map(|segment| match segment.strip_prefix('{') {
            Some(rest) => {
                let (name, behind) = rest.split_once('}').unwrap();
                Segment::Place(name.trim_start_matches('+').to_owned(), behind.to_owned())
            }
            None => Segment::Word(segment.to_owned()),
        });
        Self {
            api,
            id: method["id"].as_str().unwrap().to_owned(),
            verb: method["httpMethod"].as_str().unwrap().to_owned(),
            path: path.collect(),
            parameters: method["parameters"].as_object().cloned().unwrap_or_default(),
            request: reference("request"),
            response: reference("response"),
        }
    }

    fn wrong_places(&self, places: &BTreeMap<&str, String>) -> Vec<String> {
        let pattern = |name: &str| self.parameters.get(name).and_then(|known| known["pattern"].as_str());
        let all = places.iter().filter_map(|(name, value)| Some((name, value, pattern(name)?)));
        let wrong = all.filter(|(_, value, pattern)| !matches(pattern, value));
        wrong.map(|(name, value, pattern)| format!("`{name}` is `{value}`, which is not `{pattern}`")).collect()
    }

    fn is_compute_listing(&self) -> bool {
        self.api == 0 && self.parameters.contains_key("pageToken")
    }

    /// The parameters of a path, if it is one of this method.
    fn places(&self, path: &str) -> Option<BTreeMap<&str, String>> {
        let segments: Vec<&str> = path.split('/').collect();
        if segments.len() != self.path.len() {
            return None;
        }
        let mut places = BTreeMap::new();
        for (known, given) in self.path.iter().zip(segments) {
            match known {
                Segment::Word(word) if word == given => {}
                Segment::Word(_) => return None,
                Segment::Place(name, behind) => {
                    let value = given.strip_suffix(behind.as_str()).filter(|value| !value.is_empty())?;
                    places.insert(name.as_str(), decoded(value));
                }
            }
        }
        Some(places)
    }
}

fn collect(resource: &Value, api: usize, service: &str, methods: &mut Vec<Method>) {
    for method in resource["methods"].as_object().into_iter().flat_map(Map::values) {
        methods.push(Method::new(api, service, method));
    }
    for inner in resource["resources"].as_object().into_iter().flat_map(Map::values) {
        collect(inner, api, service, methods);
    }
}

/// Whether a pattern describes the whole of a text.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    Regex::new(&format!("^(?:{pattern})$")).unwrap().is_match(text.as_bytes()).unwrap()
}
