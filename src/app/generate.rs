//! `pyfilter completions` and `pyfilter man`: what is made from the command
//! line's definition, and from the explained configuration.
//!
//! | file | makes |
//! |---|---|
//! | `conf` | pyfilter.conf(5): every key |
//! | `rules` | `docs/rules.md`: the built-in rules |
//! | `web` | its part on access logs |
//! | `roff` | text without anything that roff takes for a request |

mod conf;
mod roff;
pub mod rules;
mod web;

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use clap::{Arg, Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use roff::roff;

use crate::cli::Cli;
use crate::model::Escaped;

/// Writes the completions of `shell`.
///
/// # Errors
/// When `out` can not be written to.
pub fn completions(shell: Shell, out: &mut impl Write) -> io::Result<()> {
    // clap_complete panics when it can not write.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "pyfilter", &mut script);
    out.write_all(&script)
}

/// A manual page: its name, section and text.
#[derive(Debug)]
pub struct Page {
    /// `pyfilter-scan`
    pub name: String,
    /// 1 for commands, 5 for files.
    pub section: u8,
    /// For `man -l`.
    pub text: Vec<u8>,
}

/// All manual pages; pyfilter(1), which has every command, is the first.
///
/// # Errors
/// None that a page in memory could have.
pub fn pages() -> io::Result<Vec<Page>> {
    let mut cli = cli();
    cli.build();
    let page = |name: &str, section, text| Page {
        name: name.to_owned(),
        section,
        text,
    };
    let mut whole = Vec::new();
    man(&mut whole)?;
    let mut pages = vec![page("pyfilter", 1, whole)];
    for command in cli.get_subcommands() {
        let mut text = Vec::new();
        of_command(command, &mut text)?;
        pages.push(page(&format!("pyfilter-{}", command.get_name()), 1, text));
    }
    pages.push(page("pyfilter.conf", 5, conf::page().into_bytes()));
    Ok(pages)
}

/// Writes every page below `dir`, as `man` looks for them: `man1/pyfilter.1`.
///
/// # Errors
/// When a directory or file can not be written; the path is in it.
pub fn write_pages(dir: &Path) -> Result<(), String> {
    let wrong = |path: &Path, error: io::Error| {
        let path = Escaped::path(path);
        format!("{path}: the manual can not be written: {error}")
    };
    for page in pages().map_err(|error| wrong(dir, error))? {
        let dir = dir.join(format!("man{}", page.section));
        fs::create_dir_all(&dir).map_err(|error| wrong(&dir, error))?;
        let path = dir.join(format!("{}.{}", page.name, page.section));
        fs::write(&path, &page.text).map_err(|error| wrong(&path, error))?;
    }
    Ok(())
}

fn cli() -> Command {
    Cli::command().disable_help_subcommand(true)
}

/// pyfilter-scan(1) and its kin.
fn of_command(command: &Command, out: &mut impl Write) -> io::Result<()> {
    let name = format!("pyfilter-{}", command.get_name());
    let about = command.get_about().map(ToString::to_string);
    let about = roff(&about.unwrap_or_default());
    title(&name, 1, out)?;
    writeln!(out, ".SH NAME\n{name} \\- {about}")?;
    writeln!(out, ".SH SYNOPSIS\n{}", usage(command))?;
    writeln!(out, ".SH DESCRIPTION\n{about}.")?;
    let own = own_options(command);
    if let Some(options) = options(&own)? {
        writeln!(out, ".SH OPTIONS\n{options}")?;
    }
    writeln!(
        out,
        ".PP\nOptions of every command, exit status, environment and files are in\n.BR pyfilter (1)."
    )?;
    for (title, lines) in after_help(command) {
        writeln!(out, ".SH {}\n{lines}", title.to_uppercase())?;
    }
    writeln!(
        out,
        ".SH \"SEE ALSO\"\n.BR pyfilter (1),\n.BR pyfilter.conf (5)"
    )
}

/// The title line; without a date, so that the same program makes the same page.
fn title(name: &str, section: u8, out: &mut impl Write) -> io::Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    writeln!(
        out,
        ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n.TH {name} {section} \"\" \"pyfilter {version}\""
    )
}

