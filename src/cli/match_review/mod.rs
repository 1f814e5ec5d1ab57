//! `kinfold match review`
//!
//! | place | what it does |
//! |---|---|
//! | `input` | what a person says: keys on a terminal, lines elsewhere |
//! | `text` | a pair as people see it |

mod input;
mod text;

use std::fmt::Write;

use kinfold_app::{Answer, Answered, AppError, Options, Review, ReviewOrder, ReviewRequest};
use tokio_util::sync::CancellationToken;

use self::input::{Input, Said};
use self::text::Look;
use crate::cli::args::{MatchReviewArgs, ReviewOrderName};
use crate::cli::output::{Printer, count};
use crate::cli::{Ended, load};

/// How many pairs JSON has, unless told otherwise.
const LISTED: u64 = 20;

pub(super) async fn review(args: &MatchReviewArgs, options: &Options, printer: &Printer) -> Result<Ended, AppError> {
    let ready = match load(options, printer).await? {
        Ok(ready) => ready,
        Err(ended) => return Ok(ended),
    };
    let order = match args.order {
        ReviewOrderName::Likely => ReviewOrder::Likely,
        ReviewOrderName::Doubtful => ReviewOrder::Doubtful,
    };
    let limit = args.limit.map(u64::from);
    let request = ReviewRequest { entity: args.entity.clone(), order, limit };
    if printer.is_json() {
        printer.json(&kinfold_app::match_review_list(&ready, &request, limit.unwrap_or(LISTED)).await?);
        return Ok(Ended::Done);
    }
    let mut review = kinfold_app::match_review(&ready, &request).await?;
    if review.current().await?.is_none() {
        printer.text(&format!("nothing to review: no pair of {} is open\n", review.entity()));
        return Ok(Ended::Done);
    }
    let asked = ask(&mut review, printer, &options.cancel).await;
    // What was written until then is said whatever befell.
    printer.text(&summary(&review));
    asked.map(|()| Ended::Done)
}

/// Asks until all is said, or nobody says any more.
async fn ask(review: &mut Review<'_>, printer: &Printer, cancel: &CancellationToken) -> Result<(), AppError> {
    let look = Look::of_terminal();
    let input = Input::of_terminal();
    loop {
        if input.is_keys() && !review.is_at_hand() {
            printer.note("reading records…");
        }
        let Some(asked) = review.current().await? else { return Ok(()) };
        printer.text(&look.pair(asked));
        loop {
            printer.text(&look.prompt());
            let said = input.read(cancel).await;
            let answer = match &said {
                Said::Same => Answer::Same,
                Said::Different => Answer::Different,
                Said::Skip => Answer::Skip,
                Said::Undo => {
                    if review.undo()? {
                        printer.text("undone; once more\n\n");
                        break;
                    }
                    printer.text("there is nothing to undo\n");
                    continue;
                }
                Said::Help => {
                    printer.text(&look.help(review.file()));
                    continue;
                }
                Said::Other(word) => {
                    printer.text(&format!("`{word}` is no answer\n"));
                    continue;
                }
                Said::Quit => {
                    printer.text("quit\n\n");
                    return Ok(());
                }
            };
            match review.answer(answer)? {
                Answered::Taken => {
                    printer.text(match answer {
                        Answer::Same => "same\n\n",
                        Answer::Different => "different\n\n",
                        Answer::Skip => "skipped\n\n",
                    });
                    break;
                }
                Answered::Refused(why) => printer.text(&format!("not written: {why}\n")),
            }
        }
    }
}

fn summary(review: &Review<'_>) -> String {
    let counts = review.counts();
    let all = [
        (counts.same, "same"),
        (counts.different, "different"),
        (counts.skipped, "skipped"),
        (counts.settled, "settled by these answers"),
    ];
    if counts.asked() == 0 {
        return format!("nothing was decided\n{} left to look at\n", review.remaining());
    }
    let told: Vec<String> = all.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    let pairs = usize::try_from(counts.asked() + counts.settled).unwrap_or(usize::MAX);
    let mut out = count(pairs, "pair");
    let _ = write!(out, ": {}", told.join(", "));
    if counts.same + counts.different > 0 {
        let _ = write!(out, "; wrote {}; run `kinfold run` to apply this, and commit the file", review.file());
    } else {
        out.push_str("; nothing was written");
    }
    match review.remaining() {
        0 => out.push('\n'),
        left => {
            let _ = writeln!(out, "\n{left} left to look at");
        }
    }
    out
}
