//! Reads snapshots: files in any layout, recognised by what they hold.

mod plan;

use std::borrow::Cow;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use reachlint_aws::network::{AwsNetwork, Estate};
use reachlint_aws::records::{Listing, ReadError, Recognised, read};
use reachlint_host::records::{Document, DocumentError, MAGIC_LENGTH, is_document};
use reachlint_model::{Cloud, Failure, Intake, Manifest, NameAnswer, Provider, SNAPSHOT_SCHEMA};

use reachlint_terraform::{PlanError, SHOWN_LENGTH};

use crate::report::Evidence;

pub use plan::PlanFile;

/// Bytes at the start of a document that tell what needs no reading to be known.
const START: usize = if MAGIC_LENGTH > SHOWN_LENGTH { MAGIC_LENGTH } else { SHOWN_LENGTH };

/// Why what Terraform printed is no evidence.
const SHOWN: &str = "it is what `terraform show -json` prints; `--plan` takes a plan";

/// Folders nested deeper than this are a loop of links.
const DEEPEST: usize = 16;

/// Outermost keys of a manifest, of Compute Engine resources and answers, of assets, of Azure resources, their pages, Resource Graph's
/// rows, service tags, and what a user says of appliances.
const KEYS: [&str; 15] = [
    "schema",
    "kind",
    "id",
    "value",
    "firewalls",
    "firewallPolicys",
    "instanceGroup",
    "networkEndpointGroup",
    "tagBindings",
    "assets",
    "assetType",
    "asset_type",
    "data",
    "values",
    "applianceSourceAddresses",
];

/// How outermost keys begin that are the path of a resource, with the answer about it below.
const PATHS: [&str; 4] = ["projects/", "organizations/", "folders/", "https://"];

/// How the ids of Azure begin, which may be the keys of a map.
const AZURE_ID: &str = "/subscriptions/";

/// What a snapshot holds, compiled.
#[derive(Debug)]
pub struct Snapshot {
    /// The clouds that it has evidence of, each once.
    pub networks: Vec<Box<dyn Provider>>,
    /// Evidence of hosts.
    pub hosts: Vec<Document>,
    /// Answers of the system resolver at the time it was taken.
    pub names: Vec<NameAnswer>,
    /// Calls that failed when it was taken.
    pub failures: Vec<Failure>,
    /// What was read, and what was passed over.
    pub evidence: Vec<Evidence>,
}

impl Snapshot {
    /// The clouds that it has evidence of, as the analysis takes them.
    #[must_use]
    pub fn providers(&self) -> Vec<&dyn Provider> {
        self.networks.iter().map(AsRef::as_ref).collect()
    }
}

/// Why a snapshot cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// A path does not exist or cannot be read.
    #[error("cannot read `{path}`: {source}")]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that was named is no evidence.
    #[error("`{path}` is no evidence: {why}")]
    NotEvidence {
        /// The path.
        path: PathBuf,
        /// What it is instead.
        why: String,
    },
    /// A file that was named is no evidence of a host.
    #[error("`{path}` is no evidence of a host")]
    NotHost {
        /// The path.
        path: PathBuf,
    },
    /// A file is evidence and broken.
    #[error("`{path}` is broken: {why}")]
    Broken {
        /// The path.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Nothing that was given is evidence.
    #[error("there is no evidence in {0}")]
    Empty(String),
    /// A plan cannot be used.
    #[error("`{path}` is no plan to judge by: {error}")]
    Plan {
        /// The path.
        path: PathBuf,
        /// Why.
        error: PlanError,
    },
    /// A plan has something in it that cannot be.
    #[error("`{path}` is broken: {why}")]
    PlanBroken {
        /// The path.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

impl EvidenceError {
    /// What to do next.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "check the path and its permissions",
            Self::NotEvidence { .. } => {
                "give what `aws ec2 describe-…`, `gcloud compute … list` or `az network … list` printed as JSON, or a folder \
                 written by `reachlint collect`"
            }
            Self::NotHost { .. } => "give what the script printed that `reachlint host-evidence` prints",
            Self::Broken { .. } => "write the file again; half a listing would make half of the verdicts wrong",
            Self::Empty(_) => "docs/evidence.md lists the commands whose output makes a snapshot",
            Self::Plan { error, .. } => error.help(),
            Self::PlanBroken { .. } => "plan again; Terraform itself refuses such a value",
        }
    }
}

