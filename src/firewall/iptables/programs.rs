//! Finds and runs iptables' programs, of either variant.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::{FirewallError, says_no_family};
use super::listing::Listing;
use crate::firewall::programs::{self, PLACES};
use crate::model::{Family, IptablesVariant};
use crate::system::{self, ProgramOutput};

/// A restore of 20,000 bans takes less than a second; waiting for the lock, five.
const PATIENCE: Duration = Duration::from_secs(60);

/// The limit of a restore is one second longer for each so many lines. To replace a
/// million lines took the nft variant 15 s of processor time, and 90 s on a busy host.
const LINES_A_SECOND: u64 = 10_000;

/// What is done with a table.
#[derive(Debug, Clone, Copy)]
pub(super) enum TableCommand {
    Save,
    Restore,
    /// `-S`, for one chain.
    List,
}

/// The programs that each run needs.
pub(super) const PROGRAMS: [TableCommand; 2] = [TableCommand::Save, TableCommand::Restore];

impl TableCommand {
    /// Its name for `family`.
    pub(super) fn of(self, family: Family) -> &'static str {
        match (self, family) {
            (TableCommand::Save, Family::V4) => "iptables-save",
            (TableCommand::Save, Family::V6) => "ip6tables-save",
            (TableCommand::Restore, Family::V4) => "iptables-restore",
            (TableCommand::Restore, Family::V6) => "ip6tables-restore",
            (TableCommand::List, Family::V4) => "iptables",
            (TableCommand::List, Family::V6) => "ip6tables",
        }
    }
}

/// iptables' programs for one family.
#[derive(Debug, Clone, Copy)]
pub(super) struct IptablesPrograms<'a> {
    family: Family,
    /// The one that the host has chosen, if none.
    variant: Option<IptablesVariant>,
    programs: Option<&'a Path>,
    patience: Duration,
}

/// A program in its place. `xtables-nft-multi` is several programs in one: then the
/// first argument, `applet`, says which.
#[derive(Debug)]
pub(super) struct FoundProgram {
    pub(super) path: PathBuf,
    applet: Option<&'static str>,
}

impl<'a> IptablesPrograms<'a> {
    /// Those of `programs`, or of the usual places.
    pub(super) fn new(family: Family, programs: Option<&'a Path>) -> Self {
        IptablesPrograms {
            family,
            variant: None,
            programs,
            patience: PATIENCE,
        }
    }

    /// Those of one variant, whichever the host has chosen: in `programs` or in
    /// the usual places.
    pub(super) fn of_variant(
        family: Family,
        variant: IptablesVariant,
        programs: Option<&'a Path>,
    ) -> Self {
        IptablesPrograms {
            variant: Some(variant),
            ..IptablesPrograms::new(family, programs)
        }
    }

    /// The filter table; none if the host has no such family.
    pub(super) fn save(self) -> Result<Option<Listing>, FirewallError> {
        let Some(saved) = self.saved_text()? else {
            return Ok(None);
        };
        let mut listing = parsed(self.family, &saved)?;
        // An empty table may be printed as nothing at all, which names no variant.
        if saved.stdout.is_empty() && !self.is_legacy()? {
            listing.version = Some("(nf_tables)".to_owned());
        }
        Ok(Some(listing))
    }

    /// The filter table as it is printed; none if the host has no such family.
    pub(super) fn saved_text(self) -> Result<Option<ProgramOutput>, FirewallError> {
        if self.family == Family::V6 && !system::kernel_has_ipv6() {
            return Ok(None);
        }
        let program = TableCommand::Save.of(self.family);
        let done = self.run(program, &["-t", "filter"], "")?;
        if !done.status.success() {
            if self.family == Family::V6 && says_no_family(&done.stderr) {
                return Ok(None);
            }
            return Err(failure(program, &done, ""));
        }
        Ok(Some(done))
    }

    /// What `-S` prints of a chain of the filter table: as iptables-save does, and its
    /// warnings. None if it can not be listed.
    pub(super) fn list_chain(self, chain: &str) -> Option<(String, Vec<u8>)> {
        let program = TableCommand::List.of(self.family);
        let done = self.run(program, &["-S", chain], "").ok()?;
        let said = String::from_utf8(done.stdout).ok()?;
        let said = done.status.success().then_some(said)?;
        Some((as_saved(&said)?, done.stderr))
    }

