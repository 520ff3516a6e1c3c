//! `settings.firewall`, `deny_type` and `reload_iptables` → [`Firewall`].

use std::path::Path;

use super::check::{Checker, Field, Section};
use super::keys;
use super::shown::shown;
use crate::model::{Backend, ChainNameError, Deny, Firewall, check_hook, check_own_chain};

pub(super) fn firewall(settings: &Section, base: &Path, check: &mut Checker) -> Firewall {
    let section = settings.below("firewall", &keys::FIREWALL, check);
    let backend = section.get("backend");
    let backend = backend.and_then(|field| field.word(&Backend::NAMED, check));
    let targets = [("DROP", Deny::Drop), ("REJECT", Deny::Reject)];
    let deny = settings.get("deny_type");
    let deny = deny.and_then(|field| field.word(&targets, check));
    let compare = settings.get("reload_iptables");
    let compare = compare.and_then(|field| field.flag(check));
    let chain = section.get("chain");
    let chain = chain.and_then(|field| chain_name(&field, check));
    let chain = chain.unwrap_or("PYFILTER");
    let hooks = section.get("hooks");
    let hooks = hooks.and_then(|field| hooks_of(&field, chain, check));
    let programs = section.given("programs");
    Firewall {
        backend: backend.unwrap_or(Backend::Auto),
        chain: chain.to_owned(),
        hooks: hooks.unwrap_or_else(|| vec!["INPUT".to_owned()]),
        deny: deny.unwrap_or(Deny::Drop),
        compare: compare.unwrap_or(true),
        programs: programs.and_then(|field| field.path_from(base, check)),
    }
}

/// The name of a chain that is ours alone.
fn chain_name<'t>(field: &Field<'t>, check: &mut Checker) -> Option<&'t str> {
    let name = field.text(check)?;
    checked(field, name, check_own_chain(name), check)
}

fn hooks_of(field: &Field, chain: &str, check: &mut Checker) -> Option<Vec<String>> {
    let items = field.list("chains", check)?;
    if items.is_empty() {
        field.fault(
            check,
            "must name a chain, such as [\"INPUT\"]; for no firewall at all set backend to none",
        );
    }
    let mut hooks: Vec<String> = Vec::with_capacity(items.len());
    for item in items {
        let name = item.text(check);
        let name = name.and_then(|name| checked(&item, name, check_hook(name, chain), check));
        if let Some(name) = name
            && !hooks.iter().any(|hook| hook == name)
        {
            hooks.push(name.to_owned());
        }
    }
    Some(hooks)
}

/// The name, if it was found right.
fn checked<'t>(
    field: &Field<'t>,
    name: &'t str,
    result: Result<(), ChainNameError>,
    check: &mut Checker,
) -> Option<&'t str> {
    match result {
        Ok(()) => return Some(name),
        Err(error @ ChainNameError::Shape) => {
            field.fault(check, format!("{error} (is \"{}\")", shown(name)));
        }
        Err(error) => field.fault(check, error.to_string()),
    }
    None
}
