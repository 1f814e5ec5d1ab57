#!/usr/bin/env python3
"""The tests' buckets, of the kinds s3, gs and az: `store.py KIND create`, `store.py KIND upload DIR PREFIX`."""

import base64
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

from pyarrow import fs


class Arrow:
    """A bucket that pyarrow reaches."""

    def __init__(self, bucket: str, files: fs.FileSystem) -> None:
        self.bucket, self.files = bucket, files

    def create(self) -> None:
        self.files.create_dir(self.bucket)

    def put(self, path: str, data: bytes) -> None:
        with self.files.open_output_stream(f"{self.bucket}/{path}") as file:
            file.write(data)


class Google:
    """A bucket of Google's, through its XML API: pyarrow knows another one."""

    def __init__(self, bucket: str, endpoint: str, account: str) -> None:
        self.url = f"{endpoint}/{bucket}"
        self.token = token(json.loads(account))

    def create(self) -> None:
        self.request(self.url, b"")

    def put(self, path: str, data: bytes) -> None:
        self.request(f"{self.url}/{urllib.parse.quote(path, safe='')}", data)

    def request(self, url: str, data: bytes) -> None:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/octet-stream"}
        urllib.request.urlopen(urllib.request.Request(url, data, headers, method="PUT")).close()


def token(account: dict) -> str:
    """A token that a service account signs itself: https://google.aip.dev/auth/4111."""
    now = int(time.time())
    scope = "https://www.googleapis.com/auth/devstorage.full_control"
    claims = {"iss": account["client_email"], "sub": account["client_email"], "scope": scope, "iat": now, "exp": now + 3600}
    header = {"alg": "RS256", "typ": "JWT", "kid": account["private_key_id"]}
    message = ".".join(unpadded(json.dumps(part).encode()) for part in (header, claims))
    with tempfile.NamedTemporaryFile("w") as key:
        key.write(account["private_key"])
        key.flush()
        sign = ["openssl", "dgst", "-sha256", "-sign", key.name]
        signature = subprocess.run(sign, input=message.encode(), capture_output=True, check=True).stdout
    return f"{message}.{unpadded(signature)}"


def unpadded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def store(kind: str) -> Arrow | Google:
    def setting(name: str) -> str:
        return os.environ[f"KINFOLD_TEST_{kind.upper()}_{name}"]

    bucket, endpoint = setting("BUCKET"), setting("ENDPOINT")
    if kind == "s3":
        files = fs.S3FileSystem(
            access_key=setting("ACCESS_KEY_ID"),
            secret_key=setting("SECRET_ACCESS_KEY"),
            endpoint_override=endpoint,
            region="us-east-1",
            allow_bucket_creation=True,
        )
        return Arrow(bucket, files)
    if kind == "gs":
        return Google(bucket, endpoint, setting("CREDENTIAL"))
    # The account is part of its endpoint's path, which pyarrow adds itself.
    authority = urllib.parse.urlsplit(endpoint).netloc
    files = fs.AzureFileSystem(
        setting("ACCOUNT"),
        account_key=setting("CREDENTIAL"),
        blob_storage_authority=authority,
        dfs_storage_authority=authority,
        blob_storage_scheme="http",
        dfs_storage_scheme="http",
    )
    return Arrow(bucket, files)


def main() -> None:
    kind, command, *rest = sys.argv[1:]
    if command == "create":
        store(kind).create()
        # A bucket that takes no files yet is not up.
        store(kind).put("ready", b"ready")
    elif command == "upload":
        folder, prefix, to = pathlib.Path(rest[0]), rest[1], store(kind)
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            to.put(f"{prefix}/{path.relative_to(folder)}", path.read_bytes())
    else:
        sys.exit(f"unknown command {command}")


if __name__ == "__main__":
    main()
