//! What a commit has read of the subjects in force.

use std::cell::RefCell;
use std::collections::BTreeSet;

use crate::model::{NetworkMap, Subject};

/// The subjects in force, brought up to date with what the commit changes. Each part is read
/// when it is first needed.
#[derive(Debug, Default)]
pub(super) struct SeenSubjects {
    pub(super) networks: RefCell<Option<NetworkMap<()>>>,
    /// All of them.
    pub(super) all: RefCell<Option<BTreeSet<Subject>>>,
}
