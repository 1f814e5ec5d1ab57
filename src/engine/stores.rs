//! Object stores, made from the project's storage rules: the one place that knows how each kind of store is reached.
//!
//! Every store here creates a file only if it is absent when asked to, which is what commits of tables and of state stand on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use datafusion::execution::object_store::ObjectStoreUrl;
use kinfold_base::{Secret, SecretRef};
use kinfold_lang::project::StorageRule;
use object_store::aws::{AmazonS3, AmazonS3Builder, AwsCredential, S3ConditionalPut};
use object_store::azure::{AzureAccessKey, AzureCredential, MicrosoftAzure, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorage, GoogleCloudStorageBuilder};
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig, StaticCredentialProvider};
use url::Url;

use crate::error::{EngineError, ErrorKind};
use crate::local::DurableLocal;

/// Reads a secret that a rule refers to; the message of an error names the reference and never holds the secret.
pub type SecretResolver = Arc<dyn Fn(&SecretRef) -> Result<Secret, String> + Send + Sync>;

/// How long one request may take, its body included.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// After this long no further attempt at a request is made.
const RETRY_TIMEOUT: Duration = Duration::from_secs(12);
const MAX_RETRIES: usize = 4;

/// A place in an object store.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) path: Path,
    /// The name under which queries find the store.
    pub(crate) store_url: ObjectStoreUrl,
    /// The place as the project's author wrote it.
    pub(crate) label: String,
}

impl Place {
    pub(crate) fn child(&self, name: &str) -> Self {
        Self {
            store: Arc::clone(&self.store),
            path: self.path.clone().join(name),
            store_url: self.store_url.clone(),
            label: format!("{}/{name}", self.label.trim_end_matches('/')),
        }
    }
}

struct Opened {
    rule: Option<usize>,
    root: String,
    store: Arc<dyn ObjectStore>,
    url: ObjectStoreUrl,
}

/// Makes object stores from storage rules, each once.
pub struct Stores {
    rules: Vec<StorageRule>,
    secrets: SecretResolver,
    opened: Mutex<Vec<Opened>>,
}

impl std::fmt::Debug for Stores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stores").field("rules", &self.rules.len()).finish_non_exhaustive()
    }
}

impl Stores {
    pub fn new(rules: Vec<StorageRule>, secrets: SecretResolver) -> Self {
        Self { rules, secrets, opened: Mutex::default() }
    }

    /// The store that holds `url`, an absolute path or an `s3://`, `gs://` or `az://` URL, and the path within it.
    ///
    /// # Errors
    /// When the URL is of no known kind, or a rule's secret cannot be read. Nothing is connected yet.
    pub fn store_for(&self, url: &str) -> Result<(Arc<dyn ObjectStore>, Path), EngineError> {
        let place = self.place(url)?;
        Ok((place.store, place.path))
    }

    pub(crate) fn place(&self, url: &str) -> Result<Place, EngineError> {
        let (root, path) = split(url)?;
        let rule = self.rule_for(url);
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let known = opened.iter().find(|o| o.rule == rule && o.root == root);
        let (store, store_url) = if let Some(known) = known {
            (Arc::clone(&known.store), known.url.clone())
        } else {
            let store = self.open(&root, rule.map(|i| &self.rules[i]))?;
            let name = format!("store{}://{}/", opened.len(), if root == LOCAL { "local" } else { "bucket" });
            let store_url = ObjectStoreUrl::parse(name).map_err(|e| bug("an object store's name", e))?;
            opened.push(Opened { rule, root, store: Arc::clone(&store), url: store_url.clone() });
            (store, store_url)
        };
        Ok(Place { store, path, store_url, label: url.trim_end_matches('/').to_owned() })
    }

    /// The rule with the longest prefix of `url`.
    fn rule_for(&self, url: &str) -> Option<usize> {
        let fits = |rule: &StorageRule| url.starts_with(&rule.prefix) || format!("{url}/") == rule.prefix;
        let candidates = self.rules.iter().enumerate().filter(|(_, rule)| fits(rule));
        candidates.max_by_key(|(_, rule)| rule.prefix.len()).map(|(i, _)| i)
    }

