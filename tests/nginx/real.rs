//! Every case that a real nginx can judge is judged by `nginx -t`: it accepts or refuses what reachlint accepts or
//! refuses, with the same message and line.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::case::{Case, Refusal, cases};

/// Names of cases, and addresses that only the C library reads, so that nginx looks them up like names and no DNS is
/// asked.
pub(crate) const NAMES: [(&str, &str); 3] =
    [("one.test", "0x7f000201"), ("multi.test", "0x7f000101"), ("dyn.test", "0x7f000301")];

const INSTALL: &str = "install nginx-light, libnginx-mod-stream, libnginx-mod-mail and libnginx-mod-http-lua";

/// A real nginx.
pub(crate) struct Nginx {
    program: PathBuf,
    version: Vec<u32>,
    modules: PathBuf,
    /// The options it was built with.
    options: String,
}

/// What nginx says.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) message: String,
    pub(crate) file: Option<PathBuf>,
    pub(crate) line: Option<u32>,
}

impl Nginx {
    /// The one that `REACHLINT_TEST_NGINX` names, that of the path, or that of Debian. `None` is for machines of
    /// developers; where tests have to be complete it is a failure.
    pub(crate) fn find() -> Option<Self> {
        let Some(program) = program() else { return missing("no nginx is installed") };
        let output = Command::new(&program).arg("-V").output().unwrap();
        let options = String::from_utf8_lossy(&output.stderr).into_owned();
        let option =
            |name: &str| options.split_whitespace().find_map(|option| option.strip_prefix(name)).map(str::to_owned);
        Some(Self {
            version: numbers(&option("nginx/").unwrap()),
            modules: PathBuf::from(option("--modules-path=").unwrap_or_default()),
            program,
            options,
        })
    }

    /// The real nginx of a test that is nothing without one.
    pub(crate) fn needed() -> Self {
        Self::find().unwrap_or_else(|| panic!("no nginx is installed: {INSTALL}"))
    }

    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// What loads modules that a test is nothing without.
    pub(crate) fn loading_needed(&self, modules: &[&str]) -> String {
        self.loading(modules).unwrap_or_else(|| panic!("nginx has not the modules {modules:?}: {INSTALL}"))
    }

    pub(crate) fn is_at_least(&self, version: &str) -> bool {
        self.version >= numbers(version)
    }

    /// The directives that load modules; `None` if there is no such module.
    fn loading(&self, modules: &[&str]) -> Option<String> {
        let mut loading = String::new();
        for module in modules {
            let file = self.modules.join(format!("ngx_{module}_module.so"));
            if file.is_file() {
                if *module == "http_lua" {
                    let kit = self.modules.join("ndk_http_module.so");
                    write!(loading, "load_module {};", kit.display()).unwrap();
                }
                write!(loading, "load_module {};", file.display()).unwrap();
            } else if !self.options.split_whitespace().any(|option| {
                [format!("--with-{module}"), format!("--with-{module}_module")].iter().any(|with| with == option)
            }) {
                return None;
            }
        }
        Some(loading)
    }

    /// Judges the `nginx.conf` of a folder.
    pub(crate) fn judge(&self, folder: &Path, loading: &str) -> Result<(), Refused> {
        let output = Command::new(&self.program)
            .arg("-t")
            .arg("-p")
            .arg(folder)
            .args(["-c", "nginx.conf", "-e", "stderr", "-g"])
            .arg(format!("pid nginx.pid; {loading}"))
            .env_clear()
            // Names that do not exist are looked up once.
            .env("RES_OPTIONS", "attempts:1 timeout:1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            return Ok(());
        }
        let message = said.lines().find(|line| line.contains("[emerg]")).unwrap_or(&said).to_owned();
        // The place stands at the end of most messages, and is a word of its own in all.
        let places = message.split(' ').filter_map(|word| word.rsplit_once(':'));
        let place = places.filter(|(file, _)| Path::new(file).starts_with(folder));
        let place = place.filter_map(|(file, line)| Some((PathBuf::from(file), line.parse().ok()?))).next_back();
        let (file, line) = place.unzip();
        Err(Refused { message, file, line })
    }
}

fn program() -> Option<PathBuf> {
    if let Some(named) = env::var_os("REACHLINT_TEST_NGINX") {
        return Some(named.into());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join("nginx")).find(|program| program.is_file())
}

fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map(|number| number.parse().unwrap()).collect()
}

/// Seen with `--nocapture`.
#[expect(clippy::print_stdout, reason = "what was not compared has to be seen")]
pub(crate) fn note(text: &str) {
    println!("{text}");
}

/// A note for a developer, a failure where everything has to be there.
fn missing<T>(what: &str) -> Option<T> {
    assert_ne!(env::var("CI").as_deref(), Ok("true"), "{what}: {INSTALL} (tests/run does it)");
    note(&format!("not compared with a real nginx: {what}; {INSTALL}"));
    None
}

#[test]
fn nginx_agrees_with_every_case() {
    let Some(nginx) = Nginx::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (mut judged, mut newer, mut wrong) = (0, 0, Vec::new());
    for (name, case) in cases() {
        if case.not_run.is_some() {
            continue;
        }
        if case.since.as_ref().is_some_and(|since| !nginx.is_at_least(since)) {
            newer += 1;
            continue;
        }
        let modules: Vec<&str> = ["stream"].into_iter().chain(case.modules.iter().map(String::as_str)).collect();
        let Some(loading) = nginx.loading(&modules) else {
            missing::<()>(&format!("{name} needs the modules {modules:?}"));
            continue;
        };
        let folder = folder.path().join(&case.id);
        write(&case, &folder);
        let verdict = nginx.judge(&folder, &loading);
        judged += 1;
        if let Some(complaint) = disagreement(&case, verdict) {
            wrong.push(format!("{name}: {complaint}"));
        }
    }
    note(&format!("{judged} cases judged, {newer} need a newer nginx"));
    assert!(judged >= 150, "only {judged} cases could be judged");
    assert!(wrong.is_empty(), "nginx disagrees with {} of {judged} cases:\n{}", wrong.len(), wrong.join("\n"));
}

fn write(case: &Case, folder: &Path) {
    let files = case.files.iter().map(|(path, text)| (path.as_str(), text));
    for (path, text) in files.chain([("nginx.conf", &case.nginx)]) {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let text = NAMES.iter().fold(text.clone(), |text, (name, address)| text.replace(name, address));
        fs::write(path, text).unwrap();
    }
}

fn disagreement(case: &Case, verdict: Result<(), Refused>) -> Option<String> {
    let expected: Option<&Refusal> = case.refused.as_ref().or(case.nginx_refuses.as_ref());
    match (verdict, expected) {
        (Ok(()), None) => None,
        (Ok(()), Some(refusal)) => Some(format!("nginx accepts it, and does not say `{}`", refusal.message)),
        (Err(refused), None) => Some(format!("nginx refuses it: {}", refused.message)),
        (Err(refused), Some(refusal)) => {
            let message = NAMES.iter().fold(refused.message, |text, (name, address)| text.replace(address, name));
            let same = message.contains(&refusal.message) && refused.line == refusal.line;
            (!same).then(|| format!("nginx says `{message}`, not `{}` in line {:?}", refusal.message, refusal.line))
        }
    }
}
