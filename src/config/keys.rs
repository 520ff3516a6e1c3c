//! The keys of the file, and which key was meant by a wrong one.

use strsim::damerau_levenshtein;

use crate::rules;

/// The keys of one kind of object.
pub(super) struct Keys {
    /// Where such an object stands.
    pub(super) place: &'static str,
    pub(super) names: &'static [&'static str],
}

pub(super) static ROOT: Keys = Keys {
    place: "the top level",
    names: &["settings", "sqlite", "redis", "logging", "geoip"],
};
pub(super) static SETTINGS: Keys = Keys {
    place: "settings",
    names: &[
        "database",
        "server_name",
        "failed_attempts",
        "request_time",
        "window",
        "ban_time",
        "ban_memory",
        "ipv4_prefix",
        "ipv6_prefix",
        "aggregate",
        "first_contact",
        "run_time",
        "deny_type",
        "ignored_ips",
        "journal",
        "metrics",
        "most_windows",
        "reload_iptables",
        "firewall",
        "rules",
        "check_time",
        "run_once",
    ],
};
/// The top level of a file of `conf.d`, and what stands below it.
pub(super) static CONF_D: Keys = Keys {
    place: "a file of conf.d",
    names: &["settings"],
};
pub(super) static CONF_D_SETTINGS: Keys = Keys {
    place: "settings of a file of conf.d",
    names: &["rules", "ignored_ips"],
};
pub(super) static FIREWALL: Keys = Keys {
    place: "settings.firewall",
    names: &["backend", "chain", "hooks", "programs"],
};
pub(super) static RULE: Keys = Keys {
    place: "settings.rules.NAME",
    names: &[
        "enabled",
        "log_files",
        "log_file",
        "olddir",
        "regex_patterns",
        "ignore_patterns",
        "time_format",
        "urls",
        "http_status_blocks",
        "failed_attempts",
        "request_time",
        "window",
        "ban_time",
        "ban_memory",
        "ipv4_prefix",
        "ipv6_prefix",
        "aggregate",
        "trust_sender",
    ],
};
/// What `aggregate` holds.
pub(super) static AGGREGATE: Keys = Keys {
    place: "aggregate",
    names: &["ipv4", "ipv6", "subjects", "within"],
};
pub(super) static SQLITE: Keys = Keys {
    place: "sqlite",
    names: &["database"],
};
pub(super) static REDIS: Keys = Keys {
    place: "redis",
    names: &[
        "host",
        "port",
        "username",
        "password",
        "database",
        "tls",
        "tls_ca",
        "stream_length",
        "sync_bans",
    ],
};
pub(super) static SYNC_BANS: Keys = Keys {
    place: "redis.sync_bans",
    names: &["active", "name", "check_time"],
};
pub(super) static LOGGING: Keys = Keys {
    place: "logging",
    names: &["active", "directory"],
};
pub(super) static GEOIP: Keys = Keys {
    place: "geoip",
    names: &["database"],
};
pub(super) static ALL: [&Keys; 9] = [
    &ROOT, &SETTINGS, &FIREWALL, &RULE, &SQLITE, &REDIS, &SYNC_BANS, &LOGGING, &GEOIP,
];

/// All keys that the file may hold, without those that have no effect and without old
/// spellings.
pub fn keys() -> impl Iterator<Item = &'static str> {
    let old = ["log_file", "check_time", "run_once"];
    let keys = ALL.iter().flat_map(|keys| keys.names);
    keys.copied().filter(move |key| !old.contains(key))
}

/// All keys that the file may hold, old spellings too, with the sections they
/// stand in: `settings.rules.NAME.log_files`.
pub fn key_paths() -> impl Iterator<Item = String> {
    let sections = ALL.iter().map(|keys| keys.place);
    let sections: Vec<&str> = sections.collect();
    ALL.iter().flat_map(move |keys| {
        let place = if keys.place == ROOT.place {
            String::new()
        } else {
            format!("{}.", keys.place)
        };
        let paths = keys.names.iter().map(move |name| format!("{place}{name}"));
        let sections = sections.clone();
        paths.filter(move |path| !sections.contains(&path.as_str()))
    })
}