/// Documents of one snapshot as they are read.
#[derive(Debug)]
struct Reader {
    aws: Estate,
    /// The other clouds that are analysed.
    others: Vec<Box<dyn Intake>>,
    hosts: Vec<Document>,
    names: Vec<NameAnswer>,
    failures: Vec<Failure>,
    evidence: Vec<Evidence>,
}

/// Reads files and folders. With `only`, evidence of other clouds is passed over.
///
/// # Errors
/// When a path cannot be read, a named file is no evidence, evidence is broken, or there is none.
pub fn load(paths: &[PathBuf], only: Option<Cloud>) -> Result<Snapshot, EvidenceError> {
    load_planned(paths, only, None)
}

/// The same, with the changes of a plan laid over it.
///
/// # Errors
/// As for [`load`], and when the plan cannot be laid over the evidence.
pub fn load_planned(
    paths: &[PathBuf],
    only: Option<Cloud>,
    plan: Option<&PlanFile>,
) -> Result<Snapshot, EvidenceError> {
    let mut reader = Reader::new();
    let mut files = Vec::new();
    for path in paths {
        let about = fs::metadata(path).map_err(|source| EvidenceError::Unreadable { path: path.clone(), source })?;
        if about.is_dir() {
            walk(path, 0, &mut files)?;
        } else {
            files.push((path.clone(), true));
        }
    }
    // Instances repeat their interfaces; when the interfaces' own listing comes first, the repetition is skipped.
    let mut ordered: Vec<(bool, PathBuf, bool)> =
        files.into_iter().map(|(path, named)| (!lists_interfaces(&path), path, named)).collect();
    ordered.sort();
    for (_, path, named) in ordered {
        // A plan may lie beside what it is laid over.
        if !named && plan.is_some_and(|plan| plan.is(&path)) {
            continue;
        }
        let file = fs::File::open(&path);
        let mut file = file.map_err(|source| EvidenceError::Unreadable { path: path.clone(), source })?;
        reader.document(&path, &mut file, named, || fs::read(&path).map(Cow::Owned))?;
    }
    let given: Vec<String> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
    reader.finish(&given.join(", "), only, plan)
}

/// Reads the evidence of one host.
///
/// # Errors
/// When the file cannot be read or is none.
pub fn host(path: &Path) -> Result<Document, EvidenceError> {
    let bytes = fs::read(path).map_err(|source| EvidenceError::Unreadable { path: path.to_owned(), source })?;
    Document::read(&path.display().to_string(), &bytes).map_err(|why| match why {
        DocumentError::Foreign => EvidenceError::NotHost { path: path.to_owned() },
        DocumentError::Version(_) => EvidenceError::Broken { path: path.to_owned(), why: why.to_string() },
    })
}

/// Reads documents that are in memory: freshly collected ones, or those inside the binary.
///
/// # Errors
/// As for [`load`].
pub fn from_documents<'d>(
    documents: impl IntoIterator<Item = (&'d str, &'d [u8])>,
    what: &str,
) -> Result<Snapshot, EvidenceError> {
    from_documents_planned(documents, what, None)
}

/// The same, with the changes of a plan laid over them.
///
/// # Errors
/// As for [`load_planned`].
pub fn from_documents_planned<'d>(
    documents: impl IntoIterator<Item = (&'d str, &'d [u8])>,
    what: &str,
    plan: Option<&PlanFile>,
) -> Result<Snapshot, EvidenceError> {
    let mut reader = Reader::new();
    let mut documents: Vec<_> = documents.into_iter().collect();
    documents.sort_by_key(|(name, _)| (!name.contains("describe-network-interfaces"), *name));
    for (name, bytes) in documents {
        let mut input = bytes;
        reader.document(Path::new(name), &mut input, false, || Ok(Cow::Borrowed(bytes)))?;
    }
    reader.finish(what, None, plan)
}

