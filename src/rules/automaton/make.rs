//! Fills the tables while lines are read.

use super::follow::{At, AutomatonState, Thread, renumber};
use super::table::{ACTION, ACTIONS, DEAD, RESTING, STATE, entry};
use super::walk::Moves;
use super::{Action, Automaton};

impl Automaton {
    /// Works out the entry of `state` for `byte`, or for the end of the line if none.
    /// None if there is no room for it: the tables have been emptied then, or the
    /// state needs too many registers.
    pub(super) fn work_out(&mut self, state: u16, byte: Option<u8>) -> Option<u16> {
        let from = usize::from(state - STATE) / self.program.stride();
        let threads = self.scratch.follow(&self.program, &self.states[from], byte);
        let found = match byte {
            // A match ends the list of threads.
            None => match threads.last() {
                Some(&Thread {
                    at: At::Matched(pattern),
                    slots,
                }) => self.keep(Action {
                    next: DEAD,
                    moves: Moves::new(),
                    matched: Some((pattern, slots)),
                })?,
                _ => DEAD,
            },
            Some(_) if threads.is_empty() => DEAD,
            Some(byte) => {
                let (threads, moves) = renumber(threads)?;
                let before = Some(self.program.seen_as(byte));
                let is_full = self.used + self.program.stride() > self.program.room();
                if is_full || self.actions.len() == ACTIONS {
                    self.given_up = self.walked < self.program.room();
                    self.begin();
                    return None;
                }
                let next = self.number(AutomatonState { threads, before });
                if moves.is_empty() {
                    let stays = usize::from(next - STATE) == from * self.program.stride();
                    if stays && self.rests(from) {
                        return Some(RESTING);
                    }
                    next
                } else {
                    self.keep(Action {
                        next,
                        moves,
                        matched: None,
                    })?
                }
            }
        };
        let class = byte.map_or(self.program.end_class(), |byte| self.program.class(byte));
        self.table[entry(state, class)] = found;
        Some(found)
    }

    /// Whether no byte leads out of a state, except perhaps a newline. If so, all its
    /// entries become [`RESTING`], but that of a newline that leads out of it.
    fn rests(&mut self, state: usize) -> bool {
        let AutomatonState { threads, before } = &self.states[state];
        let mut stays = |byte: u8| {
            let next = self
                .scratch
                .follow(&self.program, &self.states[state], Some(byte));
            *before == Some(self.program.seen_as(byte))
                && renumber(next).is_some_and(|(next, moves)| moves.is_empty() && next == *threads)
        };
        let newline = self.program.class(b'\n');
        let bytes = self.program.representatives();
        if !bytes.iter().all(|&byte| byte == b'\n' || stays(byte)) {
            return false;
        }
        let newline_stays = stays(b'\n');
        // A newline that leads out needs a class of its own.
        let others =
            (0..=u8::MAX).filter(|&byte| byte != b'\n' && self.program.class(byte) == newline);
        if !newline_stays && others.count() > 0 {
            return false;
        }
        for class in 0..self.program.end_class() {
            if class != newline || newline_stays {
                let first = usize::from(STATE) + state * self.program.stride();
                self.table[first + usize::from(class)] = RESTING;
            }
        }
        true
    }

    /// Keeps an action: its entry for the table. None if there is no room for it.
    fn keep(&mut self, action: Action) -> Option<u16> {
        let number = u16::try_from(self.actions.len()).ok()?;
        (self.actions.len() < ACTIONS).then(|| {
            self.actions.push(action);
            ACTION + number
        })
    }

    /// The number of a state, which is the place of its entries. A new state gets the
    /// next entries.
    pub(super) fn number(&mut self, state: AutomatonState) -> u16 {
        if let Some(&known) = self.numbers.get(&state) {
            return known;
        }
        let number = STATE | u16::try_from(self.used).expect("a table is small");
        self.used += self.program.stride();
        self.states.push(state.clone());
        self.numbers.insert(state, number);
        number
    }
}
