//! `settings.firewall`, `deny_type` and `reload_iptables` → [`Firewall`].

use std::path::Path;

use super::check::{Checker, Field, Section};
use super::keys;
use super::shown::shown;
use crate::model::{Backend, Deny, Firewall};

/// The chains that the kernel brings.
const BUILT_IN: [&str; 5] = ["INPUT", "FORWARD", "OUTPUT", "PREROUTING", "POSTROUTING"];
/// Targets, after which no chain can be named.
const TARGETS: [&str; 7] = [
    "ACCEPT", "DROP", "REJECT", "RETURN", "QUEUE", "NFQUEUE", "LOG",
];

pub(super) fn firewall(settings: &Section, base: &Path, check: &mut Checker) -> Firewall {
    let section = settings.below("firewall", &keys::FIREWALL, check);
    let backends = [("iptables", Backend::Iptables), ("none", Backend::None)];
    let backend = section.get("backend");
    let backend = backend.and_then(|field| field.word(&backends, check));
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
        backend: backend.unwrap_or(Backend::Iptables),
        chain: chain.to_owned(),
        hooks: hooks.unwrap_or_else(|| vec!["INPUT".to_owned()]),
        deny: deny.unwrap_or(Deny::Drop),
        compare: compare.unwrap_or(true),
        programs: programs.and_then(|field| field.path_from(base, check)),
    }
}

/// The name of a chain that is ours alone.
fn chain_name<'t>(field: &Field<'t>, check: &mut Checker) -> Option<&'t str> {
    let name = name(field, check)?;
    if BUILT_IN.contains(&name) || name.starts_with("DOCKER") {
        let message = format!(
            "must be a chain of our own: {name} is another's, name it in settings.firewall.hooks"
        );
        field.fault(check, message);
        return None;
    }
    Some(name)
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
        let Some(name) = name(&item, check) else {
            continue;
        };
        if name == chain {
            item.fault(check, format!("must not be our own chain, {chain}"));
        } else if !hooks.iter().any(|hook| hook == name) {
            hooks.push(name.to_owned());
        }
    }
    Some(hooks)
}

/// A name that iptables takes for a chain, and that needs no quotes in a rule set.
fn name<'t>(field: &Field<'t>, check: &mut Checker) -> Option<&'t str> {
    let name = field.text(check)?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+:@".contains(&byte);
    if !(1..=28).contains(&name.len()) || !name.bytes().all(fits) || name.starts_with('-') {
        let message = format!(
            "must be the name of a chain: 1 to 28 letters, digits, -, _, ., +, : or @, \
             not - first (is \"{}\")",
            shown(name)
        );
        field.fault(check, message);
        return None;
    }
    if TARGETS.contains(&name) {
        field.fault(
            check,
            format!("must be the name of a chain: {name} is a target"),
        );
        return None;
    }
    Some(name)
}
