//! Where the addresses of an audit are from.

use std::collections::HashMap;

use crate::model::{Country, Subject};

use super::findings::{CountryTotals, FailedAddress, Findings, Totals};

impl Findings {
    /// Looks up the country of each address, and of the networks that would be banned.
    pub fn locate(&mut self, country: impl Fn(Subject) -> Option<Country>) {
        let mut numbers: HashMap<Option<Country>, usize> = HashMap::new();
        let mut places: Vec<CountryTotals> = Vec::new();
        let mut of = Vec::with_capacity(self.addresses.len());
        for seen in &self.addresses {
            let country = country(seen.address.into());
            let number = *numbers.entry(country.clone()).or_insert_with(|| {
                let totals = Totals::default();
                places.push(CountryTotals { country, totals });
                places.len() - 1
            });
            places[number].totals.add(seen);
            of.push(number);
        }
        let mut order: Vec<usize> = (0..places.len()).collect();
        order.sort_by_key(|&number| std::cmp::Reverse(places[number].totals.failures));
        let mut rank = vec![0; places.len()];
        for (place, &number) in order.iter().enumerate() {
            rank[number] = u32::try_from(place).unwrap_or(u32::MAX);
        }
        for (seen, number) in self.addresses.iter_mut().zip(of) {
            seen.place = Some(rank[number]);
        }
        // Somebody failed in each of them, so a country that a network has is known.
        for ban in self.bans.iter_mut().chain(&mut self.aggregated) {
            let number = numbers.get(&country(ban.subject));
            ban.place = number.map(|number| rank[*number]);
        }
        self.places = order
            .into_iter()
            .map(|number| places[number].clone())
            .collect();
    }

    /// The country at a place, if it is known.
    #[must_use]
    pub fn country_at(&self, place: Option<u32>) -> Option<&Country> {
        self.places.get(place? as usize)?.country.as_ref()
    }

    /// The country of an address, if it is known.
    #[must_use]
    pub fn country_of(&self, seen: &FailedAddress) -> Option<&Country> {
        self.country_at(seen.place)
    }
}
