//! A run's figures in Prometheus' text format, for `node_exporter`:
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::fmt::{self, Display, Write as _};

/// What is told of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Metrics {
    /// When it ended, in Unix seconds.
    pub at: i64,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// How many things could not be done.
    pub errors: usize,
    /// How many failures each rule has counted since the store was made.
    pub failures: Vec<(String, u64)>,
    /// How many bans are in force.
    pub bans: Vec<BanCount>,
    /// How many packets the bans have stopped, IPv4 and IPv6, where the firewall counts.
    pub stopped: Option<[u64; 2]>,
    /// What was read, or should have been.
    pub sources: Vec<SourceState>,
}

/// How many bans of one kind are in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BanCount {
    /// The rule, or nothing.
    pub rule: String,
    /// Where they come from: a word of the JSON.
    pub origin: &'static str,
    /// `4` or `6`.
    pub family: &'static str,
    /// `address` or `network`: what is banned.
    pub kind: &'static str,
    /// How many.
    pub count: u64,
}

/// How a source was left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceState {
    /// The rule.
    pub rule: String,
    /// The file or journal.
    pub path: String,
    /// Whether it could be read.
    pub readable: bool,
    /// The bytes behind the last line that was read; none for what has no size.
    pub unread: Option<u64>,
}

/// The text of the file.
#[must_use]
pub fn metrics_text(metrics: &Metrics) -> String {
    let mut text = Text(String::new());
    text.gauge(
        "last_run_timestamp_seconds",
        "When the last run ended.",
        metrics.at,
    );
    text.gauge(
        "last_run_duration_seconds",
        "How long the last run took.",
        metrics.seconds,
    );
    let success = u8::from(metrics.errors == 0);
    text.gauge(
        "last_run_success",
        "Whether the last run could do all it had to.",
        success,
    );
    text.gauge(
        "last_run_errors",
        "What the last run could not do.",
        metrics.errors,
    );
    text.head(
        "failures_total",
        "counter",
        "Failures that were read from logs.",
    );
    for (rule, count) in &metrics.failures {
        text.line("failures_total", &[("rule", rule)], count);
    }
    let help = "Bans in force; the rule is empty for those not from a log.";
    text.head("bans_in_force", "gauge", help);
    for bans in &metrics.bans {
        let labels = [
            ("rule", &*bans.rule),
            ("origin", bans.origin),
            ("family", bans.family),
            ("kind", bans.kind),
        ];
        text.line("bans_in_force", &labels, bans.count);
    }
    if let Some(stopped) = metrics.stopped {
        let help = "Packets that the bans have stopped since what counts them was made.";
        text.head("packets_stopped_total", "counter", help);
        for (family, packets) in ["4", "6"].into_iter().zip(stopped) {
            text.line("packets_stopped_total", &[("family", family)], packets);
        }
    }
    text.sources(metrics);
    text.0
}

struct Text(String);

impl Text {
    fn sources(&mut self, metrics: &Metrics) {
        self.head(
            "source_readable",
            "gauge",
            "Whether the last run could read the source.",
        );
        for source in &metrics.sources {
            let labels = [("rule", &*source.rule), ("path", &*source.path)];
            self.line("source_readable", &labels, u8::from(source.readable));
        }
        let help = "Bytes of the source that the last run has left unread.";
        self.head("source_unread_bytes", "gauge", help);
        for source in &metrics.sources {
            let labels = [("rule", &*source.rule), ("path", &*source.path)];
            if let Some(unread) = source.unread {
                self.line("source_unread_bytes", &labels, unread);
            }
        }
    }

    /// A figure of the run as a whole.
    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, "gauge", help);
        self.line(name, &[], value);
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = write!(
            self.0,
            "# HELP pyfilter_{name} {help}\n# TYPE pyfilter_{name} {kind}\n"
        );
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.0, "pyfilter_{name}");
        for (index, (label, value)) in labels.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{before}{label}=\"{}\"", Label(value));
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{close} {value}");
    }
}

/// The value of a label: three characters would end it or its line.
struct Label<'a>(&'a str);

