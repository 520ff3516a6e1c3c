/// How much is read at once. What is found never depends on it.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Bytes of a block; at most a line's longest.
    pub block: u64,
    /// Blocks that are read together.
    pub blocks: usize,
    /// How many pieces of a source are read at the same time.
    pub pieces: usize,
}

impl Sizes {
    /// Blocks large enough that handing them out costs nothing, and few
    /// enough that all sources together stay within some megabytes.
    #[must_use]
    pub fn for_sources(sources: usize) -> Self {
        let threads = rayon::current_num_threads();
        let share = (8 << 20) / sources.max(1) as u64;
        let block = share.clamp(16 << 10, 512 << 10);
        let most = usize::try_from(share / block).unwrap_or(1);
        Sizes {
            block,
            blocks: (threads * 2).min(most).max(1),
            pieces: threads,
        }
    }
}
