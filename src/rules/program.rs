//! Patterns compiled together, as all workers share them.

use std::borrow::Cow;
use std::ops::Range;

use regex_automata::nfa::thompson::pikevm::PikeVM;
use regex_automata::nfa::thompson::{Compiler, Config, NFA, State as Node};
use regex_automata::util::look::Look;
use regex_automata::util::primitives::{PatternID, StateID};
use regex_syntax::hir::{self, Hir};

use super::pattern::{Groups, PARTS, Parsed, RulePattern};

/// Where the parts of a match stand in the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parts {
    /// The start and the end of each, in the order of [`Groups`].
    places: [usize; 2 * PARTS],
}

impl Parts {
    /// The place of a part that the match does not have.
    pub(super) const NONE: usize = usize::MAX;

    pub(super) fn new(places: [usize; 2 * PARTS]) -> Self {
        Parts { places }
    }

    pub(super) fn ip(&self) -> Option<Range<usize>> {
        self.part(0)
    }

    pub(super) fn time(&self) -> Option<Range<usize>> {
        self.part(1)
    }

    pub(super) fn status(&self) -> Option<Range<usize>> {
        self.part(2)
    }

    /// The request line of an access log, which stands between time and status: `TIME]
    /// "REQUEST" STATUS`. A group of its own would make the walk slower.
    pub(super) fn request(&self) -> Option<Range<usize>> {
        let (time, status) = (self.time()?, self.status()?);
        let request = time.end + r#"] ""#.len()..status.start.checked_sub(r#"" "#.len())?;
        (request.start <= request.end).then_some(request)
    }

    pub(super) fn user(&self) -> Option<Range<usize>> {
        self.part(3)
    }

    fn part(&self, number: usize) -> Option<Range<usize>> {
        let part = self.places[2 * number]..self.places[2 * number + 1];
        (part.start != Parts::NONE && part.end != Parts::NONE).then_some(part)
    }
}

/// Patterns as one machine, in the order in which they are tried. The match that the
/// machine prefers, begun at the start of a line, is that of the first pattern that
/// matches anywhere in the line.
#[derive(Debug)]
pub(super) struct PatternProgram {
    pike: PikeVM,
    /// By pattern: its place, and the machine's slots of its parts.
    places: Vec<usize>,
    slots: Vec<Slots>,
    classes: [u8; 256],
    /// A byte of each class.
    representatives: Vec<u8>,
    end_class: u16,
    digits_alike: bool,
    room: usize,
}

/// Where a machine keeps the start and the end of each part.
type Slots = [Option<usize>; 2 * PARTS];

impl PatternProgram {
    /// Compiles patterns, each with its place in the order in which all are tried.
    /// `room` is how many entries a table may have. `users` says whether user names are
    /// wanted: to follow them takes time. None if the patterns are too large, which no
    /// checked pattern is.
    pub(super) fn new<'p>(
        patterns: impl Iterator<Item = (usize, &'p RulePattern)>,
        room: usize,
        users: bool,
    ) -> Option<Self> {
        let (places, patterns): (Vec<usize>, Vec<&RulePattern>) = patterns.unzip();
        let patterns: Vec<&Parsed> = patterns
            .into_iter()
            .map(|read| read.parsed().ok())
            .collect::<Option<_>>()?;
        let nfa = machine(patterns.iter().map(|parsed| &parsed.hir))?;
        let slots = (patterns.iter().enumerate())
            .map(|(number, parsed)| slots(&nfa, number, parsed.groups, users))
            .collect::<Option<_>>()?;
        Self::of(nfa, places, slots, room)
    }

    /// Compiles expressions of which a match has no parts: that there is one is all that
    /// is asked. None as above.
    pub(super) fn without_parts(expressions: &[Hir], room: usize) -> Option<Self> {
        let places: Vec<usize> = (0..expressions.len()).collect();
        let slots = vec![[None; 2 * PARTS]; expressions.len()];
        Self::of(machine(expressions.iter())?, places, slots, room)
    }

    fn of(nfa: NFA, places: Vec<usize>, slots: Vec<Slots>, room: usize) -> Option<Self> {
        let byte_classes = *nfa.byte_classes();
        let mut classes = [0; 256];
        let mut representatives = vec![0; byte_classes.alphabet_len()];
        for byte in (0..=u8::MAX).rev() {
            let class = byte_classes.get(byte);
            classes[usize::from(byte)] = class;
            representatives[usize::from(class)] = byte;
        }
        Some(PatternProgram {
            digits_alike: (b'0'..=b'9')
                .all(|digit| classes[usize::from(digit)] == classes[usize::from(b'0')]),
            end_class: u16::try_from(byte_classes.alphabet_len() - 1).ok()?,
            pike: PikeVM::new_from_nfa(nfa).ok()?,
            slots,
            places,
            room,
            classes,
            representatives,
        })
    }

    /// The place of a pattern in the order in which all are tried.
    pub(super) fn place(&self, pattern: PatternID) -> usize {
        self.places[pattern.as_usize()]
    }

    fn nfa(&self) -> &NFA {
        self.pike.get_nfa()
    }

    pub(super) fn pike(&self) -> &PikeVM {
        &self.pike
    }

