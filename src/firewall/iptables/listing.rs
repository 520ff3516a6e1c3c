//! What iptables-save prints -> chains and rules. Pure; any bytes are a listing or an
//! error.

use std::collections::BTreeMap;

use super::rule::ListedRule;
use super::tree::is_child;
use crate::firewall::rule_text::without_counters;
use crate::model::{ChainLocation, Family, IptablesVariant};

/// The filter table of one family, as `iptables-save -t filter` prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listing {
    /// Whose table.
    pub(super) family: Family,
    /// Version and variant of the program: `v1.8.9 (nf_tables)`, `v1.8.9` (legacy).
    pub(super) version: Option<String>,
    /// What the program warns of in its comments, without the `#`.
    pub(super) notes: Vec<String>,
    chains: BTreeMap<String, Chain>,
}

/// A chain with its rules in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Chain {
    /// Whether it is the kernel's own: it has a policy, is never flushed by
    /// naming it, and can not be deleted.
    pub(super) builtin: bool,
    /// In order.
    pub(super) rules: Vec<ListedRule>,
}

/// Why a listing may not show everything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    /// The end is missing, so rules may be.
    #[error("its listing ends without COMMIT")]
    Cut,
    /// Not a listing.
    #[error("`{0}` is no line of a rule listing")]
    Garbled(String),
    /// Somebody wrote rules with nft that iptables can not show.
    #[error(
        "it says `{0}`; somebody wrote rules into this table with nft that iptables can not show: \
         move them into an nft table of another name"
    )]
    Incompatible(String),
}

/// The chains that every filter table has, also where nft has not made them yet.
pub(super) const BUILTIN: [&str; 3] = ["INPUT", "FORWARD", "OUTPUT"];

impl Listing {
    /// A table of which nothing is listed yet.
    pub(super) fn empty(family: Family, version: String) -> Self {
        Listing {
            family,
            version: Some(version),
            notes: Vec::new(),
            chains: BTreeMap::new(),
        }
    }

    /// Adds a chain that is not the kernel's own.
    pub(super) fn add(&mut self, name: &str, rules: Vec<ListedRule>) {
        let builtin = false;
        self.chains
            .insert(name.to_owned(), Chain { builtin, rules });
    }

    /// Adds what a program printed of a chain, and its warnings; none if that does not
    /// show all of it.
    pub(super) fn with(mut self, (saved, warnings): (String, Vec<u8>)) -> Option<Self> {
        let text = format!("*filter\n{saved}COMMIT\n");
        let other = Listing::parse(self.family, text.as_bytes()).ok()?;
        self.chains.extend(other.chains);
        // Each of the programs says the same.
        self.notes.clear();
        self.warned(&warnings).ok()
    }

    /// Reads the output of `iptables-save -t filter` or `ip6tables-save -t
    /// filter`, with or without counters; other tables in it are passed over.
    /// Nothing at all is an empty table: legacy prints that before its first rule.
    ///
    /// # Errors
    /// When the text does not show the whole table.
    pub(super) fn parse(family: Family, text: &[u8]) -> Result<Self, Unreadable> {
        let mut listing = Listing {
            family,
            version: None,
            notes: Vec::new(),
            chains: BTreeMap::new(),
        };
        let mut table: Option<bool> = None;
        for line in whole_lines(&String::from_utf8_lossy(text)) {
            let line = without_counters(line.trim());
            match (line.as_bytes().first(), table) {
                (None, _) => {}
                (Some(b'#'), _) => listing.comment(line[1..].trim())?,
                (Some(b'*'), None) => table = Some(&line[1..] == "filter"),
                (_, Some(_)) if line == "COMMIT" => table = None,
                (Some(b':'), Some(true)) => listing.declare(&line[1..]),
                (Some(b'-'), Some(true)) => listing.append(line)?,
                (_, Some(false)) => {}
                _ => return Err(garbled(line)),
            }
        }
        if table.is_some() {
            return Err(Unreadable::Cut);
        }
        Ok(listing)
    }

    /// Adds what the program said on stderr: the nft variant warns there of rules that it
    /// can not show.
    ///
    /// # Errors
    /// When that means that the listing does not show the whole table.
    pub(super) fn warned(mut self, stderr: &[u8]) -> Result<Self, Unreadable> {
        let said = String::from_utf8_lossy(stderr);
        for line in said.lines() {
            self.comment(line.trim_start_matches('#').trim())?;
        }
        Ok(self)
    }

