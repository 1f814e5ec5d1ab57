//! The way to the database: how it is named and protected, and what breaks on it.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};
use kinfold_base::Setting;
use kinfold_base::SyncMode::{self, Upsert};
use kinfold_sync::{Operation, SharedConnector};

use super::{Database, people, send};
use crate::postgres::config::Config;
use crate::postgres::send::ask_what_became;
use crate::postgres::session::Sessions;
use crate::settings::Settings;
use crate::testing::{Stores, number, open, rows, secret, target, text, words};

#[tokio::test]
async fn a_place_tells_where_rows_go_and_no_secret() {
    let check = async |settings: &[(String, Setting)], expected: &str| {
        let connector = open("postgres", settings, &Stores::default()).await.unwrap();
        assert_eq!(connector.place(&target("contacts", Upsert, &people(&[], &[]))), expected);
    };
    let parts = [text("host", "db.example.com"), text("user", "me"), secret("password", "pw")];
    check(&parts, "contacts at db.example.com:5432/me").await;
    let url = secret("url", "postgres://me:pw@a:1,b:2/crm");
    check(&[url, text("schema", "sales")], "sales.contacts at a:1,b:2/crm").await;
    check(&[text("host", "/run/pg"), number("port", 6), text("user", "me")], "contacts at /run/pg:6/me").await;
}

#[tokio::test]
async fn trouble_on_the_way_is_told_apart() {
    let Some(db) = Database::new("trouble").await else { return };
    db.run("CREATE TABLE t (id int PRIMARY KEY, name text)").await;
    let mut url = url::Url::parse(&db.url).unwrap();
    url.query_pairs_mut().append_pair("application_name", "kinfold_trouble");
    let settings = [secret("url", url.as_str()), text("schema", &db.schema), number("timeout_secs", 1)];
    let connector = open("postgres", &settings, &Stores::default()).await.unwrap();
    let one = people(&[1], &[Some("ada")]);
    let target = target("t", SyncMode::Upsert, &one);
    assert_eq!(send(&connector, &target, Operation::Upsert, &one).await, "ok");
    // A connection that was cut while it was idle is made anew.
    let cut =
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'kinfold_trouble'";
    db.run(cut).await;
    let after = send(&connector, &target, Operation::Upsert, &one).await;
    assert!(after == "ok" || after.starts_with("retry: "), "{after}");
    assert_eq!(send(&connector, &target, Operation::Upsert, &one).await, "ok");
    // A lock that does not go away.
    db.run("BEGIN; LOCK TABLE t").await;
    let locked = send(&connector, &target, Operation::Upsert, &one).await;
    assert_eq!(locked, "retry: PostgreSQL: the statement took too long (57014)");
    db.run("ROLLBACK").await;
    // A table that went away under the sync.
    db.run("ALTER TABLE t RENAME TO gone").await;
    assert_eq!(send(&connector, &target, Operation::Upsert, &one).await, "stop: the table t is gone (42P01)");
    // Nobody there, and the wrong password.
    let stores = Stores::default();
    let nobody = [text("host", "127.0.0.1"), number("port", 1), text("user", "nobody")];
    let nobody = open("postgres", &nobody, &stores).await.unwrap();
    let error = nobody.prepare(&target).await.unwrap_err().to_string();
    assert!(error.starts_with("PostgreSQL cannot be reached: "), "{error}");
    db.run("DO $$ BEGIN CREATE ROLE kinfold_test_role LOGIN PASSWORD 'kinfold_test_role'; EXCEPTION WHEN duplicate_object THEN NULL; END $$").await;
    db.run(&format!("ALTER TABLE gone RENAME TO t; GRANT USAGE ON SCHEMA {} TO kinfold_test_role; GRANT SELECT ON t TO kinfold_test_role", db.schema)).await;
    let role = open_as(&db, "kinfold_test_role").await;
    let refused = send(&role, &target, Operation::Upsert, &one).await;
    assert_eq!(refused, "stop: the role may not write to t: permission denied for table t (42501)");
    db.run("DROP OWNED BY kinfold_test_role; DROP ROLE kinfold_test_role").await;
}

/// The test database as another role, whose password is its name.
async fn open_as(db: &Database, role: &str) -> SharedConnector {
    let mut url = url::Url::parse(&db.url).unwrap();
    url.set_username(role).unwrap();
    url.set_password(Some(role)).unwrap();
    open("postgres", &[secret("url", url.as_str()), text("schema", &db.schema)], &Stores::default()).await.unwrap()
}

