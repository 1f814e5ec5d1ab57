#!/usr/bin/env python3
"""Google Cloud Storage's XML API, as far as object_store speaks it, on loopback and in memory, for tests. Python 3, standard
library, and openssl.

    gcs.py --credential service-account.json [--port 0]

Prints one line, `PORT 12345`, once it listens. It makes a service account, writes it to `--credential`, and answers only requests
whose bearer token that account signed and has not expired.

It exists because no emulator that can be installed from a package registry does the two things that commits stand on:
fake-gcs-server and gcp-storage-emulator know neither `x-goog-if-generation-match` nor uploads in parts in the XML API.

    PUT /BUCKET                                   makes a bucket
    GET /BUCKET?list-type=2                       lists: prefix, delimiter, start-after, max-keys, continuation-token
    PUT, GET, HEAD, DELETE /BUCKET/OBJECT         with x-goog-if-generation-match, If-Match, If-None-Match, Range, generation
    PUT with x-goog-copy-source                   copies
    POST ?uploads, PUT ?partNumber&uploadId, POST ?uploadId, DELETE ?uploadId      an upload in parts

Whatever else is asked for is refused. A precondition is looked at and its write done under one lock.
"""

import argparse
import base64
import datetime
import email.utils
import hashlib
import json
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
import xml.etree.ElementTree as ET
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape

SCOPES = ["https://www.googleapis.com/auth/devstorage.full_control", "https://www.googleapis.com/auth/cloud-platform"]
# Of every part but the last one.
SMALLEST_PART_BYTES = 5 << 20
MOST_KEYS = 1000


class Refused(Exception):
    def __init__(self, status, code):
        super().__init__(code)
        self.status, self.code = status, code


class Account:
    """A service account. Its key is RSA with the usual public exponent."""

    def __init__(self, path):
        key = openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
        self.modulus = int(openssl("rsa", "-noout", "-modulus", given=key).strip().split("=")[1], 16)
        self.email = "tests@kinfold.iam.gserviceaccount.com"
        account = {
            "type": "service_account",
            "private_key": key,
            "private_key_id": hashlib.sha256(key.encode()).hexdigest()[:40],
            "client_email": self.email,
        }
        with open(path, "w", encoding="utf-8") as file:
            json.dump(account, file)

    def check(self, authorization):
        if not (authorization or "").startswith("Bearer "):
            raise Refused(401, "AuthenticationRequired")
        try:
            message, _, signature = authorization.removeprefix("Bearer ").rpartition(".")
            header, claims = (json.loads(unpad(part)) for part in message.split("."))
            good = header["alg"] == "RS256" and self.signed(message.encode(), unpad(signature))
            good = good and claims["iss"] == self.email and claims["scope"] in SCOPES and claims["exp"] > time.time()
        except (ValueError, KeyError, TypeError):
            good = False
        if not good:
            raise Refused(401, "AuthenticationRequired")

    def signed(self, message, signature):
        """RSASSA-PKCS1-v1_5 with SHA-256, RFC 8017, 8.2.2."""
        digest = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(message).digest()
        length = (self.modulus.bit_length() + 7) // 8
        expected = b"\x00\x01" + b"\xff" * (length - 3 - len(digest)) + b"\x00" + digest
        return pow(int.from_bytes(signature, "big"), 65537, self.modulus).to_bytes(length, "big") == expected


def openssl(*words, given=None):
    return subprocess.run(["openssl", *words], input=given, capture_output=True, text=True, check=True).stdout


