//! The word table: where eight bytes lead from a state, in one step.
//!
//! Lines of a log are made of the same words: the same second, the same host, the
//! same program, the same message, numbers of the same length. A line is cut into
//! words of eight bytes from its start on:
//!
//! ```text
//! Mar 22 1|4:18:18 |web1 ssh|d[4711]:|…
//! Mar 22 1|4:18:19 |web1 ssh|d[4712]:|…   the same four words
//! ```
//!
//! The second line has the same words, since a digit counts as `0` where the patterns
//! do not tell digits apart ([`shape`]). A word is learned when it is met for the
//! second time. Its step says where it leads and which registers move; a place that
//! begins within it is a distance from its start.

use std::collections::HashMap;

use super::table::{DEAD, STATE};
use super::walk::{Moves, Registers, Walk, step_over};

/// So many bytes are a word; the last one of a line may be shorter.
pub(super) const WORD: usize = 8;

/// Words that are known at a time at most.
const PLACES: usize = 1 << PLACE_BITS;
const PLACE_BITS: u32 = 12;

/// After so many lines so many bytes of a line must be known on the average.
const TRIED: u64 = 1000;
const LEAST: u64 = 16;

/// What is known of words.
#[derive(Debug, Clone)]
pub(super) struct Words {
    /// By [`WordKey::place`]. A word that is learned replaces the one in its place.
    steps: Box<[Step; PLACES]>,
    /// The lists of moves, each once. Invariant: the first has no moves, so that 0 in
    /// a step means that nothing moves.
    moves: Vec<Moving>,
    /// The place of a list of moves in `moves`.
    numbers: HashMap<Moves, u16>,
    /// Lines that were walked over, and how many bytes of them were known.
    lines: u64,
    bytes: u64,
}

/// Where a word leads. Four of them fit into a line of the processor's cache.
#[derive(Debug, Clone, Copy, Default)]
struct Step {
    word: u64,
    from: u16,
    /// The next state, or that nothing matches.
    next: u16,
    /// The number of its moves, and [`ENDS`] if it is the last step: nothing matches,
    /// or nothing changes any more.
    moves: u16,
    /// A part of the hash of the word that was met here last and is not known.
    missed: u16,
}

/// A list of moves, stored without a pointer.
#[derive(Debug, Clone, Copy, Default)]
struct Moving {
    length: usize,
    moves: [(u8, u8); MOVES],
}

/// Moves of a known word at most.
const MOVES: usize = 8;

/// In the moves of a step.
const ENDS: u16 = 1 << 15;

/// A word, and the state in which it is met.
///
/// Invariant: no whole word has the key of the last, shorter word of a line. `from` of
/// a whole word is a state, at least [`STATE`]; that of a last word is below, and its
/// length stands in the highest byte. So no key is the default one either.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct WordKey {
    word: u64,
    from: u16,
}

/// Why a walk goes no further by words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WordStop {
    /// The line ends.
    End,
    /// Nothing matches.
    Lost,
    /// Nothing changes any more before the line ends.
    Rest,
    /// The next word is not known.
    Unknown(UnknownWord),
}

/// A word that is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UnknownWord {
    key: WordKey,
    /// How many bytes it has.
    pub(super) length: usize,
    /// Whether it is met again and should be known.
    pub(super) again: bool,
}

impl WordKey {
    fn new(state: u16, word: [u8; WORD], digits_alike: bool) -> Self {
        WordKey {
            word: shape(u64::from_le_bytes(word), digits_alike),
            from: state,
        }
    }

    /// That of the last bytes of a line, fewer than a word, in a line that ends
    /// with `word`.
    fn last(state: u16, word: [u8; WORD], length: usize, digits_alike: bool) -> Self {
        let last = u64::from_le_bytes(word) >> (8 * (WORD - length));
        WordKey {
            word: shape(last, digits_alike) | (length as u64) << 56,
            // Below STATE: no key of a whole word.
            from: state - STATE,
        }
    }

