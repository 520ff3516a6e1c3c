/// How far a rule has read a log, with what is needed to recognise the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The byte behind the last whole line that was read.
    pub offset: u64,
    /// The first bytes of the file, not beyond `offset`.
    pub head: Fingerprint,
    /// The last bytes before `offset`.
    pub tail: Fingerprint,
}

/// A hash of some bytes, and of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint {
    /// How many bytes were hashed.
    pub length: u64,
    /// SipHash-1-3 of them under a zero key.
    pub hash: u64,
}