#[tokio::test]
async fn a_commit_that_broke_is_asked_about() {
    let Some(db) = Database::new("commit").await else { return };
    let settings = [secret("url", &db.url)];
    let secrets = |reference: &kinfold_base::SecretRef| match reference {
        kinfold_base::SecretRef::Env(name) | kinfold_base::SecretRef::File(name) => {
            Ok(kinfold_base::Secret::new(name.clone()))
        }
    };
    let config = Config::read(&Settings::new(&settings, &secrets), &Stores::default()).unwrap();
    let sessions = Sessions::new(config.connect);
    let begin = "BEGIN; SELECT txid_current()";
    let ask = async |transaction: String| {
        words(Ok(ask_what_became(&sessions, transaction, vec![kinfold_sync::Outcome::Ok]).await))
    };
    let committed = db.ask(begin).await;
    db.run("COMMIT").await;
    assert_eq!(ask(committed).await, "ok");
    let aborted = db.ask(begin).await;
    db.run("ROLLBACK").await;
    assert_eq!(ask(aborted).await, "retry: the connection broke during the commit, which was rolled back");
    let open = db.ask(begin).await;
    assert_eq!(ask(open).await, "unknown: the connection broke during the commit, and the server is still at it");
    db.run("ROLLBACK").await;
}

/// A way to the database on which the server seems to speak another language. Gives the URL through it.
async fn translated(db: &Database) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
    use tokio::net::{TcpListener, TcpStream};
    let mut url = url::Url::parse(&db.url).unwrap();
    let address = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
    tokio::spawn(async move {
        loop {
            let (mut from_client, mut to_client) = listener.accept().await.unwrap().0.into_split();
            let (mut from_server, mut to_server) = TcpStream::connect(&address).await.unwrap().into_split();
            tokio::spawn(async move { copy(&mut from_client, &mut to_server).await });
            tokio::spawn(async move {
                let mut buffer = vec![0; 1 << 16];
                while let Ok(count @ 1..) = from_server.read(&mut buffer).await {
                    // A message comes whole, because the server sends it so.
                    let place = buffer[..count].windows(7).position(|w| w == b"SERROR\0");
                    if let Some(start) = place {
                        buffer[start..start + 7].copy_from_slice(b"SFALLO\0");
                    }
                    if to_client.write_all(&buffer[..count]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    url.to_string()
}

#[tokio::test]
async fn a_refused_commit_is_known_in_every_language() {
    let Some(db) = Database::new("language").await else { return };
    db.run("CREATE TABLE t (id int PRIMARY KEY, name text UNIQUE DEFERRABLE INITIALLY DEFERRED)").await;
    db.run("INSERT INTO t VALUES (1, 'ada')").await;
    let settings = [secret("url", &translated(&db).await), text("schema", &db.schema), text("sslmode", "disable")];
    let connector = open("postgres", &settings, &Stores::default()).await.unwrap();
    let twice = people(&[2], &[Some("ada")]);
    let target = target("t", SyncMode::Upsert, &twice);
    let expected = "next run: breaks the unique constraint `t_name_key` (23505)";
    assert_eq!(send(&connector, &target, Operation::Upsert, &twice).await, expected);
}

/// What becomes of a connection when the client says `COMMIT`, once.
#[derive(Clone, Copy)]
enum Cut {
    /// The server never hears of it.
    Before,
    /// The server does it, and the client never hears of that.
    After,
}

/// A way to the database on which the first connection breaks at its commit. Gives the URL through it.
async fn breaking(db: &Database, cut: Cut) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy, copy_bidirectional};
    use tokio::net::{TcpListener, TcpStream};
    let mut url = url::Url::parse(&db.url).unwrap();
    let address = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = TcpStream::connect(&address).await.unwrap().into_split();
        let back = tokio::spawn(async move { copy(&mut from_server, &mut to_client).await });
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = from_client.read(&mut buffer).await.unwrap();
            let is_commit = buffer[..count].windows(7).any(|w| w == b"COMMIT\0");
            if is_commit {
                back.abort();
            }
            if !is_commit || matches!(cut, Cut::After) {
                to_server.write_all(&buffer[..count]).await.unwrap();
            }
            if is_commit {
                break;
            }
        }
        let _ = back.await;
        drop((from_client, to_server));
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut server = TcpStream::connect(&address).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
        }
    });
    url.to_string()
}

#[tokio::test]
async fn a_connection_that_breaks_at_the_commit_tells_the_truth() {
    let Some(db) = Database::new("broken").await else { return };
    let one = people(&[1], &[Some("ada")]);
    for (cut, expected, there) in [
        (Cut::Before, "retry: the connection broke during the commit, which was rolled back", "0"),
        (Cut::After, "ok", "1"),
    ] {
        db.run("DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, name text)").await;
        let settings =
            [secret("url", &breaking(&db, cut).await), text("schema", &db.schema), text("sslmode", "disable")];
        let connector = open("postgres", &settings, &Stores::default()).await.unwrap();
        let target = target("t", SyncMode::Insert, &one);
        connector.prepare(&target).await.unwrap();
        assert_eq!(send(&connector, &target, Operation::Insert, &one).await, expected);
        assert_eq!(db.ask("SELECT count(*) FROM t").await, there);
        assert_eq!(send(&connector, &target, Operation::Insert, &one).await, "ok");
        assert_eq!(db.ask("SELECT count(*) FROM t").await, "1");
    }
}

