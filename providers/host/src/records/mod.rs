//! What the script of `reachlint host-evidence` printed.
//!
//! The document is text. Lines that begin with `===` are the script's own; everything that a command printed stands
//! behind a space. A section begins with the command and ends with its exit status, so that *refused*, *not installed*
//! and *empty* are told apart.

mod address;
mod concat;
mod expression;
mod firewall;
mod iptables;
mod nft;
mod ruleset;
mod socket;
mod target;

pub use address::Device;
pub(crate) use firewall::Firewall;
pub(crate) use ruleset::{
    Chain, Engine, Families, FlagTest, Hook, Manager, Protocols, RawRule, Refusal, Test, Translation, Verdict,
};
pub(crate) use socket::{Bound, Listener, Sockets};

/// The first line of a document, up to its version.
const MAGIC: &str = "=== reachlint host evidence ";
/// The version of documents that is read and written.
const VERSION: &str = "1";

/// Whether a text begins as a document of a host does. Twenty-eight bytes of it are enough.
#[must_use]
pub fn is_document(start: &[u8]) -> bool {
    start.starts_with(MAGIC.as_bytes())
}

/// Bytes that [`is_document`] has to see.
pub const MAGIC_LENGTH: usize = MAGIC.len();

/// A document that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// Another version of the script wrote it.
    #[error("it is evidence of a host in version `{0}`, this version reads `{VERSION}`")]
    Version(String),
    /// It is something else.
    #[error("it does not begin with `{MAGIC}{VERSION}`")]
    Foreign,
}

/// How a command of a document ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With this exit status.
    Exit(i32),
    /// It is not installed.
    Absent,
    /// The document ends within it, or does not have it.
    Missing,
}

/// A command and what it printed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Section {
    command: String,
    output: String,
    ending: Ending,
}

/// The evidence of one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Where it was read.
    pub source: String,
    /// What the host calls itself.
    pub host: String,
    /// Whether root gathered it. Nobody else sees the firewall.
    root: bool,
    sections: Vec<Section>,
}

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    /// When it is none, or one of another version.
    pub fn read(source: &str, bytes: &[u8]) -> Result<Self, DocumentError> {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.lines();
        let version = lines.next().and_then(|first| first.strip_prefix(MAGIC)).ok_or(DocumentError::Foreign)?.trim();
        if version != VERSION {
            return Err(DocumentError::Version(version.to_owned()));
        }
        let mut document = Self { source: source.to_owned(), host: String::new(), root: false, sections: Vec::new() };
        let mut open: Option<Section> = None;
        for line in lines {
            let Some(own) = line.strip_prefix("=== ") else {
                if let Some(section) = &mut open {
                    section.output.push_str(line.strip_prefix(' ').unwrap_or(line));
                    section.output.push('\n');
                }
                continue;
            };
            if let Some(command) = own.strip_prefix("$ ") {
                document.sections.extend(open.take());
                let command = command.trim().to_owned();
                open = Some(Section { command, output: String::new(), ending: Ending::Missing });
            } else if let Some(mut section) = open.take() {
                section.ending = match own.strip_prefix("exit ").map(|code| code.trim().parse()) {
                    Some(Ok(code)) => Ending::Exit(code),
                    None if own.trim() == "absent" => Ending::Absent,
                    _ => Ending::Missing,
                };
                document.sections.push(section);
            } else if let Some(host) = own.strip_prefix("host ") {
                host.trim().clone_into(&mut document.host);
            } else if let Some(uid) = own.strip_prefix("uid ") {
                document.root = uid.trim() == "0";
            }
        }
        document.sections.extend(open);
        if document.host.is_empty() {
            source.rsplit(['/', '\\']).next().unwrap_or(source).clone_into(&mut document.host);
        }
        Ok(document)
    }

    /// What a command printed and how it ended.
    fn command(&self, command: &str) -> (&str, Ending) {
        let section = self.sections.iter().find(|section| section.command == command);
        section.map_or(("", Ending::Missing), |section| (&section.output, section.ending))
    }

    /// What a command printed, if it did what it was asked for.
    fn output(&self, command: &str) -> Option<&str> {
        let (output, ending) = self.command(command);
        (ending == Ending::Exit(0)).then_some(output)
    }

    /// The devices of the host with their addresses; `None` where they were not read.
    #[must_use]
    pub fn devices(&self) -> Option<Vec<Device>> {
        address::devices(self.output("ip -j addr")?)
    }

    /// The identifier that the cloud wrote into the machine's firmware, if it did: on AWS the id of the instance.
    #[must_use]
    pub fn asset(&self) -> Option<&str> {
        let tag = self.output("cat /sys/devices/virtual/dmi/id/board_asset_tag")?.trim();
        (!tag.is_empty()).then_some(tag)
    }

    /// Who listens.
    pub(crate) fn sockets(&self) -> Sockets {
        socket::sockets(self)
    }

    /// What filters.
    pub(crate) fn firewall(&self) -> Firewall {
        firewall::firewall(self)
    }
}

#[cfg(test)]
mod tests {
    use super::{Document, DocumentError, Ending, is_document};

    const TEXT: &str = "=== reachlint host evidence 1\n=== host app-1\n=== uid 0\n=== $ ss -Hltnupe\n=== exit 0\n\
                        === $ nft -j list ruleset\n Operation not permitted\n=== exit 1\n=== $ iptables-save\n=== absent\n\
                        === $ ip -j addr\n === exit 0\n [{}";

    #[test]
    fn refused_absent_empty_and_cut_are_told_apart() {
        let document = Document::read("a/app.txt", TEXT.as_bytes()).unwrap();
        assert_eq!((document.host.as_str(), document.root), ("app-1", true));
        assert_eq!(document.command("ss -Hltnupe"), ("", Ending::Exit(0)));
        assert_eq!(document.command("nft -j list ruleset"), ("Operation not permitted\n", Ending::Exit(1)));
        assert_eq!(document.command("iptables-save"), ("", Ending::Absent));
        assert_eq!(document.command("ip6tables-save"), ("", Ending::Missing));
        // What a command prints cannot end its section.
        assert_eq!(document.command("ip -j addr"), ("=== exit 0\n[{}\n", Ending::Missing));
        assert_eq!(document.output("nft -j list ruleset"), None);
    }

    #[test]
    fn other_documents_are_refused() {
        assert!(is_document(TEXT.as_bytes()) && !is_document(b"{}") && !is_document(b""));
        assert_eq!(Document::read("x", b"{}"), Err(DocumentError::Foreign));
        let newer = Document::read("x", b"=== reachlint host evidence 2\n");
        assert_eq!(newer, Err(DocumentError::Version("2".to_owned())));
    }
}
