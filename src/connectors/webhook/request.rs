//! One request, and what its answer means.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use kinfold_base::{Clock as _, SystemClock};
use kinfold_sync::{Answer, Batch, Operation, Outcome, SyncError, Target};
use reqwest::header::{DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, redirect};

use super::config::{Config, Matching};
use super::redact::Redactor;
use super::results;
use crate::error::{bug, outside};

/// So much of an answer is read, and no more.
const ANSWER_BYTES: usize = 8 << 20;

pub(super) fn client(config: &Config) -> Result<Client, SyncError> {
    Client::builder()
        .timeout(config.timeout)
        .connect_timeout(config.timeout.min(Duration::from_secs(15)))
        .user_agent(concat!("kinfold/", env!("CARGO_PKG_VERSION")))
        .referer(false)
        .redirect(redirect::Policy::custom(|attempt| {
            // Rows and credentials go to no other host, and a request must stay what it was.
            let same = |a: &url::Url, b: &url::Url| a.origin() == b.origin();
            let keeps_method =
                matches!(attempt.status(), StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
            let allowed = attempt.previous().first().is_some_and(|first| same(first, attempt.url()));
            if keeps_method && allowed && attempt.previous().len() < 5 { attempt.follow() } else { attempt.stop() }
        }))
        .build()
        .map_err(|e| {
            outside(format!("HTTP cannot be set up: {}", e.without_url()), "check that ca-certificates is installed")
        })
}

/// Makes one attempt.
pub(super) async fn send(
    client: &Client,
    config: &Config,
    target: &Target,
    batch: &Batch,
    body: Vec<u8>,
) -> Result<Answer, SyncError> {
    let delete = batch.operation == Operation::Delete;
    let address = config.address(target, delete)?;
    let method = if delete { &config.delete_method } else { &config.method };
    let idempotency_key =
        HeaderValue::from_str(&batch.idempotency_key).map_err(|_| bug("an idempotency key is no header"))?;
    let request = client
        .request(method.clone(), address.url)
        .headers(config.headers.clone())
        .header(HeaderName::from_static("idempotency-key"), idempotency_key)
        .body(body);
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) => return no_answer(&address.shown, &error.without_url()),
    };
    let status = response.status();
    let wait = retry_after(response.headers());
    let wants_results = config.results.matching != Matching::None;
    // Without results a 2xx says it all; the body is left unread, which costs at most the connection.
    if status.is_success() && !wants_results {
        return Ok(Answer::Rows(vec![Outcome::Ok; batch.rows.num_rows()]));
    }
    let body = match read(response).await {
        Ok(body) => body,
        Err(_) if status.is_success() => return Ok(in_doubt("the connection broke during the answer")),
        Err(_) => Vec::new(),
    };
    if status.is_success() {
        return Ok(Answer::Rows(results::read(&config.results, config.numbers, target, &batch.rows, &body)));
    }
    let said = results::message(&config.results, &body).map(|m| Redactor::new(&batch.rows).redact(&m));
    classify(status, wait, batch.rows.num_rows(), &address.shown, said.as_deref())
}

/// What a status other than 2xx means.
fn classify(
    status: StatusCode,
    wait: Option<u64>,
    rows: usize,
    shown: &str,
    said: Option<&str>,
) -> Result<Answer, SyncError> {
    let code = status.as_u16();
    let reason = match said {
        Some(said) => format!("HTTP {code}: {said}"),
        None => format!("HTTP {code}"),
    };
    let stop = |what: &str, hint: &str| Err(outside(format!("{shown} {what}: {reason}"), hint));
    match code {
        // The receiver says that it has not begun.
        425 | 429 | 503 => Ok(Answer::RetryAfter { seconds: wait, reason }),
        // Whoever answers here need not know how far the work has gone, a gateway least of all.
        408 | 500 | 502 | 504 | 506..=599 => Ok(Answer::InDoubt { seconds: wait, reason }),
        300..=399 => stop(
            "redirects elsewhere",
            "set `url` to where it leads: rows are not sent to a host that the settings do not name",
        ),
        401 | 403 | 407 => {
            stop("refuses the credential", "check `token`, or `user` and `password`, or the secret headers")
        }
        404 | 410 => stop("does not exist", "check `url`, and the sync's `object` if it stands in it"),
        405 | 501 => stop("does not take this method", "check `method` and `delete_method`"),
        402 | 406 | 411 | 415 | 421 | 426 | 431 | 505 => {
            stop("does not take such requests", "check `url` and `headers`")
        }
        _ if rows == 1 => Ok(Answer::Rows(vec![Outcome::Rejected(reason)])),
        _ => Ok(Answer::Bisect { reason }),
    }
}