    fn hash(self) -> u64 {
        self.word.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    /// The state is known later than the word, so it is mixed in last: the word is
    /// hashed while the processor still waits for the state.
    fn place(self) -> usize {
        let bits = (self.hash() >> (u64::BITS - PLACE_BITS)) as usize;
        (bits ^ usize::from(self.from)) % PLACES
    }
}

impl Step {
    fn is_of(&self, key: WordKey) -> bool {
        self.word == key.word && self.from == key.from
    }
}

impl Default for Words {
    fn default() -> Self {
        let steps = vec![Step::default(); PLACES].into_boxed_slice();
        Words {
            steps: steps.try_into().expect("it has PLACES entries"),
            moves: vec![Moving::default()],
            numbers: HashMap::from([(Moves::new(), 0)]),
            lines: 0,
            bytes: 0,
        }
    }
}

impl Words {
    /// Forgets all words, but not whether it pays to know them.
    pub(super) fn clear(&mut self) {
        // Before the first line there is nothing to forget.
        if self.lines == 0 {
            return;
        }
        self.steps.fill(Step::default());
        self.moves.truncate(1);
        self.numbers.retain(|_, number| *number == 0);
    }

    /// Counts a line. Whether the word table pays: among the first lines always, then
    /// if it knows enough bytes of a line.
    pub(super) fn pay(&mut self) -> bool {
        self.lines += 1;
        self.lines < TRIED || self.bytes >= self.lines * LEAST
    }

    /// Walks as far as words are known; `digits_alike` says that the patterns do not
    /// tell digits apart.
    pub(super) fn go(&mut self, walk: &mut Walk<'_>, digits_alike: bool) -> WordStop {
        let start = walk.at;
        let stop = self.follow(walk, digits_alike);
        self.bytes += (walk.at - start) as u64;
        stop
    }

    #[inline]
    fn follow(&mut self, walk: &mut Walk<'_>, digits_alike: bool) -> WordStop {
        let line = walk.line;
        let (words, last) = line[walk.at..].as_chunks();
        let (mut at, mut state) = (walk.at, walk.state);
        let mut unknown = None;
        for &word in words {
            let key = WordKey::new(state, word, digits_alike);
            let step = self.steps[key.place()];
            if !step.is_of(key) {
                unknown = Some(key);
                break;
            }
            if step.moves != 0 {
                self.make(step.moves, &mut walk.registers, at);
                if step.moves >= ENDS {
                    (walk.state, walk.at) = (step.next, at + WORD);
                    return if step.next == DEAD {
                        WordStop::Lost
                    } else {
                        WordStop::Rest
                    };
                }
            }
            (state, at) = (step.next, at + WORD);
        }
        (walk.state, walk.at) = (state, at);
        if let Some(key) = unknown {
            return self.miss(key, WORD);
        }
        let length = last.len();
        if length == 0 {
            return WordStop::End;
        }
        let Some(&word) = line.last_chunk() else {
            // A line shorter than a word is no line of a log.
            let (key, again) = (WordKey::default(), false);
            return WordStop::Unknown(UnknownWord { key, length, again });
        };
        let key = WordKey::last(state, word, length, digits_alike);
        let step = &self.steps[key.place()];
        if !step.is_of(key) {
            return self.miss(key, length);
        }
        self.make(step.moves, &mut walk.registers, at);
        (walk.state, walk.at) = (step.next, line.len());
        if step.next == DEAD {
            WordStop::Lost
        } else {
            WordStop::End
        }
    }

    fn make(&self, moves: u16, registers: &mut Registers, at: usize) {
        let Moving { length, moves } = &self.moves[usize::from(moves % ENDS)];
        step_over(registers, &moves[..*length], at);
    }

    /// A word that is not known. It is to be learned if it was also the last one that
    /// was missed in its place.
    fn miss(&mut self, key: WordKey, length: usize) -> WordStop {
        let tag = (key.hash() >> 48) as u16 ^ key.from;
        let missed = &mut self.steps[key.place()].missed;
        let again = std::mem::replace(missed, tag) == tag;
        WordStop::Unknown(UnknownWord { key, length, again })
    }

