//! One rule of a listing: is it a ban, is it a hook? Pure.

use std::borrow::Cow;

use crate::firewall::rule_text::{deny, push_source, rule_text};
use crate::model::{Deny, Family, Subject};

/// One rule of a listing: what stands after `-A CHAIN `. There may be a million, so what
/// our own chains hold is kept short.
///
/// Bytes that are not UTF-8 (in comments of other programs) are U+FFFD in it: such a
/// rule can be shown, but is never taken for ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ListedRule {
    /// `-s SUBJECT -j DROP` or `REJECT`, and nothing else. REJECT counts only with the
    /// kernel's default answer: any other answer was chosen by somebody else.
    Ban { subject: Subject, deny: Deny },
    /// `-s WAY -g CHAIN`, and nothing else.
    Goto { way: Subject, chain: Box<str> },
    /// Any other, as it is listed.
    Other(Box<str>),
}

impl ListedRule {
    pub(super) fn new(spec: &str) -> Self {
        let spec = spec.trim();
        ListedRule::by_source(spec).unwrap_or_else(|| ListedRule::Other(spec.into()))
    }

    fn by_source(spec: &str) -> Option<Self> {
        let mut words = spec.strip_prefix("-s ")?.split_ascii_whitespace();
        let subject = Subject::parse(words.next()?)?;
        let (option, target) = (words.next()?, words.next()?);
        let answer = match (words.next(), words.next(), words.next()) {
            (None, ..) => None,
            (Some("--reject-with"), Some(answer), None) => Some(answer),
            _ => return None,
        };
        match (option, answer) {
            // A name with quotes is none that we make.
            ("-g", None) if !target.starts_with('"') => Some(ListedRule::Goto {
                way: subject,
                chain: target.into(),
            }),
            ("-j", answer) => {
                let deny = deny(target)?;
                let is_default = answer.is_none_or(|answer| {
                    deny == Deny::Reject && answer == default_answer(subject.family())
                });
                is_default.then_some(ListedRule::Ban { subject, deny })
            }
            _ => None,
        }
    }

    /// The text as listed, without `-A CHAIN`; of a ban with REJECT without its answer.
    pub(super) fn spec(&self) -> Cow<'_, str> {
        match self {
            ListedRule::Ban { subject, deny } => Cow::Owned(rule_text(*subject, *deny)),
            ListedRule::Goto { way, chain } => {
                let mut text = String::new();
                push_source(&mut text, *way);
                Cow::Owned(format!("{text} -g {chain}"))
            }
            ListedRule::Other(spec) => Cow::Borrowed(spec),
        }
    }

    /// Whether every packet that reaches the rule goes to `chain` and comes
    /// back: a jump without a match. A comment is not a match.
    pub(super) fn always_jumps_to(&self, chain: &str) -> bool {
        // A rule that can not be written back as it is listed can not be deleted.
        let writable = |c: char| c != char::REPLACEMENT_CHARACTER && !c.is_control();
        let ListedRule::Other(spec) = self else {
            return false;
        };
        if !spec.contains(chain) || !spec.chars().all(writable) {
            return false;
        }
        let words = self.words();
        let mut rest = words.as_slice();
        while let [m, comment, option, _, after @ ..] = rest {
            if m != "-m" || comment != "comment" || option != "--comment" {
                break;
            }
            rest = after;
        }
        matches!(rest, [j, target] if j == "-j" && target == chain)
    }

    /// Where the rule sends a packet: a target or a chain.
    pub(super) fn target(&self) -> Option<Cow<'_, str>> {
        match self {
            ListedRule::Ban { deny, .. } => Some(deny.as_str().into()),
            ListedRule::Goto { chain, .. } => Some((&**chain).into()),
            ListedRule::Other(_) => self
                .words()
                .windows(2)
                .find(|pair| pair[0] == "-j" || pair[0] == "-g")
                .map(|pair| pair[1].clone().into()),
        }
    }

    /// The words, with iptables-save's quotes and backslashes undone.
    pub(super) fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        let mut word: Option<String> = None;
        let mut quoted = false;
        let spec = self.spec();
        let mut characters = spec.chars();
        while let Some(c) = characters.next() {
            match c {
                '"' => {
                    quoted = !quoted;
                    word.get_or_insert_default();
                }
                '\\' if quoted => word.get_or_insert_default().extend(characters.next()),
                ' ' | '\t' if !quoted => words.extend(word.take()),
                c => word.get_or_insert_default().push(c),
            }
        }
        words.extend(word);
        words
    }

    /// The rule as arguments that a person can paste into a shell.
    pub(super) fn for_shell(&self) -> String {
        let words: Vec<_> = self.words();
        let words: Vec<_> = words.iter().map(|word| shell_word(word)).collect();
        words.join(" ")
    }
}

