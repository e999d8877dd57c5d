//! The command line as documents write it, beside what it takes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{Arg, Command, CommandFactory};

use super::Cli;

/// Where every option is documented.
const CONFIGURATION: &str = "docs/configuration.md";
/// What separates commands in a line.
const SEPARATORS: [char; 7] = ['|', ';', '&', '(', ')', '`', '"'];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The repository's Markdown documents.
fn documents(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name());
        let left_out = name.to_string_lossy().starts_with('.') || name == "target";
        if entry.file_type().unwrap().is_dir() && !left_out {
            documents(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// Lines of a document, each with the code in it.
fn code(text: &str) -> Vec<(usize, Vec<&str>)> {
    let mut block = false;
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            block = !block;
        } else if block {
            lines.push((number + 1, vec![line]));
        } else {
            lines.push((number + 1, line.split('`').skip(1).step_by(2).collect()));
        }
    }
    lines
}

/// The arguments of each call of `marquee` in some code; `cargo xtask up` hands its own on to `marquee up`.
fn calls(code: &str) -> Vec<Vec<&str>> {
    let without_comment = code.split('#').next().unwrap_or_default();
    without_comment.split(SEPARATORS).filter_map(call).collect()
}

fn call(code: &str) -> Option<Vec<&str>> {
    let words: Vec<&str> = code.split_whitespace().collect();
    let program = |word: &&str| ["marquee", "$marquee"].contains(word) || word.ends_with("/marquee");
    // After an option it is a package or a user of this name.
    let started = |at: &usize| at.checked_sub(1).is_none_or(|before| !words[before].starts_with('-'));
    let at = words.iter().position(program).filter(started).map(|at| at + 1);
    let at = at.or_else(|| words.windows(3).position(|words| words == ["cargo", "xtask", "up"]).map(|at| at + 2))?;
    let arguments = words[at..].to_vec();
    let named = |letter: char| letter.is_ascii_lowercase() || letter == '-';
    arguments.first()?.chars().all(named).then_some(arguments)
}

/// What is wrong with a call.
fn wrong(arguments: &[&str]) -> Option<String> {
    let (mut command, mut path) = (Cli::command(), "marquee".to_owned());
    for argument in arguments {
        let (name, option) =
            argument.strip_prefix("--").map_or((*argument, false), |rest| (rest.split('=').next().unwrap_or(rest), true));
        if option {
            let known = |argument: &Arg| argument.get_long() == Some(name);
            if name != "help" && !command.get_arguments().any(known) {
                return Some(format!("{path} has no option --{name}"));
            }
        } else if let Some(found) = command.find_subcommand(name) {
            path = format!("{path} {name}");
            command = found.clone();
        } else if path == "marquee" && name != "help" {
            return Some(format!("there is no command marquee {name}"));
        }
    }
    None
}

/// Every command that takes something, with each thing that it takes and its default.
fn taken(command: &Command, path: &str, all: &mut BTreeSet<(String, String, String)>) {
    for argument in command.get_arguments().filter(|argument| argument.get_id() != "help") {
        let name = argument.get_long().map_or_else(|| argument.get_id().as_str().to_uppercase(), |name| format!("--{name}"));
        let default: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
        all.insert((path.to_owned(), name, default.join(" ")));
    }
    for sub in command.get_subcommands() {
        taken(sub, &format!("{path} {}", sub.get_name()), all);
    }
}

#[test]
fn commands_and_options_in_documents_exist() {
    let mut found = Vec::new();
    documents(&root(), &mut found);
    let mut faults = Vec::new();
    let mut seen = 0;
    for path in &found {
        let text = std::fs::read_to_string(path).unwrap();
        for (line, code) in code(&text) {
            for arguments in code.iter().flat_map(|code| calls(code)) {
                seen += 1;
                faults.extend(wrong(&arguments).map(|wrong| format!("{}:{line}: {wrong}", path.display())));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(seen > 20, "{seen} calls were found in {} documents", found.len());
}

#[test]
fn every_option_is_documented_and_no_other() {
    let mut all = BTreeSet::new();
    taken(&Cli::command(), "marquee", &mut all);
    let text = std::fs::read_to_string(root().join(CONFIGURATION)).unwrap();
    let mut documented = BTreeSet::new();
    for line in text.lines().filter(|line| line.starts_with("| `marquee ")) {
        let cells: Vec<Vec<&str>> = line.split('|').skip(1).map(|cell| cell.split('`').skip(1).step_by(2).collect()).collect();
        let name = cells[1][0].split_whitespace().next().unwrap();
        // Where the code has no default, words may say what holds then.
        let default = |path: &str| {
            let known = all.iter().find(|(of, option, _)| (of.as_str(), option.as_str()) == (path, name));
            known.filter(|(_, _, default)| default.is_empty()).map_or(cells[2].join(" "), |_| String::new())
        };
        documented.extend(cells[0].iter().map(|path| ((*path).to_owned(), name.to_owned(), default(path))));
    }
    let missing: Vec<_> = all.difference(&documented).collect();
    let gone: Vec<_> = documented.difference(&all).collect();
    assert!(missing.is_empty() && gone.is_empty(), "{CONFIGURATION} lacks {missing:?}, and says of what there is not {gone:?}");
}

#[test]
fn unknown_commands_and_options_are_found() {
    let said =
        |text: &str| code(text).iter().flat_map(|(_, code)| code).flat_map(|code| calls(code)).find_map(|call| wrong(&call));
    for right in [
        "Say `marquee up --port 9000`, `$marquee keys retire KID` or `target/release/marquee certificates --days=3 f a`.",
        "```\nexport A=b; env -u X $marquee edge --config f & $marquee region --config g   # marquee is\n```",
        "`marquee`, `marquee/src/cli/mod.rs` and marquee fly; `cargo xtask up --watch`; `marquee help`; `cargo test -p marquee --lib`",
    ] {
        assert_eq!(said(right), None, "{right}");
    }
    assert_eq!(said("`marquee fly`").unwrap(), "there is no command marquee fly");
    assert_eq!(said("```\n$marquee keys list --all\n```").unwrap(), "marquee keys list has no option --all");
    assert_eq!(said("`cargo xtask up --fast`").unwrap(), "marquee up has no option --fast");
}