#[tokio::test]
async fn urls_and_parts_are_read() {
    let check = async |settings: &[(String, Setting)], expected: &str| {
        let secrets = |reference: &kinfold_base::SecretRef| match reference {
            kinfold_base::SecretRef::Env(name) | kinfold_base::SecretRef::File(name) => {
                Ok(kinfold_base::Secret::new(name.clone()))
            }
        };
        let got = match Config::read(&Settings::new(settings, &secrets), &Stores::default()) {
            Ok(config) => format!(
                "{:?} {:?} {:?}",
                config.connect.postgres.get_hosts(),
                config.connect.postgres.get_ssl_mode(),
                config.connect.verify
            ),
            Err(error) => error.to_string(),
        };
        assert_eq!(got, expected);
    };
    check(&[], "the setting `host` is missing").await;
    check(&[text("host", "db.example.com"), text("user", "u")], r#"[Tcp("db.example.com")] Require Nothing"#).await;
    check(&[text("host", "localhost"), text("user", "u")], r#"[Tcp("localhost")] Prefer Nothing"#).await;
    check(&[text("host", "/run/postgresql"), text("user", "u")], r#"[Unix("/run/postgresql")] Prefer Nothing"#).await;
    check(
        &[secret("url", "postgres://u:p@db.example.com/d?sslmode=verify-full")],
        r#"[Tcp("db.example.com")] Require ChainAndName"#,
    )
    .await;
    check(
        &[secret("url", "postgres://u@a:1,b:2/d"), text("sslmode", "verify-ca")],
        r#"[Tcp("a"), Tcp("b")] Require Chain"#,
    )
    .await;
    check(&[secret("url", "mysql://u@a/d")], "the secret `url` is not a PostgreSQL URL").await;
    check(&[secret("url", "postgres://u@a/d"), text("host", "b")], "`url` and `host` are both set").await;
    check(
        &[text("url", "postgres://u@a/d")],
        "the setting `url` must be a reference to a secret, such as `{env: NAME}`",
    )
    .await;
}

/// Needs a server whose certificate is for `localhost` alone, and is signed by the authority in `KINFOLD_TEST_POSTGRES_CA`.
#[tokio::test]
#[expect(clippy::print_stderr, reason = "a test that did not run must say so")]
async fn certificates_are_checked_as_asked() {
    let Some(db) = Database::new("tls").await else { return };
    let Ok(ca_file) = std::env::var("KINFOLD_TEST_POSTGRES_CA") else {
        eprintln!("NOT TESTED: postgres over TLS, because KINFOLD_TEST_POSTGRES_CA is not set");
        return;
    };
    db.run("CREATE TABLE t (id int PRIMARY KEY)").await;
    let check = async |host: &str, mode: &str, ca_file: Option<&str>, expected: &str| {
        let mut url = url::Url::parse(&db.url).unwrap();
        url.set_host(Some(host)).unwrap();
        let mut settings = vec![secret("url", url.as_str()), text("sslmode", mode), text("schema", &db.schema)];
        settings.extend(ca_file.map(|f| text("ca_file", f)));
        let connector = open("postgres", &settings, &Stores::default()).await.unwrap();
        let rows = rows(vec![("id", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]);
        let got =
            connector.prepare(&target("t", Upsert, &rows)).await.map_or_else(|e| e.to_string(), |()| "fine".to_owned());
        assert!(got.starts_with(expected), "{host} {mode}: {got}");
    };
    let ca = Some(ca_file.as_str());
    check("localhost", "verify-full", ca, "fine").await;
    check(
        "127.0.0.1",
        "verify-full",
        ca,
        "cannot connect to PostgreSQL: error performing TLS handshake: invalid peer certificate",
    )
    .await;
    check("127.0.0.1", "verify-ca", ca, "fine").await;
    check(
        "127.0.0.1",
        "verify-ca",
        None,
        "cannot connect to PostgreSQL: error performing TLS handshake: invalid peer certificate",
    )
    .await;
    check("127.0.0.1", "require", None, "fine").await;
    check("localhost", "disable", None, "fine").await;
    check("localhost", "verify-full", Some("/nonexistent"), "`ca_file` /nonexistent cannot be read").await;
}
