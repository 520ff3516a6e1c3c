//! One rule of a listing: is it a ban, is it a hook? Pure.

use std::borrow::Cow;

use crate::firewall::rule_text::deny;
use crate::model::{Deny, Family, Subject};

/// One rule of a listing: the text after `-A CHAIN `.
///
/// Bytes that are not UTF-8 (in comments of other programs) are U+FFFD in it: such a
/// rule can be shown, but is never taken for ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListedRule(String);

impl ListedRule {
    pub(super) fn new(spec: &str) -> Self {
        ListedRule(spec.trim().to_owned())
    }

    /// The text as listed, without `-A CHAIN`.
    pub(super) fn spec(&self) -> &str {
        &self.0
    }

    /// The address and what happens to it, if that is all that the rule says.
    ///
    /// REJECT counts only with the kernel's default answer: any other answer was
    /// chosen by somebody else.
    pub(super) fn single(&self, family: Family) -> Option<(Subject, Deny)> {
        let mut words = self.0.split_ascii_whitespace();
        if words.next()? != "-s" {
            return None;
        }
        let subject = Subject::parse(words.next()?).filter(|of| of.family() == family)?;
        if words.next()? != "-j" {
            return None;
        }
        let deny = deny(words.next()?)?;
        match (deny, words.next()) {
            (_, None) => Some((subject, deny)),
            (Deny::Reject, Some("--reject-with")) => (words.next()? == default_answer(family)
                && words.next().is_none())
            .then_some((subject, deny)),
            _ => None,
        }
    }

    /// Whether every packet that reaches the rule goes to `chain` and comes
    /// back: a jump without a match. A comment is not a match.
    pub(super) fn always_jumps_to(&self, chain: &str) -> bool {
        // A rule that can not be written back as it is listed can not be deleted.
        let writable = |c: char| c != char::REPLACEMENT_CHARACTER && !c.is_control();
        if !self.0.contains(chain) || !self.0.chars().all(writable) {
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
    pub(super) fn target(&self) -> Option<String> {
        self.words()
            .windows(2)
            .find(|pair| pair[0] == "-j" || pair[0] == "-g")
            .map(|pair| pair[1].clone())
    }

    /// The words, with iptables-save's quotes and backslashes undone.
    pub(super) fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        let mut word: Option<String> = None;
        let mut quoted = false;
        let mut characters = self.0.chars();
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
fn default_answer(family: Family) -> &'static str {
    match family {
        Family::V4 => "icmp-port-unreachable",
        Family::V6 => "icmp6-port-unreachable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn single(spec: &str, family: Family) -> Option<(String, Deny)> {
        ListedRule::new(spec)
            .single(family)
            .map(|(address, deny)| (address.to_string(), deny))
    }

    #[test]
    fn a_rule_of_one_address_is_known_in_both_families_and_with_the_default_answer() {
        let v4 = |deny| Some(("203.0.113.13".to_owned(), deny));
        let v6 = |deny| Some(("2001:db8::13".to_owned(), deny));
        assert_eq!(
            single("-s 203.0.113.13/32 -j DROP", Family::V4),
            v4(Deny::Drop)
        );
        assert_eq!(
            single("-s 203.0.113.13 -j DROP ", Family::V4),
            v4(Deny::Drop)
        );
        let rejects = "-s 203.0.113.13/32 -j REJECT --reject-with icmp-port-unreachable";
        assert_eq!(single(rejects, Family::V4), v4(Deny::Reject));
        let rejects = "-s 2001:db8::13/128 -j REJECT --reject-with icmp6-port-unreachable";
        assert_eq!(single(rejects, Family::V6), v6(Deny::Reject));
    }

    #[test]
    fn anything_more_or_wider_is_a_stranger() {
        for spec in [
            "",
            "-j DROP",
            "-s 203.0.113.0/24 -j DROP",
            "-s 0.0.0.0/0 -j DROP",
            "! -s 203.0.113.13/32 -j DROP",
            "-s 203.0.113.13/32 -p tcp -j DROP",
            "-s 203.0.113.13/32 -j ACCEPT",
            "-s 203.0.113.13/32 -j DROP -m comment",
            "-s 203.0.113.13/32 -j REJECT --reject-with tcp-reset",
            "-s 203.0.113.13/32 -j REJECT --reject-with",
            "-s 2001:db8::13/128 -j DROP",
            "-s evil.example -j DROP",
        ] {
            assert_eq!(single(spec, Family::V4), None, "{spec}");
        }
        assert_eq!(single("-s 2001:db8::/32 -j DROP", Family::V6), None);
        assert_eq!(single("-s ::ffff:1.2.3.4/128 -j DROP", Family::V6), None);
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