    /// Whether it is the legacy variant; as the program itself says.
    pub(super) fn is_legacy(self) -> Result<bool, FirewallError> {
        self.says_legacy(TableCommand::Restore)
    }

    fn says_legacy(self, program: TableCommand) -> Result<bool, FirewallError> {
        // Before 1.8 legacy was the only variant, and it did not say so.
        Ok(!self.version(program)?.contains("nf_tables"))
    }

    /// What the program says that it is: `v1.8.9 (nf_tables)`.
    pub(super) fn version(self, program: TableCommand) -> Result<String, FirewallError> {
        let done = self.run(program.of(self.family), &["--version"], "")?;
        let said = String::from_utf8_lossy(&done.stdout);
        let version = said.trim().split_once(' ');
        Ok(version.map_or("", |(_, version)| version).to_owned())
    }

    /// Gives `text` to the kernel: all of it or none of it.
    pub(super) fn restore(self, text: &str) -> Result<(), FirewallError> {
        let program = TableCommand::Restore.of(self.family);
        let lines = text.bytes().filter(|&b| b == b'\n').count() as u64;
        let patient = IptablesPrograms {
            patience: self.patience + Duration::from_secs(lines / LINES_A_SECOND),
            ..self
        };
        let done = patient.run(program, &["--noflush", "-w", "5"], text)?;
        if done.status.success() {
            return Ok(());
        }
        Err(failure(program, &done, text))
    }

    fn run(
        self,
        program: &'static str,
        arguments: &[&str],
        input: &str,
    ) -> Result<ProgramOutput, FirewallError> {
        let FoundProgram { path, applet } = self.find(program)?;
        let arguments = [applet.as_slice(), arguments].concat();
        Ok(programs::run(
            &path,
            program,
            &arguments,
            input,
            self.patience,
        )?)
    }

    /// Where the program is.
    pub(super) fn find(self, program: &'static str) -> Result<FoundProgram, FirewallError> {
        let usual = PLACES.iter().map(Path::new);
        let places: Vec<&Path> = match (self.programs, self.variant) {
            (Some(directory), None) => vec![directory],
            // A directory with the programs of one variant may lack the other's.
            (Some(directory), Some(_)) => [directory].into_iter().chain(usual).collect(),
            (None, _) => usual.collect(),
        };
        let names: Vec<(String, Option<&'static str>)> = match self.variant {
            None => vec![(program.to_owned(), None)],
            Some(variant) => {
                let variant = variant.as_str();
                let (stem, what) = program.split_once('-').unwrap_or((program, ""));
                let what = if what.is_empty() {
                    what.to_owned()
                } else {
                    format!("-{what}")
                };
                vec![
                    (format!("{stem}-{variant}{what}"), None),
                    (format!("xtables-{variant}-multi"), Some(program)),
                ]
            }
        };
        let found = names.iter().find_map(|(name, applet)| {
            let mut paths = places.iter().map(|place| place.join(name));
            Some(FoundProgram {
                path: paths.find(|path| path.is_file())?,
                applet: *applet,
            })
        });
        found.ok_or_else(|| {
            let looked: Vec<_> = places.iter().map(|p| p.display().to_string()).collect();
            let looked = looked.join(", ");
            match self.variant {
                None => FirewallError::Missing { program, looked },
                Some(variant) => FirewallError::VariantMissing {
                    program: names[0].0.clone(),
                    variant: variant.as_str(),
                    looked,
                },
            }
        })
    }
}

/// The filter table of `family`, of what was printed of it.
pub(super) fn parsed(family: Family, saved: &ProgramOutput) -> Result<Listing, FirewallError> {
    let program = TableCommand::Save.of(family);
    Listing::parse(family, &saved.stdout)
        .and_then(|listing| listing.warned(&saved.stderr))
        .map_err(|source| FirewallError::Unreadable { program, source })
}

