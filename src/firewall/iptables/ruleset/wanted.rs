//! What goes into a plan, and what comes out.

use std::collections::BTreeSet;

use crate::model::{Deny, Firewall, Subject};

/// What our part of the filter table should be.
#[derive(Debug, Clone, Copy)]
pub(in crate::firewall::iptables) struct Wanted<'a> {
    /// The id of the store whose bans they are.
    pub(in crate::firewall::iptables) store: &'a str,
    /// Our chain.
    pub(in crate::firewall::iptables) chain: &'a str,
    /// The chains that jump to it.
    pub(in crate::firewall::iptables) hooks: &'a [String],
    /// What happens to a packet of a banned address.
    pub(in crate::firewall::iptables) deny: Deny,
    /// What is banned, of both families.
    pub(in crate::firewall::iptables) bans: &'a BTreeSet<Subject>,
    /// Whether to write all chains without comparing them.
    pub(in crate::firewall::iptables) whole: bool,
}

impl<'a> Wanted<'a> {
    /// What the configuration wants for these bans.
    pub(in crate::firewall::iptables) fn of(
        firewall: &'a Firewall,
        store: &'a str,
        bans: &'a BTreeSet<Subject>,
    ) -> Self {
        Wanted {
            store,
            chain: &firewall.chain,
            hooks: &firewall.hooks,
            deny: firewall.deny,
            bans,
            whole: !firewall.compare,
        }
    }
}

/// What is to be done in one family.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::firewall::iptables) struct RulesetPlan {
    /// The restore text; none when all is as it should be.
    pub(in crate::firewall::iptables) text: Option<String>,
    /// The rule of the text that carries the store's id as a comment, and the
    /// chain that does it where the kernel has no such match.
    pub(in crate::firewall::iptables) comment: Option<Comment>,
    /// The id of the store from which the chain was taken over.
    pub(in crate::firewall::iptables) taken_from: Option<String>,
    /// Hooks of the configuration that do not exist.
    pub(in crate::firewall::iptables) missing_hooks: Vec<String>,
    /// What a person should know, a sentence each.
    pub(in crate::firewall::iptables) warnings: Vec<String>,
}

/// How a text carries the store's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::firewall::iptables) struct Comment {
    pub(super) rule: String,
    pub(super) chain: String,
}

impl RulesetPlan {
    /// The same text without a comment: an empty chain carries the id.
    pub(in crate::firewall::iptables) fn without_comment(&self) -> Option<String> {
        let Comment { rule, chain } = self.comment.as_ref()?;
        let body = self.text.as_ref()?.strip_prefix("*filter\n")?;
        let body = body.replacen(rule.as_str(), &format!("-j {chain}"), 1);
        Some(format!("*filter\n:{chain} - [0:0]\n{body}"))
    }
}
