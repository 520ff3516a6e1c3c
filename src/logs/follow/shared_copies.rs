//! Copies of a file that stands under a name of one log, while the copy stands in another.

use std::collections::HashMap;

use super::super::identity::is_of;
use super::copies::is_copy;
use super::gone::{File, Gone, Taken, is_same};
use super::look::{Candidate, Is, Look};

/// Finds copies of a file that has left its log, and stands under a name of
/// another: compressed, say, while a hard link keeps what it was made of. The
/// file is read on, and not the copy, too.
pub(super) fn find_copies(looks: &mut [Look<'_>]) {
    for (known, copies) in copies(looks) {
        // Nothing of this file was read yet, so there is no position to go on from.
        if looks[known.0].known[known.1].cursor.offset == 0 {
            looks[known.0].found.insert(known.1);
        }
        for copy in copies {
            if let Some(candidate) = looks[known.0].at_place(Some(copy)) {
                candidate.is = Is::Copy;
            }
        }
    }
}

/// Which files have left which generation, and its copies there.
fn copies(looks: &[Look<'_>]) -> Vec<((usize, usize), Vec<usize>)> {
    let mut of_file: HashMap<File, Vec<(usize, usize)>> = HashMap::new();
    for (log, look) in looks.iter().enumerate() {
        for (known, generation) in look.known.iter().enumerate() {
            let file = (generation.stat.device, generation.stat.inode);
            of_file.entry(file).or_default().push((log, known));
        }
    }
    let mut copies = Vec::new();
    for (n, look) in looks.iter().enumerate() {
        for (_, candidate) in look.places() {
            let (Is::New | Is::Known(_), Some(original)) = (&candidate.is, &candidate.opened)
            else {
                continue;
            };
            for &(log, known) in of_file.get(&candidate.inode).into_iter().flatten() {
                let generation = &looks[log].known[known];
                let was_it = generation.cursor.offset == 0
                    || is_of(&generation.cursor, &*original.file).unwrap_or(false);
                if log == n || !is_same(generation, original) || !was_it {
                    continue;
                }
                let is_copy = |candidate: &Candidate| {
                    let may_be = match candidate.is {
                        Is::New => true,
                        Is::Known(of) => of == known,
                        _ => false,
                    };
                    let opened = candidate.opened.as_ref().filter(|_| may_be);
                    opened.is_some_and(|copy| is_copy(copy, original).unwrap_or(false))
                };
                let rotated = looks[log].rotated.iter().enumerate();
                let of_it = rotated.filter(|(_, candidate)| is_copy(candidate));
                copies.push(((log, known), of_it.map(|(copy, _)| copy).collect()));
            }
        }
    }
    copies
}

/// Finds copies of a file that took over a generation, among the rotated files of the
/// other logs. An example: `names/0` is a symbolic link to `log`, and a run met the file
/// under this name alone. Then `log` was packed to `log.1.gz`, and a hard link `names/1`
/// keeps the file itself: `names/1` goes on with it, and `log.1.gz`, which belongs to
/// a log that never read the file, is its copy.
pub(super) fn find_copies_of_taken(looks: &mut [Look<'_>], taken: &Taken) {
    let mut gone = Gone::default();
    for (from, (_, generation)) in taken {
        gone.add(*from, generation);
    }
    let mut copies = Vec::new();
    for (n, look) in looks.iter().enumerate() {
        for (at, candidate) in look.places() {
            let (Some(copy), Is::New, Some(opened)) = (at, &candidate.is, &candidate.opened) else {
                continue;
            };
            // That a file can not be read is told where it is read.
            let Ok(Some((from, _))) = gone.held(opened, |_, _| true) else {
                continue;
            };
            let (log, at) = taken[&from].0;
            let original = looks[log].place(at).and_then(|file| file.opened.as_ref());
            if original.is_some_and(|original| is_copy(opened, original).unwrap_or(false)) {
                copies.push((n, copy));
            }
        }
    }
    for (log, copy) in copies {
        looks[log].rotated[copy].is = Is::Copy;
    }
}
