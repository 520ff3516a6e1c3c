//! One backend with so many bans: what its runs cost, which rules a packet passes, and
//! what packets cost. All of it becomes rows of the tables.

use std::fmt;
use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::addresses::{Addresses, Layout};
use crate::analyzer::{Analyzer, Backend, Cost};
use crate::figures::{Table, grouped, median, short};
use crate::namespace::Pair;
use crate::ruleset::Ruleset;
use crate::traffic::{self, Effort};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) backend: Backend,
    pub(crate) size: usize,
    pub(crate) layout: Layout,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (backend, layout) = (self.backend.as_str(), self.layout.as_str());
        write!(f, "{backend}: {} {layout} bans", self.size)
    }
}

/// How and where it is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup<'a> {
    pub(crate) pyfilter: &'a Path,
    pub(crate) scratch: &'a Path,
    /// How often the runs are timed, each time from an empty firewall on.
    pub(crate) rounds: usize,
    pub(crate) effort: Effort,
}

/// How many addresses of each kind are looked up in a ruleset.
const SAMPLE: usize = 1000;

/// How many runs with nothing new have their mean taken.
const RUNS: u32 = 10;

const RUN_HEAD: [&str; 11] = [
    "backend",
    "addresses",
    "bans",
    "from empty, s",
    "ten more, s",
    "nothing new, s",
    "`unban` of one, s",
    "`check`, s",
    "flushed and repaired, s",
    "pyfilter, MiB",
    "its programs, MiB",
];

const RULE_HEAD: [&str; 7] = [
    "backend",
    "addresses",
    "bans",
    "chains",
    "anywhere, mean",
    "anywhere, most",
    "beside a banned one, most",
];

const PACKET_HEAD: [&str; 7] = [
    "backend",
    "addresses",
    "bans",
    "packets from",
    "round trip, µs",
    "TCP connections a second",
    "one stream, Gbit/s",
];

/// What is printed at the end.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    runs: Table,
    rules: Table,
    packets: Table,
}

impl Tables {
    /// All of them that hold anything, each below a sentence.
    pub(crate) fn render(&self) -> String {
        let parts = [
            (
                "What runs take:",
                &self.runs,
                self.runs.render(&RUN_HEAD, 2),
            ),
            (
                "Rules that a packet passes that is nobody's, counted from the ruleset:",
                &self.rules,
                self.rules.render(&RULE_HEAD, 2),
            ),
            (
                "What a packet pays that is nobody's: without bans → with bans (how many times worse):",
                &self.packets,
                self.packets.render(&PACKET_HEAD, 2),
            ),
        ];
        let shown = parts.iter().filter(|(_, table, _)| !table.is_empty());
        let texts: Vec<String> = shown
            .map(|(said, _, table)| format!("\n{said}\n\n{table}"))
            .collect();
        texts.concat()
    }
}

/// What the runs of one host cost, in the order of the table; none where a backend has no
/// such run.
type Series = [Option<Cost>; 6];

impl Case {
    /// Measures all of it and adds it to `tables`.
    pub(crate) fn measure(self, setup: Setup<'_>, tables: &mut Tables) -> Result<()> {
        let addresses = Addresses::new(self.layout, self.size, SAMPLE);
        let mut all: Vec<Series> = Vec::new();
        for round in 1..=setup.rounds {
            let pair = Pair::new()?;
            let analyzer = Analyzer::new(setup.pyfilter, self.backend, setup.scratch, &pair.host)?;
            all.push(self.series(&analyzer, &addresses)?);
            if round == setup.rounds {
                tables.runs.row(self.cells(run_cells(&all)));
                self.look_at_packets(setup, &pair, &analyzer, &addresses, tables)?;
            }
        }
        Ok(())
    }

    fn series(self, analyzer: &Analyzer<'_>, addresses: &Addresses) -> Result<Series> {
        analyzer.fail(&addresses.first)?;
        let from_empty = analyzer.run(&["scan"])?;
        analyzer.fail(&addresses.ten_more)?;
        let ten_more = analyzer.run(&["scan"])?;
        let nothing_new = analyzer.nothing_new(RUNS)?;
        let lifted = addresses.first[0].to_string();
        let unban = analyzer.run(&["unban", &lifted])?;
        let check = analyzer.run(&["check"])?;
        let repaired = if self.backend == Backend::None {
            None
        } else {
            analyzer.flush()?;
            Some(analyzer.run(&["scan"])?)
        };
        Ok([
            Some(from_empty),
            Some(ten_more),
            Some(nothing_new),
            Some(unban),
            Some(check),
            repaired,
        ])
    }

