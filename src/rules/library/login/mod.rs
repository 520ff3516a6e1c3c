//! Logins: PAM, other servers of ssh, remote desktops, panels.
//!
//! | file | what it holds |
//! |---|---|
//! | `pam_generic.rs` | wrong passwords as `pam_unix` has them |
//! | `dropbear.rs` | a small server of ssh |
//! | `xrdp.rs` | remote desktops |
//! | `proxmox.rs`, `webmin_auth.rs`, `cockpit.rs` | panels |

use super::contract::BuiltinRule;

mod cockpit;
mod dropbear;
mod pam_generic;
mod proxmox;
mod webmin_auth;
mod xrdp;

/// In the order in which they are named to the user.
pub(super) static RULES: &[&BuiltinRule] = &[
    &pam_generic::RULE,
    &dropbear::RULE,
    &xrdp::RULE,
    &proxmox::RULE,
    &webmin_auth::RULE,
    &cockpit::RULE,
];