/// What `-S` prints of a chain, as iptables-save does.
fn as_saved(listed: &str) -> Option<String> {
    let (first, rules) = listed.split_once('\n')?;
    let mut words = first.split(' ');
    let declared = match (words.next()?, words.next()?, words.next()) {
        ("-P", name, Some(policy)) => format!(":{name} {policy} [0:0]\n"),
        ("-N", name, None) => format!(":{name} - [0:0]\n"),
        _ => return None,
    };
    Some(declared + rules)
}

fn failure(program: &'static str, done: &ProgramOutput, input: &str) -> FirewallError {
    let status = done.status.code().unwrap_or(-1);
    FirewallError::from_failure(program, status, &done.stderr, input)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firewall::programs::ProgramFailure;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    /// A directory with one program: a shell script.
    fn fake(program: &str, script: &str) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(program);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        directory
    }

    fn v4(programs: &tempfile::TempDir) -> IptablesPrograms<'_> {
        let mut iptables = IptablesPrograms::new(Family::V4, Some(programs.path()));
        iptables.patience = Duration::from_secs(20);
        iptables
    }

    #[test]
    fn the_restore_gets_its_text_and_never_flushes_other_chains() {
        let programs = fake(
            "iptables-restore",
            r#"test "$*" = "--noflush -w 5" && test "$LC_ALL" = C && cat > "${0%/*}/got""#,
        );
        v4(&programs).restore("*filter\nCOMMIT\n").unwrap();
        let got = fs::read_to_string(programs.path().join("got")).unwrap();
        assert_eq!(got, "*filter\nCOMMIT\n");
    }

    #[test]
    fn a_missing_program_names_the_package_and_the_way_without() {
        let programs = fake("something-else", "");
        let said = v4(&programs).save().unwrap_err().to_string();
        assert!(said.contains("apt install iptables"), "{said}");
        assert!(said.contains("\"backend\": \"none\""), "{said}");
        assert!(said.contains("`iptables-save`"), "{said}");
    }

    #[test]
    fn each_way_to_fail_is_told_apart() {
        let result = |script| v4(&fake("iptables-save", script)).save().unwrap_err();
        assert!(matches!(
            result("kill -9 $$"),
            FirewallError::NotRun(ProgramFailure::Killed { signal: 9, .. })
        ));
        assert!(matches!(
            result("echo hello"),
            FirewallError::Unreadable { .. }
        ));
        assert!(matches!(
            result("echo '*filter'"),
            FirewallError::Unreadable { .. }
        ));
        assert!(matches!(
            result("exit 7"),
            FirewallError::Failed { status: 7, .. }
        ));
        let programs = fake("iptables-save", "");
        let path = programs.path().join("iptables-save");
        fs::write(&path, "#!/nonexistent/interpreter\n").unwrap();
        assert!(matches!(
            v4(&programs).save(),
            Err(FirewallError::NotRun(ProgramFailure::NotStarted { .. }))
        ));
    }

    #[test]
    fn a_listed_chain_is_as_a_saved_one() {
        let chain = as_saved("-P INPUT ACCEPT\n-A INPUT -j PYFILTER\n");
        assert_eq!(
            chain.as_deref(),
            Some(":INPUT ACCEPT [0:0]\n-A INPUT -j PYFILTER\n")
        );
        let chain = as_saved("-N DOCKER-USER\n");
        assert_eq!(chain.as_deref(), Some(":DOCKER-USER - [0:0]\n"));
        assert_eq!(as_saved("-A INPUT -j DROP\n"), None);
        assert_eq!(as_saved(""), None);
    }

    #[test]
    fn a_program_that_hangs_is_given_up() {
        let programs = fake("iptables-save", "exec sleep 5");
        let mut iptables = v4(&programs);
        iptables.patience = Duration::from_millis(100);
        assert!(matches!(
            iptables.save(),
            Err(FirewallError::NotRun(ProgramFailure::Hung { .. }))
        ));
    }

    #[test]
    fn a_kernel_without_ipv6_is_no_error() {
        let programs = fake(
            "ip6tables-save",
            "echo \"ip6tables-save v1.8.9 (legacy): can't initialize ip6tables table \
             \\`filter': Address family not supported by protocol\" >&2; exit 3",
        );
        let iptables = IptablesPrograms::new(Family::V6, Some(programs.path()));
        assert_eq!(iptables.save().unwrap(), None);
    }
}