def unpad(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Object:
    def __init__(self, data, content_type, generation, etag):
        self.data, self.content_type, self.generation, self.etag = data, content_type, generation, etag
        self.modified = datetime.datetime.now(datetime.timezone.utc)

    def headers(self):
        return {
            "ETag": self.etag,
            "x-goog-generation": str(self.generation),
            "Last-Modified": email.utils.format_datetime(self.modified.replace(microsecond=0), usegmt=True),
        }


class Storage:
    """Buckets and uploads. All access is under the lock."""

    def __init__(self):
        self.lock = threading.Lock()
        self.buckets = {}
        self.uploads = {}
        self.generation = time.time_ns() // 1000

    def bucket(self, name):
        if name not in self.buckets:
            raise Refused(404, "NoSuchBucket")
        return self.buckets[name]

    def object(self, bucket, name):
        found = self.bucket(bucket).get(name)
        if found is None:
            raise Refused(404, "NoSuchKey")
        return found

    def require(self, bucket, name, headers):
        """The precondition of a write: the generation it replaces, 0 for none."""
        wanted = headers.get("x-goog-if-generation-match")
        found = self.bucket(bucket).get(name)
        if wanted is not None and int(wanted) != (found.generation if found else 0):
            raise Refused(412, "PreconditionFailed")

    def write(self, bucket, name, data, content_type, etag=None):
        self.generation += 1
        written = Object(data, content_type, self.generation, etag or quoted_md5(data))
        self.bucket(bucket)[name] = written
        return written

    def upload(self, key):
        if key not in self.uploads:
            raise Refused(404, "NoSuchUpload")
        return self.uploads[key]

    def list(self, bucket, query):
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        after = query.get("continuation-token") or query.get("start-after", "")
        most = min(int(query.get("max-keys", MOST_KEYS)), MOST_KEYS)
        entries, last, token = {}, "", ""
        for name, found in sorted(self.bucket(bucket).items()):
            if not name.startswith(prefix) or name <= after:
                continue
            end = name.find(delimiter, len(prefix)) if delimiter else -1
            entry = name if end < 0 else name[: end + len(delimiter)]
            # Of a folder whose first names were on the page before.
            if end >= 0 and after.startswith(entry):
                continue
            if entry not in entries and len(entries) == most:
                token = last
                break
            entries[entry] = found if end < 0 else None
            last = name
        lines = [f"<Name>{escape(bucket)}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(entries)}</KeyCount>"]
        lines.append(f"<IsTruncated>{str(bool(token)).lower()}</IsTruncated>")
        if token:
            lines.append(f"<NextContinuationToken>{escape(token)}</NextContinuationToken>")
        for entry, found in entries.items():
            if found is None:
                lines.append(f"<CommonPrefixes><Prefix>{escape(entry)}</Prefix></CommonPrefixes>")
            else:
                lines.append(
                    f"<Contents><Key>{escape(entry)}</Key><Generation>{found.generation}</Generation>"
                    f"<LastModified>{found.modified.strftime('%Y-%m-%dT%H:%M:%S.%fZ')}</LastModified>"
                    f"<ETag>{escape(found.etag)}</ETag><Size>{len(found.data)}</Size></Contents>"
                )
        return xml("ListBucketResult", "".join(lines))


def quoted_md5(data):
    return f'"{hashlib.md5(data).hexdigest()}"'


def xml(root, inner):
    return f"<?xml version='1.0' encoding='UTF-8'?><{root}>{inner}</{root}>".encode()


def handler(storage, account):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def log_message(self, *_):
            pass

        def answer(self, status, body=b"", headers=None, length=None):
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body) if length is None else length))
            try:
                self.end_headers()
                self.wfile.write(b"" if self.command == "HEAD" else body)
                self.wfile.flush()
            except OSError:
                # The client did not wait.
                self.close_connection = True

        def serve(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            url = urllib.parse.urlsplit(self.path)
            bucket, _, name = url.path.lstrip("/").partition("/")
            bucket, name = urllib.parse.unquote(bucket), urllib.parse.unquote(name)
            query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
            try:
                account.check(self.headers.get("Authorization"))
                with storage.lock:
                    answer = self.on_object(bucket, name, query, body) if name else self.on_bucket(bucket, query)
            except Refused as e:
                answer = (e.status, xml("Error", f"<Code>{e.code}</Code><Message>{e.code}</Message>"))
            self.answer(*answer)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = serve

        def on_bucket(self, bucket, query):
            if self.command == "PUT" and not query:
                if bucket in storage.buckets:
                    raise Refused(409, "BucketAlreadyOwnedByYou")
                storage.buckets[bucket] = {}
                return (200,)
            if self.command == "GET" and query.get("list-type") == "2":
                return (200, storage.list(bucket, query), {"Content-Type": "application/xml"})
            raise Refused(501, "NotImplemented")

        def on_object(self, bucket, name, query, body):
            asked = (self.command, *sorted(query))
            if asked in {("GET",), ("GET", "generation"), ("HEAD",), ("HEAD", "generation")}:
                return self.read(storage.object(bucket, name), query)
            if asked == ("PUT",):
                return self.write(bucket, name, body)
            if asked == ("DELETE",):
                storage.object(bucket, name)
                storage.require(bucket, name, self.headers)
                del storage.bucket(bucket)[name]
                return (204,)
            if asked == ("POST", "uploads"):
                storage.bucket(bucket)
                storage.generation += 1
                upload = f"upload-{storage.generation}"
                storage.uploads[bucket, name, upload] = (self.headers.get("Content-Type"), {})
                return (200, xml("InitiateMultipartUploadResult", f"<UploadId>{upload}</UploadId>"))
            key = (bucket, name, query.get("uploadId"))
            if asked == ("PUT", "partNumber", "uploadId"):
                storage.upload(key)[1][int(query["partNumber"])] = body
                return (200, b"", {"ETag": quoted_md5(body)})
            if asked == ("POST", "uploadId"):
                return self.complete(key, body)
            if asked == ("DELETE", "uploadId"):
                storage.upload(key)
                del storage.uploads[key]
                return (204,)
            raise Refused(501, "NotImplemented")

        def read(self, found, query):
            headers = found.headers()
            if query.get("generation", str(found.generation)) != str(found.generation):
                raise Refused(404, "NoSuchKey")
            if self.headers.get("If-Match", found.etag) not in (found.etag, "*"):
                raise Refused(412, "PreconditionFailed")
            if self.headers.get("If-None-Match") in (found.etag, "*"):
                return (304, b"", headers, 0)
            headers["Content-Type"] = found.content_type
            wanted, size = self.headers.get("Range"), len(found.data)
            if not wanted:
                return (200, found.data, headers, size)
            match = re.fullmatch(r"bytes=(\d*)-(\d*)", wanted)
            if not match or match[0] == "bytes=-":
                raise Refused(400, "InvalidArgument")
            if match[1]:
                start, end = int(match[1]), min(int(match[2] or size), size - 1)
            else:
                start, end = max(size - int(match[2]), 0), size - 1
            if start > end:
                raise Refused(416, "InvalidRange")
            headers["Content-Range"] = f"bytes {start}-{end}/{size}"
            return (206, found.data[start : end + 1], headers)

        def write(self, bucket, name, body):
            storage.require(bucket, name, self.headers)
            source = self.headers.get("x-goog-copy-source")
            if source is None:
                return (200, b"", storage.write(bucket, name, body, self.headers.get("Content-Type")).headers())
            there, _, other = urllib.parse.unquote(source).lstrip("/").partition("/")
            found = storage.object(there, other)
            copy = storage.write(bucket, name, found.data, found.content_type, found.etag)
            return (200, xml("CopyObjectResult", f"<ETag>{escape(copy.etag)}</ETag>"), copy.headers())

        def complete(self, key, body):
            content_type, parts = storage.upload(key)
            wanted = [(int(p.findtext("PartNumber")), p.findtext("ETag")) for p in ET.fromstring(body).iter("Part")]
            if not wanted or any(n not in parts or quoted_md5(parts[n]) != etag for n, etag in wanted):
                raise Refused(400, "InvalidPart")
            if [n for n, _ in wanted] != sorted({n for n, _ in wanted}):
                raise Refused(400, "InvalidPartOrder")
            data = [parts[n] for n, _ in wanted]
            if any(len(part) < SMALLEST_PART_BYTES for part in data[:-1]):
                raise Refused(400, "EntityTooSmall")
            bucket, name, _ = key
            storage.require(bucket, name, self.headers)
            written = storage.write(bucket, name, b"".join(data), content_type, f'"{key[2]}"')
            del storage.uploads[key]
            result = f"<Bucket>{escape(bucket)}</Bucket><Key>{escape(name)}</Key><ETag>{escape(written.etag)}</ETag>"
            return (200, xml("CompleteMultipartUploadResult", result), written.headers())

    return Handler


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main():
    parser = argparse.ArgumentParser(description="Google Cloud Storage's XML API in memory, for tests.")
    parser.add_argument("--credential", required=True)
    parser.add_argument("--port", type=int, default=0)
    args = parser.parse_args()
    # A shell starts what runs in the background with this signal ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    server = Server(("127.0.0.1", args.port), handler(Storage(), Account(args.credential)))
    print(f"PORT {server.server_address[1]}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
