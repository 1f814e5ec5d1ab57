#!/usr/bin/env python3
"""A receiver of Kinfold's webhooks, on loopback, for tests. Python 3, standard library only.

    webhook.py --record deliveries.ndjson [--rules rules.json] [--port 0] [--results none|position|key]
               [--token TOKEN | --basic USER:PASSWORD]

Prints one line, `PORT 12345`, once it listens. It applies each request's rows to tables in memory, one for each `object`:
upserts, updates, clears and deletes by key, so that doing them twice is the same as once; inserts are added, and an insert whose
Idempotency-Key has been applied already is not added again. What it applied is written to the record, a JSON object on each
line, and synced to disk *before* the answer leaves. Started again with the same record, it reads it back and carries on.

For tests to look at and to steer:
    GET  /_state                 {"object": [row, …], …}, rows ordered by key
    GET  /_deliveries            every line of the record
    GET  /_requests              how many requests with rows came in, applied or not
    POST /_rules                 a list of rules in place of the present ones; the body is as in --rules

A rule, of which the first that matches and is not used up decides over a request (all members but one action are optional):
    {"operation": "upsert", "object": "contacts", "path": "/hook",       which requests; absent: all
     "row": {"email": "ada@example.com"},                                only with a row that has these values
     "skip": 2, "times": 3,                                              not the first 2, then 3 of them; absent: 0, always
     and the action:
     "status": 429, "headers": {"Retry-After": "1"}, "body": {…},        answers so, applies nothing ("apply": true: applies)
     "drop": "before" | "after",                                         breaks the connection before or after applying
     "delay_secs": 2,                                                    answers late (with any other action, or alone)
     "refuse": {"email": ["a@x"]}, "refuse_status": "rejected", "error": "…",   does not apply rows with these values
     "omit_results": 1,                                                  leaves out the last so many results
     "raw": "text"}                                                      answers 200 with this text instead of JSON
"""

import argparse
import base64
import json
import os
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver:
    """Tables, the record, and the rules. All access is under the lock."""

    def __init__(self, args):
        self.lock = threading.Lock()
        self.tables = {}
        self.inserted = set()
        self.requests = 0
        self.results = args.results
        self.rules = []
        self.used = []
        self.record_path = args.record
        if os.path.exists(args.record):
            with open(args.record, "r+b") as record:
                lines = record.read().splitlines(keepends=True)
                # A line cut short by a kill was never answered.
                if lines and not lines[-1].endswith(b"\n"):
                    lines.pop()
                    record.truncate(sum(map(len, lines)))
            for line in lines:
                self.apply(json.loads(line))
        self.record = open(args.record, "a", encoding="utf-8")
        if args.rules:
            with open(args.rules, encoding="utf-8") as rules:
                self.set_rules(json.load(rules))

    def set_rules(self, rules):
        self.rules = rules
        self.used = [0] * len(rules)

    def rule_for(self, path, body):
        for i, rule in enumerate(self.rules):
            if any(name in rule and rule[name] != body.get(name) for name in ("operation", "object")):
                continue
            if "path" in rule and rule["path"] != path:
                continue
            wanted = rule.get("row")
            if wanted and not any(all(row.get(k) == v for k, v in wanted.items()) for row in body["rows"]):
                continue
            skip = rule.get("skip", 0)
            self.used[i] += 1
            if self.used[i] <= skip or self.used[i] > skip + rule.get("times", 1 << 60):
                continue
            return rule
        return {}

    def deliver(self, path, method, headers, body, rule):
        """Applies and records what the rule lets through; gives one result for each row."""
        refuse = rule.get("refuse", {})
        results, taken = [], []
        for row in body["rows"]:
            key = {name: row.get(name) for name in body["key"]}
            if any(row.get(name) in values for name, values in refuse.items()):
                status = rule.get("refuse_status", "rejected")
                results.append({"status": status, "error": rule.get("error", "refused"), "key": key})
            else:
                results.append({"status": "ok", "key": key})
                taken.append(row)
        line = {
            "path": path,
            "method": method,
            "idempotency_key": headers.get("Idempotency-Key"),
            "object": body["object"],
            "operation": body["operation"],
            "key": body["key"],
            "rows": taken,
        }
        self.apply(line)
        self.record.write(json.dumps(line, ensure_ascii=False) + "\n")
        self.record.flush()
        os.fsync(self.record.fileno())
        return results

    def apply(self, line):
        table = self.tables.setdefault(line["object"], {})
        operation, idempotency_key = line["operation"], line["idempotency_key"]
        if operation == "insert":
            if idempotency_key in self.inserted:
                return
            self.inserted.add(idempotency_key)
        for row in line["rows"]:
            key = json.dumps([row.get(name) for name in line["key"]], ensure_ascii=False)
            if operation == "insert":
                table[f"{key} {len(table)}"] = row
            elif operation == "upsert":
                table.setdefault(key, {}).update(row)
            elif operation in ("update", "clear"):
                if key in table:
                    table[key].update(row)
            elif operation == "delete":
                table.pop(key, None)

    def state(self):
        return {name: [table[key] for key in sorted(table)] for name, table in sorted(self.tables.items())}


