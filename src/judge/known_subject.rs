//! A subject and what is known of it under a rule.

use crate::model::{Address, Subject};

use super::address_table::AddressRow;
use super::connections::Connections;
use super::subject_state::SubjectState;
use super::window::Window;

/// A subject and what is known of it.
#[derive(Debug)]
pub(super) struct KnownSubject {
    pub(super) subject: Subject,
    pub(super) state: SubjectState,
    pub(super) connections: Connections,
}

impl AddressRow for KnownSubject {
    fn address(&self) -> Address {
        self.subject.first()
    }
}

impl KnownSubject {
    /// The second at which the newest failure of its open window counts; none if it has
    /// no open window.
    pub(super) fn newest(&self) -> Option<i64> {
        self.state.window.newest()
    }

    /// Whether anything is known.
    pub(super) fn is_something(&self) -> bool {
        let has_state = self.newest().is_some() || self.state.counts_from != i64::MIN;
        has_state || !self.connections.open().is_empty()
    }

    /// How many bytes of memory it takes beside this value itself.
    pub(super) fn weight(&self) -> usize {
        self.state.weight() + self.connections.weight()
    }
}

/// What a judge knows that differs from what is stored, in the order of the subjects.
/// These are the judge's own rows, not copies: there may be a million.
#[derive(Debug, Default)]
pub struct ChangedSubjects(pub(super) Vec<KnownSubject>);

impl ChangedSubjects {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The open windows.
    pub fn windows(&self) -> impl Iterator<Item = (Subject, &Window)> {
        let known = self.0.iter();
        known
            .map(|known| (known.subject, &known.state.window))
            .filter(|(_, window)| window.is_changed())
    }

    /// The same, mutable.
    pub fn windows_mut(&mut self) -> impl Iterator<Item = (Subject, &mut Window)> {
        let known = self.0.iter_mut();
        known
            .map(|known| (known.subject, &mut known.state.window))
            .filter(|(_, window)| window.is_changed())
    }

    /// The connections.
    pub fn connections(&self) -> impl Iterator<Item = (Subject, &Connections)> {
        let known = self.0.iter();
        known
            .map(|known| (known.subject, &known.connections))
            .filter(|(_, connections)| connections.is_changed())
    }
}