/// A comment may hold `$(…)`, and a command that a person pastes runs as root.
fn shell_word(word: &str) -> Cow<'_, str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:,@%+=!".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
    }
}

/// What iptables-save prints for a bare `-j REJECT`.
pub(super) fn default_answer(family: Family) -> &'static str {
    match family {
        Family::V4 => "icmp-port-unreachable",
        Family::V6 => "icmp6-port-unreachable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ban(spec: &str) -> Option<(String, Deny)> {
        match ListedRule::new(spec) {
            ListedRule::Ban { subject, deny } => Some((subject.to_string(), deny)),
            _ => None,
        }
    }

    #[test]
    fn a_rule_of_one_address_is_known_in_both_families_and_with_the_default_answer() {
        let v4 = |deny| Some(("203.0.113.13".to_owned(), deny));
        let v6 = |deny| Some(("2001:db8::13".to_owned(), deny));
        assert_eq!(ban("-s 203.0.113.13/32 -j DROP"), v4(Deny::Drop));
        assert_eq!(ban("-s 203.0.113.13 -j DROP "), v4(Deny::Drop));
        let rejects = "-s 203.0.113.13/32 -j REJECT --reject-with icmp-port-unreachable";
        assert_eq!(ban(rejects), v4(Deny::Reject));
        let rejects = "-s 2001:db8::13/128 -j REJECT --reject-with icmp6-port-unreachable";
        assert_eq!(ban(rejects), v6(Deny::Reject));
    }

    #[test]
    fn anything_more_is_a_stranger() {
        for spec in [
            "",
            "-j DROP",
            "! -s 203.0.113.13/32 -j DROP",
            "-s 203.0.113.13/32 -p tcp -j DROP",
            "-s 203.0.113.13/32 -j ACCEPT",
            "-s 203.0.113.13/32 -j DROP -m comment",
            "-s 203.0.113.13/32 -j REJECT --reject-with tcp-reset",
            "-s 203.0.113.13/32 -j REJECT --reject-with",
            "-s 203.0.113.13/24 -j DROP",
            "-s 203.0.113.13/32 -j REJECT --reject-with icmp6-port-unreachable",
            "-s evil.example -j DROP",
        ] {
            assert_eq!(ban(spec), None, "{spec}");
        }
        let wide = ban("-s 2001:db8::/32 -j DROP");
        assert_eq!(wide, Some(("2001:db8::/32".to_owned(), Deny::Drop)));
        let way = ListedRule::new("-s 10.0.0.0/12 -g PYFILTER/10-12");
        assert!(matches!(&way, ListedRule::Goto { chain, .. } if &**chain == "PYFILTER/10-12"));
        assert_eq!(way.spec(), "-s 10.0.0.0/12 -g PYFILTER/10-12");
        assert_eq!(ban("-s ::ffff:1.2.3.4/128 -j DROP"), None);
    }

    #[test]
    fn a_jump_with_a_comment_is_a_hook_one_with_a_match_is_not() {
        let hooks = |spec: &str| ListedRule::new(spec).always_jumps_to("PYFILTER");
        assert!(hooks("-j PYFILTER"));
        assert!(hooks(
            r#"-m comment --comment "our \"bans\" -p tcp" -j PYFILTER"#
        ));
        assert!(!hooks("-p tcp -j PYFILTER"));
        assert!(!hooks("-g PYFILTER"));
        assert!(!hooks("-j PYFILTER2"));
        assert!(!hooks(r#"-m comment --comment "-j PYFILTER" -j ACCEPT"#));
        assert!(!hooks(
            "-m comment --comment \u{fffd} -j PYFILTER --nonsense"
        ));
        assert!(!hooks("-m comment --comment \u{fffd} -j PYFILTER"));
    }

    #[test]
    fn a_command_to_paste_can_not_run_what_a_comment_says() {
        let rule =
            ListedRule::new(r#"-s 1.2.3.4/32 -m comment --comment "$(reboot) it's \"x" -j DROP"#);
        assert_eq!(
            rule.for_shell(),
            r#"-s 1.2.3.4/32 -m comment --comment '$(reboot) it'\''s "x' -j DROP"#
        );
    }
}