    /// Learns that a word leads to `next`, with these moves, and whether the walk `ends`
    /// there.
    pub(super) fn learn(&mut self, unknown: UnknownWord, next: u16, ends: bool, moves: Moves) {
        let length = moves.len();
        if length > MOVES {
            return;
        }
        if self.moves.len() == usize::from(ENDS) {
            self.clear();
        }
        let new = u16::try_from(self.moves.len()).expect("they are few");
        let number = *self.numbers.entry(moves).or_insert_with_key(|moves| {
            let mut moving = Moving {
                length,
                ..Moving::default()
            };
            moving.moves[..length].copy_from_slice(moves);
            self.moves.push(moving);
            new
        });
        let WordKey { word, from } = unknown.key;
        self.steps[unknown.key.place()] = Step {
            word,
            from,
            next,
            moves: number | if ends { ENDS } else { 0 },
            missed: 0,
        };
    }
}

/// A word with all its digits made one, if that makes no difference.
fn shape(word: u64, digits_alike: bool) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const LOW: u64 = EACH * 0x7f;
    const HIGH: u64 = EACH * 0x80;
    if !digits_alike {
        return word;
    }
    // All eight bytes at once. `7` is 0x37: its value is 0x07, and 0x07 + 0x76 leaves the
    // highest bit clear. `:` is 0x3a: 0x0a + 0x76 = 0x80 sets it, and so does a value that
    // has the bit itself. `& LOW` keeps each sum within its byte. Of a digit the low half
    // is then cleared: 0x37 becomes 0x30.
    let values = word ^ (EACH * u64::from(b'0'));
    let others = ((values & LOW) + EACH * (0x7f - 9)) | values;
    let digits = (!others & HIGH) >> 7;
    word & !(digits * 0x0f)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::table::REGISTERS;
    use super::super::walk::behind;
    use super::*;

    fn walk(line: &[u8]) -> Walk<'_> {
        Walk {
            line,
            at: 0,
            state: STATE,
            registers: [0; REGISTERS + 1],
        }
    }

    /// Goes over the line, and learns each word that is met again: it leads to
    /// where its number says. How many bytes were known.
    fn follow(words: &mut Words, line: &[u8]) -> usize {
        let (mut walk, mut known) = (walk(line), 0);
        loop {
            let before = walk.at;
            let stop = words.go(&mut walk, true);
            known += walk.at - before;
            let WordStop::Unknown(unknown) = stop else {
                assert_eq!((stop, walk.at), (WordStop::End, line.len()));
                return known;
            };
            walk.at += unknown.length;
            walk.state = STATE + u16::try_from(walk.at).unwrap();
            if unknown.again {
                words.learn(unknown, walk.state, false, Moves::new());
            }
        }
    }

    #[test]
    fn what_is_met_again_is_known_from_then_on() {
        let mut words = Words::default();
        for line in [
            &b"three words and a bit"[..],
            b"17 digits are 12 and 17 ",
            b"brief",
        ] {
            assert_eq!(follow(&mut words, line), 0);
            assert_eq!(follow(&mut words, line), 0);
            let long = if line.len() < WORD { 0 } else { line.len() };
            assert_eq!(follow(&mut words, line), long);
        }
        assert_eq!(follow(&mut words, b"28 digits are 34 and 56 "), 24);
        // Not how they end.
        assert_eq!(follow(&mut words, b"three words and a bit\0\0\0"), 16);
    }

    #[test]
    fn where_no_line_is_made_of_known_words_nothing_is_kept() {
        let mut words = Words::default();
        for n in 0..TRIED {
            assert!(words.pay() || n == TRIED - 1);
            let letters = |n: u64| n.to_le_bytes().map(|byte| b'a' + byte % 16);
            follow(&mut words, &[letters(n), letters(n / 16)].concat());
        }
        assert!(!words.pay());
    }

    #[test]
    fn places_move_with_the_word() {
        let mut words = Words::default();
        let line = b"two words or three of it";
        let moves = [(0, behind(3)), (1, 0), (2, behind(7))];
        for _ in 0..3 {
            let mut walk = walk(line);
            while let WordStop::Unknown(unknown) = words.go(&mut walk, true) {
                words.learn(unknown, STATE, false, moves.to_vec());
                walk.at += WORD;
            }
        }
        let mut walk = walk(line);
        assert_eq!(words.go(&mut walk, true), WordStop::End);
        assert_eq!(walk.registers[..3], [19, 19, 23]);
    }

    proptest! {
        #[test]
        fn words_with_other_digits_have_one_shape(word in prop_oneof![
            any::<[u8; WORD]>(),
            prop::array::uniform8(b'-'..b'?'),
        ]) {
            let made_one = word.map(|byte| if byte.is_ascii_digit() { b'0' } else { byte });
            let word = u64::from_le_bytes(word);
            prop_assert_eq!(shape(word, true), u64::from_le_bytes(made_one));
            prop_assert_eq!(shape(word, false), word);
        }
    }
}
