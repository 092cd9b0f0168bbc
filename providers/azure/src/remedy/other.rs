//! What is to be done where something other than a group ends a connection.

use reachlint_model::{Hop, Remedy, RuleId};

use super::words::{Command, is_argument, plain};
use crate::network::{
    ADMIN, APPLIANCE, APPLICATION, AzureNetwork, BALANCER, ENDPOINT, IN_FORCE, MACHINE_STATE, OUTBOUND, PUBLIC, ROUTE,
};

/// The change for a hop that is no network security group.
pub(super) fn open(azure: &AzureNetwork, hop: &Hop) -> Option<Remedy> {
    let name = plain(azure.network.name(hop.subject));
    let words = |console: String| Some(Remedy { console, ..Remedy::default() });
    match hop.layer {
        ADMIN => words(format!(
            "Security admin rules on {name} belong to a network manager: ask whoever keeps it for an Allow or AlwaysAllow \
             rule for exactly this connection, before the rule that denies."
        )),
        IN_FORCE => words(format!(
            "Network interfaces > {name} > Effective security rules: look for the rule that refuses, which is not in the \
             evidence as it is there, then collect again."
        )),
        ROUTE => words(format!(
            "Route tables and Virtual networks > Peerings: give the subnet a way to the address that {name} does not \
             carry, by a route, or by a peering that is connected on both sides; and the other side one back."
        )),
        OUTBOUND => words(format!(
            "Virtual networks > {name}: give the subnet a NAT gateway, or the interface a public address."
        )),
        PUBLIC => words(format!(
            "Network security groups: associate one with the subnet or interface of {name} that admits exactly the \
             sender. Where both are in one network, the private address needs no public one."
        )),
        BALANCER => words(format!(
            "Load balancers > {name}: add a rule for the port, or a member to its pool, or have nginx connect to the \
             backends."
        )),
        APPLICATION => words(format!(
            "Application gateways > {name}: add a listener for the port on this frontend, or start the gateway."
        )),
        ENDPOINT => words(format!(
            "Private endpoints > {name}: have the owner of the service approve the connection (Private Link Center > \
             Pending connections)."
        )),
        MACHINE_STATE => Some(machine(azure, hop)),
        APPLIANCE => forwarding(azure, hop),
        _ => None,
    }
}

/// An admin rule that always allows more than is needed.
pub(super) fn narrow_admin(azure: &AzureNetwork, hop: &Hop, rule: RuleId) -> Option<Remedy> {
    let rule = plain(azure.network.name(azure.network.rule(rule)?.name?));
    let on = plain(azure.network.name(hop.subject));
    let console = format!(
        "The security admin rule {rule} on {on} belongs to a network manager: ask whoever keeps it to have it always \
         allow only who needs it, or to allow, which leaves the choice to the network security groups."
    );
    Some(Remedy { console, ..Remedy::default() })
}

fn machine(azure: &AzureNetwork, hop: &Hop) -> Remedy {
    let name = plain(azure.network.name(hop.subject));
    let console = format!("Virtual machines > {name} > Start.");
    let machine = azure.called.resource(hop.subject, "microsoft.compute/virtualmachines");
    let machine = machine.filter(|machine| is_argument(&machine.text));
    let cli = machine.map(|machine| Command::new("vm start").option("--ids", &machine.text).done());
    Remedy { cli: cli.unwrap_or_default(), console, ..Remedy::default() }
}

fn forwarding(azure: &AzureNetwork, hop: &Hop) -> Option<Remedy> {
    let nic = azure.called.resource(hop.subject, "/networkinterfaces").filter(|nic| is_argument(&nic.text))?;
    let cli = Command::new("network nic update").option("--ids", &nic.text).option("--ip-forwarding", "true").done();
    let console = format!("Network interfaces > {} > IP configurations > Enable IP forwarding.", plain(nic.name()));
    Some(Remedy { cli, console, ..Remedy::default() })
}
