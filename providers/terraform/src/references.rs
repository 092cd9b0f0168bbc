//! What expressions of the configuration refer to: the way to an object whose id is known only after apply.
//!
//! A plan tells for each attribute which objects its expression mentions, the longest form first and then what it begins
//! with (`aws_subnet.app.id`, `aws_subnet.app`), and not what it does with them. So the objects that an unknown id can
//! be of are known where nothing else that is mentioned can be unknown.

use serde_json::Value as Json;

use crate::address::{Piece, Step, pieces};
use crate::change::Change;
use crate::document::Plan;

/// Modules call each other no deeper than this.
const DEEPEST: usize = 16;

/// Where an expression stands.
#[derive(Clone, Copy)]
struct Place<'p> {
    /// The instance of its module.
    module: &'p [Step],
    /// The key of the resource or module call that it belongs to, for `each.key` and `count.index`.
    key: Option<&'p str>,
}

/// The module's configuration.
fn module<'p>(plan: &'p Plan, path: &[Step]) -> Option<&'p Json> {
    let mut found = plan.configuration.get("root_module")?;
    for step in path {
        let name = step.name.strip_prefix("module.")?;
        found = found.get("module_calls")?.get(name)?.get("module")?;
    }
    Some(found)
}

/// The expression of an attribute, or of blocks of this name.
pub(crate) fn expression<'p>(plan: &'p Plan, change: &Change, name: &str) -> Option<&'p Json> {
    let (own, path) = change.steps.split_last()?;
    let resources = module(plan, path)?.get("resources")?.as_array()?;
    let resource =
        resources.iter().find(|resource| resource.get("address").and_then(Json::as_str) == Some(&own.name))?;
    resource.get("expressions")?.get(name)
}

/// The changes that an unknown value of an attribute can stand for; none if that cannot be told.
pub(crate) fn meant<'p>(plan: &'p Plan, change: &'p Change, name: &str) -> Option<Vec<&'p Change>> {
    let (_, path) = change.steps.split_last()?;
    let mut found = Vec::new();
    let place = Place { module: path, key: change.key() };
    follow(plan, place, expression(plan, change, name)?, 0, &mut found)?;
    Some(found)
}

/// All references of an expression or of blocks of expressions, without those that only begin longer ones.
fn references(expression: &Json) -> Vec<&str> {
    fn collect<'j>(json: &'j Json, found: &mut Vec<&'j str>) {
        match json {
            Json::Object(parts) => {
                for (key, part) in parts {
                    match part.as_array().filter(|_| key == "references") {
                        Some(list) => found.extend(list.iter().filter_map(Json::as_str)),
                        None => collect(part, found),
                    }
                }
            }
            Json::Array(parts) => parts.iter().for_each(|part| collect(part, found)),
            _ => {}
        }
    }
    let mut all = Vec::new();
    collect(expression, &mut all);
    let mut kept: Vec<&str> = Vec::new();
    for text in all {
        let begins = |longer: &&str| {
            longer.strip_prefix(text).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        if !kept.iter().any(begins) {
            kept.push(text);
        }
    }
    kept
}

fn follow<'p>(
    plan: &'p Plan,
    place: Place<'p>,
    expression: &'p Json,
    depth: usize,
    found: &mut Vec<&'p Change>,
) -> Option<()> {
    if depth > DEEPEST {
        return None;
    }
    let all = references(expression);
    // `aws_subnet.app[each.key].id` is told as `aws_subnet.app` and `each.key`.
    let by_key = all.iter().any(|text| text.starts_with("each.") || text.starts_with("count."));
    let own_key = place.key.filter(|_| by_key);
    for text in all {
        let pieces = pieces(text);
        let name = |at: usize| match pieces.get(at) {
            Some(Piece::Name(name)) => Some(*name),
            _ => None,
        };
        match name(0)? {
            "each" | "count" | "path" | "terraform" => {}
            // Variables of the root module are always known when a plan is made.
            "var" if place.module.is_empty() => {}
            "var" => {
                let (call, outside) = place.module.split_last()?;
                let calls = module(plan, outside)?.get("module_calls")?;
                let given =
                    calls.get(call.name.strip_prefix("module.")?)?.get("expressions").and_then(|all| all.get(name(1)?));
                if let Some(given) = given {
                    let place = Place { module: outside, key: call.key.as_deref() };
                    follow(plan, place, given, depth + 1, found)?;
                }
            }
            "module" => {
                let (key, rest) = keyed(&pieces, 2);
                let Some(Piece::Name(output)) = rest.first() else { return None };
                let step = format!("module.{}", name(1)?);
                for path in instances(plan, place.module, &step, key.or(own_key)) {
                    let output = module(plan, path)?.get("outputs")?.get(*output)?.get("expression")?;
                    follow(plan, Place { module: path, key: None }, output, depth + 1, found)?;
                }
            }
            "data" => {
                let (key, rest) = keyed(&pieces, 3);
                resources(plan, place, &format!("data.{}.{}", name(1)?, name(2)?), key.or(own_key), rest, found)?;
            }
            // What is behind a local value is not told.
            "local" | "self" => return None,
            kind => {
                let (key, rest) = keyed(&pieces, 2);
                resources(plan, place, &format!("{kind}.{}", name(1)?), key.or(own_key), rest, found)?;
            }
        }
    }
    Some(())
}

