//! How the thresholds differ from those of the preset `recommended`.

use std::path::Path;

use crate::app::init::{self, Host};
use crate::cli::Preset;
use crate::config::Config;
use crate::model::{Thresholds, WindowKind, span_text};
use crate::report::CheckFindings;

/// Names the differences once, in one line.
pub(super) fn look(config: &Config, findings: &mut CheckFindings) {
    let text = init::text(&Host::default(), Preset::Recommended);
    let Ok(preset) = Config::from_text(text.as_bytes(), None, Path::new("/")) else {
        return;
    };
    let differences = differences(&config.thresholds, &preset.thresholds);
    if !differences.is_empty() {
        findings.fine(format!(
            "thresholds: `pyfilter init --preset recommended` has {} in place of {}",
            joined(differences.iter().map(|(_, theirs)| theirs)),
            joined(differences.iter().map(|(own, _)| own))
        ));
    }
}

fn joined<'a>(parts: impl Iterator<Item = &'a String>) -> String {
    let parts: Vec<&str> = parts.map(String::as_str).collect();
    parts.join(", ")
}

/// What is set otherwise: as it is, and as the preset has it.
fn differences(own: &Thresholds, preset: &Thresholds) -> Vec<(String, String)> {
    let parts: [fn(&Thresholds) -> String; 5] = [
        |of| format!("failed_attempts {}", of.failed_attempts),
        |of| {
            let window = match of.window {
                WindowKind::Gap => "gap",
                WindowKind::Sliding => "sliding",
            };
            format!("request_time {} ({window})", of.request_time)
        },
        |of| {
            let time = |time: &crate::model::BanTime| {
                time.seconds()
                    .map_or("for ever".to_owned(), |seconds| span_text(seconds.get()))
            };
            let times: Vec<String> = of.ban_times.all().iter().map(time).collect();
            format!("ban_time {}", times.join(" then "))
        },
        |of| format!("ipv4_prefix {}", of.prefixes.ipv4),
        |of| format!("ipv6_prefix {}", of.prefixes.ipv6),
    ];
    let both = parts.into_iter().map(|part| (part(own), part(preset)));
    both.filter(|(own, theirs)| own != theirs).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_named() {
        let text = |preset| init::text(&Host::default(), preset);
        let of = |preset| {
            let text = text(preset);
            let config = Config::from_text(text.as_bytes(), None, Path::new("/"));
            config.unwrap().thresholds
        };
        let (own, preset) = (of(Preset::Pyfilter), of(Preset::Recommended));
        let differences = differences(&own, &preset);
        let own: Vec<&str> = differences.iter().map(|(own, _)| own.as_str()).collect();
        assert_eq!(
            own,
            [
                "request_time 5 (gap)",
                "ban_time for ever",
                "ipv6_prefix 128"
            ]
        );
        let theirs: Vec<&str> = differences
            .iter()
            .map(|(_, theirs)| theirs.as_str())
            .collect();
        assert_eq!(
            theirs,
            [
                "request_time 600 (sliding)",
                "ban_time 10m then 1h then 1d then 1w",
                "ipv6_prefix 64"
            ]
        );
    }
}