/// Every file below a folder, links followed.
fn walk(folder: &Path, depth: usize, files: &mut Vec<(PathBuf, bool)>) -> Result<(), EvidenceError> {
    let unreadable = |source| EvidenceError::Unreadable { path: folder.to_owned(), source };
    if depth > DEEPEST {
        return Err(unreadable(io::Error::other("folders are nested too deeply; is there a loop of links?")));
    }
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        match fs::metadata(&path) {
            Ok(about) if about.is_dir() => walk(&path, depth + 1, files)?,
            Ok(about) if about.is_file() => files.push((path, false)),
            Ok(_) => {}
            Err(source) => return Err(EvidenceError::Unreadable { path, source }),
        }
    }
    Ok(())
}

/// Whether a file begins as a listing of interfaces.
fn lists_interfaces(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = fs::File::open(path).and_then(|file| io::Read::read_to_end(&mut io::Read::take(file, 64), &mut start));
    let key = b"\"NetworkInterfaces\"";
    read.is_ok() && start.windows(key.len()).any(|window| window == key)
}

impl Reader {
    fn new() -> Self {
        Self {
            hosts: Vec::new(),
            aws: Estate::default(),
            others: vec![
                Box::new(reachlint_gcp::network::Estate::default()),
                Box::new(reachlint_azure::network::Estate::new()),
            ],
            names: Vec::new(),
            failures: Vec::new(),
            evidence: Vec::new(),
        }
    }