    /// The variant that printed it. Legacy prints nothing at all of a table that nobody
    /// has used yet, and names itself only from 1.8 on.
    pub(super) fn variant(&self) -> IptablesVariant {
        match &self.version {
            Some(version) if version.ends_with("(nf_tables)") => IptablesVariant::Nft,
            _ => IptablesVariant::Legacy,
        }
    }

    /// The table that it lists.
    pub(super) fn place(&self) -> ChainLocation {
        ChainLocation::Iptables {
            family: self.family,
            variant: self.variant(),
        }
    }

    /// The chain of that name, if it is there.
    pub(super) fn chain(&self, name: &str) -> Option<&Chain> {
        self.chains.get(name)
    }

    /// Whether a rule may be put into the chain: the kernel's own always are there.
    pub(super) fn has(&self, name: &str) -> bool {
        BUILTIN.contains(&name) || self.chains.contains_key(name)
    }

    /// All chains by name.
    pub(super) fn chains(&self) -> impl Iterator<Item = (&str, &Chain)> {
        self.chains
            .iter()
            .map(|(name, chain)| (name.as_str(), chain))
    }

    /// How many bans `chain` and its children hold.
    pub(super) fn bans_below(&self, chain: &str) -> usize {
        let ours = self
            .chains()
            .filter(|(name, _)| *name == chain || is_child(chain, name));
        let rules = ours.flat_map(|(_, chain)| &chain.rules);
        rules
            .filter(|rule| matches!(rule, ListedRule::Ban { .. }))
            .count()
    }

    /// The jumps of `hook` that send every packet to `chain`, each with its
    /// place, counted from 1.
    pub(super) fn jumps(&self, hook: &str, chain: &str) -> Vec<(usize, &ListedRule)> {
        let rules = self.chain(hook).map_or(&[][..], |chain| &chain.rules);
        (1..)
            .zip(rules)
            .filter(|(_, rule)| rule.always_jumps_to(chain))
            .collect()
    }

    fn comment(&mut self, comment: &str) -> Result<(), Unreadable> {
        // "contains incompatible base-chains" is only a note: the listing that
        // follows shows all that iptables would ever touch.
        if comment.contains("is incompatible") {
            return Err(Unreadable::Incompatible(comment.to_owned()));
        }
        if let Some(rest) = comment.strip_prefix("Generated by ") {
            let program = rest.split(" on ").next().unwrap_or(rest);
            let version = program
                .split_once(' ')
                .map(|(_, version)| version.to_owned());
            self.version = self.version.take().or(version);
        } else if !comment.is_empty() && !comment.starts_with("Completed") {
            self.notes.push(comment.to_owned());
        }
        Ok(())
    }

    fn declare(&mut self, declaration: &str) {
        let mut words = declaration.split_ascii_whitespace();
        let name = words.next().unwrap_or_default();
        let builtin = words.next().is_some_and(|policy| policy != "-");
        self.chains.entry(name.to_owned()).or_default().builtin = builtin;
    }

    fn append(&mut self, line: &str) -> Result<(), Unreadable> {
        let rest = line.strip_prefix("-A ").ok_or_else(|| garbled(line))?;
        let (name, spec) = rest.split_once(' ').unwrap_or((rest, ""));
        // Looked up by reference first: no key is copied for each of 20,000 rules.
        if !self.chains.contains_key(name) {
            self.chains.insert(name.to_owned(), Chain::default());
        }
        if let Some(chain) = self.chains.get_mut(name) {
            chain.rules.push(ListedRule::new(spec));
        }
        Ok(())
    }
}

