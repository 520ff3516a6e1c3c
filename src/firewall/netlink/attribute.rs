//! Bytes -> attributes, and back. Pure.
//!
//! An attribute is its length with this head (2 bytes), its kind (2 bytes, the upper two
//! bits are flags), its value, and zeros up to a multiple of four. A value may be
//! attributes again. Numbers in values are big-endian.

/// The attribute of this kind, with this value.
pub(super) fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    let mut attribute = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
    attribute.extend(value);
    attribute.resize(attribute.len().next_multiple_of(4), 0);
    attribute
}

/// The attribute of this kind with a name: text that ends with a zero.
pub(super) fn name_attribute(kind: u16, name: &str) -> Vec<u8> {
    attribute(kind, &[name.as_bytes(), b"\0"].concat())
}

/// Several attributes in a row. It ends where the bytes are no attribute.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attributes<'a>(pub(super) &'a [u8]);

impl<'a> Attributes<'a> {
    /// The kind and the value of each, in order.
    pub(super) fn iter(self) -> impl Iterator<Item = (u16, &'a [u8])> {
        let mut left = self.0;
        std::iter::from_fn(move || take(&mut left))
    }

    /// The value of the first attribute of this kind.
    pub(super) fn value(self, wanted: u16) -> Option<&'a [u8]> {
        self.iter()
            .find_map(|(kind, value)| (kind == wanted).then_some(value))
    }

    /// The attributes within the first attribute of this kind.
    pub(super) fn within(self, wanted: u16) -> Option<Attributes<'a>> {
        self.value(wanted).map(Attributes)
    }

    pub(super) fn u8(self, wanted: u16) -> Option<u8> {
        let [number] = self.value(wanted)?.try_into().ok()?;
        Some(number)
    }

    pub(super) fn u32(self, wanted: u16) -> Option<u32> {
        let number = self.value(wanted)?.try_into().ok()?;
        Some(u32::from_be_bytes(number))
    }

    pub(super) fn u64(self, wanted: u16) -> Option<u64> {
        let number = self.value(wanted)?.try_into().ok()?;
        Some(u64::from_be_bytes(number))
    }

    /// The name in the first attribute of this kind. A name that is no UTF-8 is shown
    /// with U+FFFD, and so is never one of ours.
    pub(super) fn name(self, wanted: u16) -> Option<String> {
        let name = self.value(wanted)?;
        let name = name.strip_suffix(b"\0").unwrap_or(name);
        Some(String::from_utf8_lossy(name).into_owned())
    }
}

/// Takes the first attribute off: its kind and its value.
fn take<'a>(attributes: &mut &'a [u8]) -> Option<(u16, &'a [u8])> {
    let all = *attributes;
    let length = usize::from(u16::from_ne_bytes(bytes_at(all, 0)?));
    let kind = u16::from_ne_bytes(bytes_at(all, 2)?) & 0x3fff;
    let value = all.get(4..length)?;
    *attributes = all.get(length.next_multiple_of(4)..).unwrap_or(&[]);
    Some((kind, value))
}

/// So many bytes from there on.
pub(super) fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn attributes_are_read_as_they_are_written() {
        let inner = [attribute(1, &7_u32.to_be_bytes()), attribute(2, &[9])].concat();
        let all = [name_attribute(1, "filter"), attribute(0x8000 | 4, &inner)].concat();
        assert_eq!(all.len() % 4, 0);
        let all = Attributes(&all);
        assert_eq!(all.name(1).as_deref(), Some("filter"));
        let inner = all.within(4).unwrap();
        assert_eq!((inner.u32(1), inner.u8(2)), (Some(7), Some(9)));
        assert_eq!(
            (inner.u64(1), inner.u8(1), inner.u32(3)),
            (None, None, None)
        );
        assert_eq!(all.iter().count(), 2);
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes: Vec<u8>, kind: u16) {
            let attributes = Attributes(&bytes);
            prop_assert!(attributes.iter().count() <= bytes.len());
            let _ = (attributes.u8(kind), attributes.u32(kind), attributes.u64(kind));
            let _ = (attributes.name(kind), attributes.within(kind));
        }
    }
}