    pub(super) fn pike_slots(&self) -> usize {
        self.nfa().group_info().slot_len()
    }

    pub(super) fn start(&self) -> StateID {
        self.nfa().start_anchored()
    }

    pub(super) fn node(&self, id: StateID) -> &Node {
        self.nfa().state(id)
    }

    pub(super) fn nodes(&self) -> usize {
        self.nfa().states().len()
    }

    /// Entries that a state has in a table: one for each class. (A power of two
    /// would put the entries of all states in the same few places of the cache.)
    pub(super) fn stride(&self) -> usize {
        usize::from(self.end_class) + 1
    }

    /// How many entries a table may have.
    pub(super) fn room(&self) -> usize {
        self.room
    }

    /// The class of a byte. The patterns do not tell the bytes of one class apart.
    pub(super) fn class(&self, byte: u8) -> u16 {
        self.classes[usize::from(byte)].into()
    }

    /// A byte of each class.
    pub(super) fn representatives(&self) -> &[u8] {
        &self.representatives[..usize::from(self.end_class)]
    }

    /// The class of each byte.
    pub(super) fn classes(&self) -> &[u8; 256] {
        &self.classes
    }

    /// Whether all digits are of one class.
    pub(super) fn digits_alike(&self) -> bool {
        self.digits_alike
    }

    /// The class of the end of the line.
    pub(super) fn end_class(&self) -> u16 {
        self.end_class
    }

    /// Whether more than one byte must be looked at to know if a look-around
    /// holds.
    pub(super) fn looks_at_letters(&self) -> bool {
        self.nfa().look_set_any().contains_word_unicode()
    }

    /// A byte that look-arounds can not tell from `byte` when it lies behind.
    pub(super) fn seen_as(&self, byte: u8) -> u8 {
        let looks = self.nfa().look_set_any();
        if looks
            .iter()
            .all(|look| matches!(look, Look::Start | Look::End))
        {
            return 0;
        }
        self.representatives[usize::from(self.class(byte))]
    }

    /// Whether `look` holds between these bytes; none is the end of the line.
    pub(super) fn looks(&self, look: Look, before: Option<u8>, after: Option<u8>) -> bool {
        let place = usize::from(before.is_some());
        let around: Vec<u8> = before.into_iter().chain(after).collect();
        self.nfa().look_matcher().matches(look, &around, place)
    }

    /// Which slot of the parts a slot of the machine is.
    pub(super) fn part_slot(&self, pattern: PatternID, slot: usize) -> Option<usize> {
        self.slots_of(pattern)
            .iter()
            .position(|&part| part == Some(slot))
    }

    /// The machine's slots of the parts.
    pub(super) fn slots_of(&self, pattern: PatternID) -> &Slots {
        &self.slots[pattern.as_usize()]
    }
}

/// The machine of expressions that are tried in this order.
fn machine<'h>(expressions: impl Iterator<Item = &'h Hir>) -> Option<NFA> {
    let anywhere: Vec<Cow<'_, Hir>> = expressions.map(anywhere).collect();
    let config = Config::new().utf8(false);
    let mut compiler = Compiler::new();
    compiler
        .configure(config)
        .build_many_from_hir(&anywhere)
        .ok()
}

fn slots(nfa: &NFA, pattern: usize, groups: Groups, users: bool) -> Option<Slots> {
    let pattern = PatternID::new(pattern).ok()?;
    let user = groups.user.filter(|_| users);
    let groups = Groups { user, ..groups };
    let of = |group: Option<usize>| nfa.group_info().slots(pattern, group?);
    let mut slots = [None; 2 * PARTS];
    for (pair, group) in slots.chunks_exact_mut(2).zip(groups.all()) {
        let (start, end) = of(group).unzip();
        pair.copy_from_slice(&[start, end]);
    }
    Some(slots)
}

/// The same pattern for a search that begins at the start of the line: `.*?` stands
/// before it, so that the leftmost match is preferred.
fn anywhere(pattern: &Hir) -> Cow<'_, Hir> {
    let anchored = pattern.properties().look_set_prefix();
    if anchored.contains(hir::Look::Start) {
        return Cow::Borrowed(pattern);
    }
    let bytes = Hir::repetition(hir::Repetition {
        min: 0,
        max: None,
        greedy: false,
        sub: Box::new(Hir::dot(hir::Dot::AnyByte)),
    });
    Cow::Owned(Hir::concat(vec![bytes, pattern.clone()]))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::GROUPS;
    use super::*;
    use crate::config::Config;

    /// Or what is known of how lines begin would not get far behind the first digit.
    #[test]
    fn no_pattern_of_the_first_rules_tells_one_digit_from_another() {
        // Others hold codes, such as 401, or are for logs that are written rarely.
        for builtin in GROUPS[0].rules {
            let name = builtin.name;
            let rule = Config::defaults(Path::new("/")).rule_named(name).unwrap();
            let patterns = rule.patterns.iter().enumerate();
            let read = patterns.map(|(number, pattern)| RulePattern::new(number, pattern).unwrap());
            let read: Vec<RulePattern> = read.collect();
            let program = PatternProgram::new(read.iter().enumerate(), 1000, true).unwrap();
            assert!(program.digits_alike(), "{name}");
        }
    }
}
