//! Settings of a rule that have no effect on it.

use super::check::{Checker, Section};
use crate::model::{Rule, Urls};
use crate::rules::{self, BuiltinRule};

/// Whether the patterns of the section say themselves which lines count: built-in ones that
/// are not for the login pages of a web server.
pub(super) fn has_built_in_conditions(
    section: &Section,
    builtin: Option<&'static BuiltinRule>,
) -> bool {
    section.get("regex_patterns").is_none() && builtin.is_some_and(|builtin| builtin.web.is_none())
}

/// Notes which settings of the section have no effect on `rule`, which was made from it.
pub(super) fn note(
    section: &Section,
    builtin: Option<&'static BuiltinRule>,
    rule: &Rule,
    check: &mut Checker,
) {
    if has_built_in_conditions(section, builtin) {
        let web = rules::names_in_words(|rule| rule.web.is_some());
        for field in ["urls", "http_status_blocks"].map(|key| section.given(key)) {
            let Some(field) = field else { continue };
            let sentence = format!(
                "has no effect on this rule: its built-in patterns say themselves which lines \
                 count; it is for the rules {web}, and for patterns of your own"
            );
            check.note(&field.path, &sentence);
        }
        return;
    }
    let fills = rule.patterns.iter().any(|one| one.urls != Urls::Unused);
    if section.get("regex_patterns").is_some()
        && !fills
        && let Some(field) = section.given("urls")
    {
        let sentence = "has no effect: no pattern of the rule is to be filled with it, which is \
                        written [\"…{}…\", \"urls\"]";
        check.note(&field.path, sentence);
    }
}
