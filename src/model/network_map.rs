use std::collections::BTreeMap;

use super::{Family, Subject};

/// A value for each of some networks, found by what they hold.
#[derive(Debug, Clone)]
pub struct NetworkMap<V> {
    values: BTreeMap<Subject, V>,
    /// How many networks of each length there are.
    lengths: BTreeMap<(Family, u8), usize>,
}

impl<V> Default for NetworkMap<V> {
    fn default() -> Self {
        NetworkMap {
            values: BTreeMap::new(),
            lengths: BTreeMap::new(),
        }
    }
}

impl<V> NetworkMap<V> {
    /// Sets the value of a network.
    pub fn insert(&mut self, network: Subject, value: V) {
        let length = (network.family(), network.length());
        if self.values.insert(network, value).is_none() {
            *self.lengths.entry(length).or_default() += 1;
        }
    }

    /// Takes a network out.
    pub fn remove(&mut self, network: Subject) {
        let length = (network.family(), network.length());
        if self.values.remove(&network).is_some()
            && let Some(count) = self.lengths.get_mut(&length)
        {
            *count -= 1;
            if *count == 0 {
                self.lengths.remove(&length);
            }
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Those that hold `subject` and are wider, the widest first.
    pub fn around(&self, subject: Subject) -> impl Iterator<Item = (Subject, &V)> {
        let family = subject.family();
        let wider = self.lengths.range((family, 0)..(family, subject.length()));
        wider.filter_map(move |((_, length), _)| {
            let network = Subject::network(subject.first(), *length);
            self.values.get(&network).map(|value| (network, value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_found_by_what_it_holds() {
        let of = |text: &str| Subject::parse(text).unwrap();
        let mut map = NetworkMap::default();
        for (n, network) in ["10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32"]
            .into_iter()
            .enumerate()
        {
            map.insert(of(network), n);
        }
        let around = |map: &NetworkMap<usize>, text: &str| -> Vec<usize> {
            map.around(of(text)).map(|(_, n)| *n).collect()
        };
        assert_eq!(around(&map, "10.1.2.3"), [0, 1]);
        assert_eq!(around(&map, "10.1.0.0/16"), [0], "it does not hold itself");
        assert_eq!(around(&map, "10.2.0.0/16"), [0]);
        assert_eq!(around(&map, "2001:db8:1::1"), [2]);
        assert_eq!(around(&map, "::a01:0203"), [0_usize; 0]);
        map.insert(of("10.0.0.0/8"), 7);
        map.remove(of("10.1.0.0/16"));
        map.remove(of("10.9.0.0/16"));
        assert_eq!(around(&map, "10.1.2.3"), [7]);
    }
}
