//! Chance that can be had again: `SEED=… cargo test NAME` does what failed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Random numbers from a seed (xorshift64*).
pub(crate) struct Chance(u64);

impl Chance {
    /// From the environment's `SEED`, else from the clock. It is printed, so
    /// that a test that fails tells it.
    pub(crate) fn new(what: &str) -> Self {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let seed = match std::env::var("SEED") {
            Ok(seed) => seed.parse().unwrap(),
            Err(_) => u64::from(now().subsec_nanos()),
        };
        println!("{what}: SEED={seed}");
        let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        chance.next();
        chance
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Waits, for less than `most`.
    pub(crate) fn wait(&mut self, most: Duration) {
        let most = u64::try_from(most.as_micros()).unwrap().max(1);
        std::thread::sleep(Duration::from_micros(self.below(most)));
    }
}