impl Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '\\' => f.write_str(r"\\"),
            '"' => f.write_str("\\\""),
            '\n' => f.write_str(r"\n"),
            c => f.write_char(c),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A line's name, labels and value, read by the letter of the format.
    fn parse(line: &str) -> (String, Vec<(String, String)>, f64) {
        let name: String = line
            .chars()
            .take_while(|c| c.is_ascii_lowercase() || *c == '_')
            .collect();
        let mut rest = line[name.len()..].chars();
        let mut labels = Vec::new();
        let mut next = rest.next();
        while let Some('{' | ',') = next {
            let label: String = rest.by_ref().take_while(|c| *c != '=').collect();
            assert!(label.chars().all(|c| c.is_ascii_lowercase()), "{line}");
            assert_eq!(rest.next(), Some('"'), "{line}");
            let mut value = String::new();
            loop {
                match rest.next().expect("the value ends") {
                    '"' => break,
                    '\\' => value.push(match rest.next() {
                        Some('n') => '\n',
                        Some(c @ ('\\' | '"')) => c,
                        other => panic!("{other:?} in {line}"),
                    }),
                    c => value.push(c),
                }
            }
            labels.push((label, value));
            next = rest.next();
        }
        if next == Some('}') {
            next = rest.next();
        }
        assert_eq!(next, Some(' '), "{line}");
        (name, labels, rest.as_str().parse().unwrap())
    }

    fn example() -> Metrics {
        Metrics {
            at: 1_774_189_098,
            seconds: 0.012,
            errors: 1,
            failures: vec![("ssh".to_owned(), 7)],
            bans: vec![BanCount {
                rule: "ssh".to_owned(),
                origin: "log",
                family: "4",
                kind: "address",
                count: 3,
            }],
            stopped: Some([12, 0]),
            sources: vec![SourceState {
                rule: "ssh".to_owned(),
                path: "/var/log/auth.log".to_owned(),
                readable: true,
                unread: Some(17),
            }],
        }
    }

    #[test]
    fn each_figure_stands_behind_its_help_and_type() {
        assert_eq!(
            metrics_text(&example()),
            "# HELP pyfilter_last_run_timestamp_seconds When the last run ended.\n\
             # TYPE pyfilter_last_run_timestamp_seconds gauge\n\
             pyfilter_last_run_timestamp_seconds 1774189098\n\
             # HELP pyfilter_last_run_duration_seconds How long the last run took.\n\
             # TYPE pyfilter_last_run_duration_seconds gauge\n\
             pyfilter_last_run_duration_seconds 0.012\n\
             # HELP pyfilter_last_run_success Whether the last run could do all it had to.\n\
             # TYPE pyfilter_last_run_success gauge\n\
             pyfilter_last_run_success 0\n\
             # HELP pyfilter_last_run_errors What the last run could not do.\n\
             # TYPE pyfilter_last_run_errors gauge\n\
             pyfilter_last_run_errors 1\n\
             # HELP pyfilter_failures_total Failures that were read from logs.\n\
             # TYPE pyfilter_failures_total counter\n\
             pyfilter_failures_total{rule=\"ssh\"} 7\n\
             # HELP pyfilter_bans_in_force Bans in force; the rule is empty for those not from a log.\n\
             # TYPE pyfilter_bans_in_force gauge\n\
             pyfilter_bans_in_force{rule=\"ssh\",origin=\"log\",family=\"4\",kind=\"address\"} 3\n\
             # HELP pyfilter_packets_stopped_total Packets that the bans have stopped since what counts them was made.\n\
             # TYPE pyfilter_packets_stopped_total counter\n\
             pyfilter_packets_stopped_total{family=\"4\"} 12\n\
             pyfilter_packets_stopped_total{family=\"6\"} 0\n\
             # HELP pyfilter_source_readable Whether the last run could read the source.\n\
             # TYPE pyfilter_source_readable gauge\n\
             pyfilter_source_readable{rule=\"ssh\",path=\"/var/log/auth.log\"} 1\n\
             # HELP pyfilter_source_unread_bytes Bytes of the source that the last run has left unread.\n\
             # TYPE pyfilter_source_unread_bytes gauge\n\
             pyfilter_source_unread_bytes{rule=\"ssh\",path=\"/var/log/auth.log\"} 17\n"
        );
    }

    proptest! {
        #[test]
        fn whatever_a_name_holds_it_is_one_label(rule in "\\PC*|[\\\\\"\n{},= ]*", path in ".*") {
            let mut metrics = example();
            metrics.failures[0].0.clone_from(&rule);
            metrics.sources[0].path.clone_from(&path);
            // A lone carriage return ends no line of the format.
            let text = metrics_text(&metrics);
            let lines: Vec<_> = text.split_terminator('\n').filter(|line| !line.starts_with('#')).map(parse).collect();
            prop_assert_eq!(lines.len(), 10);
            prop_assert_eq!(&lines[4].1, &[("rule".to_owned(), rule)]);
            prop_assert_eq!(&lines[9].1[1].1, &path);
        }
    }
}
