//! Which country an address is from: `MaxMind` DB files as `MaxMind` (`GeoIP2`,
//! `GeoLite2`) and DB-IP write them, Country and City editions.
//!
//! | file | what |
//! |---|---|
//! | `find` | the configuration and the usual places → the file to use |
//! | `countries` | a file → the countries of addresses |

mod countries;
mod find;

pub use countries::{Countries, Edition, GeoError};
pub use find::{find, places};
