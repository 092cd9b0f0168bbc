//! Changes that are no rules: to machines, load balancers, peerings.

use reachlint_model::{Hop, Remedy};

use super::words::{Command, is_argument, plain};
use crate::network::{GcpNetwork, NO_CUSTOM_ROUTES, NO_GLOBAL_ACCESS};

/// The parts of a short name: project, place, name.
fn parts<'g>(gcp: &'g GcpNetwork, hop: &Hop) -> Option<(&'g str, &'g str, &'g str)> {
    let mut parts = gcp.network.name(hop.subject).split('/');
    let found = (parts.next()?, parts.next()?, parts.next()?);
    let all = [found.0, found.1, found.2];
    (parts.next().is_none() && all.iter().all(|part| is_argument(part))).then_some(found)
}

/// Starts the machine.
pub(super) fn start(gcp: &GcpNetwork, hop: &Hop) -> Option<Remedy> {
    let (project, zone, name) = parts(gcp, hop)?;
    Some(Remedy {
        cli: Command::new("compute instances start")
            .word(name)
            .option("--zone", zone)
            .option("--project", project)
            .text(),
        terraform: format!("# Set `desired_status` of the instance {} to `RUNNING`.", plain(name)),
        console: format!("In project {project}: Compute Engine > VM instances > {name} > Start / Resume."),
    })
}

/// Gives an internal load balancer global access; a forwarding rule's ports cannot be changed.
pub(super) fn balancer(gcp: &GcpNetwork, hop: &Hop) -> Option<Remedy> {
    hop.note.filter(|note| note.template == NO_GLOBAL_ACCESS)?;
    let (project, region, name) = parts(gcp, hop)?;
    let command = Command::new("compute forwarding-rules update").word(name).option("--region", region);
    Some(Remedy {
        cli: command.flag("--allow-global-access").option("--project", project).text(),
        terraform: format!("# Set `allow_global_access` of the forwarding rule {name} to `true`."),
        console: format!(
            "In project {project}: Load balancing > {name} > Edit > Frontend configuration > Global access: enable."
        ),
    })
}

/// Lets a peering exchange custom routes.
pub(super) fn route(gcp: &GcpNetwork, hop: &Hop) -> Option<Remedy> {
    hop.note.filter(|note| note.template == NO_CUSTOM_ROUTES)?;
    let (network, peering) = gcp.network.name(hop.subject).split_once(' ')?;
    let (project, network) = network.split_once('/')?;
    [project, network, peering].iter().all(|text| is_argument(text)).then(|| Remedy {
        cli: Command::new("compute networks peerings update")
            .word(peering)
            .option("--network", network)
            .flag("--import-custom-routes")
            .option("--project", project)
            .text(),
        terraform: format!(
            "# Set `import_custom_routes` of the peering {peering}, and `export_custom_routes` on its other side, to `true`."
        ),
        console: format!(
            "In project {project}: VPC network peering > {peering} > Edit > Import custom routes; on its other side, export \
             them."
        ),
    })
}