    /// Takes a document in as it is read; `again` is the whole of it, for what is no evidence of AWS.
    fn document<'d>(
        &mut self,
        path: &Path,
        input: &mut dyn Read,
        named: bool,
        again: impl FnOnce() -> io::Result<Cow<'d, [u8]>>,
    ) -> Result<(), EvidenceError> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let folder = path.parent().map(|folder| folder.to_string_lossy()).unwrap_or_default();
        self.aws.folder(&folder);
        let unreadable = |source| EvidenceError::Unreadable { path: path.to_owned(), source };
        let mut start = Vec::with_capacity(START);
        input.take(START as u64).read_to_end(&mut start).map_err(unreadable)?;
        if is_document(&start) {
            return self.host(path, &again().map_err(unreadable)?);
        }
        // A plan of a large estate is larger than its evidence, and lies in the same folder.
        if reachlint_terraform::is_shown(&start) {
            return self.passed_over(path, named, SHOWN.to_owned());
        }
        let input = &mut start.as_slice().chain(input);
        match read(&name, input, &mut self.aws) {
            Ok(Recognised::Evidence(found)) => {
                let mut counts: Vec<(Listing, usize)> = Vec::new();
                for (listing, count) in found {
                    match counts.iter_mut().find(|(known, _)| *known == listing) {
                        Some((_, sum)) => *sum += count,
                        None => counts.push((listing, count)),
                    }
                }
                let parts: Vec<String> =
                    counts.iter().map(|(listing, count)| format!("{}: {count}", listing.permission())).collect();
                self.note(path, Some(Cloud::Aws), parts.join(", "));
                Ok(())
            }
            Ok(Recognised::Other(other)) => {
                // Only what its outermost keys leave possible is worth reading once more.
                let known = |key: &String| {
                    KEYS.contains(&key.as_str()) || PATHS.iter().any(|start| key.starts_with(start)) || is_azure_id(key)
                };
                let is_known = other.is_list || other.keys.iter().any(known);
                let bytes = if is_known { again().map_err(unreadable)? } else { Cow::Borrowed(&[][..]) };
                self.other(path, &bytes, named, other.why)
            }
            Err(ReadError::Input(source)) => Err(unreadable(source)),
            Err(error @ ReadError::Broken { .. }) => {
                Err(EvidenceError::Broken { path: path.to_owned(), why: error.to_string() })
            }
        }
    }

    /// What the script of `reachlint host-evidence` printed.
    fn host(&mut self, path: &Path, bytes: &[u8]) -> Result<(), EvidenceError> {
        let source = path.display().to_string();
        let broken = |why: DocumentError| EvidenceError::Broken { path: path.to_owned(), why: why.to_string() };
        let document = Document::read(&source, bytes).map_err(broken)?;
        self.note(path, None, format!("host {}", document.host));
        self.hosts.push(document);
        Ok(())
    }

    fn other(&mut self, path: &Path, bytes: &[u8], named: bool, why: String) -> Result<(), EvidenceError> {
        if let Some(manifest) = manifest(path, bytes)? {
            self.note(path, None, "manifest".to_owned());
            for failure in &manifest.failures {
                let region = failure.region.as_ref().map_or(String::new(), |region| format!(" in {region}"));
                let note = format!("not read: {} failed{region} with {}", failure.call, failure.error);
                self.note(path, None, note);
            }
            for note in &manifest.notes {
                self.note(path, None, format!("not asked: {note}"));
            }
            self.aws.manifest(&manifest);
            for intake in &mut self.others {
                intake.manifest(&manifest);
            }
            self.names.extend(manifest.names);
            self.failures.extend(manifest.failures);
            return Ok(());
        }
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        for intake in &mut self.others {
            let found = intake.document(&name, bytes);
            let found = found.map_err(|why| EvidenceError::Broken { path: path.to_owned(), why })?;
            let Some(found) = found else { continue };
            let cloud = intake.cloud();
            let parts: Vec<String> = found.iter().map(|(kind, count)| format!("{kind}: {count}")).collect();
            self.note(path, Some(cloud), parts.join(", "));
            return Ok(());
        }
        if is_empty_list(bytes) {
            self.note(path, None, "a list of nothing".to_owned());
            return Ok(());
        }
        self.passed_over(path, named, why)
    }

    /// What is no evidence: a file that was named is an error, any other is told of.
    fn passed_over(&mut self, path: &Path, named: bool, why: String) -> Result<(), EvidenceError> {
        if named {
            return Err(EvidenceError::NotEvidence { path: path.to_owned(), why });
        }
        self.note(path, None, format!("passed over: {why}"));
        Ok(())
    }

    fn note(&mut self, path: &Path, provider: Option<Cloud>, note: String) {
        let provider = provider.map(|cloud| cloud.word().to_owned());
        self.evidence.push(Evidence { source: path.display().to_string(), provider, note });
    }

    fn finish(mut self, what: &str, only: Option<Cloud>, plan: Option<&PlanFile>) -> Result<Snapshot, EvidenceError> {
        let counts = |cloud: Cloud| only.is_none_or(|only| only == cloud);
        let mut networks: Vec<Box<dyn Provider>> = Vec::new();
        if !self.aws.is_empty() && counts(Cloud::Aws) {
            self.evidence.extend(self.aws.assumption().map(|assumption| granted(what, Cloud::Aws, assumption)));
            if let Some(file) = plan {
                file.lay_over(&mut self.aws, &mut self.evidence)?;
            }
            networks.push(Box::new(AwsNetwork::new(self.aws)));
        }
        if let Some(file) = plan.filter(|_| networks.is_empty()) {
            self.evidence.push(file.useless());
        }
        for intake in self.others.into_iter().filter(|intake| !intake.is_empty() && counts(intake.cloud())) {
            self.evidence.extend(intake.assumption().map(|assumption| granted(what, intake.cloud(), assumption)));
            networks.push(intake.compile());
        }
        if networks.is_empty() {
            let of = only.map_or(String::new(), |only| format!(" that is of {only}"));
            return Err(EvidenceError::Empty(format!("{what}{of}")));
        }
        self.evidence.sort_by(|a, b| a.source.cmp(&b.source));
        let Self { hosts, names, failures, evidence, .. } = self;
        Ok(Snapshot { networks, hosts, names, failures, evidence })
    }
}

/// Whether a document is a list without anything, as `az … list` and `gcloud … list` print it, or the API in a page: that there
/// is nothing of a kind, of which kind it does not say.
fn is_empty_list(bytes: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum List {
        Bare(Vec<serde::de::IgnoredAny>),
        #[serde(rename_all = "camelCase")]
        Page {
            value: Vec<serde::de::IgnoredAny>,
            next_link: Option<String>,
        },
    }
    match serde_json::from_slice(bytes) {
        Ok(List::Bare(items)) => items.is_empty(),
        Ok(List::Page { value, next_link }) => value.is_empty() && next_link.is_none_or(|link| link.is_empty()),
        Err(_) => false,
    }
}

/// The note on what is taken to be so without evidence.
fn granted(what: &str, cloud: Cloud, assumption: &str) -> Evidence {
    let (provider, note) = (Some(cloud.word().to_owned()), format!("taken for granted: {assumption}"));
    Evidence { source: what.replace('`', ""), provider, note }
}

