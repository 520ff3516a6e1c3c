//! Lines of a log begin alike: the same second, the same host, the same
//! program, the same message. How they begin is kept as a tree of words, and a
//! walk begins behind those that its line has in common with lines before it.

use super::walk::Registers;
use super::{REGISTERS, STATE};

/// So many bytes are compared at a time, and so often at most.
pub(super) const WORD: usize = 8;
const WORDS: usize = 9;

/// Words that may follow one another; where more do, the oldest is forgotten.
const BRANCHES: usize = 4;

/// How large the tree gets; then it is begun anew.
const NODES: usize = 512;

/// After so many lines so many bytes of a line must be known on the average.
const TRIED: u64 = 1000;
const LEAST: u64 = 16;

/// How the lines begin.
#[derive(Debug, Clone)]
pub(super) struct Begun {
    nodes: Vec<Node>,
    /// Of each node.
    marks: Vec<Mark>,
    /// The last word that was met at each node and not known there.
    missed: Vec<Option<u64>>,
    /// Lines that were followed, and how many bytes of them were known.
    lines: u64,
    bytes: u64,
}

/// Where lines stand that begin alike: the words that follow, and the nodes
/// behind them; nothing is behind those that are not in use.
#[derive(Debug, Clone, Default)]
struct Node {
    words: [u64; BRANCHES],
    behind: [u16; BRANCHES],
    /// Which of them is forgotten next.
    oldest: usize,
}

/// Where a walk stands.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    pub(super) state: u16,
    pub(super) registers: Registers,
}

/// How far a line is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    node: usize,
    /// How many bytes of it.
    pub(super) bytes: usize,
    /// The word behind them, if it is one that is met again and should be known.
    pub(super) again: Option<u64>,
}

impl Known {
    pub(super) const NOTHING: Known = Known {
        node: 0,
        bytes: 0,
        again: None,
    };
}

impl Default for Begun {
    fn default() -> Self {
        let start = Mark {
            state: STATE,
            registers: [0; REGISTERS + 1],
        };
        Begun {
            nodes: vec![Node::default()],
            marks: vec![start],
            missed: vec![None],
            lines: 0,
            bytes: 0,
        }
    }
}

impl Begun {
    pub(super) fn clear(&mut self) {
        let (lines, bytes) = (self.lines, self.bytes);
        *self = Begun {
            lines,
            bytes,
            ..Begun::default()
        };
    }

    /// Whether it is worth the while: not where each line begins with an address.
    fn pays(&self) -> bool {
        self.lines < TRIED || self.bytes >= self.lines * LEAST
    }

    /// How far lines before `line` began as it does; `digits_alike` says that no
    /// digit has to be told from another.
    #[inline]
    pub(super) fn follow(&mut self, line: &[u8], digits_alike: bool) -> Known {
        if !self.pays() {
            return Known::NOTHING;
        }
        let known = self.descend(line, digits_alike);
        self.lines += 1;
        self.bytes += known.bytes as u64;
        known
    }

    #[inline]
    fn descend(&mut self, line: &[u8], digits_alike: bool) -> Known {
        let (words, _) = line.as_chunks();
        let words = &words[..words.len().min(WORDS)];
        let mut node = 0;
        for (n, word) in words.iter().enumerate() {
            let word = shape(u64::from_le_bytes(*word), digits_alike);
            let behind = self.nodes[node].behind(word);
            if behind == 0 {
                let again = self.missed[node].replace(word) == Some(word);
                return Known {
                    node,
                    bytes: n * WORD,
                    again: again.then_some(word),
                };
            }
            node = behind.into();
        }
        Known {
            node,
            bytes: words.len() * WORD,
            again: None,
        }
    }

    /// Where a walk over what is known stands.
    pub(super) fn mark(&self, known: Known) -> &Mark {
        &self.marks[known.node]
    }

    /// Notes where a walk stands behind the word that should be known.
    pub(super) fn grow(&mut self, known: Known, mark: Mark) {
        let Some(word) = known.again else {
            return;
        };
        if self.nodes.len() == NODES {
            self.clear();
            return;
        }
        let new = self.nodes.len();
        self.nodes.push(Node::default());
        self.marks.push(mark);
        self.missed.push(None);
        self.nodes[known.node].learn(word, new);
    }
}

impl Node {
    /// The node behind `word`, 0 if there is none.
    #[inline]
    fn behind(&self, word: u64) -> u16 {
        for (known, behind) in self.words.iter().zip(&self.behind) {
            if *known == word {
                return *behind;
            }
        }
        0
    }

    fn learn(&mut self, word: u64, node: usize) {
        self.words[self.oldest] = word;
        self.behind[self.oldest] = u16::try_from(node).expect("there are few nodes");
        self.oldest = (self.oldest + 1) % BRANCHES;
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
    // Of a digit this is its value, of any other byte more than nine.
    let values = word ^ (EACH * u64::from(b'0'));
    let others = ((values & LOW) + EACH * (0x7f - 9)) | values;
    let digits = (!others & HIGH) >> 7;
    word & !(digits * 0x0f)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mark(state: u16) -> Mark {
        let registers = [0; REGISTERS + 1];
        Mark { state, registers }
    }

    #[test]
    fn what_is_met_again_is_known_from_then_on() {
        let mut begun = Begun::default();
        let line = b"a line of more than two words";
        assert!(begun.follow(line, true).again.is_none());
        let known = begun.follow(line, true);
        assert_eq!(known.bytes, 0);
        begun.grow(known, mark(7));
        let known = begun.follow(line, true);
        assert_eq!((known.bytes, begun.mark(known).state), (WORD, 7));
        // Of many that follow one another some are known.
        for n in 0..100u16 {
            let line = format!("a line of{n:03} more");
            for _ in 0..2 {
                let known = begun.follow(line.as_bytes(), false);
                begun.grow(known, mark(n));
            }
            let known = begun.follow(line.as_bytes(), false);
            assert_eq!((known.bytes, begun.mark(known).state), (2 * WORD, n));
        }
    }

    #[test]
    fn where_no_line_begins_as_another_nothing_is_kept() {
        let mut begun = Begun::default();
        for n in 0..2 * TRIED {
            let line = format!("{n:016x} and more");
            begun.follow(line.as_bytes(), false);
        }
        let line = b"0000000000000000 and more";
        for _ in 0..2 {
            let known = begun.follow(line, false);
            assert!(known.again.is_none());
        }
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

        /// However large the tree gets, and whatever is forgotten.
        #[test]
        fn what_is_known_is_where_the_walk_stood(numbers in prop::collection::vec(0u16..4096, 0..2000)) {
            let mut begun = Begun::default();
            let sum = |line: &[u8], bytes: usize| {
                let add = |sum: u16, &byte: &u8| sum.wrapping_mul(31).wrapping_add(byte.into());
                line[..bytes].iter().fold(STATE, add)
            };
            for number in numbers {
                let words = [number / 1024, number / 64 % 16, number % 8];
                let line = words.map(|word| [b'a' + u8::try_from(word).unwrap(); WORD]).concat();
                let known = begun.follow(&line, true);
                prop_assert_eq!(begun.mark(known).state, sum(&line, known.bytes));
                if known.again.is_some() {
                    begun.grow(known, mark(sum(&line, known.bytes + WORD)));
                }
            }
        }
    }
}
