//! `pyfilter completions` and `pyfilter man`: what is made from the command line's definition.

use std::io::{self, Write};

use clap::{Arg, Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::cli::Cli;

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

/// Writes one manual page, pyfilter(1), with all commands.
///
/// # Errors
/// When `out` can not be written to.
pub fn man(out: &mut impl Write) -> io::Result<()> {
    let mut cli = Cli::command().disable_help_subcommand(true);
    cli.build();
    let page = Man::new(cli.clone());
    page.render_title(out)?;
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
    Ok(())
}

/// A command: its call, what it does, its own options, its examples.
fn subsection(command: &Command, out: &mut impl Write) -> io::Result<()> {
    // The options that all commands share stand once, behind the commands.
    let shared = |arg: &Arg| arg.is_global_set() || arg.get_id() == "help";
    let own = command.clone().mut_args(|arg| {
        let hide = shared(&arg);
        arg.hide(hide)
    });
    let about = command
        .get_about()
        .map(ToString::to_string)
        .unwrap_or_default();
    writeln!(out, ".SS pyfilter {}", command.get_name())?;
    writeln!(out, "{}\n.PP\n{}", usage(command), roff(&about))?;
    if !command.get_arguments().all(shared) {
        let mut options = Vec::new();
        Man::new(own).render_options_section(&mut options)?;
        for line in String::from_utf8_lossy(&options).lines() {
            // Its heading would end the section of the commands.
            writeln!(
                out,
                "{}",
                if line.starts_with(".SH") { ".PP" } else { line }
            )?;
        }
    }
    for (title, lines) in after_help(command) {
        writeln!(out, ".PP\n{title}:\n{lines}")?;
    }
    Ok(())
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

/// `text` with nothing in it that roff takes for an order.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    let text = text.replace('\'', "\\(aq");
    let lines: Vec<String> = text.lines().map(|line| format!("\\&{line}")).collect();
    lines.join("\n")
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