/// The lines of a listing. A comment may hold line ends, which iptables-save prints as
/// they are. Such a rule is one line here:
///
/// ```text
/// -A INPUT -m comment --comment "a
/// COMMIT" -j ACCEPT
/// ```
fn whole_lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let (mut begin, mut quoted, mut escaped) = (0, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            // A quote in a warning has no meaning.
            b'"' => quoted = !quoted && !text[begin..].starts_with('#'),
            b'\n' if !quoted => {
                lines.push(&text[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    lines.push(&text[begin..]);
    lines
}

fn garbled(line: &str) -> Unreadable {
    Unreadable::Garbled(line.chars().take(80).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DOCKER: &str = r#"# Generated by iptables-save v1.8.9 (nf_tables) on Sun Nov 22 09:59:27 2026
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:DOCKER-USER - [0:0]
:PYFILTER - [0:0]
[3:180] -A INPUT -i lo -m comment --comment "not COMMIT" -j ACCEPT
[0:0] -A INPUT -j PYFILTER
[0:0] -A INPUT -j PYFILTER
[0:0] -A PYFILTER -s 203.0.113.13/32 -j DROP
COMMIT
# Completed on Sun Nov 22 09:59:27 2026
*nat
:PREROUTING ACCEPT [0:0]
-A PREROUTING -j DNAT
COMMIT
"#;

    #[test]
    fn a_listing_shows_chains_rules_in_order_and_where_the_hooks_stand() {
        let warning =
            "# Warning: iptables-legacy tables present, use iptables-legacy-save to see them\n";
        let listing = Listing::parse(Family::V4, DOCKER.as_bytes())
            .and_then(|listing| listing.warned(warning.as_bytes()))
            .unwrap();
        assert_eq!(listing.version.as_deref(), Some("v1.8.9 (nf_tables)"));
        assert_eq!(
            listing.notes,
            ["Warning: iptables-legacy tables present, use iptables-legacy-save to see them"]
        );
        let places: Vec<_> = listing
            .jumps("INPUT", "PYFILTER")
            .iter()
            .map(|j| j.0)
            .collect();
        assert_eq!(places, [2, 3]);
        assert!(listing.jumps("FORWARD", "PYFILTER").is_empty());
        assert!(listing.jumps("NOWHERE", "PYFILTER").is_empty());
        assert!(listing.chain("INPUT").unwrap().builtin);
        assert!(!listing.chain("PYFILTER").unwrap().builtin);
        assert_eq!(listing.chain("PYFILTER").unwrap().rules.len(), 1);
        assert!(listing.has("DOCKER-USER") && listing.has("OUTPUT"));
        assert!(!listing.has("PREROUTING"), "another table's chain");
    }

    #[test]
    fn a_comment_with_line_ends_is_no_rule_and_no_end() {
        let text = "*filter
:PYFILTER - [0:0]
-A INPUT -m comment --comment \"x
COMMIT
-A PYFILTER -s 192.0.2.1/32 -j DROP \\\"
\" -j PYFILTER
COMMIT
";
        let listing = Listing::parse(Family::V4, text.as_bytes()).unwrap();
        assert_eq!(listing.chain("PYFILTER").unwrap().rules, []);
        assert_eq!(listing.chain("INPUT").unwrap().rules.len(), 1);
        assert!(
            listing.jumps("INPUT", "PYFILTER").is_empty(),
            "no text of ours could delete it"
        );
        let cut = text.replace("\n\" -j PYFILTER", "");
        assert_eq!(
            Listing::parse(Family::V4, cut.as_bytes()),
            Err(Unreadable::Cut)
        );
    }

    #[test]
    fn nothing_is_an_empty_table_and_half_a_listing_is_refused() {
        let parse = |text: &str| Listing::parse(Family::V4, text.as_bytes());
        assert!(parse("").unwrap().chain("INPUT").is_none());
        assert_eq!(
            parse("*filter\n:INPUT ACCEPT [0:0]\n"),
            Err(Unreadable::Cut)
        );
        assert_eq!(
            parse("hello\n"),
            Err(Unreadable::Garbled("hello".to_owned()))
        );
        assert!(matches!(
            parse("*filter\n-P INPUT ACCEPT\nCOMMIT\n"),
            Err(Unreadable::Garbled(_))
        ));
        let foreign = "# Table `filter' is incompatible, use 'nft' tool.\n";
        assert!(matches!(parse(foreign), Err(Unreadable::Incompatible(_))));
        let beside =
            "# Table `filter' contains incompatible base-chains, use 'nft' tool to list them.\n";
        let listing = parse(&format!("{beside}*filter\nCOMMIT\n")).unwrap();
        assert_eq!(listing.notes, [beside[2..].trim()]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_listing_or_an_error(text: Vec<u8>) {
            let _ = Listing::parse(Family::V6, &text);
        }

        #[test]
        fn any_lines_like_a_listing_are_a_listing_or_an_error(
            lines in prop::collection::vec(
                r#"(\[[0-9:]{0,5}\]? ?)?(\*filter|COMMIT|:[A-Z]{0,3} [-A] ?|-A [A-Z]{0,3} ?[-"\\ a-z0-9./]{0,20}|# ?[a-z]*)"#,
                0..20,
            )
        ) {
            if let Ok(listing) = Listing::parse(Family::V4, lines.join("\n").as_bytes()) {
                for (_, chain) in listing.chains() {
                    for rule in &chain.rules {
                        let _ = (rule.target(), rule.for_shell());
                    }
                }
            }
        }
    }
}
