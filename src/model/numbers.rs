//! Numbers as the store has them in bytes. LEB128: seven bits a byte, the lowest first,
//! and the highest bit of a byte says that another one follows. A number that may
//! be negative is made zigzag first: 0, -1, 1, -2 become 0, 1, 2, 3. 300 is `ac 02`, as zigzag
//! 600 it is `d8 04`.

pub(super) fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

pub(super) fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63).cast_unsigned()
}

pub(super) fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// The numbers of a failure or of a connection as they are written: less than a
/// hundred bytes.
pub(super) struct Numbers {
    bytes: [u8; 96],
    length: usize,
}

impl Default for Numbers {
    fn default() -> Self {
        Numbers {
            bytes: [0; 96],
            length: 0,
        }
    }
}

impl Numbers {
    pub(super) fn push(&mut self, mut number: u64) {
        while number > 0x7f {
            self.push_all(&[(number & 0x7f) as u8 | 0x80]);
            number >>= 7;
        }
        self.push_all(&[(number & 0x7f) as u8]);
    }

    pub(super) fn push_all(&mut self, bytes: &[u8]) {
        self.bytes[self.length..][..bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// What is still to be read.
pub(super) struct Rest<'a>(pub(super) &'a [u8]);

impl<'a> Rest<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn unsigned(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            if bits << shift >> shift != bits {
                return None;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn signed(&mut self) -> Option<i64> {
        self.unsigned().map(unzigzag)
    }

    pub(super) fn number<N: TryFrom<u64>>(&mut self) -> Option<N> {
        N::try_from(self.unsigned()?).ok()
    }
}
