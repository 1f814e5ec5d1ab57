#!/usr/bin/env python3
"""The tests' bucket, reached with pyarrow: `s3.py create`, `s3.py upload DIR PREFIX`, `s3.py list PREFIX`."""

import os
import pathlib
import sys

from pyarrow import fs

BUCKET = os.environ["KINFOLD_TEST_S3_BUCKET"]


def store() -> fs.S3FileSystem:
    return fs.S3FileSystem(
        access_key=os.environ["KINFOLD_TEST_S3_ACCESS_KEY_ID"],
        secret_key=os.environ["KINFOLD_TEST_S3_SECRET_ACCESS_KEY"],
        endpoint_override=os.environ["KINFOLD_TEST_S3_ENDPOINT"],
        region="us-east-1",
        allow_bucket_creation=True,
    )


def main() -> None:
    command, *rest = sys.argv[1:]
    if command == "create":
        store().create_dir(BUCKET)
        # A bucket that takes no files yet is not up.
        with store().open_output_stream(f"{BUCKET}/ready") as file:
            file.write(b"ready")
    elif command == "upload":
        folder, prefix = pathlib.Path(rest[0]), rest[1]
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            with store().open_output_stream(f"{BUCKET}/{prefix}/{path.relative_to(folder)}") as file:
                file.write(path.read_bytes())
    elif command == "list":
        for info in store().get_file_info(fs.FileSelector(f"{BUCKET}/{rest[0]}", recursive=True)):
            print(info.path)
    else:
        sys.exit(f"unknown command {command}")


if __name__ == "__main__":
    main()