    /// What is left to do when the bans are in force in `bans`.
    fn look_at_packets(
        self,
        setup: Setup<'_>,
        bans: &Pair,
        analyzer: &Analyzer<'_>,
        addresses: &Addresses,
        tables: &mut Tables,
    ) -> Result<()> {
        if self.backend == Backend::None {
            return Ok(());
        }
        let ruleset = analyzer.ruleset()?;
        let mut beside = *addresses.beside.first().context("no address is free")?;
        if let Some(ruleset) = &ruleset {
            all_are_blocked(ruleset, addresses)?;
            let counted = count(ruleset, addresses)?;
            beside = counted.longest;
            tables
                .rules
                .row(self.cells(counted.cells(ruleset.chains())));
        } else {
            // All but the one that was un-banned.
            let banned = addresses.first.len() + addresses.ten_more.len() - 1;
            let elements = analyzer.elements_of_nftables()?;
            ensure!(
                elements >= banned,
                "the sets have {elements} elements for {banned} bans"
            );
            let most = analyzer.rules_of_nftables()?.to_string();
            let chains = "–".to_owned();
            tables
                .rules
                .row(self.cells([chains, most.clone(), most.clone(), most]));
        }
        blocked_on_the_wire(bans, addresses)?;
        let none = Pair::new()?;
        let sources = [("anywhere", addresses.anywhere[0]), ("beside", beside)];
        for (words, source) in sources {
            let packets = traffic::compare(&none, bans, source, setup.effort)?;
            let figures = [packets.round_trip, packets.connections, packets.stream];
            let cells = figures.iter().map(ToString::to_string);
            tables
                .packets
                .row(self.cells([words.to_owned()].into_iter().chain(cells)));
        }
        Ok(())
    }

    /// A row that begins with the name of the case.
    fn cells(self, cells: impl IntoIterator<Item = String>) -> Vec<String> {
        let size = grouped(&self.size.to_string());
        let name = [self.backend.as_str(), self.layout.as_str(), &size].map(str::to_owned);
        name.into_iter().chain(cells).collect()
    }
}

/// Medians of all rounds; of memory, the most.
fn run_cells(all: &[Series]) -> Vec<String> {
    let columns = all.first().map_or(0, |series| series.len());
    let seconds = (0..columns).map(|column| {
        let costs = all.iter().filter_map(|series| series[column]);
        median(costs.map(|cost| cost.seconds)).map_or_else(|| "–".to_owned(), short)
    });
    let costs = all.iter().flatten().flatten();
    let most = costs.fold(Cost::default(), |sum, cost| sum.and(*cost));
    let memory = [most.mebibytes, most.started].map(|mebibytes| format!("{mebibytes:.0}"));
    seconds.chain(memory).collect()
}

/// Rules passed by packets that are nobody's.
struct Counted {
    mean: f64,
    anywhere: u32,
    beside: u32,
    /// An address beside a banned one that passes the most rules.
    longest: Ipv4Addr,
}

impl Counted {
    fn cells(&self, chains: usize) -> [String; 4] {
        let [anywhere, beside] =
            [self.anywhere, self.beside].map(|most| grouped(&most.to_string()));
        [
            grouped(&chains.to_string()),
            short(self.mean),
            anywhere,
            beside,
        ]
    }
}

fn count(ruleset: &Ruleset, addresses: &Addresses) -> Result<Counted> {
    let rules = |list: &[Ipv4Addr]| -> Result<Vec<(u32, Ipv4Addr)>> {
        let each = list.iter().map(|address| {
            let way = ruleset.way(*address);
            ensure!(!way.blocked, "{address} is blocked, and is not banned");
            Ok((way.rules, *address))
        });
        each.collect()
    };
    let anywhere = rules(&addresses.anywhere)?;
    let beside = rules(&addresses.beside)?;
    let number = u32::try_from(anywhere.len())?;
    let sum: f64 = anywhere.iter().map(|(rules, _)| f64::from(*rules)).sum();
    let (most, longest) = beside.into_iter().max().context("no address is free")?;
    Ok(Counted {
        mean: sum / f64::from(number),
        anywhere: anywhere.iter().map(|(rules, _)| *rules).max().unwrap_or(0),
        beside: most,
        longest,
    })
}

/// # Errors
/// A sample of the banned addresses is not blocked: then a fast firewall means nothing.
fn all_are_blocked(ruleset: &Ruleset, addresses: &Addresses) -> Result<()> {
    // The first one was un-banned.
    let sample = addresses.first.iter().skip(1).take(SAMPLE);
    for address in sample.chain(&addresses.ten_more) {
        ensure!(
            ruleset.way(*address).blocked,
            "{address} is banned, and is not blocked"
        );
    }
    Ok(())
}

/// The same on the wire, for a few, whatever the backend.
fn blocked_on_the_wire(pair: &Pair, addresses: &Addresses) -> Result<()> {
    for (address, wanted) in [
        (addresses.first[0], true),
        (addresses.first[1], false),
        (addresses.first[addresses.first.len() / 2], false),
        (addresses.ten_more[9], false),
    ] {
        pair.speak_as(address)?;
        let answered = traffic::is_answered(pair)?;
        ensure!(
            answered == wanted,
            "{address} gets {} answer",
            if answered { "an" } else { "no" }
        );
    }
    Ok(())
}
