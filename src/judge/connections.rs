//! How many new failures a line of a connection is: one failed login counts once,
//! however many lines tell of it.
//!
//! ```text
//!                                                   attempts   PAM's   new failures
//! sshd[7]: Invalid user x from …                        0        0     1, for a sign
//! sshd[7]: error: PAM: … for illegal user x             (is no failure)
//! sshd[7]: Failed password for invalid user x …         1        0     0, and that one moves here
//! sshd[7]: message repeated 2 times: [ Failed …]        3        0     2
//! sshd[7]: error: maximum authentication attempts …     3        0     0
//! ```
//!
//! Each line is decided when it is read, and nothing is taken back. What is remembered
//! depends on the lines alone: not on thresholds, bans, un-bans or the allow list. So a
//! connection goes on while its address is banned: its lines fill no window then, and
//! what they say does not count again when the ban is over.

use smallvec::SmallVec;

use crate::model::{Failure, LinePlace, LoginConnection, Role};

/// How many connections of an address are remembered.
const MOST: usize = 16;

/// A line this many seconds after the last line of its connection, or before it, is of
/// another connection: pids are used again.
const TOGETHER: u64 = 600;

/// What a line counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// How many failures it adds.
    pub new: u32,
    /// The line whose failure it takes over, as long as that one is in the window.
    pub moves: Option<LinePlace>,
}

impl Counts {
    /// Only new failures.
    #[must_use]
    pub fn new(new: u32) -> Self {
        Counts { new, moves: None }
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_nothing(self) -> bool {
        self == Counts::default()
    }
}

/// The connections of one address to which further lines may belong, at most sixteen.
/// The connection whose last line comes first in the log is forgotten first; it counts
/// anew if it comes back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connections {
    /// The connection with the oldest last line first. Most addresses have one, which
    /// is stored in this value itself: the processor waits for memory once less for
    /// each line.
    open: SmallVec<[LoginConnection; 1]>,
    /// Whether they differ from the stored ones.
    changed: bool,
}

impl Connections {
    /// Those that were stored.
    #[must_use]
    pub fn stored(open: Vec<LoginConnection>) -> Self {
        Connections {
            open: open.into_iter().collect(),
            changed: false,
        }
    }

    /// All of them, the one with the oldest last line first.
    #[must_use]
    pub fn open(&self) -> &[LoginConnection] {
        &self.open
    }

    /// Whether they are others than the stored ones.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.changed
    }

    /// The latest stamp of their last lines, in Unix seconds; none if there are none.
    #[must_use]
    pub fn newest(&self) -> Option<i64> {
        self.open.iter().map(|connection| connection.last).max()
    }

    /// How many bytes of memory they take beside this value itself.
    #[must_use]
    pub fn weight(&self) -> usize {
        if self.open.spilled() {
            self.open.capacity() * size_of::<LoginConnection>() + 8
        } else {
            0
        }
    }

    /// How many failures the next line of the log is. It stands at `place`.
    #[must_use]
    pub fn count_line(&mut self, failure: &Failure, place: LinePlace) -> Counts {
        let Some(login) = failure.login else {
            return Counts::new(failure.count);
        };
        let (attempts, pam_attempts) = match login.role {
            Role::Attempt => (failure.count, 0),
            Role::PamAttempt => (0, failure.count),
            Role::Sign => (0, 0),
        };
        let Some(id) = login.connection else {
            return Counts::new(attempts.max(pam_attempts).max(1));
        };
        self.changed = true;
        let at = failure.at.secs;
        let known = self.open.iter().rposition(|known| known.id == id);
        if let Some(known) = known
            && is_together(&self.open[known], at)
        {
            // The newest line is one of this connection.
            self.open[known..].rotate_left(1);
            let last = self.open.len() - 1;
            let connection = &mut self.open[last];
            let before = *connection;
            connection.last = at;
            connection.attempts = before.attempts.saturating_add(attempts);
            connection.pam_attempts = before.pam_attempts.saturating_add(pam_attempts);
            let moves = before.has_only_signs() && !connection.has_only_signs();
            return Counts {
                new: connection.failures() - before.failures(),
                moves: moves.then_some(before.counted),
            };
        }
        let connection = LoginConnection {
            id,
            last: at,
            attempts,
            pam_attempts,
            counted: place,
        };
        self.begin(connection, known);
        Counts::new(connection.failures())
    }

    /// Adds a connection; it replaces one with the same id.
    fn begin(&mut self, connection: LoginConnection, known: Option<usize>) {
        if let Some(known) = known {
            self.open.remove(known);
        }
        let at = connection.last;
        let is_over = |known: &&LoginConnection| !is_together(known, at);
        let over = self.open.iter().take_while(is_over).count();
        self.open.drain(..over);
        if self.open.len() >= MOST {
            self.open[..MOST].rotate_left(1);
            self.open[MOST - 1] = connection;
        } else {
            self.open.push(connection);
        }
    }
}

