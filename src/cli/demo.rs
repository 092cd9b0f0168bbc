//! `reachlint demo`: the estate of `examples/aws-shop`, inside the program.

use std::path::Path;

use clap::Args;
use reachlint_model::{PortRange, Selector};

use super::CliError;
use super::check::audit;
use super::evidence::gathered;
use super::nginx::load_from;
use super::options::Settings;
use super::output::{self, Destination};
use crate::evidence::from_documents;
use crate::exit;
use crate::nginx::MemoryFiles;
use crate::report::Severity;

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// `human`, `short` or `json`, with `=FILE` to a file; may be repeated.
    #[arg(long, value_name = "FORMAT[=FILE]", help_heading = "Output")]
    report: Vec<Destination>,
}

macro_rules! example {
    ($($path:literal),+ $(,)?) => {
        [$(($path, include_str!(concat!("../../examples/aws-shop/", $path)))),+]
    };
}

/// The files of nginx's configuration.
const NGINX: [(&str, &str); 12] = example![
    "nginx.conf",
    "conf.d/api.conf",
    "conf.d/backoffice.conf",
    "conf.d/www.conf",
    "snippets/fastcgi.conf",
    "snippets/proxy.conf",
    "snippets/types.conf",
    "stream.d/data.conf",
    "stream.d/syslog.conf",
    "upstreams/api.conf",
    "upstreams/catalog.conf",
    "upstreams/shop.conf",
];

/// What the cloud said.
const AWS: [(&str, &str); 16] = example![
    "aws/describe-addresses.json",
    "aws/describe-instances.json",
    "aws/describe-internet-gateways.json",
    "aws/describe-managed-prefix-lists.json",
    "aws/describe-nat-gateways.json",
    "aws/describe-network-acls.json",
    "aws/describe-network-interfaces.json",
    "aws/describe-route-tables.json",
    "aws/describe-security-group-rules.json",
    "aws/describe-security-groups.json",
    "aws/describe-subnets.json",
    "aws/describe-vpc-peering-connections.json",
    "aws/describe-vpc-block-public-access-options.json",
    "aws/describe-vpcs.json",
    "aws/get-managed-prefix-list-entries.json",
    "aws/manifest.json",
];

/// Runs the audit; the exit code is 0, because the findings are meant to be there.
pub(super) fn run(arguments: &Arguments) -> Result<u8, CliError> {
    output::check(&arguments.report)?;
    let files = NGINX.iter().fold(MemoryFiles::new(), |files, (path, text)| files.with(path, *text));
    let loaded = [load_from(Path::new("nginx.conf"), &files)?];
    let wanted: Vec<_> = loaded.iter().flat_map(super::nginx::Loaded::wanted).collect();
    let documents = AWS.iter().map(|(path, text)| (*path, text.as_bytes()));
    let snapshot = from_documents(documents, "the demo")?;
    let settings = Settings {
        ephemeral: PortRange::LINUX_EPHEMERAL,
        fail_on: Severity::Medium,
        from: vec![Selector::Tag { key: "Role".to_owned(), value: "edge".to_owned() }],
        resolve: std::collections::BTreeMap::new(),
    };
    let report = audit(&loaded, &wanted, &gathered(snapshot), &settings)?;
    let sources: Vec<_> = loaded.iter().flat_map(super::nginx::Loaded::texts).collect();
    output::write(&arguments.report, &report, &sources, true)?;
    Ok(exit::OK)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::{AWS, NGINX};

    #[test]
    fn the_demo_is_the_whole_example() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/aws-shop");
        let mut on_disk = BTreeSet::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                // What else is there is for other commands.
                let is_conf = path.extension().is_some_and(|extension| extension == "conf");
                let path = path.strip_prefix(&root).unwrap();
                if is_conf || path.starts_with("aws") {
                    on_disk.insert(path.display().to_string());
                }
            }
        }
        let inside: BTreeSet<String> = NGINX.iter().chain(&AWS).map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(inside, on_disk);
    }
}
