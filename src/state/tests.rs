//! The protocol step by step; [`crate::simulation`] tries it against a store that lies.

use std::sync::Arc;

use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::{StateErrorKind, Versions};

fn memory() -> (Arc<dyn ObjectStore>, Versions<String>) {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    (Arc::clone(&store), Versions::new(store, Path::from("state")))
}

#[tokio::test]
async fn a_commit_is_the_newest_version() {
    let (_, versions) = memory();
    assert!(versions.latest().await.unwrap().is_none());
    let mut writer = versions.claim("w1", || "empty".to_owned()).await.unwrap();
    writer.commit("first".to_owned()).await.unwrap();
    let latest = versions.latest().await.unwrap().unwrap();
    assert_eq!((latest.number, latest.epoch, latest.parent, latest.body.as_str()), (2, 1, 1, "first"));
}

#[tokio::test]
async fn a_claim_keeps_the_body_and_fences_the_older_writer() {
    let (_, versions) = memory();
    let mut old = versions.claim("w1", || "empty".to_owned()).await.unwrap();
    old.commit("first".to_owned()).await.unwrap();
    let watch = old.watch();
    old.verify().await.unwrap();
    watch.verify().await.unwrap();
    let mut new = versions.claim("w2", || "empty".to_owned()).await.unwrap();
    assert_eq!((new.current().epoch, new.current().body.as_str()), (2, "first"));
    assert_eq!(old.verify().await.unwrap_err().kind, StateErrorKind::Fenced);
    assert_eq!(watch.verify().await.unwrap_err().kind, StateErrorKind::Fenced);
    assert_eq!(old.commit("late".to_owned()).await.unwrap_err().kind, StateErrorKind::Fenced);
    new.commit("second".to_owned()).await.unwrap();
    assert_eq!(versions.latest().await.unwrap().unwrap().body, "second");
}

#[tokio::test]
async fn old_versions_go_and_a_stalled_writer_cannot_bring_their_numbers_back() {
    let (_, versions) = memory();
    let mut stalled = versions.claim("w1", || "0".to_owned()).await.unwrap();
    let mut writer = versions.claim("w2", || "0".to_owned()).await.unwrap();
    for i in 1..10 {
        writer.commit(i.to_string()).await.unwrap();
    }
    let left = writer.collect(2).await.unwrap();
    assert_eq!(left.iter().map(|v| v.number).collect::<Vec<_>>(), [10, 11]);
    // Number 2 is free again, yet it is no part of the history.
    assert_eq!(stalled.commit("late".to_owned()).await.unwrap_err().kind, StateErrorKind::Fenced);
    assert_eq!(versions.latest().await.unwrap().unwrap().body, "9");
    // The next collection takes what the stalled writer left.
    writer.collect(2).await.unwrap();
    assert_eq!(versions.history().await.unwrap().len(), 2);
}

#[tokio::test]
async fn damaged_and_foreign_versions_are_named() {
    let (store, versions) = memory();
    let path = Path::from("state/versions/00000000000000000001.json");
    for (content, says) in [
        ("{", "is damaged"),
        (r#"{"format":9,"number":1,"epoch":1,"parent":0,"writer":"w","body":1}"#, "another release"),
    ] {
        store.put(&path, content.into()).await.unwrap();
        let e = versions.latest().await.unwrap_err();
        assert_eq!(e.kind, StateErrorKind::Configuration);
        assert!(e.message.contains(says) && e.message.contains("00000000000000000001.json"), "{e}");
    }
}

#[tokio::test]
async fn a_local_folder_creates_only_what_is_absent() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap());
    let versions = Versions::<String>::new(store, Path::from("a/state"));
    let mut one = versions.claim("w1", || "empty".to_owned()).await.unwrap();
    one.commit("first".to_owned()).await.unwrap();
    let two = versions.claim("w2", || "empty".to_owned()).await.unwrap();
    assert_eq!(one.commit("late".to_owned()).await.unwrap_err().kind, StateErrorKind::Fenced);
    assert_eq!(two.collect(1).await.unwrap().len(), 1);
    let names: Vec<_> = std::fs::read_dir(folder.path().join("a/state/versions"))
        .unwrap()
        .map(|f| f.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names, ["00000000000000000003.json"]);
}