/// Whether a line at `at` may be of that connection.
fn is_together(connection: &LoginConnection, at: i64) -> bool {
    connection.last.abs_diff(at) <= TOGETHER
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{
        Address, ConnectionId, LoginLine, Stamp, connections_from_bytes, connections_to_bytes,
    };

    /// A line of 192.0.2.1 at that second, of a process with that pid.
    fn line(role: Role, pid: Option<u32>, at: i64, count: u32) -> Failure {
        let address = Address::parse(b"192.0.2.1").unwrap();
        let id = |pid: u32| ConnectionId::of(address, b"web1", pid.to_string().as_bytes());
        Failure {
            address,
            at: Stamp::from_secs(at),
            count,
            login: Some(LoginLine {
                role,
                connection: pid.map(id),
            }),
            pattern: 0,
            instant: false,
            offset: 0,
        }
    }

    fn sign(pid: u32) -> Failure {
        line(Role::Sign, Some(pid), 0, 1)
    }

    fn attempt(pid: u32) -> Failure {
        line(Role::Attempt, Some(pid), 0, 1)
    }

    fn pam(pid: u32) -> Failure {
        line(Role::PamAttempt, Some(pid), 0, 1)
    }

    /// What each of the lines counts; the place of each is its number.
    fn counts(lines: &[Failure]) -> Vec<Counts> {
        let mut connections = Connections::default();
        let numbered = (0..).zip(lines);
        numbered
            .map(|(n, line)| connections.count_line(line, LinePlace::nth(n)))
            .collect()
    }

    fn new(lines: &[Failure]) -> Vec<u32> {
        counts(lines).iter().map(|counts| counts.new).collect()
    }

    fn total(lines: &[Failure]) -> u32 {
        new(lines).iter().sum()
    }

    #[test]
    fn one_failed_login_counts_once_however_many_lines_tell_of_it() {
        // `Invalid user`, `Failed password for invalid user`, an end.
        assert_eq!(new(&[sign(7), attempt(7), sign(7)]), [1, 0, 0]);
        // `Failed password`, an end.
        assert_eq!(new(&[attempt(7), sign(7)]), [1, 0]);
        // `error: PAM: …`, `Failed keyboard-interactive/pam`, an end.
        assert_eq!(new(&[pam(7), attempt(7), sign(7)]), [1, 0, 0]);
        assert_eq!(new(&[attempt(7), pam(7)]), [1, 0]);
        // Guessing of keys: nothing but signs.
        assert_eq!(new(&[sign(7), sign(7), sign(7)]), [1, 0, 0]);
    }

    #[test]
    fn the_attempt_takes_over_the_failure_of_the_sign() {
        let moved = Counts {
            new: 0,
            moves: Some(LinePlace::nth(0)),
        };
        let lines = [sign(7), sign(7), attempt(7), attempt(7)];
        let expected = [Counts::new(1), Counts::default(), moved, Counts::new(1)];
        assert_eq!(counts(&lines), expected);
        let lines = [sign(7), line(Role::PamAttempt, Some(7), 0, 3)];
        assert_eq!(counts(&lines)[1], Counts { new: 2, ..moved });
    }

    #[test]
    fn six_passwords_in_one_connection_are_six_failures() {
        let six = vec![attempt(7); 6];
        assert_eq!(total(&six), 6);
        assert_eq!(total(&[vec![sign(7)], six.clone()].concat()), 6);
        let told_twice = [vec![pam(7); 6], six, vec![sign(7)]].concat();
        assert_eq!(total(&told_twice), 6);
    }

    #[test]
    fn a_line_that_is_repeated_is_as_many_attempts_and_one_sign() {
        assert_eq!(new(&[line(Role::Sign, Some(7), 0, 9)]), [1]);
        assert_eq!(new(&[line(Role::Attempt, Some(7), 0, 4)]), [4]);
        assert_eq!(new(&[sign(7), line(Role::Attempt, Some(7), 0, 4)]), [1, 3]);
        let most = line(Role::Attempt, Some(7), 0, u32::MAX);
        assert_eq!(new(&[most.clone(), most]), [u32::MAX, 0]);
    }

    #[test]
    fn eight_connections_at_once_are_eight_failures() {
        let signs = (0..8).map(sign);
        let rest = (0..8).flat_map(|pid| [attempt(pid), sign(pid)]);
        let lines: Vec<Failure> = signs.chain(rest).collect();
        assert_eq!(total(&lines[..8]), 8);
        assert_eq!(total(&lines), 8);
    }

    #[test]
    fn a_line_without_a_pid_is_a_connection_of_its_own() {
        let lines = [
            line(Role::Sign, None, 0, 5),
            line(Role::Attempt, None, 0, 1),
            line(Role::Attempt, None, 0, 3),
            line(Role::PamAttempt, None, 0, 1),
        ];
        assert_eq!(new(&lines), [1, 1, 3, 1]);
        let mut connections = Connections::default();
        let _ = connections.count_line(&lines[0], LinePlace::nth(0));
        assert!(connections.open().is_empty() && !connections.is_changed());
    }

    #[test]
    fn of_other_patterns_each_match_counts() {
        let own = Failure {
            login: None,
            count: 3,
            ..sign(7)
        };
        assert_eq!(new(&[own.clone(), own]), [3, 3]);
    }

    /// Of a pid that comes again within ten minutes the attempts count all the same.
    #[test]
    fn a_pid_that_comes_again_hides_no_attempt() {
        let again = |role, at| line(role, Some(7), at, 1);
        let lines = [
            again(Role::Sign, 0),
            again(Role::Attempt, 2),
            again(Role::Sign, 602),
            again(Role::Attempt, 602),
            again(Role::Sign, 1203),
        ];
        assert_eq!(new(&lines), [1, 0, 0, 1, 1]);
    }

    #[test]
    fn a_clock_that_goes_back_begins_another_connection_beyond_ten_minutes() {
        let at = |at| line(Role::Sign, Some(7), at, 1);
        assert_eq!(new(&[at(1000), at(400), at(1000)]), [1, 0, 0]);
        assert_eq!(new(&[at(1000), at(399), at(999)]), [1, 1, 0]);
    }

    #[test]
    fn the_connection_with_the_oldest_last_line_is_forgotten_first_and_counts_anew() {
        let mut lines: Vec<Failure> = (0..16).map(sign).collect();
        // The first one goes on, so that the second one has the oldest last line.
        lines.extend([sign(0), sign(16), sign(0), sign(1), sign(16)]);
        assert_eq!(new(&lines)[16..], [0, 1, 0, 1, 0]);
    }

    #[test]
    fn those_that_nothing_can_belong_to_any_more_take_no_room() {
        let mut connections = Connections::default();
        for (n, at) in (0..).zip([0, 1, 601, 602]) {
            let _ = connections.count_line(&line(Role::Sign, Some(n), at, 1), LinePlace::nth(0));
        }
        let last = connections.open().iter().map(|connection| connection.last);
        assert_eq!(last.collect::<Vec<_>>(), [601, 602]);
        assert_eq!(connections.newest(), Some(602));
        assert!(
            (64..200).contains(&connections.weight()),
            "{}",
            connections.weight()
        );
    }

    /// The contract, word by word.
    #[derive(Default)]
    struct Naive {
        /// pid, last stamp, lines `Failed`, lines `PAM`, and what was counted.
        connections: Vec<(u32, i64, u32, u32, u32)>,
    }

    impl Naive {
        fn hear(&mut self, pid: u32, role: Role, at: i64, count: u32) -> u32 {
            let place = self.connections.iter().position(|one| one.0 == pid);
            let known = place.map(|place| self.connections.remove(place));
            let known = known.filter(|one| one.1.abs_diff(at) <= 600);
            if known.is_none() {
                while self
                    .connections
                    .first()
                    .is_some_and(|one| one.1.abs_diff(at) > 600)
                {
                    self.connections.remove(0);
                }
                if self.connections.len() == 16 {
                    self.connections.remove(0);
                }
            }
            let (_, _, mut failed, mut pam, before) = known.unwrap_or((pid, at, 0, 0, 0));
            match role {
                Role::Attempt => failed += count,
                Role::PamAttempt => pam += count,
                Role::Sign => {}
            }
            let counted = 1.max(failed).max(pam);
            self.connections.push((pid, at, failed, pam, counted));
            counted - before
        }
    }

    fn any_line() -> impl Strategy<Value = (u32, Role, i64, u32)> {
        let role = prop::sample::select(vec![Role::Attempt, Role::PamAttempt, Role::Sign]);
        let gap = prop_oneof![
            20 => 0i64..20,
            2 => -20i64..0,
            1 => prop::sample::select(vec![-600, -601, 599, 600, 601, 3600]),
        ];
        (
            0u32..20,
            role,
            gap,
            prop_oneof![4 => Just(1u32), 1 => 2u32..5],
        )
    }

    proptest! {
        /// However runs are cut: what is stored between two of them is all that is
        /// remembered.
        #[test]
        fn it_counts_as_a_naive_count_does(
            lines in prop::collection::vec(any_line(), 0..120),
            cuts in prop::collection::vec(any::<bool>(), 120),
        ) {
            let (mut connections, mut naive) = (Connections::default(), Naive::default());
            let (mut at, mut signs) = (10_000, std::collections::HashMap::new());
            for ((n, (pid, role, gap, count)), is_cut) in (0u64..).zip(lines).zip(cuts) {
                at += gap;
                let counts = connections.count_line(&line(role, Some(pid), at, count), LinePlace::nth(n));
                prop_assert_eq!(counts.new, naive.hear(pid, role, at, count));
                // Moved is what a sign of the same connection counted, and once.
                if let Some(moves) = counts.moves {
                    prop_assert_ne!(role, Role::Sign);
                    prop_assert_eq!(signs.remove(&pid), Some(moves));
                } else if role == Role::Sign && counts.new == 1 {
                    signs.insert(pid, LinePlace::nth(n));
                } else if role != Role::Sign {
                    signs.remove(&pid);
                }
                prop_assert!(connections.open().len() <= 16);
                if is_cut {
                    let bytes = connections_to_bytes(connections.open());
                    connections = Connections::stored(connections_from_bytes(&bytes).unwrap());
                }
            }
        }
    }
}
