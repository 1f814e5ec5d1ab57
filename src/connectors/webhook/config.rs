//! From settings to requests.

use std::time::Duration;

use kinfold_base::Secret;
use kinfold_sync::{Limits, SyncError, Target, fingerprint};
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use url::{Host, Url};

use crate::error::input;
use crate::json::Numbers;
use crate::settings::Settings;

/// Everything that the settings say.
pub(super) struct Config {
    url: Secret,
    delete_url: Option<Secret>,
    /// Whether the URL is a credential, of which only the host may be shown.
    hide_url: bool,
    allow_http: bool,
    pub(super) method: Method,
    pub(super) delete_method: Method,
    /// All are marked as sensitive, so that no log shows them.
    pub(super) headers: HeaderMap,
    pub(super) timeout: Duration,
    pub(super) limits: Limits,
    pub(super) numbers: Numbers,
    pub(super) results: Results,
}

/// How to read the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Results {
    pub(super) matching: Matching,
    /// Names of members, from the outside in; empty for the body itself.
    pub(super) list: Vec<String>,
    pub(super) status: Vec<String>,
    pub(super) ok: Vec<String>,
    pub(super) retry: Vec<String>,
    pub(super) error: Vec<String>,
    pub(super) key: Vec<String>,
}

/// How results are matched to rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Matching {
    None,
    Position,
    Key,
}

/// A URL to call, and how it may be named in a message.
pub(super) struct Address {
    pub(super) url: Url,
    pub(super) shown: String,
}

impl Config {
    pub(super) fn read(settings: &Settings<'_>) -> Result<Self, SyncError> {
        let (url, hide_url) = match (settings.text("url")?, settings.secret("url_secret")?) {
            (Some(_), Some(_)) => return Err(input("`url` and `url_secret` are both set", "leave one of them out")),
            (Some(url), None) => (Secret::new(url), false),
            (None, Some(url)) => (url, true),
            (None, None) => {
                return Err(input("the setting `url` is missing", "say where to send rows: `url: https://…`"));
            }
        };
        let method = settings.choice("method", &[("POST", 0), ("PUT", 1), ("PATCH", 2)])?;
        let delete_method =
            settings.choice("delete_method", &[("", method), ("POST", 0), ("PUT", 1), ("PATCH", 2), ("DELETE", 3)])?;
        let methods = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
        let words = |name: &str, default: &str| -> Result<Vec<String>, SyncError> {
            let text = settings.text(name)?.unwrap_or(default.into());
            Ok(text.split(',').map(str::trim).filter(|w| !w.is_empty()).map(str::to_owned).collect())
        };
        let path = |name: &str, default: &str| -> Result<Vec<String>, SyncError> {
            let text = settings.text(name)?.unwrap_or(default.into());
            Ok(text.split('.').filter(|w| !w.is_empty()).map(str::to_owned).collect())
        };
        let number = |name: &str, default: u32, max: u32| settings.integer(name, 1, max).map(|n| n.unwrap_or(default));
        Ok(Self {
            url,
            delete_url: settings.text("delete_url")?.map(Secret::new),
            hide_url,
            allow_http: settings.boolean("allow_http", false)?,
            method: methods[method].clone(),
            delete_method: methods[delete_method].clone(),
            headers: headers(settings)?,
            timeout: Duration::from_secs(number("timeout_secs", 30, 3600)?.into()),
            limits: Limits {
                batch_rows: number("batch_size", 100, 100_000)? as usize,
                batch_bytes: number("max_bytes", 1_000_000, 1 << 30)? as usize,
                concurrency: number("concurrency", 4, 256)? as usize,
                requests_per_second: settings.integer("requests_per_second", 1, 100_000)?,
                whole: false,
            },
            numbers: settings.choice("decimals", &[("text", Numbers::ExactAsText), ("number", Numbers::AsNumbers)])?,
            results: Results {
                matching: settings.choice(
                    "results",
                    &[("none", Matching::None), ("position", Matching::Position), ("key", Matching::Key)],
                )?,
                list: path("results_path", "results")?,
                status: path("status_field", "status")?,
                ok: words("ok_values", "ok")?,
                retry: words("retry_values", "retry")?,
                error: path("error_field", "error")?,
                key: path("key_field", "key")?,
            },
        })
    }

