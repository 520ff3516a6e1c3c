//! The times of earlier runs, by which a run knows whether its clock is wrong. Pure.

const DAY: i64 = 86_400;

/// Two runs further apart do not confirm one another: a run with the right clock
/// after a pause and a run with a wrong clock must not agree.
const APART: i64 = 2 * DAY;

/// The times of earlier runs, as `meta` holds them: `LAST REACHED DOUBTED SET_ASIDE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RunTimes {
    /// When the last run was that changed something.
    pub(super) last: i64,
    /// The time that counts as reached.
    reached: i64,
    /// When a run first found the clock more than a day from `reached`.
    doubted: Option<i64>,
    /// Whether the times of un-bans that lay ahead were set aside.
    pub(super) set_aside: bool,
}

impl RunTimes {
    pub(super) fn new(now: i64) -> Self {
        RunTimes {
            last: now,
            reached: now,
            doubted: None,
            set_aside: false,
        }
    }

    /// The same after a run at `now`. A time that is far from what was reached
    /// counts when a second run, a day later, finds the clock there, too.
    ///
    /// With `DAY` = 1 and the time 10 reached: runs at 50 and 50.5 leave 10 reached,
    /// a run at 51 brings it to 51.
    pub(super) fn after(self, now: i64) -> Self {
        let RunTimes {
            reached, doubted, ..
        } = self;
        let since = doubted.map(|first| now.saturating_sub(first));
        let (reached, doubted) = if now.abs_diff(reached) <= DAY.unsigned_abs() {
            (reached.max(now), None)
        } else {
            match since {
                Some(DAY..=APART) => (now, None),
                Some(0..DAY) => (reached, doubted),
                _ => (reached, Some(now)),
            }
        };
        RunTimes {
            last: now,
            reached,
            doubted,
            ..self
        }
    }

    /// The time by which things are old at a run at `now`.
    pub(super) fn age_at(self, now: i64) -> i64 {
        self.after(now).reached.min(now)
    }

    pub(super) fn to_text(self) -> String {
        let RunTimes {
            last,
            reached,
            doubted,
            set_aside,
        } = self;
        let doubted = doubted.map_or_else(|| "-".to_owned(), |doubted| doubted.to_string());
        format!("{last} {reached} {doubted} {}", u8::from(set_aside))
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split(' ').collect();
        let &[last, reached, doubted, set_aside] = words.as_slice() else {
            return None;
        };
        Some(RunTimes {
            last: last.parse().ok()?,
            reached: reached.parse().ok()?,
            doubted: match doubted {
                "-" => None,
                doubted => Some(doubted.parse().ok()?),
            },
            set_aside: set_aside != "0",
        })
    }
}

/// The times of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RunClock {
    /// The time of the run.
    pub(super) now: i64,
    /// By what time things are old: not later than `now`.
    pub(super) age: i64,
    pub(super) earlier: Option<RunTimes>,
}

impl RunClock {
    /// Of a run at `now` after the `earlier` ones; none in a new store.
    pub(super) fn new(now: i64, earlier: Option<RunTimes>) -> Self {
        RunClock {
            now,
            age: earlier.map_or(now, |earlier| earlier.age_at(now)),
            earlier,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: i64 = 1_774_189_098;

    #[test]
    fn times_are_read_as_they_were_written() {
        for (doubted, set_aside) in [(None, true), (Some(-7), false)] {
            let times = RunTimes {
                last: 3,
                reached: -5,
                doubted,
                set_aside,
            };
            assert_eq!(RunTimes::parse(&times.to_text()), Some(times));
        }
        for text in ["", "1", "1 x - 0", "1 2 3", "1 2 - 0 0"] {
            assert_eq!(RunTimes::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_clock_that_stays_where_it_is_is_believed_after_a_day() {
        let far = START + 400 * DAY;
        let doubted = RunTimes::new(START).after(far);
        assert_eq!(doubted.age_at(far + 60), START);
        assert_eq!(doubted.after(far + 60).age_at(far + DAY), far + DAY);
        // Two that are wrong in two ways do not agree.
        let other = doubted.after(far + 4000 * DAY);
        assert_eq!(other.age_at(far + 4000 * DAY + 60), START);
        // A right one after a rest and a wrong one do not, either.
        let rested = RunTimes::new(START).after(START + 5 * DAY);
        assert_eq!(rested.age_at(START + 40 * DAY), START);
        // One that is behind from now on, likewise.
        let behind = START - 400 * DAY;
        let doubted = RunTimes::new(START).after(behind);
        assert_eq!(doubted.age_at(behind + 60), behind + 60);
        let believed = doubted.after(behind + 2 * DAY);
        assert_eq!(believed.age_at(behind + 2 * DAY), behind + 2 * DAY);
        assert_eq!(believed.age_at(behind + 3 * DAY), behind + 3 * DAY);
    }

    proptest! {
        /// Whatever the clock shows for less than a day, and however often it
        /// runs: nothing is older than it is, or will be within two days.
        #[test]
        fn nothing_grows_old_by_a_clock_that_is_wrong_for_a_while(
            wrong in -20_000 * DAY..200_000 * DAY,
            runs in prop::collection::vec((1i64..DAY / 3, any::<bool>()), 1..30),
        ) {
            let (mut times, mut at, mut wrong_for) = (RunTimes::new(START), START, 0);
            for (later, mut is_wrong) in runs {
                at += later;
                wrong_for = if is_wrong { wrong_for + later } else { 0 };
                is_wrong &= wrong_for < DAY;
                let now = if is_wrong { at + wrong } else { at };
                prop_assert!(times.age_at(now) <= at + APART);
                prop_assert!(times.age_at(now) <= now);
                times = times.after(now);
                if !is_wrong {
                    wrong_for = 0;
                }
            }
        }
    }
}
