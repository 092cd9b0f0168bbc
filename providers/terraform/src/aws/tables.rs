//! Route tables, routes and associations.

use reachlint_aws::records::{Route, RouteTable, RouteTableAssociation, Sink, Text};

use super::{LISTS, Overlay, SUBNETS, VPCS};
use crate::change::Change;
use crate::values::{Object, Why};

const TABLES: &[&str] = &["aws_route_table", "aws_default_route_table"];

/// The field of a route that holds an id.
type Field = for<'r> fn(&'r mut Route<'static>) -> &'r mut Option<Text<'static>>;
/// What a route can lead to: the attribute, the field of the API, and the types whose id it holds.
type Target = (&'static str, Field, &'static [&'static str]);

const TARGETS: [Target; 11] = [
    ("gateway_id", |route| &mut route.gateway_id, &["aws_internet_gateway", "aws_vpn_gateway"]),
    ("nat_gateway_id", |route| &mut route.nat_gateway_id, &["aws_nat_gateway"]),
    ("vpc_peering_connection_id", |route| &mut route.vpc_peering_connection_id, super::peerings::PEERINGS),
    ("transit_gateway_id", |route| &mut route.transit_gateway_id, &["aws_ec2_transit_gateway"]),
    (
        "egress_only_gateway_id",
        |route| &mut route.egress_only_internet_gateway_id,
        &["aws_egress_only_internet_gateway"],
    ),
    // The API takes an endpoint where it takes a gateway (EC2 API, CreateRoute and its answer).
    ("vpc_endpoint_id", |route| &mut route.gateway_id, &["aws_vpc_endpoint"]),
    ("network_interface_id", |route| &mut route.network_interface_id, super::INTERFACES),
    ("instance_id", |route| &mut route.instance_id, &["aws_instance"]),
    ("local_gateway_id", |route| &mut route.local_gateway_id, &[]),
    ("carrier_gateway_id", |route| &mut route.carrier_gateway_id, &["aws_ec2_carrier_gateway"]),
    ("core_network_arn", |route| &mut route.core_network_arn, &[]),
];

/// Names of the destinations in a `route` block and in an `aws_route`.
const INSIDE: [&str; 3] = ["cidr_block", "ipv6_cidr_block", "destination_prefix_list_id"];
const ALONE: [&str; 3] = ["destination_cidr_block", "destination_ipv6_cidr_block", "destination_prefix_list_id"];

impl<'p> Overlay<'p, '_> {
    /// A route, or the attribute of it that is not known. What is missing of a route makes the whole table unknown, for
    /// it may be the longest one to anything.
    fn route(
        &self,
        change: &'p Change,
        block: Object<'p>,
        inside: Option<&str>,
    ) -> Result<Route<'static>, (&'static str, Why)> {
        let [v4, v6, list] = if inside.is_some() { INSIDE } else { ALONE };
        let owned = |name: &'static str| {
            block.get(name).text().map(|text| text.map(|text| text.to_owned().into())).map_err(|why| (name, why))
        };
        let lists = self.id_in(change, block.get(list), inside.unwrap_or(list), LISTS).map_err(|why| (list, why))?;
        let mut route = Route {
            destination_cidr_block: owned(v4)?,
            destination_ipv6_cidr_block: owned(v6)?,
            destination_prefix_list_id: lists.map(Into::into),
            ..Route::default()
        };
        for (name, field, kinds) in TARGETS {
            match self.id_in(change, block.get(name), inside.unwrap_or(name), kinds) {
                Ok(Some(id)) => *field(&mut route) = Some(id.into()),
                Ok(None) => {}
                // The cloud fills in what the configuration does not say.
                Err(Why::Later) if inside.is_none() && !self.plan.configures(change, name) => {}
                Err(why) => return Err((name, why)),
            }
        }
        Ok(route)
    }

    pub(super) fn remove_table(&mut self, change: &'p Change) {
        let Some(id) = change.old_id() else { return };
        // To take the default table out of a configuration leaves it as it is (aws_default_route_table, removing).
        if change.actions.delete && change.kind != "aws_default_route_table" {
            self.estate.drop_table(id);
        }
    }

    pub(super) fn add_table(&mut self, change: &'p Change) -> Result<(), String> {
        let default = change.kind == "aws_default_route_table";
        let created = change.actions.create && !default;
        let named = change.after().get("default_route_table_id").text().ok().flatten().filter(|_| default);
        let id = if created { change.address.as_str() } else { named.unwrap_or(change.new_id()) };
        if created {
            self.create_table(change)?;
        } else if !self.estate.has_table(id) {
            self.absent(change, id);
            return Ok(());
        } else if change.actions.create {
            // Adopting the default table takes away every route that the configuration does not have
            // (aws_default_route_table).
            self.estate.clear_routes(id);
        }
        if !change.actions.create && !change.alters("route") {
            return Ok(());
        }
        let new = match self.listed(change, "route") {
            Ok(new) => new,
            Err(why) => {
                self.estate.doubt(id, &why.of(&change.address, "route"));
                return Ok(());
            }
        };
        for block in change.before().get("route").blocks().unwrap_or_default() {
            if let Ok(route) = self.route(change, block, Some("route")) {
                // What is no block is in no table.
                let _ = self.estate.remove_route(id, &route);
            }
        }
        for block in new {
            match self.route(change, block, Some("route")) {
                Ok(route) => self.estate.add_route(id, &route)?,
                Err((name, why)) => self.estate.doubt(id, &why.of(&change.address, &format!("route.{name}"))),
            }
        }
        Ok(())
    }

    fn create_table(&mut self, change: &'p Change) -> Result<(), String> {
        let vpc = self.id(change, "vpc_id", VPCS).ok().flatten();
        let blocks = vpc.as_deref().map(|vpc| self.estate.blocks(vpc)).unwrap_or_default();
        if blocks.is_empty() {
            // Without the blocks of the VPC its local routes are not known.
            let why = format!("`{}` is a new table in a VPC whose blocks are not in the evidence", change.address);
            self.estate.doubt(&change.address, &why);
        }
        // Every table begins with a local route for each block of its VPC (VPC guide, route tables).
        let routes = blocks.into_iter().map(|block| {
            let is_v6 = block.contains(':');
            let block = Some(block.into());
            let local = Route { gateway_id: Some("local".into()), ..Route::default() };
            if is_v6 {
                Route { destination_ipv6_cidr_block: block, ..local }
            } else {
                Route { destination_cidr_block: block, ..local }
            }
        });
        self.estate.route_table(RouteTable {
            route_table_id: change.address.clone().into(),
            vpc_id: vpc.map(Into::into),
            routes: routes.collect(),
            associations: vec![RouteTableAssociation { main: Some(false), ..RouteTableAssociation::default() }],
            ..RouteTable::default()
        })
    }

    pub(super) fn remove_route(&mut self, change: &'p Change) {
        let old = change.before();
        if let (Ok(Some(table)), Ok(route)) = (old.get("route_table_id").text(), self.route(change, old, None)) {
            let _ = self.estate.remove_route(table, &route);
        }
    }

    pub(super) fn add_route(&mut self, change: &'p Change) -> Result<(), String> {
        let table = match self.id(change, "route_table_id", TABLES) {
            Ok(Some(table)) => table,
            Ok(None) => return Ok(()),
            Err(why) => {
                let why = why.of(&change.address, "route_table_id");
                let new = self.plan.current().filter(|table| TABLES.contains(&table.kind.as_str()) && table.is_new());
                for table in new {
                    self.estate.doubt(&table.address, &why);
                }
                self.note(change, &why);
                return Ok(());
            }
        };
        if !self.estate.has_table(&table) {
            self.absent(change, &table);
            return Ok(());
        }
        if let Some(why) = self.contested(change, &table, "route") {
            self.note(change, &why);
            self.estate.doubt(&table, &why);
        }
        match self.route(change, change.after(), None) {
            Ok(route) => self.estate.add_route(&table, &route),
            Err((name, why)) => {
                self.estate.doubt(&table, &why.of(&change.address, name));
                Ok(())
            }
        }
    }

    pub(super) fn remove_association(&mut self, change: &'p Change) {
        let old = change.before();
        if let (Ok(Some(table)), Ok(Some(subnet))) = (old.get("route_table_id").text(), old.get("subnet_id").text()) {
            self.estate.dissociate(table, subnet);
        }
    }

    pub(super) fn add_association(&mut self, change: &'p Change) {
        // A table of a gateway decides about what comes in through it, to middleboxes, which end paths in unknown.
        // A subnet of unknown id is a new one, in which nothing runs yet.
        let Ok(Some(subnet)) = self.id(change, "subnet_id", SUBNETS) else { return };
        match self.id(change, "route_table_id", TABLES) {
            Ok(Some(table)) if self.estate.has_table(&table) => self.estate.associate(&table, &subnet),
            Ok(_) => {
                let why = format!("`{}` gives it a route table that is not in the evidence", change.address);
                self.estate.doubt(&subnet, &why);
            }
            Err(why) => self.estate.doubt(&subnet, &why.of(&change.address, "route_table_id")),
        }
    }

    /// The association keeps in mind which table was the main one before (`aws_main_route_table_association`).
    pub(super) fn remove_main(&mut self, change: &'p Change) {
        let old = change.before();
        if let (Ok(Some(vpc)), Ok(Some(table))) = (old.get("vpc_id").text(), old.get("original_route_table_id").text())
        {
            self.estate.make_main(vpc, table);
        }
    }

    pub(super) fn add_main(&mut self, change: &'p Change) {
        let Ok(Some(vpc)) = self.id(change, "vpc_id", VPCS) else { return };
        match self.id(change, "route_table_id", TABLES) {
            Ok(table) => self.estate.make_main(&vpc, table.as_deref().unwrap_or_default()),
            Err(why) => {
                let why = why.of(&change.address, "route_table_id");
                for subnet in self.estate.subnets_in(&vpc) {
                    self.estate.doubt(&subnet, &why);
                }
            }
        }
    }
}
