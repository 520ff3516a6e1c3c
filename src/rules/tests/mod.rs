//! Tests of the built-in rules, and of the matcher against plain expressions.
//!
//! | file | what it holds |
//! |---|---|
//! | `samples.rs` | `fixtures/rules/NAME.log`, and logs of real services |
//! | `services.rs` | `fixtures/services/NAME/truth.tsv`: what real services logged under attack |
//! | `connections.rs` | how many failures the lines of one ssh connection are |
//! | `attacks.rs`, `library_attacks.rs` | clients that write log text: of the first rules, and of the library |
//! | `differential.rs` | the matcher finds what each expression alone finds |
//! | `together.rs` | rules that read the same lines find what each finds alone |
//! | `users.rs` | the names that were tried, as each rule finds them |

mod attacks;
mod connections;
mod differential;
mod library_attacks;
mod samples;
mod services;
mod together;
mod users;
