//! The tables, made while they are needed.

use super::follow::{At, AutomatonState, Moves, Thread, renumber};
use super::walk::entry;
use super::{ACTION, ACTIONS, Action, Automaton, DEAD, PatternProgram, RESTING, STATE};

impl Automaton {
    /// What to do in `state` at `byte`, or at the end of the line; none if
    /// there is no room for it.
    pub(super) fn work_out(
        &mut self,
        program: &PatternProgram,
        state: u16,
        byte: Option<u8>,
    ) -> Option<u16> {
        let from = usize::from(state - STATE) / program.stride();
        let threads = self.scratch.follow(program, &self.states[from], byte);
        let found = match byte {
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
                let before = Some(program.seen_as(byte));
                let is_full = self.used + program.stride() > program.room();
                if is_full || self.actions.len() == ACTIONS {
                    self.given_up = self.walked < program.room();
                    self.begin(program);
                    return None;
                }
                let next = self.number(program, AutomatonState { threads, before });
                if moves.is_empty() {
                    let stays = usize::from(next - STATE) == from * program.stride();
                    if stays && self.rests(program, from) {
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
        let class = byte.map_or(program.end_class(), |byte| program.class(byte));
        self.table[entry(state, class)] = found;
        Some(found)
    }

    /// Whether no byte leads out of a state, but for a newline perhaps, and if so
    /// notes that.
    fn rests(&mut self, program: &PatternProgram, state: usize) -> bool {
        let AutomatonState { threads, before } = &self.states[state];
        let mut stays = |byte: u8| {
            let next = self
                .scratch
                .follow(program, &self.states[state], Some(byte));
            *before == Some(program.seen_as(byte))
                && renumber(next).is_some_and(|(next, moves)| moves.is_empty() && next == *threads)
        };
        let newline = program.class(b'\n');
        let bytes = program.representatives();
        if !bytes.iter().all(|&byte| byte == b'\n' || stays(byte)) {
            return false;
        }
        let newline_stays = stays(b'\n');
        let others = (0..=u8::MAX).filter(|&byte| byte != b'\n' && program.class(byte) == newline);
        if !newline_stays && others.count() > 0 {
            return false;
        }
        for class in 0..program.end_class() {
            if class != newline || newline_stays {
                let first = usize::from(STATE) + state * program.stride();
                self.table[first + usize::from(class)] = RESTING;
            }
        }
        true
    }

    /// What a table has for an action; none if there is no room for it.
    fn keep(&mut self, action: Action) -> Option<u16> {
        let number = u16::try_from(self.actions.len()).ok()?;
        (self.actions.len() < ACTIONS).then(|| {
            self.actions.push(action);
            ACTION + number
        })
    }

    /// Where the table has the state.
    pub(super) fn number(&mut self, program: &PatternProgram, state: AutomatonState) -> u16 {
        if let Some(&known) = self.numbers.get(&state) {
            return known;
        }
        let number = STATE | u16::try_from(self.used).expect("a table is small");
        self.used += program.stride();
        self.states.push(state.clone());
        self.numbers.insert(state, number);
        number
    }
}
