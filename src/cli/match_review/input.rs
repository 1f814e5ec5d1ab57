//! What a person says: single keys on a terminal, lines where standard input is something else, so that it can be scripted.

use std::io::IsTerminal;

use console::{Key, Term};
use tokio_util::sync::CancellationToken;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    Same,
    Different,
    Skip,
    Undo,
    Help,
    /// Also: nobody says anything any more.
    Quit,
    Other(String),
}

#[derive(Debug, Clone)]
pub(super) enum Input {
    Keys(Term),
    Lines,
}

impl Input {
    pub(super) fn of_terminal() -> Self {
        let term = Term::stdout();
        if std::io::stdin().is_terminal() && term.is_term() { Self::Keys(term) } else { Self::Lines }
    }

    pub(super) fn is_keys(&self) -> bool {
        matches!(self, Self::Keys(_))
    }

    /// Waits for an answer; being interrupted is one, too.
    pub(super) async fn read(&self, cancel: &CancellationToken) -> Said {
        let input = self.clone();
        let read = tokio::task::spawn_blocking(move || match input {
            Self::Keys(term) => key(&term),
            Self::Lines => line(),
        });
        tokio::select! {
            () = cancel.cancelled() => Said::Quit,
            said = read => said.unwrap_or(Said::Quit),
        }
    }
}

/// The terminal is as it was before when this returns. Ctrl-C is a key meanwhile, and no signal.
fn key(term: &Term) -> Said {
    loop {
        match term.read_key_raw() {
            // Ctrl-D
            Ok(Key::CtrlC | Key::Char('\u{4}')) | Err(_) => return Said::Quit,
            Ok(Key::Char(c)) if !c.is_control() => return said(&c.to_string()),
            Ok(_) => {}
        }
    }
}

fn line() -> Said {
    let mut line = String::new();
    match std::io::stdin().read_line(&mut line) {
        Ok(0) | Err(_) => Said::Quit,
        Ok(_) => said(&line),
    }
}

fn said(word: &str) -> Said {
    match word.trim().to_lowercase().as_str() {
        "y" | "same" => Said::Same,
        "n" | "different" => Said::Different,
        "s" | "skip" => Said::Skip,
        "u" | "undo" => Said::Undo,
        "q" | "quit" => Said::Quit,
        "?" | "h" | "help" => Said::Help,
        other => Said::Other(other.chars().filter(|c| !c.is_control()).take(20).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_letters_or_words() {
        for (word, expected) in [
            ("y\n", Said::Same),
            ("N", Said::Different),
            (" skip ", Said::Skip),
            ("?", Said::Help),
            ("yes", Said::Other("yes".to_owned())),
            ("", Said::Other(String::new())),
        ] {
            assert_eq!(said(word), expected, "{word:?}");
        }
    }
}
