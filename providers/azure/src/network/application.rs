//! Application gateways: what they listen on. What they send on is decided by rules that are not modelled.

use reachlint_model::{NameId, PortRange};

use super::compile::{Compiler, Kind};
use super::estate::refers;
use super::filters::Filter;
use crate::records::ResourceId;
use crate::records::key;
use crate::records::resources::ApplicationGateway;

/// An application gateway.
#[derive(Clone, Debug)]
pub(super) struct Application {
    pub(super) name: NameId,
    /// Listeners by frontend.
    pub(super) listeners: Vec<(usize, PortRange, NameId)>,
    /// The network security group of its subnet.
    pub(super) filter: Option<Filter>,
    pub(super) stopped: Option<NameId>,
}

impl Compiler {
    pub(super) fn compile_applications(&mut self) -> Vec<Application> {
        let all: Vec<(ResourceId, ApplicationGateway)> = self.estate.gateways.values().cloned().collect();
        let mut applications = Vec::new();
        for (at, (id, record)) in all.iter().enumerate() {
            let name = self.name(&id.key);
            for (number, frontend) in record.frontendipconfigurations.iter().enumerate() {
                self.frontend(id, name, frontend, &record.location, Kind::Application(at, number));
            }
            let own = |reference: &str, own: Option<&String>| own.is_some_and(|own| key(own) == reference);
            let mut listeners = Vec::new();
            for listener in record.httplisteners.iter().chain(&record.listeners) {
                let frontend = refers(listener.frontendipconfiguration.as_ref()).and_then(|wanted| {
                    record.frontendipconfigurations.iter().position(|one| own(&wanted, one.id.as_ref()))
                });
                let port = refers(listener.frontendport.as_ref())
                    .and_then(|wanted| record.frontendports.iter().find(|one| own(&wanted, one.id.as_ref())));
                if let Some((frontend, port)) = frontend.zip(port) {
                    let words = format!("{}/{}", id.name(), listener.name);
                    let words = self.builder.names().intern(&words);
                    listeners.push((frontend, PortRange::single(port.port), words));
                }
            }
            let subnet = record.gatewayipconfigurations.iter().find_map(|one| refers(one.subnet.as_ref()));
            let filter = subnet.and_then(|subnet| {
                let (name, _) = self.subnet_at.get(&subnet)?;
                self.subnets.get(name)?.filter
            });
            let running = record.operationalstate.is_empty() || record.operationalstate.eq_ignore_ascii_case("Running");
            let stopped = (!running).then(|| self.builder.names().intern(&record.operationalstate));
            applications.push(Application { name, listeners, filter, stopped });
        }
        applications
    }
}
