//! Which rule a name is: one of the file, or a built-in one.

use super::checked::Config;
use super::{keys, rule, shown};
use crate::model::Rule;
use crate::rules;

impl Config {
    /// The rule of that name: the file's, else the built-in one with the
    /// file's thresholds.
    #[must_use]
    pub fn rule_named(&self, name: &str) -> Option<Rule> {
        let of_file = self.rules.iter().find(|rule| &*rule.name == name);
        of_file.cloned().or_else(|| self.builtin_rule(name))
    }

    /// The built-in rule of that name as it is shipped, with the file's thresholds.
    #[must_use]
    pub fn builtin_rule(&self, name: &str) -> Option<Rule> {
        Some(rule::builtin(
            rules::builtin(name)?,
            &self.thresholds,
            self.aggregate,
        ))
    }

    /// The built-in rules as they are shipped, with the file's thresholds.
    #[must_use]
    pub fn builtin_rules(&self) -> Vec<Rule> {
        rules::all()
            .map(|builtin| rule::builtin(builtin, &self.thresholds, self.aggregate))
            .collect()
    }

    /// The message for a rule name that does not exist.
    #[must_use]
    pub fn no_such_rule(&self, name: &str) -> String {
        let names = self.rule_names();
        let advice = if let Some(near) = keys::nearest(name, &names) {
            format!("did you mean {}?", shown::shown(near))
        } else {
            let own = self.rules.iter().map(|rule| &*rule.name);
            let own: Vec<&str> = own.filter(|name| rules::builtin(name).is_none()).collect();
            let own = match &own[..] {
                [] => String::new(),
                own => format!("{}, and ", shown::escaped(&own.join(", "))),
            };
            format!("the rules are {own}the built-in ones (`pyfilter rules`)")
        };
        format!("there is no rule `{}`: {advice}", shown::shown(name))
    }

    /// The names that [`Config::rule_named`] knows.
    #[must_use]
    pub fn rule_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.rules.iter().map(|rule| &*rule.name).collect();
        let mut builtin = rules::names();
        builtin.retain(|name| !names.contains(name));
        names.extend(builtin);
        names
    }
}