/// Whether an outermost key is a resource id of Azure, in whatever case.
fn is_azure_id(key: &str) -> bool {
    key.get(..AZURE_ID.len()).is_some_and(|start| start.eq_ignore_ascii_case(AZURE_ID))
}

/// A manifest, if the document is one.
fn manifest(path: &Path, bytes: &[u8]) -> Result<Option<Manifest>, EvidenceError> {
    #[derive(serde::Deserialize)]
    struct Marked {
        schema: String,
    }
    let family = SNAPSHOT_SCHEMA.split('/').next().unwrap_or_default();
    let marked = serde_json::from_slice::<Marked>(bytes).ok();
    if !marked.is_some_and(|marked| marked.schema.starts_with(family)) {
        return Ok(None);
    }
    let broken = |why: String| EvidenceError::Broken { path: path.to_owned(), why };
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(|error| broken(format!("manifest: {error}")))?;
    if manifest.schema != SNAPSHOT_SCHEMA {
        return Err(broken(format!("it has the schema `{}`, this version reads `{SNAPSHOT_SCHEMA}`", manifest.schema)));
    }
    Ok(Some(manifest))
}

#[cfg(test)]
mod tests {
    use super::from_documents;

    const TABLE: &str = r#"{"RouteTables": [{"RouteTableId": "rtb-1", "VpcId": "vpc-1", "Routes": [
        {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "GATEWAY"}]}]}"#;

    /// Notes on what is taken for granted.
    fn assumptions(gateway: &str, more: &[(&str, &str)]) -> Vec<String> {
        let table = TABLE.replace("GATEWAY", gateway);
        let documents = [("tables.json", table.as_str())].into_iter().chain(more.iter().copied());
        let snapshot = from_documents(documents.map(|(name, text)| (name, text.as_bytes())), "`estate`").unwrap();
        let notes = snapshot.evidence.into_iter().filter(|evidence| evidence.note.starts_with("taken for granted:"));
        notes.map(|evidence| format!("{}: {}", evidence.source, evidence.note)).collect()
    }

    #[test]
    fn what_is_taken_for_granted_is_told_once_where_it_matters() {
        let second = TABLE.replace("rtb-1", "rtb-2").replace("GATEWAY", "igw-2");
        let told = assumptions("igw-1", &[("more.json", &second)]);
        let [note] = told.as_slice() else { panic!("{told:?}") };
        assert!(note.starts_with("estate: ") && note.contains("VPC Block Public Access is off"), "{note}");
        assert_eq!(assumptions("local", &[]), Vec::<String>::new());
        let listing = r#"{"VpcBlockPublicAccessOptions": {"AwsAccountId": "1", "AwsRegion": "us-east-1",
            "InternetGatewayBlockMode": "off"}}"#;
        assert_eq!(assumptions("igw-1", &[("access.json", listing)]), Vec::<String>::new());
        // What a manifest covers and does not hold is unknown instead.
        let manifest = r#"{"schema": "reachlint.snapshot/1", "tool": "x", "collected_at": "2026-01-01T00:00:00Z",
            "scopes": [{"provider": "aws", "account": "1", "region": "us-east-1"}]}"#;
        assert_eq!(assumptions("igw-1", &[("manifest.json", manifest)]), Vec::<String>::new());
    }

    #[test]
    fn what_no_listing_of_google_cloud_speaks_of_is_told() {
        let route = r#"[{"kind": "compute#route", "name": "default", "destRange": "0.0.0.0/0", "priority": 1000,
            "selfLink": "projects/shop/global/routes/default", "network": "projects/shop/global/networks/prod"}]"#;
        let told = |more: &[(&str, &str)]| {
            let documents = [("routes.json", route)].into_iter().chain(more.iter().copied());
            let snapshot = from_documents(documents.map(|(name, text)| (name, text.as_bytes())), "`estate`").unwrap();
            snapshot.evidence.into_iter().filter(|evidence| evidence.note.contains("policy-based route")).count()
        };
        assert_eq!(told(&[]), 1);
        let none = r#"{"projects/shop/locations/global/policyBasedRoutes": []}"#;
        assert_eq!(told(&[("policy-based-routes.json", none)]), 0);
    }
}
