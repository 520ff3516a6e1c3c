//! What several targets need: an independent reading of a line, a place for
//! files, and bytes taken apart.

pub mod files;
pub mod lines;
pub mod reading;
pub mod redis;

/// Takes an input apart from its front.
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    /// The next byte; 0 when there is none.
    pub fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or(0)
    }

    /// The next two bytes as a number.
    pub fn short(&mut self) -> usize {
        usize::from(self.byte()) << 8 | usize::from(self.byte())
    }

    /// The next eight bytes as a number.
    pub fn long(&mut self) -> i64 {
        (0..8).fold(0, |n, _| n << 8 | i64::from(self.byte()))
    }

    /// The next bytes, as many as there are.
    pub fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// The bytes up to the next 0xff, which is taken, too.
    pub fn field(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|&byte| byte == 0xff);
        let field = self.bytes(end.unwrap_or(self.0.len()));
        self.bytes(1);
        field
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
