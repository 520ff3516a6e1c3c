/// The user names of failures, in the order of the failures.
#[derive(Debug, Clone, Default)]
pub struct Users {
    bytes: Vec<u8>,
    /// By failure: where its name stands in `bytes`; none if the line has no name.
    places: Vec<Option<(u32, u32)>>,
}

impl Users {
    /// How many bytes of a name are kept: names are the attacker's.
    pub const LONGEST: usize = 64;

    pub(super) fn push(&mut self, user: Option<&[u8]>) {
        self.places.push(user.and_then(|user| {
            let start = u32::try_from(self.bytes.len()).ok()?;
            self.bytes
                .extend_from_slice(&user[..user.len().min(Self::LONGEST)]);
            Some((start, u32::try_from(self.bytes.len()).ok()?))
        }));
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.places.clear();
    }

    /// The name of the failure with that number, from 0, as far as it is kept.
    #[must_use]
    pub fn get(&self, failure: usize) -> Option<&[u8]> {
        let (start, end) = (*self.places.get(failure)?)?;
        Some(&self.bytes[start as usize..end as usize])
    }

    /// How much memory they take.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.bytes.capacity() + self.places.capacity() * size_of::<Option<(u32, u32)>>()
    }
}
