//! Lines of a log begin alike: the same second, the same host, the same
//! program. A walk goes on from where that of the line before it stood behind
//! what both have in common.

use super::walk::Registers;

/// So many bytes are compared at a time, and so often at most.
pub(super) const WORD: usize = 8;
const WORDS: usize = 5;

/// How the last line began.
#[derive(Debug, Clone, Default)]
pub(super) struct Begun {
    words: Vec<[u8; WORD]>,
    /// Where a walk stands behind each word, as far as that is known.
    marks: Vec<Mark>,
}

/// Where a walk stands.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    pub(super) state: u16,
    pub(super) registers: Registers,
}

impl Begun {
    pub(super) fn clear(&mut self) {
        self.words.clear();
        self.marks.clear();
    }

    /// With how many words `line` begins that the last line began with; from
    /// now on it is the last line.
    pub(super) fn compare(&mut self, line: &[u8]) -> usize {
        let (words, _) = line.as_chunks();
        let words = &words[..words.len().min(WORDS)];
        let same = words.iter().zip(&self.words).take_while(|(a, b)| a == b);
        let alike = same.count();
        self.words.truncate(alike);
        self.words.extend_from_slice(&words[alike..]);
        self.marks.truncate(alike);
        alike
    }

    /// The last place that is known, and how many words stand before it.
    pub(super) fn mark(&self) -> (usize, Option<&Mark>) {
        (self.marks.len(), self.marks.last())
    }

    /// Notes where a walk stands behind the word that comes next.
    pub(super) fn set(&mut self, mark: Mark) {
        self.marks.push(mark);
    }
}