    fn open(&self, root: &str, rule: Option<&StorageRule>) -> Result<Arc<dyn ObjectStore>, EngineError> {
        if root == LOCAL {
            return Ok(Arc::new(DurableLocal::new()));
        }
        let (scheme, bucket) = root.split_once("://").unwrap_or((root, ""));
        let secrets = Secrets::read(rule, &self.secrets)?;
        let region = rule.and_then(|r| non_empty(r.region.as_deref()));
        let endpoint = rule.and_then(|r| non_empty(r.endpoint.as_deref()));
        let client = client(rule.is_some_and(|r| r.allow_http));
        let built: Result<Arc<dyn ObjectStore>, object_store::Error> = match scheme {
            "s3" => s3(bucket, region, endpoint, &secrets, client).map(|s| Arc::new(s) as _),
            "gs" => gs(bucket, endpoint, &secrets, client).map(|s| Arc::new(s) as _),
            _ => {
                let account = rule.and_then(|r| non_empty(r.account.as_deref()));
                az(bucket, account, endpoint, &secrets, client).map(|s| Arc::new(s) as _)
            }
        };
        built.map_err(|e| {
            let reason = match &e {
                // What the client puts before it says nothing to the project's author.
                object_store::Error::Generic { source, .. } => source.to_string(),
                e => e.to_string(),
            };
            EngineError {
                kind: ErrorKind::Input,
                message: format!("the storage rule for {root} cannot be used: {}", first_line(&reason)),
                hint: Some(format!("mend the entry under `storage` in kinfold.yml whose prefix covers {root}")),
                source: None,
            }
        })
    }
}

fn s3(
    bucket: &str,
    region: Option<&str>,
    endpoint: Option<&str>,
    secrets: &Secrets,
    client: ClientOptions,
) -> Result<AmazonS3, object_store::Error> {
    let mut b = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_client_options(client)
        .with_retry(retry())
        .with_conditional_put(S3ConditionalPut::ETagMatch);
    if let Some(region) = region {
        b = b.with_region(region);
    }
    if let Some(endpoint) = endpoint {
        b = b.with_endpoint(endpoint).with_virtual_hosted_style_request(false);
    }
    if let Some(id) = &secrets.access_key_id {
        b = b.with_access_key_id(id.expose());
    }
    if let Some(key) = &secrets.secret_access_key {
        b = b.with_secret_access_key(key.expose());
    }
    if let Some(token) = &secrets.session_token {
        b = b.with_token(token.expose());
    }
    if let (Some(id), Some(key)) = (&secrets.access_key_id, &secrets.secret_access_key) {
        // As plain keys, a session token from the environment would go with them.
        b = b.with_credentials(Arc::new(StaticCredentialProvider::new(AwsCredential {
            key_id: id.expose().to_owned(),
            secret_key: key.expose().to_owned(),
            token: secrets.session_token.as_ref().map(|token| token.expose().to_owned()),
        })));
    }
    b.build()
}

fn gs(
    bucket: &str,
    endpoint: Option<&str>,
    secrets: &Secrets,
    client: ClientOptions,
) -> Result<GoogleCloudStorage, object_store::Error> {
    // A rule's credential counts alone: one from the environment beside it would be an error.
    let mut b = match &secrets.credential {
        Some(key) => GoogleCloudStorageBuilder::new().with_service_account_key(key.expose()),
        None => GoogleCloudStorageBuilder::from_env(),
    };
    b = b.with_bucket_name(bucket).with_client_options(client).with_retry(retry());
    if let Some(endpoint) = endpoint {
        b = b.with_base_url(endpoint);
    }
    b.build().map_err(|e| match &secrets.credential {
        Some(_) => wrong_credential("a service account's JSON"),
        None => e,
    })
}

fn az(
    container: &str,
    account: Option<&str>,
    endpoint: Option<&str>,
    secrets: &Secrets,
    client: ClientOptions,
) -> Result<MicrosoftAzure, object_store::Error> {
    let mut b = MicrosoftAzureBuilder::from_env()
        .with_container_name(container)
        .with_client_options(client)
        .with_retry(retry());
    if let Some(account) = account {
        b = b.with_account(account);
    }
    if let Some(endpoint) = endpoint {
        b = b.with_endpoint(endpoint.to_owned());
    }
    if let Some(key) = &secrets.credential {
        // As a plain access key, a token from the environment would count before it.
        let key = AzureAccessKey::try_new(key.expose()).map_err(|_| wrong_credential("an account's key in Base64"))?;
        b = b.with_credentials(Arc::new(StaticCredentialProvider::new(AzureCredential::AccessKey(key))));
    }
    b.build()
}

