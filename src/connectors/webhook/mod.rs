//! Webhooks: batches of rows as JSON over HTTP.
//!
//! What an answer means is decided here, from its status and, where the receiver reports on single rows, from its body. Each request
//! carries an idempotency key, the same for every attempt at a batch.

mod body;
mod config;
mod redact;
mod request;
mod results;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use futures::stream::BoxStream;
use kinfold_base::{ConnectorSpec, Setting, SettingKind, SyncMode};
use kinfold_sync::{Answer, Batch, Connector, Limits, Outcome, SharedConnector, SyncError, Target};

use crate::Secrets;
use crate::cell::unsupported;
use crate::error::{bug, input};
use crate::settings::{Settings, setting};
use config::{Config, Matching};

pub(crate) fn specs() -> &'static [ConnectorSpec] {
    const SPECS: &[ConnectorSpec] = &[ConnectorSpec {
        name: "webhook",
        help: "An HTTP endpoint that takes batches of rows as JSON",
        settings: &[
            setting("url", SettingKind::Text, "where to send; `{object}` in it is replaced by the sync's object"),
            setting("url_secret", SettingKind::Secret, "instead of `url`, where the URL itself is a credential"),
            setting("method", SettingKind::Choice(&["POST", "PUT", "PATCH"]), "POST if left out"),
            setting("delete_url", SettingKind::Text, "where deletes go; `url` if left out"),
            setting(
                "delete_method",
                SettingKind::Choice(&["POST", "PUT", "PATCH", "DELETE"]),
                "the method for deletes; `method` if left out",
            ),
            setting("headers", SettingKind::Map, "further headers, as text or secrets"),
            setting("token", SettingKind::Secret, "sent as `Authorization: Bearer …`"),
            setting("user", SettingKind::Text, "sent with `password` as `Authorization: Basic …`"),
            setting("password", SettingKind::Secret, "the user's password"),
            setting("batch_size", SettingKind::Integer, "rows in a request; 100 if left out"),
            setting("max_bytes", SettingKind::Integer, "bytes in a request's body; 1000000 if left out"),
            setting("timeout_secs", SettingKind::Integer, "how long an answer may take; 30 if left out"),
            setting("requests_per_second", SettingKind::Integer, "no bound if left out"),
            setting("concurrency", SettingKind::Integer, "requests at once; 4 if left out"),
            setting(
                "results",
                SettingKind::Choice(&["none", "position", "key"]),
                "how the answer reports on single rows; none if left out: a 2xx takes them all",
            ),
            setting(
                "results_path",
                SettingKind::Text,
                "where in the answer the list of results lies; `results` if left out",
            ),
            setting("status_field", SettingKind::Text, "a result's member with its status; `status` if left out"),
            setting("ok_values", SettingKind::Text, "statuses that mean taken, with commas between; `ok` if left out"),
            setting("retry_values", SettingKind::Text, "statuses that mean try again later; `retry` if left out"),
            setting("error_field", SettingKind::Text, "a result's member with the reason; `error` if left out"),
            setting(
                "key_field",
                SettingKind::Text,
                "for `results: key`, a result's member with the key's columns; `key` if left out",
            ),
            setting(
                "decimals",
                SettingKind::Choice(&["text", "number"]),
                "how decimals and whole numbers beyond 2^53 are written; text if left out",
            ),
            setting(
                "allow_http",
                SettingKind::Boolean,
                "allow a URL without TLS that leaves this machine; false if left out",
            ),
        ],
        modes: &[SyncMode::Insert, SyncMode::Update, SyncMode::Upsert, SyncMode::Mirror],
        object: "any name; it is sent in the body",
        deletes: true,
    }];
    SPECS
}

pub(crate) fn open(settings: &[(String, Setting)], secrets: Secrets<'_>) -> Result<SharedConnector, SyncError> {
    let config = Config::read(&Settings::new(settings, secrets))?;
    let client = request::client(&config)?;
    Ok(Arc::new(Webhook { config, client }))
}

/// An endpoint.
struct Webhook {
    config: Config,
    client: reqwest::Client,
}

#[async_trait]
impl Connector for Webhook {
    fn limits(&self) -> Limits {
        self.config.limits
    }

    fn place(&self, target: &Target) -> String {
        self.config.place(target)
    }

    async fn prepare(&self, target: &Target) -> Result<(), SyncError> {
        if self.config.results.matching == Matching::Key && target.key_columns == 0 {
            return Err(input(
                format!("`results: key` needs a key, and the sync `{}` has none", target.sync),
                "give the sync a `key`, or set `results: position` if the receiver keeps the order of the rows",
            ));
        }
        if let Some(field) = unsupported(target.schema.fields().iter().map(AsRef::as_ref)) {
            return Err(input(
                format!("the field `{}` of sync `{}` has a type that JSON cannot hold", field.name(), target.sync),
                "cast it to text, a number or a date in the field's SQL",
            ));
        }
        self.config.address(target, false)?;
        self.config.address(target, true)?;
        Ok(())
    }

    async fn send(&self, target: &Target, batch: &Batch) -> Result<Answer, SyncError> {
        let rows = batch.rows.num_rows();
        let body = body::write(target, batch, self.config.numbers);
        if body.len() > self.config.limits.batch_bytes {
            let reason = format!("the body would have more than {} bytes", self.config.limits.batch_bytes);
            return Ok(match rows {
                1 => Answer::Rows(vec![Outcome::Rejected(reason)]),
                _ => Answer::Bisect { reason },
            });
        }
        request::send(&self.client, &self.config, target, batch, body).await
    }

    async fn replace(
        &self,
        _: &Target,
        _: BoxStream<'static, Result<RecordBatch, SyncError>>,
    ) -> Result<u64, SyncError> {
        Err(bug("a webhook takes changes, and was handed a whole set"))
    }
}
