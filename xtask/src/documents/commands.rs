//! `cargo xtask …` as documents write it, beside what there is.

use super::{Fault, Repository};
use crate::USAGE;
use std::collections::BTreeMap;

/// What no text of a command says: it ends one.
const ENDS: [char; 8] = ['#', '|', ';', '&', '`', '"', ')', '…'];

/// Commands and options in documents that do not exist.
pub fn check(repository: &Repository) -> Vec<Fault> {
    let known = known(USAGE);
    let lines = repository.documents.iter().flat_map(|document| {
        document.spans.iter().chain(&document.blocks).map(|(line, text)| (document.file.as_str(), *line, text.as_str()))
    });
    lines.flat_map(|(file, line, text)| wrong(text, &known).into_iter().map(move |text| Fault::new(file, line, text))).collect()
}

/// Every command, and the words that its usage has.
fn known(usage: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut known: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut current = None;
    for line in usage.lines().skip(1) {
        let begins = line.starts_with("  ") && !line.starts_with("   ");
        if begins {
            current = line.split_whitespace().next();
        }
        if let Some(command) = current {
            let words = line.split(|letter: char| letter.is_whitespace() || ",.:;()[]|`".contains(letter));
            known.entry(command).or_default().extend(words.filter(|word| !word.is_empty()));
        }
    }
    known
}

fn wrong(text: &str, known: &BTreeMap<&str, Vec<&str>>) -> Vec<String> {
    text.split("cargo xtask ").skip(1).filter_map(|rest| wrong_one(rest.split(ENDS).next().unwrap_or_default(), known)).collect()
}

fn wrong_one(arguments: &str, known: &BTreeMap<&str, Vec<&str>>) -> Option<String> {
    let mut words = arguments.split_whitespace();
    let command = words.next().filter(|word| named(word))?;
    let Some(usage) = known.get(command) else {
        return (command != "help").then(|| format!("there is no command `cargo xtask {command}`"));
    };
    // Its arguments are those of `marquee up`, which a test of that crate compares.
    if command == "up" {
        return None;
    }
    let mut value = false;
    for word in words {
        let option = word.starts_with("--");
        let name = word.split_once('=').map_or(word, |(name, _)| name);
        // What follows an option may be its value.
        if (option || (named(word) && !value)) && !usage.contains(&name) {
            return Some(format!("`cargo xtask {command}` says nothing of {name}"));
        }
        value = option;
    }
    None
}

/// Whether it is a word of a command line, and not what stands for one, a number or an address.
fn named(word: &str) -> bool {
    word.starts_with(|letter: char| letter.is_ascii_lowercase())
        && word.bytes().all(|byte| byte == b'-' || byte.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOME: &str = "cargo xtask COMMAND\n\n  up [ARGS]     runs it\n  load SCENARIO browse | onsale: k6\n      --url URL[,URL]   where\n  bench one\n  bench \
                        two    another\n";

    #[test]
    fn commands_and_options_in_documents_are_checked() {
        let known = known(SOME);
        for right in [
            "cargo xtask up --anything",
            "cargo xtask load browse --url http://a,http://b   # says",
            "cargo xtask load onsale | tee log; cargo xtask bench two",
            "`cargo xtask COMMAND`, `cargo xtask load SCENARIO`, `cargo xtask`",
            "eval \"$(cargo xtask bench one)\"",
        ] {
            assert_eq!(wrong(right, &known), Vec::<String>::new(), "{right}");
        }
        for (text, said) in [
            ("cargo xtask fly", "there is no command `cargo xtask fly`"),
            ("cargo xtask up && cargo xtask bench three", "`cargo xtask bench` says nothing of three"),
            ("cargo xtask load browse --uri x", "`cargo xtask load` says nothing of --uri"),
        ] {
            assert_eq!(wrong(text, &known), [said]);
        }
    }

    #[test]
    fn the_usage_lists_every_command_and_no_other() {
        let source = include_str!("../main.rs");
        let arms = source.lines().filter_map(|line| {
            let (name, rest) = line.trim().strip_prefix('"')?.split_once('"')?;
            rest.starts_with(" =>").then_some(name)
        });
        let arms: Vec<&str> = arms.collect();
        let known = known(USAGE);
        assert_eq!(known.keys().copied().collect::<Vec<_>>(), {
            let mut arms = arms;
            arms.sort_unstable();
            arms
        });
    }
}
