//! Whose entries count.
//!
//! Every local user may write anything to the journal, also under the name
//! `sshd`. What can not be made up is from which control group a process wrote,
//! and as which user: those fields are journald's own (systemd.journal-fields(7)).
//! A control group alone is no proof. Where `pam_systemd` is absent, a user that logs
//! in by ssh stays in that of `ssh.service`.

use std::path::Path;

use serde_json::{Map, Value};

use crate::rules::journal_senders;

use super::unit::{Runs, number, runs};

/// The users that systemd gives to units with `DynamicUser=` (systemd's
/// `UIDS-GIDS`): nobody logs in as one of them.
const DYNAMIC: std::ops::RangeInclusive<u32> = 61184..=65519;

/// The fields of an entry by which its sender is known.
pub(super) const FIELDS: &str = "_UID,_SYSTEMD_UNIT,_SYSTEMD_CGROUP,SYSLOG_IDENTIFIER";

/// Whose entries count for some units.
#[derive(Debug, Clone)]
pub(super) struct Senders {
    units: Vec<Unit>,
    /// The names of processes of root that count without a unit, if all of the
    /// units are those of one built-in rule.
    identifiers: &'static [&'static str],
}

#[derive(Debug, Clone)]
struct Unit {
    name: String,
    /// The numbers of the users who write, besides root.
    users: Vec<u32>,
    dynamic: bool,
    /// A user whose number is not known.
    unknown: Option<String>,
}

impl Unit {
    /// Whether it runs as this user, or as root.
    fn has(&self, user: u32) -> bool {
        user == 0 || self.users.contains(&user) || (self.dynamic && DYNAMIC.contains(&user))
    }
}

impl Senders {
    /// The senders for `units`: of sshd root, of others also the user as whom
    /// the unit's files below `root` say that it runs, and those whom the built-in rules
    /// name, if they are there.
    pub(super) fn of(units: &[String], root: &Path) -> Self {
        let unit = |name: &String| {
            let name = full_name(name);
            let known = journal_senders(&name);
            let root_only = known.is_some_and(|senders| senders.root_only);
            let also = known.map_or(&[][..], |senders| senders.users);
            let runs = if root_only {
                Runs::default()
            } else {
                runs(&name, root)
            };
            let user = runs.user.as_deref().and_then(|user| number(user, root));
            Unit {
                unknown: runs.user.filter(|_| user.is_none() && !runs.dynamic),
                dynamic: runs.dynamic,
                users: (user.into_iter())
                    .chain(also.iter().filter_map(|user| number(user, root)))
                    .collect(),
                name,
            }
        };
        let units: Vec<Unit> = units.iter().map(unit).collect();
        let first = units.first().and_then(|unit| journal_senders(&unit.name));
        let identifiers = first
            .filter(|senders| (units.iter()).all(|unit| senders.units.contains(&&*unit.name)))
            .map_or(&[][..], |senders| senders.identifiers);
        Senders { units, identifiers }
    }

    /// What `journalctl` is asked for: all that [`Senders::has_sent`] accepts,
    /// and little else.
    ///
    /// journald looks up the unit of a process once it has its message, and finds
    /// none if the process has ended by then, as sshd's of a short connection have.
    /// Those are known by their user, for whom the kernel vouches, and by the name
    /// that it gave itself.
    pub(super) fn matches(&self) -> Vec<String> {
        let of_unit = |unit: &Unit| {
            let mut fields = vec![format!("_SYSTEMD_UNIT={}", unit.name)];
            if !unit.dynamic {
                let users = [0].into_iter().chain(unit.users.iter().copied());
                fields.extend(users.map(|user| format!("_UID={user}")));
            }
            fields
        };
        let of_root = |name| vec!["_UID=0".to_owned(), format!("SYSLOG_IDENTIFIER={name}")];
        let ended = self.identifiers.iter().map(of_root);
        let all: Vec<_> = self.units.iter().map(of_unit).chain(ended).collect();
        all.join(&"+".to_owned())
    }

