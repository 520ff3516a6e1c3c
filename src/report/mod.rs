//! What a run did → text, JSON, event log, metrics. Values in, bytes out.
//!
//! | file | makes |
//! |---|---|
//! | `summary` | the values: what a run did |
//! | `text` | the lines that a person reads |
//! | `check` | what `check` finds |
//! | `explanation` | what is known of an address or a network |
//! | `json` | the documents of `--json` |
//! | `event_log` | the event log, a file an hour |
//! | `metrics` | the figures for Prometheus |
//! | `audit` | what an audit found, as text and as JSON |
//! | `html` | the page of an audit |

mod audit;
mod check;
mod event_log;
mod explanation;
mod html;
mod json;
mod metrics;
mod summary;
mod text;

pub use audit::{AuditReport, audit_json, audit_text};
pub use check::{CheckFindings, CheckLevel};
pub use event_log::{EventLog, EventLogError};
pub use explanation::{
    Explanation, FailuresInLogs, FoundLine, FoundLines, KnownUnban, LineLocation, NeverBanned,
    SearchedSource,
};
pub use html::audit_html;
pub use json::{ban_json, bans_json, country_code, failure_json, matched_json, summary_json};
pub use metrics::{BanCount, Metrics, SourceState, metrics_text};
pub use summary::{FirewallRow, SourceRow, Summary};
pub use text::{
    ban_line, checking, list_line, nobody_line, nothing_to_check, open_session, summary_line,
    unban_line,
};