    /// The place of this target's rows: the object, which every request names, and the URL. Of what may be a credential there is only
    /// a fingerprint.
    pub(super) fn place(&self, target: &Target) -> String {
        let object = &target.object;
        match self.address(target, false) {
            Ok(Address { url, shown }) if self.hide_url => {
                format!("{object} at {shown} ({})", fingerprint(url.as_str()))
            }
            Ok(Address { url, shown }) => match url.query() {
                Some(query) => format!("{object} at {shown}?… ({})", fingerprint(query)),
                None => format!("{object} at {shown}"),
            },
            // Such a URL is refused before anything is sent.
            Err(_) => object.clone(),
        }
    }

    /// Where rows of this target go.
    pub(super) fn address(&self, target: &Target, delete: bool) -> Result<Address, SyncError> {
        let (template, name) = match &self.delete_url {
            Some(url) if delete => (url, "delete_url"),
            _ => (&self.url, if self.hide_url { "url_secret" } else { "url" }),
        };
        let object: String = url::form_urlencoded::byte_serialize(target.object.as_bytes()).collect();
        let text = template.expose().replace("{object}", &object.replace('+', "%20"));
        let wrong = |what: &str, hint: &str| Err(input(format!("`{name}` {what}"), hint));
        let url = match Url::parse(&text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => url,
            _ => return wrong("is not an HTTP URL", "write https://host/path"),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return wrong("holds a user or a password", "use the settings `user` and `password`");
        }
        if url.scheme() == "http" && !self.allow_http && !is_loopback(&url) {
            return wrong(
                "would send rows without TLS",
                "write https://, or set `allow_http: true` if the way there is safe",
            );
        }
        let host = url.host_str().unwrap_or_default();
        let shown = if self.hide_url && name == "url_secret" {
            format!("{}://{host}/…", url.scheme())
        } else {
            format!(
                "{}://{host}{}{}",
                url.scheme(),
                url.port().map(|p| format!(":{p}")).unwrap_or_default(),
                url.path()
            )
        };
        Ok(Address { url, shown })
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Names of headers that are the protocol's, or Kinfold's own.
const RESERVED: &[&str] = &["host", "content-length", "transfer-encoding", "connection", "idempotency-key"];

fn headers(settings: &Settings<'_>) -> Result<HeaderMap, SyncError> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let value = |name: &str, text: &str| {
        let mut value = HeaderValue::from_str(text).map_err(|_| {
            input(
                format!("the value of `{name}` cannot stand in an HTTP header"),
                "remove line breaks and control characters",
            )
        })?;
        value.set_sensitive(true);
        Ok::<_, SyncError>(value)
    };
    for (name, text) in settings.map("headers")? {
        let parsed = HeaderName::from_bytes(name.as_bytes());
        match parsed {
            Ok(header) if !RESERVED.contains(&header.as_str()) => {
                headers.insert(header, value(name, text.expose())?);
            }
            Ok(_) => {
                return Err(input(
                    format!("the header `{name}` cannot be set"),
                    "leave it out: it is set for each request",
                ));
            }
            Err(_) => {
                return Err(input(format!("`{name}` is not the name of an HTTP header"), "mend it under `headers`"));
            }
        }
    }
    let authorization = match (settings.secret("token")?, settings.text("user")?, settings.secret("password")?) {
        (Some(token), None, None) => Some(format!("Bearer {}", token.expose())),
        (None, Some(user), password) => {
            let pair = format!("{user}:{}", password.as_ref().map_or("", |p| p.expose()));
            Some(format!("Basic {}", crate::cell::base64(pair.as_bytes())))
        }
        (None, None, None) => None,
        (Some(_), ..) => {
            return Err(input("`token` and `user` are both set", "a request carries one credential: leave one out"));
        }
        (None, None, Some(_)) => return Err(input("`password` is set without `user`", "set `user`, or use `token`")),
    };
    let Some(text) = authorization else { return Ok(headers) };
    if headers.insert(AUTHORIZATION, value("Authorization", &text)?).is_some() {
        return Err(input(
            "the header `Authorization` is set twice",
            "leave it out of `headers`, or leave out `token` and `user`",
        ));
    }
    Ok(headers)
}