/// A key at this position, and what comes after it.
fn keyed<'s, 't>(pieces: &'s [Piece<'t>], at: usize) -> (Option<&'t str>, &'s [Piece<'t>]) {
    let rest = pieces.get(at..).unwrap_or_default();
    match rest.split_first() {
        Some((Piece::Key(key), rest)) => (Some(key), rest),
        _ => (None, rest),
    }
}

/// The resources that are meant, if the attribute of any is unknown; nothing can be told where that is no id.
fn resources<'p>(
    plan: &'p Plan,
    place: Place<'p>,
    name: &str,
    key: Option<&str>,
    rest: &[Piece<'_>],
    found: &mut Vec<&'p Change>,
) -> Option<()> {
    let named = || {
        plan.current().filter(|change| {
            change.steps.split_last().is_some_and(|(own, path)| own.name == name && path == place.module)
        })
    };
    let keyed = |change: &&Change| key.is_none() || change.key() == key;
    let any = named().any(|change| keyed(&change));
    for change in named().filter(|change| keyed(change) || !any) {
        let attribute = match rest.first() {
            Some(Piece::Name(attribute)) => *attribute,
            // A splat, or the whole object.
            _ => "id",
        };
        if !change.after().get(attribute).is_open() {
            continue;
        }
        if attribute != "id" || !change.managed {
            return None;
        }
        if !found.iter().any(|known| known.address == change.address) {
            found.push(change);
        }
    }
    Some(())
}

/// Instances of a module below another one.
fn instances<'p>(plan: &'p Plan, outside: &[Step], name: &str, key: Option<&str>) -> Vec<&'p [Step]> {
    let mut found: Vec<&[Step]> = Vec::new();
    for change in plan.current() {
        let path = change.steps.get(..outside.len() + 1).filter(|_| change.steps.len() > outside.len() + 1);
        let below = path.filter(|path| path.starts_with(outside) && path.last().is_some_and(|step| step.name == name));
        found.extend(below.filter(|path| !found.contains(path)));
    }
    let of_key = |path: &&[Step]| path.last().and_then(|step| step.key.as_deref()) == key;
    if key.is_some() && found.iter().any(&of_key) {
        found.retain(|path| of_key(path));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::meant;
    use crate::document::Plan;

    /// The addresses that an unknown attribute can mean, in a plan that Terraform wrote.
    fn addresses(of: &str, name: &str) -> Option<Vec<String>> {
        let plan = Plan::read(include_bytes!("../tests/documents/plan.json")).unwrap();
        let change = plan.current().find(|change| change.address == of).unwrap();
        Some(meant(&plan, change, name)?.into_iter().map(|change| change.address.clone()).collect())
    }

    #[test]
    fn a_reference_leads_to_its_resource() {
        assert_eq!(addresses("terraform_data.each[\"a\"]", "input").unwrap(), ["terraform_data.new"]);
        assert_eq!(addresses("terraform_data.counted[1]", "input").unwrap(), ["terraform_data.new"]);
    }

    #[test]
    fn a_reference_leads_through_variables_of_modules_by_the_key_of_their_call() {
        let found = addresses("module.m[\"b\"].terraform_data.in", "input").unwrap();
        assert_eq!(found, ["terraform_data.new", "terraform_data.each[\"b\"]"]);
    }

    #[test]
    fn a_reference_leads_through_outputs_of_modules() {
        assert_eq!(addresses("terraform_data.uses_module", "input").unwrap(), ["module.m[\"b\"].terraform_data.in"]);
    }

    #[test]
    fn what_is_not_an_id_and_not_known_leads_nowhere() {
        // `terraform_data.each["a"].output` is known only after apply and may be anything.
        assert_eq!(addresses("terraform_data.counted[0]", "triggers_replace"), None);
        assert_eq!(addresses("terraform_data.new", "triggers_replace"), None);
    }
}