/// The request was sent, and nobody knows what came of it.
fn in_doubt(why: &str) -> Answer {
    Answer::InDoubt { seconds: None, reason: why.to_owned() }
}

fn no_answer(shown: &str, error: &reqwest::Error) -> Result<Answer, SyncError> {
    if error.is_builder() {
        return Err(bug(format!("a request to {shown} could not be made: {error}")));
    }
    let cause = innermost(error);
    if error.is_connect() {
        // The one kind of failed connection that time does not mend.
        if cause.to_ascii_lowercase().contains("certificate") {
            return Err(outside(
                format!("{shown} cannot be trusted: {cause}"),
                "check the certificate of the server, and the time of this machine",
            ));
        }
        return Ok(Answer::RetryAfter { seconds: None, reason: format!("{shown} cannot be reached: {cause}") });
    }
    Ok(in_doubt(if error.is_timeout() {
        "no answer came in time"
    } else {
        "the connection broke before an answer came"
    }))
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

async fn read(mut response: Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = ANSWER_BYTES - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == ANSWER_BYTES {
            break;
        }
    }
    Ok(body)
}

/// Seconds to wait: a number, or the difference between a date and the server's own clock.
fn retry_after(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(seconds);
    }
    let until = http_date(text)?;
    let now = headers.get(DATE).and_then(|d| d.to_str().ok()).and_then(http_date).unwrap_or_else(|| SystemClock.now());
    Some(u64::try_from(until.duration_since(now).as_secs()).unwrap_or(0))
}

fn http_date(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_seconds_or_dates() {
        let wait = |pairs: &[(&'static str, &'static str)]| {
            let pairs = pairs.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v)));
            retry_after(&pairs.collect())
        };
        let now = ("date", "Sat, 21 Nov 2026 22:00:00 GMT");
        assert_eq!(wait(&[]), None);
        assert_eq!(wait(&[("retry-after", "120")]), Some(120));
        assert_eq!(wait(&[("retry-after", "Sat, 21 Nov 2026 22:01:30 GMT"), now]), Some(90));
        assert_eq!(wait(&[("retry-after", "Sat, 21 Nov 2026 21:00:00 GMT"), now]), Some(0));
        assert_eq!(wait(&[("retry-after", "soon"), now]), None);
    }

    #[test]
    fn statuses_are_told_apart() {
        let what = |code: u16, rows: usize| match classify(
            StatusCode::from_u16(code).unwrap(),
            Some(7),
            rows,
            "https://x/",
            None,
        ) {
            Ok(Answer::RetryAfter { seconds, .. }) => format!("retry {seconds:?}"),
            Ok(Answer::InDoubt { seconds, .. }) => format!("in doubt {seconds:?}"),
            Ok(Answer::Bisect { .. }) => "bisect".to_owned(),
            Ok(Answer::Rows(rows)) => format!("{rows:?}"),
            Err(error) => format!("stop: {error}"),
        };
        for code in [425, 429, 503] {
            assert_eq!(what(code, 2), "retry Some(7)", "{code}");
        }
        for code in [408, 500, 502, 504, 520, 524] {
            assert_eq!(what(code, 2), "in doubt Some(7)", "{code}");
        }
        for code in [400, 409, 413, 422] {
            assert_eq!(what(code, 2), "bisect", "{code}");
            assert_eq!(what(code, 1), format!("[Rejected(\"HTTP {code}\")]"));
        }
        assert_eq!(what(401, 2), "stop: https://x/ refuses the credential: HTTP 401");
        assert_eq!(what(404, 1), "stop: https://x/ does not exist: HTTP 404");
        assert_eq!(what(405, 1), "stop: https://x/ does not take this method: HTTP 405");
        assert_eq!(what(302, 1).split(':').next(), Some("stop"));
    }
}
