//! Logs that are not read to their end, run by run.

use crate::model::{Escaped, Rule, plural};
use crate::store::{Store, StoreError};

use crate::report::{CheckFindings, CheckLevel};

pub(super) fn look(rules: &[Rule], store: Option<&Store>, findings: &mut CheckFindings) {
    for rule in rules.iter().filter(|rule| rule.enabled) {
        let behind = store.map_or(Ok(Vec::new()), |store| behind(store, &rule.name));
        // A store that can not be read was told of before.
        for (path, left) in behind.unwrap_or_default() {
            let told = format!(
                "{}: is behind: {left} of it were left by the last run; runs go on with it in what time the others leave them (settings.run_time)",
                Escaped::path(&path)
            );
            findings.of_file(CheckLevel::Warning, path, told);
        }
    }
}

/// The logs and journals of a rule that the last run did not read to their end, and
/// how much it left of each.
fn behind(store: &Store, rule: &str) -> Result<Vec<(std::path::PathBuf, String)>, StoreError> {
    let logs = store.generations(rule)?.into_iter();
    let logs = logs.filter_map(|(log, generations)| {
        let left: u64 = generations.iter().map(|generation| generation.left).sum();
        (left > 0).then(|| (log, plural(left, "byte", "bytes")))
    });
    let journals = store.journals_behind(rule)?.into_iter();
    let journals = journals.map(|name| (name.into(), "entries".to_owned()));
    Ok(logs.chain(journals).collect())
}