    /// Whether one of the senders wrote this entry.
    pub(super) fn has_sent(&self, entry: &Map<String, Value>) -> bool {
        let field = |name| entry.get(name).and_then(Value::as_str);
        let Some(user) = field("_UID").and_then(|user| user.parse::<u32>().ok()) else {
            return false;
        };
        if let Some(name) = field("_SYSTEMD_UNIT") {
            let of_unit = self.units.iter().find(|unit| unit.name == name);
            return of_unit.is_some_and(|unit| unit.has(user));
        }
        // A process that is still there has a control group: it is another
        // service's, or a container's.
        let has_ended =
            !entry.contains_key("_SYSTEMD_UNIT") && !entry.contains_key("_SYSTEMD_CGROUP");
        let name = field("SYSLOG_IDENTIFIER").unwrap_or_default();
        has_ended && user == 0 && self.identifiers.contains(&name)
    }

    /// Units with the user as whom they run, where that user's number is not known.
    pub(super) fn unknown(&self) -> impl Iterator<Item = (&str, &str)> {
        self.units
            .iter()
            .filter_map(|unit| Some((&*unit.name, unit.unknown.as_deref()?)))
    }
}

/// The name of a unit with its kind, as `systemctl` completes it.
fn full_name(unit: &str) -> String {
    const KINDS: [&str; 11] = [
        ".service",
        ".socket",
        ".scope",
        ".slice",
        ".mount",
        ".automount",
        ".swap",
        ".timer",
        ".path",
        ".target",
        ".device",
    ];
    let is_full = KINDS.iter().any(|kind| unit.ends_with(kind));
    if is_full {
        unit.to_owned()
    } else {
        format!("{unit}.service")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;

    fn root(unit: &str, text: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let units = root.path().join("lib/systemd/system");
        fs::create_dir_all(&units).unwrap();
        fs::create_dir_all(root.path().join("etc")).unwrap();
        fs::write(units.join(unit), text).unwrap();
        fs::write(
            root.path().join("etc/passwd"),
            "mysql:x:106:113::/nonexistent:/bin/false\n",
        )
        .unwrap();
        root
    }

    fn sent(senders: &Senders, entry: Value) -> bool {
        let Value::Object(entry) = entry else {
            unreachable!()
        };
        senders.has_sent(&entry)
    }

    fn of(unit: &str, root: &tempfile::TempDir) -> Senders {
        Senders::of(&[unit.to_owned()], root.path())
    }

    #[test]
    fn of_sshd_root_counts_and_nobody_else_whatever_the_unit_says() {
        let root = root("ssh.service", "[Service]\nUser=mysql\n");
        let ssh = of("ssh", &root);
        assert!(sent(
            &ssh,
            json!({"_UID": "0", "_SYSTEMD_UNIT": "ssh.service"})
        ));
        for user in ["1000", "106", "00000000000", "4294967296", "-1", ""] {
            assert_eq!(
                sent(
                    &ssh,
                    json!({"_UID": user, "_SYSTEMD_UNIT": "ssh.service", "SYSLOG_IDENTIFIER": "sshd"})
                ),
                user == "00000000000",
                "{user:?}"
            );
        }
        assert!(
            !sent(&ssh, json!({"_SYSTEMD_UNIT": "ssh.service"})),
            "nobody knows who"
        );
        assert!(!sent(
            &ssh,
            json!({"_UID": ["0", "1000"], "_SYSTEMD_UNIT": "ssh.service"})
        ));
        assert_eq!(
            ssh.matches().join(" "),
            "_SYSTEMD_UNIT=ssh.service _UID=0 + _UID=0 SYSLOG_IDENTIFIER=sshd + \
             _UID=0 SYSLOG_IDENTIFIER=sshd-session + _UID=0 SYSLOG_IDENTIFIER=sshd-auth"
        );
    }

    #[test]
    fn a_name_is_proof_only_for_a_process_of_root_that_has_ended() {
        let root = root("ssh.service", "");
        let ssh = of("ssh.service", &root);
        assert!(sent(
            &ssh,
            json!({"_UID": "0", "SYSLOG_IDENTIFIER": "sshd"})
        ));
        for entry in [
            json!({"_UID": "1000", "SYSLOG_IDENTIFIER": "sshd"}),
            json!({"_UID": "0", "SYSLOG_IDENTIFIER": "sudo"}),
            json!({"_UID": "0", "SYSLOG_IDENTIFIER": "sshd", "_SYSTEMD_UNIT": "docker.service"}),
            json!({"_UID": "0", "SYSLOG_IDENTIFIER": "sshd", "_SYSTEMD_UNIT": ["ssh.service", "docker.service"]}),
            json!({"_UID": "0", "SYSLOG_IDENTIFIER": "sshd", "_SYSTEMD_CGROUP": "/docker/0a1b"}),
        ] {
            assert!(!sent(&ssh, entry.clone()), "{entry}");
        }
        let other = of("other.service", &root);
        assert!(!sent(
            &other,
            json!({"_UID": "0", "SYSLOG_IDENTIFIER": "sshd"})
        ));
    }

    #[test]
    fn of_other_units_root_and_their_own_user_count() {
        let root = root("mariadb.service", "[Service]\nUser=mysql\n");
        let mariadb = of("mariadb.service", &root);
        let by = |user| {
            sent(
                &mariadb,
                json!({"_UID": user, "_SYSTEMD_UNIT": "mariadb.service"}),
            )
        };
        assert_eq!(
            (by("0"), by("106"), by("1000"), by("61200")),
            (true, true, false, false)
        );
        assert!(!sent(
            &mariadb,
            json!({"_UID": "106", "_SYSTEMD_UNIT": "user@106.service"})
        ));
        assert_eq!(
            mariadb.matches().join(" "),
            "_SYSTEMD_UNIT=mariadb.service _UID=0 _UID=106"
        );
        assert_eq!(mariadb.unknown().count(), 0);
    }

    /// Its processes have dropped root, and its unit has no `User=`.
    #[test]
    fn of_postfix_its_own_user_counts_too_if_it_is_there() {
        let root = root(
            "postfix.service",
            "[Service]\nExecStart=/usr/sbin/postfix\n",
        );
        let units = ["postfix.service".to_owned(), "postfix@-.service".to_owned()];
        let by = |user: &str, unit: &str| {
            let entry = json!({"_UID": user, "_SYSTEMD_UNIT": unit});
            sent(&Senders::of(&units, root.path()), entry)
        };
        assert!(by("0", "postfix@-.service") && !by("107", "postfix@-.service"));
        let passwd = "postfix:x:107:114::/var/spool/postfix:/usr/sbin/nologin\nmysql:x:106:113::/:/bin/false\n";
        fs::write(root.path().join("etc/passwd"), passwd).unwrap();
        assert!(by("107", "postfix.service") && by("107", "postfix@-.service"));
        assert!(!by("106", "postfix.service") && !by("107", "user@107.service"));
    }

    #[test]
    fn a_user_that_systemd_picks_is_one_that_only_systemd_picks() {
        let root = root("app.service", "[Service]\nUser=app\nDynamicUser=yes\n");
        let app = of("app", &root);
        let by = |user| sent(&app, json!({"_UID": user, "_SYSTEMD_UNIT": "app.service"}));
        assert_eq!(
            (by("0"), by("61184"), by("65519"), by("65534"), by("1000")),
            (true, true, true, false, false)
        );
        assert_eq!(app.matches(), ["_SYSTEMD_UNIT=app.service"]);
        assert_eq!(app.unknown().count(), 0);
    }

    #[test]
    fn a_user_whose_number_is_not_known_is_told() {
        let root = root("app.service", "[Service]\nUser=ldap\n");
        let app = of("app.service", &root);
        assert_eq!(app.unknown().collect::<Vec<_>>(), [("app.service", "ldap")]);
        assert!(!sent(
            &app,
            json!({"_UID": "1000", "_SYSTEMD_UNIT": "app.service"})
        ));
    }
}
