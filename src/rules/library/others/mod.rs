//! Files, names, telephony, databases and others.
//!
//! | file | what it holds |
//! |---|---|
//! | `vsftpd.rs`, `proftpd.rs`, `pure_ftpd.rs`, `wuftpd.rs` | servers of files |
//! | `named_refused.rs`, `nsd.rs` | servers of names |
//! | `openvpn.rs`, `softethervpn.rs`, `three_proxy.rs` | private networks and proxies |
//! | `asterisk.rs`, `freeswitch.rs`, `murmur.rs` | telephony |
//! | `postgresql.rs`, `mongodb_auth.rs` | databases |
//! | `ejabberd_auth.rs`, `znc_adminlog.rs` | chat |
//! | `monit.rs`, `zoneminder.rs` | pages that watch |
//! | `perdition.rs`, `uwimap_auth.rs`, `solid_pop3d.rs` | older mail servers |
//! | `scanlogd.rs`, `portsentry.rs` | scans of ports |

use super::contract::BuiltinRule;

mod asterisk;
mod ejabberd_auth;
mod freeswitch;
mod mongodb_auth;
mod monit;
mod murmur;
mod named_refused;
mod nsd;
mod openvpn;
mod perdition;
mod portsentry;
mod postgresql;
mod proftpd;
mod pure_ftpd;
mod scanlogd;
mod softethervpn;
mod solid_pop3d;
mod three_proxy;
mod uwimap_auth;
mod vsftpd;
mod wuftpd;
mod znc_adminlog;
mod zoneminder;

/// In the order in which they are named to the user.
pub(super) static RULES: &[&BuiltinRule] = &[
    &vsftpd::RULE,
    &proftpd::RULE,
    &pure_ftpd::RULE,
    &wuftpd::RULE,
    &named_refused::RULE,
    &nsd::RULE,
    &openvpn::RULE,
    &softethervpn::RULE,
    &three_proxy::RULE,
    &asterisk::RULE,
    &freeswitch::RULE,
    &murmur::RULE,
    &postgresql::RULE,
    &mongodb_auth::RULE,
    &ejabberd_auth::RULE,
    &znc_adminlog::RULE,
    &monit::RULE,
    &zoneminder::RULE,
    &perdition::RULE,
    &uwimap_auth::RULE,
    &solid_pop3d::RULE,
    &scanlogd::RULE,
    &portsentry::RULE,
];
