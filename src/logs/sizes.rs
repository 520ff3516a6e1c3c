//! How much is read at once.

/// How much is read at once. What is found never depends on it.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Bytes of a block; at most a line's longest.
    pub block: u64,
    /// Blocks of a file that are read together.
    pub blocks: usize,
    /// How many bytes of a segment are read before others have their turn.
    pub stride: u64,
    /// How many segments of a source are read at the same time.
    pub segments: usize,
    /// How many bytes the failures of a source may take that wait to be
    /// merged with those of the others.
    pub room: usize,
    /// The same, at most, where rules that read together wait for each other.
    pub most_room: usize,
    /// The same of a segment whose turn has not come.
    pub ahead: usize,
}

impl Sizes {
    /// Blocks large enough that handing them out costs next to nothing, and so
    /// small that they stay in a core's cache and that at the end of a batch no
    /// thread waits long for another; all sources together stay within some megabytes.
    #[must_use]
    pub fn for_sources(sources: usize) -> Self {
        let threads = rayon::current_num_threads();
        let share = (8 << 20) / sources.max(1);
        let block = share.clamp(16 << 10, 128 << 10);
        Sizes {
            block: block as u64,
            blocks: (threads * 8).min(share / block).max(1),
            stride: 4 << 20,
            segments: threads,
            room: share.clamp(64 << 10, 2 << 20),
            most_room: 64 << 20,
            ahead: (share / threads).clamp(64 << 10, 4 << 20),
        }
    }
}
