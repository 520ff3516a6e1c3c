//! The user as whom a systemd unit runs, as its unit file and drop-ins say.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Where unit files stand (systemd.unit(5)); of two of one name the first counts.
const PLACES: [&str; 11] = [
    "etc/systemd/system.control",
    "run/systemd/system.control",
    "run/systemd/transient",
    "run/systemd/generator.early",
    "etc/systemd/system",
    "run/systemd/system",
    "run/systemd/generator",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
    "run/systemd/generator.late",
];

/// What a unit says of its user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Runs {
    /// `User=`: a name or a number; none for root.
    pub(super) user: Option<String>,
    /// `DynamicUser=`: systemd picks a user that nobody else has.
    pub(super) dynamic: bool,
}

/// What the files of `unit` below `root` say. A unit without any runs as root.
pub(super) fn runs(unit: &str, root: &Path) -> Runs {
    let mut names = vec![unit.to_owned()];
    if let Some((template, instance)) = unit.split_once('@') {
        let kind = instance.rsplit_once('.').map_or("", |(_, kind)| kind);
        names.push(format!("{template}@.{kind}"));
    }
    let places = || PLACES.iter().map(|place| root.join(place));
    let mut files: Vec<PathBuf> = Vec::new();
    let fragments = names
        .iter()
        .flat_map(|name| places().map(move |place| place.join(name)));
    files.extend(fragments.into_iter().find(|path| path.is_file()));
    // A drop-in hides those of its name in later places; all are read by name.
    let mut drop_ins = BTreeMap::new();
    for directory in names
        .iter()
        .flat_map(|name| places().map(move |place| place.join(format!("{name}.d"))))
    {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        for path in entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|end| end == "conf"))
        {
            drop_ins
                .entry(path.file_name().map(ToOwned::to_owned))
                .or_insert(path);
        }
    }
    files.extend(drop_ins.into_values());
    let mut runs = Runs::default();
    for text in files
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok())
    {
        read(&text, &mut runs);
    }
    runs
}

/// Takes over what a unit file or a drop-in says; the last word counts.
fn read(text: &str, runs: &mut Runs) {
    let mut in_service = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            in_service = line == "[Service]";
        } else if let Some((key, value)) = line.split_once('=').filter(|_| in_service) {
            let value = value.trim();
            match key.trim() {
                "User" => runs.user = Some(value.to_owned()).filter(|value| !value.is_empty()),
                "DynamicUser" => {
                    runs.dynamic =
                        ["1", "yes", "y", "true", "t", "on"].contains(&&*value.to_lowercase());
                }
                _ => {}
            }
        }
    }
}

/// The number of a user that is a number or stands in `etc/passwd` below `root`.
pub(super) fn number(user: &str, root: &Path) -> Option<u32> {
    user.parse().ok().or_else(|| {
        let users = fs::read_to_string(root.join("etc/passwd")).ok()?;
        users.lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next() == Some(user)).then(|| fields.nth(1)?.parse().ok())?
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A root directory with these files.
    fn with(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    fn user(root: &tempfile::TempDir, unit: &str) -> Option<String> {
        runs(unit, root.path()).user
    }

    #[test]
    fn the_user_is_that_of_the_section_service() {
        let root = with(&[
            (
                "lib/systemd/system/a.service",
                "[Unit]\nUser=no\n[Service]\n# User=no\n User = mysql \n[Install]\nUser=no\n",
            ),
            (
                "lib/systemd/system/b.service",
                "[Service]\nExecStart=/bin/true\n",
            ),
        ]);
        assert_eq!(user(&root, "a.service").as_deref(), Some("mysql"));
        assert_eq!(user(&root, "b.service"), None);
        assert_eq!(runs("none.service", root.path()), Runs::default());
    }

    #[test]
    fn the_file_of_the_administrator_comes_before_that_of_the_package() {
        let root = with(&[
            (
                "usr/lib/systemd/system/a.service",
                "[Service]\nUser=package\n",
            ),
            ("etc/systemd/system/a.service", "[Service]\nUser=mine\n"),
        ]);
        assert_eq!(user(&root, "a.service").as_deref(), Some("mine"));
    }

    #[test]
    fn drop_ins_have_the_last_word_in_the_order_of_their_names() {
        let root = with(&[
            ("lib/systemd/system/a.service", "[Service]\nUser=package\n"),
            (
                "lib/systemd/system/a.service.d/50-b.conf",
                "[Service]\nUser=b\n",
            ),
            (
                "etc/systemd/system/a.service.d/40-a.conf",
                "[Service]\nUser=a\n",
            ),
            (
                "etc/systemd/system/a.service.d/90-note",
                "[Service]\nUser=no\n",
            ),
        ]);
        assert_eq!(user(&root, "a.service").as_deref(), Some("b"));
        fs::write(
            root.path().join("etc/systemd/system/a.service.d/50-b.conf"),
            "[Service]\nUser=\n",
        )
        .unwrap();
        assert_eq!(
            user(&root, "a.service"),
            None,
            "an empty one takes it back, and hides that of its name"
        );
    }

    #[test]
    fn an_instance_has_its_template() {
        let root = with(&[
            ("lib/systemd/system/m@.service", "[Service]\nUser=mysql\n"),
            (
                "etc/systemd/system/m@.service.d/a.conf",
                "[Service]\nDynamicUser=yes\n",
            ),
        ]);
        let expected = Runs {
            user: Some("mysql".to_owned()),
            dynamic: true,
        };
        assert_eq!(runs("m@one.two.service", root.path()), expected);
    }

    #[test]
    fn a_user_is_a_number_or_has_one() {
        let root = with(&[(
            "etc/passwd",
            "root:x:0:0:root:/root:/bin/bash\nmysql:x:106:113::/nonexistent:/bin/false\nbad:x\n",
        )]);
        let of = |user| number(user, root.path());
        assert_eq!(
            (of("mysql"), of("106"), of("mysq"), of("bad")),
            (Some(106), Some(106), None, None)
        );
    }
}