/// Writes one manual page, pyfilter(1), with all commands.
///
/// # Errors
/// When `out` can not be written to.
pub fn man(out: &mut impl Write) -> io::Result<()> {
    let mut cli = cli();
    cli.build();
    let page = Man::new(cli.clone());
    title("pyfilter", 1, out)?;
    page.render_name_section(out)?;
    writeln!(out, ".SH SYNOPSIS\n{}", usage(&cli))?;
    page.render_description_section(out)?;
    writeln!(out, ".SH COMMANDS")?;
    for command in cli.get_subcommands() {
        subsection(command, out)?;
    }
    page.render_options_section(out)?;
    for (title, lines) in after_help(&cli) {
        writeln!(out, ".SH \"{}\"\n{lines}", title.to_uppercase())?;
    }
    let commands = cli.get_subcommands().map(Command::get_name);
    let commands = commands.map(|name| format!(".BR pyfilter\\-{name} (1),\n"));
    let commands: String = commands.collect();
    writeln!(out, ".SH \"SEE ALSO\"\n{commands}.BR pyfilter.conf (5)")
}

/// A command: its call, what it does, its own options, its examples.
fn subsection(command: &Command, out: &mut impl Write) -> io::Result<()> {
    let about = command
        .get_about()
        .map(ToString::to_string)
        .unwrap_or_default();
    writeln!(out, ".SS pyfilter {}", command.get_name())?;
    writeln!(out, "{}\n.PP\n{}", usage(command), roff(&about))?;
    if let Some(options) = options(&own_options(command))? {
        writeln!(out, "{options}")?;
    }
    for (title, lines) in after_help(command) {
        writeln!(out, ".PP\n{title}:\n{lines}")?;
    }
    Ok(())
}

/// The command with those options alone that are not every command's: these
/// stand once, in pyfilter(1).
fn own_options(command: &Command) -> Command {
    command.clone().mut_args(|arg| {
        let shared = is_shared(&arg);
        arg.hide(shared)
    })
}

fn is_shared(arg: &Arg) -> bool {
    arg.is_global_set() || arg.get_id() == "help" || arg.is_hide_set()
}

/// The options that are shown, without heading; none if there are none.
fn options(command: &Command) -> io::Result<Option<String>> {
    if command.get_arguments().all(is_shared) {
        return Ok(None);
    }
    let mut options = Vec::new();
    Man::new(command.clone()).render_options_section(&mut options)?;
    let text = String::from_utf8_lossy(&options);
    let lines = text.lines().filter(|line| !line.starts_with(".SH"));
    Ok(Some(lines.collect::<Vec<_>>().join("\n")))
}

fn usage(command: &Command) -> String {
    let usage = command.clone().render_usage().to_string();
    roff(usage.strip_prefix("Usage: ").unwrap_or(&usage))
}

/// The sections of what stands behind a help text: titles, and lines left as
/// they are.
fn after_help(command: &Command) -> Vec<(String, String)> {
    let text = command.get_after_help().map(ToString::to_string);
    let text = text.unwrap_or_default();
    let sections = text
        .split("\n\n")
        .filter_map(|section| section.split_once(":\n"));
    let unfilled = |lines: &str| format!(".nf\n{}\n.fi", roff(lines));
    sections
        .map(|(title, lines)| (title.to_owned(), unfilled(lines)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completions_know_the_commands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut out = Vec::new();
            completions(shell, &mut out).unwrap();
            let script = String::from_utf8(out).unwrap();
            for word in ["scan", "unban", "state-dir", "unmatched"] {
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
    }

    #[test]
    fn the_manual_has_every_command_and_option_once() {
        let mut out = Vec::new();
        man(&mut out).unwrap();
        let page = String::from_utf8(out).unwrap();
        for command in Cli::command().get_subcommands() {
            let heading = format!(".SS pyfilter {}\n", command.get_name());
            assert!(page.contains(&heading), "{heading}");
        }
        assert_eq!(page.matches("\\-\\-state\\-dir\\fR").count(), 1, "{page}");
        assert!(page.contains("pyfilter match [OPTIONS] \\-\\-rule <RULE> <FILE>..."));
        assert!(page.contains("\\-\\-unmatched"));
        for section in [".SH NAME", ".SH \"EXIT STATUS\"", ".SH \"FILES\""] {
            assert!(page.contains(section), "{section}");
        }
    }
}