def handler(receiver, authorization):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def answer(self, status, body, headers=None):
            data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            try:
                self.end_headers()
                self.wfile.write(data)
            except OSError:
                # The client did not wait.
                self.close_connection = True

        def drop(self):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

        def do_GET(self):
            with receiver.lock:
                if self.path == "/_state":
                    return self.answer(200, receiver.state())
                if self.path == "/_requests":
                    return self.answer(200, receiver.requests)
                if self.path == "/_deliveries":
                    with open(receiver.record_path, encoding="utf-8") as record:
                        return self.answer(200, [json.loads(line) for line in record if line.endswith("\n")])
            self.answer(404, {"error": "no such thing"})

        def receive(self):
            data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                body = json.loads(data)
            except ValueError:
                return self.answer(400, {"error": "the body is not JSON"})
            if self.path == "/_rules":
                with receiver.lock:
                    receiver.set_rules(body)
                return self.answer(200, {})
            if authorization and self.headers.get("Authorization") != authorization:
                return self.answer(401, {"error": "wrong credential"})
            members = {"object": str, "operation": str, "key": list, "rows": list}
            if set(body) != set(members) or not all(isinstance(body[n], t) for n, t in members.items()):
                return self.answer(400, {"error": "the body is not a batch"})
            with receiver.lock:
                receiver.requests += 1
                rule = receiver.rule_for(self.path, body)
                results = None
                refused = "status" in rule and not rule.get("apply")
                if not refused and rule.get("drop") != "before":
                    results = receiver.deliver(self.path, self.command, self.headers, body, rule)
            time.sleep(rule.get("delay_secs", 0))
            if "drop" in rule:
                return self.drop()
            if "status" in rule:
                return self.answer(rule["status"], rule.get("body", {"error": "a rule says so"}), rule.get("headers"))
            if "raw" in rule:
                return self.answer(200, rule["raw"].encode())
            if receiver.results == "none":
                return self.answer(200, {})
            results = results[: len(results) - rule.get("omit_results", 0)]
            if receiver.results == "key":
                results.reverse()
            self.answer(200, {"results": results})

        do_POST = do_PUT = do_PATCH = do_DELETE = receive

    return Handler


def main():
    parser = argparse.ArgumentParser(description="A receiver of Kinfold's webhooks, for tests.")
    parser.add_argument("--record", required=True)
    parser.add_argument("--rules")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--results", choices=["none", "position", "key"], default="position")
    parser.add_argument("--token")
    parser.add_argument("--basic")
    args = parser.parse_args()
    authorization = None
    if args.token:
        authorization = f"Bearer {args.token}"
    if args.basic:
        authorization = "Basic " + base64.b64encode(args.basic.encode()).decode()
    server = ThreadingHTTPServer(("127.0.0.1", args.port), handler(Receiver(args), authorization))
    server.daemon_threads = True
    print(f"PORT {server.server_address[1]}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
