//! Permissions that reading each kind of thing needs, in Azure's own spelling.

pub(super) const READ_NICS: &str = "Microsoft.Network/networkInterfaces/read";
pub(super) const READ_VNETS: &str = "Microsoft.Network/virtualNetworks/read";
pub(super) const READ_GROUPS: &str = "Microsoft.Network/networkSecurityGroups/read";
pub(super) const READ_TABLES: &str = "Microsoft.Network/routeTables/read";
pub(super) const READ_PUBLICS: &str = "Microsoft.Network/publicIPAddresses/read";
pub(super) const READ_BALANCERS: &str = "Microsoft.Network/loadBalancers/read";
pub(super) const READ_NATS: &str = "Microsoft.Network/natGateways/read";
pub(super) const READ_ENDPOINTS: &str = "Microsoft.Network/privateEndpoints/read";
pub(super) const READ_MACHINES: &str = "Microsoft.Compute/virtualMachines/read";
pub(super) const READ_INSTANCES: &str = "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/read";
pub(super) const READ_TAGS: &str = "Microsoft.Network/locations/serviceTags/read";
pub(super) const READ_LINKS: &str = "Microsoft.Network/privateDnsZones/virtualNetworkLinks/read";
pub(super) const READ_RECORDS: &str = "Microsoft.Network/privateDnsZones/ALL/read";
pub(super) const READ_ADMIN: &str =
    "Microsoft.Network/virtualNetworks/listNetworkManagerEffectiveSecurityAdminRules/action";
pub(super) const READ_ROUTES: &str = "Microsoft.Network/networkInterfaces/effectiveRouteTable/action";
