//! The sample project: run twice, then after one row of a source has changed.

use serde_json::Value;

use crate::harness::{Project, Webhook, python};

#[test]
fn the_sample_runs_and_its_second_run_sends_nothing() {
    let project = Project::sample();
    let first = project.run();
    assert_eq!(first.json["status"], "done");
    let profiles = count(&project, "select count(*) from customer");
    let vips = count(&project, "select count(*) from customer_segments where segment = 'vips'");
    let paid = count(&project, "select count(*) from paid_orders");
    assert!(profiles > 1000 && vips > 10 && paid > 1000, "{profiles} profiles, {vips} vips, {paid} orders");
    assert_eq!(first.changes("profiles_to_ndjson"), [profiles, 0, 0]);
    assert_eq!(first.changes("vips_to_csv"), [vips, 0, 0]);
    assert_eq!(first.changes("orders_to_parquet"), [paid, 0, 0]);
    assert_eq!(project.read("out/vips.csv").lines().count() as u64, vips + 1);
    let lines = project.read("out/customers.ndjson");
    assert_eq!(lines.lines().count() as u64, profiles);
    assert!(
        lines.lines().all(|line| serde_json::from_str::<Value>(line).is_ok_and(|row| row["profile_id"].is_string()))
    );

    for segment in ["newsletter_readers", "vips_at_risk", "window_shoppers", "often_disappointed", "best_hundred"] {
        assert!(
            count(&project, &format!("select count(*) from customer_segments where segment = '{segment}'")) > 0,
            "{segment}"
        );
    }
    assert_eq!(count(&project, "select count(*) from customer_segments where segment = 'best_hundred'"), 100);

    let second = project.run();
    for sync in second.json["syncs"].as_array().unwrap() {
        assert_eq!(second.changes(sync["name"].as_str().unwrap()), [0; 3], "{sync}");
    }
}

#[test]
fn what_no_run_has_built_is_not_delivered_as_nobody() {
    let project = Project::sample();
    project.run();
    let delivered = project.read("out/vips.csv");
    let vips = delivered.lines().count() as u64 - 1;
    project.write(
        "segments/fresh.yml",
        "segments: [{name: fresh, entity: customer, where: {trait: {name: revenue, gt: 0}}}]",
    );
    project.edit("syncs/files.yml", "segment: vips\n", "segment: fresh\n");
    // The others go on.
    let refused = project.kinfold(&["sync"]).expect(1);
    assert!(refused.sync("profiles_to_ndjson")["error"].is_null());
    let why = |refused: &Value| refused["error"]["message"].as_str().unwrap().to_owned();
    assert!(why(refused.sync("vips_to_csv")).contains("segment `fresh`"), "{}", refused.json);
    assert_eq!(project.read("out/vips.csv"), delivered);

    project.edit("syncs/files.yml", "segment: fresh\n", "segment: vips\n");
    let traits = "      - {name: consent,";
    project.edit("models/customer.yml", traits, &format!("      - {{name: tier, expression: \"1 + 1\"}}\n{traits}"));
    project.edit("syncs/files.yml", "name: full_name", "name: full_name\n      tier: tier");
    let refused = project.kinfold(&["sync", "vips_to_csv"]).expect(1);
    assert!(why(refused.sync("vips_to_csv")).contains("`tier` of `customer`"), "{}", refused.json);
    assert_eq!(project.read("out/vips.csv"), delivered);
    assert_eq!(project.run().changes("vips_to_csv"), [0, vips, 0]);
    project.kinfold(&["sync", "vips_to_csv"]).expect(0);
}

#[test]
fn lifetime_value_is_net_of_returns() {
    let project = Project::sample();
    project.kinfold(&["run", "--no-sync", "--as-of", crate::harness::AS_OF]).expect(0);
    let both = project.query(
        "select (select sum(lifetime_value) from customer),
            (select sum(amount) from shop.orders where status = 'paid') - (select sum(refunded) from shop.returns)",
    );
    assert_eq!(both[0][0], both[0][1]);
}

/// One amount changes: one order and one customer go, to a file and over HTTP.
#[test]
fn after_one_source_row_has_changed_exactly_the_touched_rows_go() {
    let webhook = Webhook::start();
    let project = Project::sample().with("HOOK_URL", &webhook.url);
    project.write(
        "syncs/webhook.yml",
        "
destinations:
  - {name: hook, connector: webhook, settings: {url_secret: {env: HOOK_URL}, batch_size: 500}}
syncs:
  - name: profiles_to_webhook
    destination: hook
    object: customers
    entity: customer
    mode: mirror
    key: {profile_id: profile_id}
    fields: {country: country, orders: orders, lifetime_value: lifetime_value}
",
    );
    let first = project.run();
    let [added, ..] = first.changes("profiles_to_webhook");
    let sent: usize = webhook.take().iter().map(|request| rows(&request.body)).sum();
    assert_eq!(sent as u64, added);

    let Some(changed) = python(
        "edit_parquet.py",
        &["raise", project.path("data/shop/orders/year=2026/part-0.parquet").to_str().unwrap()],
    ) else {
        return;
    };
    let (order, buyer) = changed.trim().split_once(' ').unwrap();
    let second = project.run();
    assert_eq!(second.changes("orders_to_parquet"), [0, 1, 0], "order {order}");
    assert_eq!(second.changes("profiles_to_ndjson"), [0, 1, 0]);
    assert_eq!(second.changes("profiles_to_webhook"), [0, 1, 0]);
    let requests = webhook.take();
    assert_eq!(requests.iter().map(|request| rows(&request.body)).sum::<usize>(), 1);
    let wanted = project.query(&format!(
        "select c.profile_id from customer as c join customer_identifiers as i on i.profile_id = c.profile_id
         where i.identifier = 'user_id' and i.value = '{buyer}'"
    ));
    assert!(requests[0].body.to_string().contains(wanted[0][0].as_str().unwrap()), "{requests:?}");

    let third = project.run();
    assert_eq!(third.changes("profiles_to_webhook"), [0; 3]);
    assert!(webhook.take().is_empty());
}

fn count(project: &Project, sql: &str) -> u64 {
    project.query(sql)[0][0].as_u64().unwrap()
}

/// How many rows a request carries.
fn rows(body: &Value) -> usize {
    body["rows"].as_array().or_else(|| body.as_array()).map_or(1, Vec::len)
}