/// The client's own error may quote the credential.
fn wrong_credential(wanted: &str) -> object_store::Error {
    object_store::Error::Generic { store: "storage", source: format!("its `credential` is not {wanted}").into() }
}

/// A rule's secrets, read.
#[derive(Default)]
struct Secrets {
    access_key_id: Option<Secret>,
    secret_access_key: Option<Secret>,
    session_token: Option<Secret>,
    credential: Option<Secret>,
}

impl Secrets {
    fn read(rule: Option<&StorageRule>, resolve: &SecretResolver) -> Result<Self, EngineError> {
        let Some(rule) = rule else { return Ok(Self::default()) };
        let read = |reference: &Option<SecretRef>| {
            reference.as_ref().map(|r| resolve(r)).transpose().map_err(|message| EngineError {
                kind: ErrorKind::Input,
                message: format!("the storage rule for {} cannot be used: {message}", rule.prefix),
                hint: None,
                source: None,
            })
        };
        Ok(Self {
            access_key_id: read(&rule.access_key_id)?,
            secret_access_key: read(&rule.secret_access_key)?,
            session_token: read(&rule.session_token)?,
            credential: read(&rule.credential)?,
        })
    }
}

fn client(allow_http: bool) -> ClientOptions {
    ClientOptions::new().with_connect_timeout(CONNECT_TIMEOUT).with_timeout(REQUEST_TIMEOUT).with_allow_http(allow_http)
}

fn retry() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(3),
            base: 2.0,
        },
        max_retries: MAX_RETRIES,
        retry_timeout: RETRY_TIMEOUT,
    }
}

const LOCAL: &str = "file";

/// The store's root, `scheme://bucket` or [`LOCAL`], and the path below it.
fn split(url: &str) -> Result<(String, Path), EngineError> {
    let invalid = |reason: String| EngineError {
        kind: ErrorKind::Input,
        message: format!("`{url}` is not a place that data can be in: {reason}"),
        hint: Some("write a path, or a URL that begins with s3://, gs:// or az://".to_owned()),
        source: None,
    };
    if let Some(path) = url.strip_prefix("file://") {
        return Ok((LOCAL.to_owned(), local_path(path).map_err(|e| invalid(e.to_string()))?));
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        return Ok((LOCAL.to_owned(), local_path(url).map_err(|e| invalid(e.to_string()))?));
    };
    if !matches!(scheme, "s3" | "gs" | "az") {
        return Err(invalid(format!("the scheme `{scheme}` is not known")));
    }
    let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(invalid("it names no bucket".to_owned()));
    }
    let path = Path::parse(path.trim_matches('/')).map_err(|e| invalid(e.to_string()))?;
    Ok((format!("{scheme}://{bucket}"), path))
}

/// An absolute path, as object stores spell it.
fn local_path(path: &str) -> Result<Path, object_store::path::Error> {
    let mut parts = Vec::new();
    for part in path.split('/').filter(|p| !p.is_empty() && *p != ".") {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    Path::parse(parts.join("/"))
}

/// A location as the URL that Delta wants: its path ends with a slash.
pub(crate) fn delta_url(url: &str) -> Result<Url, EngineError> {
    let invalid = |reason: String| EngineError {
        kind: ErrorKind::Input,
        message: format!("`{url}` is not a place that a Delta table can be in: {reason}"),
        hint: None,
        source: None,
    };
    let path = url.strip_prefix("file://").unwrap_or(url);
    if path.contains("://") {
        return Url::parse(&format!("{}/", url.trim_end_matches('/'))).map_err(|e| invalid(e.to_string()));
    }
    Url::from_directory_path(path).map_err(|()| invalid("it is not an absolute path".to_owned()))
}

fn non_empty(text: Option<&str>) -> Option<&str> {
    text.filter(|t| !t.is_empty())
}

pub(crate) fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn bug(what: &str, e: impl std::error::Error + Send + Sync + 'static) -> EngineError {
    EngineError { kind: ErrorKind::Bug, message: format!("{what} is not valid"), hint: None, source: Some(Box::new(e)) }
}