/// Other people's words for our keys: fail2ban's, and those of PyFilter's guides.
const SYNONYMS: [(&str, &str); 9] = [
    ("maxretry", "failed_attempts"),
    ("findtime", "request_time"),
    ("bantime", "ban_time"),
    ("ignoreip", "ignored_ips"),
    ("whitelist", "ignored_ips"),
    ("whitelisted", "ignored_ips"),
    ("logpath", "log_files"),
    ("failregex", "regex_patterns"),
    ("ignoreregex", "ignore_patterns"),
];

/// What to write in place of `key`, which does not exist in `here`.
pub(super) fn advice(key: &str, here: &Keys) -> String {
    if [CONF_D.place, CONF_D_SETTINGS.place].contains(&here.place) && places_of(key).is_some() {
        return "a file of conf.d sets settings.rules and settings.ignored_ips alone: write it into config.json".to_owned();
    }
    if let Some(places) = places_of(key) {
        return format!("it belongs under {places}");
    }
    if rules::builtin(key).is_some() {
        return "it belongs under settings.rules".to_owned();
    }
    if let Some(near) = nearest(key, here.names) {
        return format!("did you mean {near}?");
    }
    let elsewhere = ALL.iter().find_map(|keys| nearest(key, keys.names));
    if let Some((near, places)) = elsewhere.and_then(|near| Some((near, places_of(near)?))) {
        return format!("did you mean {near}, which belongs under {places}?");
    }
    format!("the keys here are {}", here.names.join(", "))
}

/// The name that was probably meant by `wrong`.
pub(super) fn nearest<'n>(wrong: &str, names: &[&'n str]) -> Option<&'n str> {
    if wrong.len() > 64 {
        return None;
    }
    let plain = |name: &str| name.to_lowercase().replace(['-', '_', ' '], "");
    let wrong = plain(wrong);
    let synonym = SYNONYMS.iter().find(|(theirs, _)| *theirs == wrong);
    let synonym = synonym.and_then(|(_, ours)| names.iter().find(|name| *name == ours));
    let alike = || {
        let scored = names
            .iter()
            .map(|name| (damerau_levenshtein(&wrong, &plain(name)), name));
        let best = scored.min_by_key(|(distance, _)| *distance);
        let close = best.filter(|(distance, name)| *distance <= 1 + name.len() / 5);
        close.map(|(_, name)| name)
    };
    let part = || {
        names
            .iter()
            .find(|name| wrong.len() > 3 && plain(name).contains(&wrong))
    };
    synonym.or_else(alike).or_else(part).copied()
}

fn places_of(key: &str) -> Option<String> {
    let places = ALL.iter().filter(|keys| keys.names.contains(&key));
    let places: Vec<&str> = places.map(|keys| keys.place).collect();
    (!places.is_empty()).then(|| places.join(" or "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_key_is_answered_with_the_right_one() {
        let is = |key, here, advised| assert_eq!(advice(key, here), advised, "{key}");
        is("faild_attempts", &SETTINGS, "did you mean failed_attempts?");
        is(
            "Failed-Attempts",
            &SETTINGS,
            "did you mean failed_attempts?",
        );
        is("attempts", &RULE, "did you mean failed_attempts?");
        is("prot", &REDIS, "did you mean port?");
        is("whitelist", &SETTINGS, "did you mean ignored_ips?");
        is("rules", &ROOT, "it belongs under settings");
        is(
            "failed_attempts",
            &ROOT,
            "it belongs under settings or settings.rules.NAME",
        );
        is("ssh", &SETTINGS, "it belongs under settings.rules");
        is(
            "deny_typ",
            &RULE,
            "did you mean deny_type, which belongs under settings?",
        );
        is("xyzzy", &GEOIP, "the keys here are database");
        is(&"x".repeat(1 << 20), &GEOIP, "the keys here are database");
    }
}
