//! The fields of resources that decide. Keys are in lower case and `properties` are lifted, see [`super::shape`].

use std::collections::BTreeMap;

use serde::Deserialize;

use super::rule::SecurityRule;

macro_rules! records {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* $(,)? })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, Default, Deserialize)]
            #[serde(default)]
            pub(crate) struct $name { $(pub(crate) $field: $type),* }
        )*
    };
}

/// Tags of a resource.
pub(crate) type Tags = BTreeMap<String, String>;

records! {
    /// A resource that another one names.
    Reference { id: String }
    /// A network interface, of a machine or of an instance of a scale set.
    Nic {
        ipconfigurations: Vec<IpConfiguration>, networksecuritygroup: Option<Reference>,
        virtualmachine: Option<Reference>, privateendpoint: Option<Reference>,
        privatelinkservice: Option<Reference>, enableipforwarding: bool, primary: Option<bool>,
        hostedworkloads: Vec<String>, dnssettings: DnsServers, location: String, tags: Tags,
    }
    /// An IP configuration of a network interface.
    IpConfiguration {
        id: Option<String>, name: String, privateipaddress: Option<String>, privateipaddressprefixlength: Option<u8>,
        publicipaddress: Option<Reference>, subnet: Option<Reference>, primary: Option<bool>,
        applicationsecuritygroups: Vec<Reference>, loadbalancerbackendaddresspools: Vec<Reference>,
    }
    /// A virtual network.
    VirtualNetwork {
        addressspace: AddressSpace, subnets: Vec<Subnet>, virtualnetworkpeerings: Vec<Peering>,
        dhcpoptions: DnsServers, location: String,
    }
    /// DNS servers that machines ask instead of Azure's.
    DnsServers { dnsservers: Vec<String> }
    /// Address blocks.
    AddressSpace { addressprefixes: Vec<String> }
    /// A subnet.
    Subnet {
        id: Option<String>, name: String, addressprefix: Option<String>, addressprefixes: Vec<String>,
        networksecuritygroup: Option<Reference>, routetable: Option<Reference>, natgateway: Option<Reference>,
        privateendpointnetworkpolicies: Option<String>, defaultoutboundaccess: Option<bool>,
        delegations: Vec<Delegation>, ipconfigurations: Vec<Reference>,
        applicationgatewayipconfigurations: Vec<Reference>,
    }
    /// A service that a subnet is delegated to.
    Delegation { servicename: String }
    /// One side of a peering of virtual networks.
    Peering {
        id: Option<String>, name: String, remotevirtualnetwork: Option<Reference>, peeringstate: String,
        allowvirtualnetworkaccess: Option<bool>, useremotegateways: bool,
        remoteaddressspace: AddressSpace, remotevirtualnetworkaddressspace: AddressSpace,
        peercompletevnets: Option<bool>, localsubnetnames: Vec<String>, remotesubnetnames: Vec<String>,
    }
    /// A network security group.
    SecurityGroup { securityrules: Vec<SecurityRule>, defaultsecurityrules: Option<Vec<SecurityRule>>, location: String }
    /// A route table.
    RouteTable { routes: Vec<Route>, disablebgproutepropagation: bool }
    /// A route of it.
    Route { name: String, addressprefix: Option<String>, nexthoptype: String, nexthopipaddress: Option<String> }
    /// A public address.
    PublicAddress { ipaddress: Option<String>, sku: Sku, dnssettings: DnsSettings }
    /// Which edition of a resource.
    Sku { name: String }
    /// The name of a public address.
    DnsSettings { fqdn: Option<String> }
    /// A load balancer.
    LoadBalancer {
        frontendipconfigurations: Vec<Frontend>, backendaddresspools: Vec<Pool>,
        loadbalancingrules: Vec<BalancingRule>, inboundnatrules: Vec<NatRule>, probes: Vec<Probe>,
        outboundrules: Vec<OutboundRule>, location: String,
    }
    /// An address that a load balancer or an application gateway listens on.
    Frontend {
        id: Option<String>, name: String, privateipaddress: Option<String>, publicipaddress: Option<Reference>,
        publicipprefix: Option<Reference>, subnet: Option<Reference>,
    }
    /// Backends of a load balancer.
    Pool {
        id: Option<String>, name: String, backendipconfigurations: Vec<Reference>,
        loadbalancerbackendaddresses: Vec<PoolAddress>,
    }
    /// A backend that is given by its address.
    PoolAddress { name: String, ipaddress: Option<String>, networkinterfaceipconfiguration: Option<Reference> }
    /// A load balancing rule.
    BalancingRule {
        name: String, frontendipconfiguration: Option<Reference>, backendaddresspool: Option<Reference>,
        backendaddresspools: Vec<Reference>, probe: Option<Reference>, protocol: String, frontendport: u16,
        backendport: u16, enablefloatingip: bool, disableoutboundsnat: bool,
    }
    /// An inbound NAT rule.
    NatRule {
        name: String, frontendipconfiguration: Option<Reference>, backendipconfiguration: Option<Reference>,
        backendaddresspool: Option<Reference>, protocol: String, frontendport: u16, backendport: u16,
        frontendportrangestart: u16, frontendportrangeend: u16, enablefloatingip: bool,
    }
    /// A health probe.
    Probe { id: Option<String>, name: String, port: u16 }
    /// An outbound rule.
    OutboundRule { frontendipconfigurations: Vec<Reference>, backendaddresspool: Option<Reference> }
    /// A NAT gateway.
    NatGateway { publicipaddresses: Vec<Reference>, publicipprefixes: Vec<Reference> }
    /// A private endpoint.
    PrivateEndpoint {
        privatelinkserviceconnections: Vec<PrivateConnection>,
        manualprivatelinkserviceconnections: Vec<PrivateConnection>,
    }
    /// What a private endpoint is connected to.
    PrivateConnection { name: String, privatelinkserviceconnectionstate: ConnectionState }
    /// Whether the other side agreed.
    ConnectionState { status: String }
    /// An application gateway.
    ApplicationGateway {
        frontendipconfigurations: Vec<Frontend>, frontendports: Vec<FrontendPort>, httplisteners: Vec<Listener>,
        listeners: Vec<Listener>, gatewayipconfigurations: Vec<GatewayConfiguration>, operationalstate: String,
        location: String,
    }
    /// A port of an application gateway.
    FrontendPort { id: Option<String>, port: u16 }
    /// A listener of an application gateway.
    Listener { name: String, frontendipconfiguration: Option<Reference>, frontendport: Option<Reference> }
    /// The subnet of an application gateway.
    GatewayConfiguration { subnet: Option<Reference> }
    /// A machine, or an instance of a scale set.
    Machine {
        powerstate: Option<String>, instanceview: Option<InstanceView>, extended: Option<Extended>,
        location: String, tags: Tags,
    }
    /// What a machine is doing.
    InstanceView { statuses: Vec<Status>, powerstate: Option<Status> }
    /// Where Resource Graph has it.
    Extended { instanceview: InstanceView }
    /// One of its states.
    Status { code: String }
    /// A scale set.
    ScaleSet { tags: Tags }
    /// A private DNS zone.
    PrivateZone { numberofrecordsets: Option<usize>, numberofvirtualnetworklinks: Option<usize> }
    /// A link of a private zone to a virtual network.
    ZoneLink { virtualnetwork: Option<Reference>, resolutionpolicy: Option<String> }
    /// The records of one name and type.
    RecordSet { arecords: Vec<V4Record>, aaaarecords: Vec<V6Record>, cnamerecord: Option<NameRecord> }
    /// An IPv4 address of a name.
    V4Record { ipv4address: String }
    /// An IPv6 address of a name.
    V6Record { ipv6address: String }
    /// Another name of a name.
    NameRecord { cname: String }
}

impl Machine {
    /// The power state without its prefix: `running`, `deallocated`.
    #[must_use]
    pub(crate) fn power(&self) -> Option<String> {
        let views = [self.instanceview.as_ref(), self.extended.as_ref().map(|extended| &extended.instanceview)];
        let codes = views.into_iter().flatten().flat_map(|view| view.powerstate.iter().chain(&view.statuses));
        let code = codes
            .map(|status| status.code.to_ascii_lowercase())
            .find_map(|code| code.strip_prefix("powerstate/").map(str::to_owned));
        code.or_else(|| {
            let shown = self.powerstate.as_ref()?.to_ascii_lowercase();
            Some(shown.strip_prefix("vm ").unwrap_or(&shown).to_owned())
        })
    }
}
