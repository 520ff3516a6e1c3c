//! What goes wrong in the world: runs that die, disks that are full, files
//! that are odd.
//!
//! | file | asks |
//! |---|---|
//! | `budget` | logs that never come to their end |
//! | `killed` | what is left of runs that are killed at any instant |
//! | `disk` | what becomes of a write that fails, for each there is |
//! | `input` | directories, links and names that are no ordinary ones |
//! | `packed` | compressed files that are broken, or too good to be true |

mod budget;
mod disk;
mod input;
mod killed;
pub(crate) mod packed;
