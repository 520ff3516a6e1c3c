//! Medians, ratios, and the tables that show them (pure).

use std::fmt::{self, Write as _};

/// The middle of `values`, or the mean of the two in the middle; none of nothing.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    let even = values.len().is_multiple_of(2);
    Some(if even {
        f64::midpoint(values[middle - 1], upper)
    } else {
        upper
    })
}

/// Whether a larger figure is the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    Smaller,
    Larger,
}

/// A figure without bans and with them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Compared {
    none: f64,
    bans: f64,
    /// How many times worse it is with bans.
    factor: f64,
}

impl Compared {
    /// The medians of `pairs`, each without bans and with them. The factor is the median
    /// of the factors of the pairs: both of a pair were measured one after the other, so
    /// what else the machine did at that time slowed down both.
    pub(crate) fn of(pairs: &[[f64; 2]], better: Better) -> Option<Self> {
        let factors = pairs.iter().map(|[none, bans]| match better {
            Better::Smaller => bans / none,
            Better::Larger => none / bans,
        });
        Some(Compared {
            none: median(pairs.iter().map(|pair| pair[0]))?,
            bans: median(pairs.iter().map(|pair| pair[1]))?,
            factor: median(factors)?,
        })
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [none, bans] = [self.none, self.bans].map(short);
        write!(f, "{none} → {bans} ({}×)", short(self.factor))
    }
}

/// A number with about three digits that count: `0.0042`, `3.52`, `77.1`, `45,012`.
pub(crate) fn short(value: f64) -> String {
    match value {
        ..0.01 => format!("{value:.4}"),
        ..0.1 => format!("{value:.3}"),
        ..10.0 => format!("{value:.2}"),
        ..100.0 => format!("{value:.1}"),
        _ => grouped(&format!("{value:.0}")),
    }
}

/// A whole number with a comma before each three digits.
pub(crate) fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A table in Markdown.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Whether it holds nothing but `head` rows of headings.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// With `head` above it. The first `words` columns are words, the others numbers.
    pub(crate) fn render(&self, head: &[&str], words: usize) -> String {
        let mut text = format!("| {} |\n|", head.join(" | "));
        for column in 0..head.len() {
            text.push_str(if column < words { "---|" } else { "---:|" });
        }
        text.push('\n');
        for row in &self.rows {
            let _ = writeln!(text, "| {} |", row.join(" | "));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!(median([]), None);
        assert_eq!(median([3.0]), Some(3.0));
        assert_eq!(median([9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([9.0, 1.0, 2.0, 4.0]), Some(3.0));
    }

    #[test]
    fn a_factor_is_that_of_pairs_and_tells_how_much_worse_it_is() {
        // The machine is ten times slower during the second pair.
        let pairs = [[2.0, 4.0], [20.0, 40.0], [2.0, 4.2]];
        let slower = Compared::of(&pairs, Better::Smaller).unwrap();
        assert_eq!(slower.to_string(), "2.00 → 4.20 (2.00×)");
        let fewer = Compared::of(&[[45000.0, 15000.0]], Better::Larger).unwrap();
        assert_eq!(fewer.to_string(), "45,000 → 15,000 (3.00×)");
        assert_eq!(Compared::of(&[], Better::Larger), None);
    }

    #[test]
    fn numbers_are_short() {
        let shown = [0.004_23, 0.0234, 0.5, 3.456, 77.12, 100.4, 45012.3, 1e6].map(short);
        let wanted = [
            "0.0042",
            "0.023",
            "0.50",
            "3.46",
            "77.1",
            "100",
            "45,012",
            "1,000,000",
        ];
        assert_eq!(shown, wanted);
    }

    #[test]
    fn a_table_is_markdown() {
        let mut table = Table::default();
        assert!(table.is_empty());
        table.row(["nft", "1"]);
        assert_eq!(
            table.render(&["backend", "s"], 1),
            "| backend | s |\n|---|---:|\n| nft | 1 |\n"
        );
    }
}
