//! Routes, route tables and peerings.

use super::super::Estate;
use super::super::estate::{RawTable, Target};
use crate::records::Route;

impl Estate {
    fn table(&mut self, id: &str) -> Option<&mut RawTable> {
        let id = self.names.find(id)?;
        self.tables.iter_mut().find(|table| table.id == id)
    }

    /// Whether a route table is in the evidence.
    pub fn has_table(&mut self, id: &str) -> bool {
        self.table(id).is_some()
    }

    /// Adds a route in place of the one with its destination: a table has one route to each (EC2 API,
    /// `RouteAlreadyExists`).
    ///
    /// # Errors
    /// When its destination is no block.
    pub fn add_route(&mut self, table: &str, route: &Route<'_>) -> Result<(), String> {
        let Some(raw) = self.raw_route(route, table)? else { return Ok(()) };
        if let Some(table) = self.table(table) {
            table.routes.retain(|known| known.destination != raw.destination);
            table.routes.push(raw);
        }
        Ok(())
    }

    /// Takes the route to a destination away. The local routes of the VPC's own blocks stay: they can be replaced and
    /// not be removed (VPC guide, route tables).
    ///
    /// # Errors
    /// When its destination is no block.
    pub fn remove_route(&mut self, table: &str, route: &Route<'_>) -> Result<(), String> {
        let Some(raw) = self.raw_route(route, table)? else { return Ok(()) };
        if let Some(table) = self.table(table) {
            table.routes.retain(|known| known.destination != raw.destination || known.target == Target::Local);
        }
        Ok(())
    }

    /// Takes all routes of a table away but the local ones, which cannot be removed.
    pub fn clear_routes(&mut self, table: &str) {
        if let Some(table) = self.table(table) {
            table.routes.retain(|known| known.target == Target::Local);
        }
    }

    /// Takes a route table away; its subnets go back to the main one.
    pub fn drop_table(&mut self, id: &str) {
        if let Some(id) = self.names.find(id) {
            self.tables.retain(|table| table.id != id);
        }
    }

    /// Lets a route table serve a subnet, which has at most one of its own (VPC guide, subnet route tables).
    pub fn associate(&mut self, table: &str, subnet: &str) {
        let subnet = self.names.intern(subnet);
        for table in &mut self.tables {
            table.subnets.retain(|served| *served != subnet);
        }
        if let Some(table) = self.table(table) {
            table.subnets.push(subnet);
        }
    }

    /// Takes a subnet from a route table, if that serves it.
    pub fn dissociate(&mut self, table: &str, subnet: &str) {
        let subnet = self.names.intern(subnet);
        if let Some(table) = self.table(table) {
            table.subnets.retain(|served| *served != subnet);
        }
    }

    /// The main route table of a VPC.
    #[must_use]
    pub fn main_table(&self, vpc: &str) -> Option<String> {
        let vpc = self.names.find(vpc);
        let table = self.tables.iter().find(|table| table.main && vpc.is_some() && table.vpc == vpc)?;
        Some(self.names.get(table.id).to_owned())
    }

    /// Makes a route table the main one of its VPC.
    pub fn make_main(&mut self, vpc: &str, id: &str) {
        let (vpc, id) = (self.names.intern(vpc), self.names.intern(id));
        for table in self.tables.iter_mut().filter(|table| table.vpc == Some(vpc)) {
            table.main = table.id == id;
        }
    }

    /// The blocks of a VPC.
    #[must_use]
    pub fn blocks(&self, vpc: &str) -> Vec<String> {
        let blocks = self.names.find(vpc).and_then(|vpc| self.vpcs.get(&vpc));
        blocks.into_iter().flatten().map(ToString::to_string).collect()
    }

    /// Whether a peering connection is in the evidence.
    #[must_use]
    pub fn has_peering(&self, id: &str) -> bool {
        self.names.find(id).is_some_and(|id| self.peerings.contains_key(&id))
    }

    /// Gives a peering connection another status.
    pub fn set_peering(&mut self, id: &str, status: &str) {
        let (id, name) = (self.names.intern(id), self.names.intern(status));
        if let Some(peering) = self.peerings.get_mut(&id) {
            peering.status = Some(name);
            peering.active = status == "active";
        }
    }
}
