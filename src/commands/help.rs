//! `--help`, `completions` and `man`: made from the command line's own description.

use crate::cli::{Cli, Format};
use crate::output::{self, Exit, Failure};
use clap::CommandFactory as _;
use clap::error::ErrorKind;
use std::ffi::OsString;

/// What clap has to say instead of an action: for people as it is, for programs as every other failure.
pub(super) fn refused(error: &clap::Error) -> u8 {
    let format = format(std::env::args_os().skip(1));
    if error.use_stderr() && format == Some(Format::Json) {
        let text = match error.kind() {
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "a command is missing".to_owned(),
            _ => error.render().to_string(),
        };
        let text = text.trim_start_matches("error: ").trim_end();
        let (message, rest) = text.split_once("\n\n").unwrap_or((text, "see --help"));
        output::failed(&Failure::say(Exit::Usage, message.trim(), rest.trim()), true);
        return Exit::Usage.code();
    }
    // Whoever asked went away: there is nobody left to tell.
    let _ = error.print();
    u8::try_from(error.exit_code()).unwrap_or(Exit::Usage.code())
}

/// The form that is asked for, by a command line that can't be understood as a whole or by the environment.
fn format(words: impl Iterator<Item = OsString>) -> Option<Format> {
    let mut words = words;
    let mut about_it = vec![OsString::from("fabricctl")];
    while let Some(word) = words.next() {
        let shown = word.to_string_lossy();
        if shown == "-o" || shown == "--output" {
            about_it.extend([word].into_iter().chain(words.next()));
        } else if shown.starts_with("-o") || shown.starts_with("--output=") {
            about_it.push(word);
        }
    }
    let typed = Cli::command().ignore_errors(true).try_get_matches_from(about_it).ok()?;
    typed.get_one::<Format>("output").copied()
}

/// Prints a shell's completion script.
pub(super) fn completions(shell: clap_complete::Shell) -> Exit {
    let mut script = Vec::new();
    let whole = Cli::command();
    // The scripts would offer hidden commands too.
    let mut shown = clap::Command::new("fabricctl")
        .args(whole.get_arguments().cloned())
        .subcommands(whole.get_subcommands().filter(|command| !command.is_hide_set()).cloned());
    clap_complete::generate(shell, &mut shown, "fabricctl", &mut script);
    output::document(&String::from_utf8_lossy(&script));
    Exit::Ok
}

/// Prints the manual page of the whole, or of one command.
pub(super) fn man(command: &[String]) -> Result<Exit, Failure> {
    let mut whole = Cli::command();
    whole.build();
    let mut found = &whole;
    for word in command {
        found = found.find_subcommand(word).filter(|found| !found.is_hide_set()).ok_or_else(|| {
            let commands: Vec<&str> = found
                .get_subcommands()
                .filter(|command| !command.is_hide_set())
                .map(clap::Command::get_name)
                .collect();
            let hint = format!("the commands are {}", commands.join(", "));
            Failure::say(Exit::Usage, format!("there is no command {word}"), hint)
        })?;
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(found.clone())
        .render(&mut page)
        .map_err(|error| Failure::from_error(Exit::Bug, &error))?;
    output::document(&String::from_utf8_lossy(&page));
    Ok(Exit::Ok)
}
