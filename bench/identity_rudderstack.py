#!/usr/bin/env python3
"""RudderStack's Profiles (`pb run`) on PostgreSQL beside `kinfold run` without limits: the same data, the same clusters, in the same run.

    just bench-identity-rudderstack --host 10.99.99.1                         # 100,000 customers, one round
    python3 bench/identity_rudderstack.py --host 10.99.99.1 --customers 20000 --rounds 3

Kinfold goes from source Parquet to all tables written, as in identity.py. `pb` stitches tables that PostgreSQL already holds: each timed
run is a first run, in an empty schema and without output of an earlier one. Value by value each Kinfold profile must go with one of
`pb`'s main ids, and each main id with one profile.

In favour of `pb`: to load the sources and to analyse them is not timed, and PostgreSQL, a server of this script's own, has 2 GiB of
shared buffers, 256 MiB for each sort or hash and no fsync. Whether a phone number is valid is left out, as in identity_peers.py.

`pb` refuses a host that is a loopback address, so PostgreSQL must listen on another one of this machine: that is `--host`.
"""

import argparse
import concurrent.futures
import contextlib
import glob
import io
import ipaddress
import json
import multiprocessing
import os
import pathlib
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import identity
import measure

RULES = "no_limits"
HOST = "an address of this machine that is not loopback; root can add one to the loopback interface: ip addr add 10.99.99.1/32 dev lo"
SETTINGS = {
    "fsync": "off", "max_connections": 50, "max_wal_size": "8GB", "password_encryption": "scram-sha-256", "shared_buffers": "2GB",
    "work_mem": "256MB",
}
TABLES = {
    "contacts": "crm/contacts.parquet", "orders": "shop/orders/*.parquet",
    "sessions": "web/sessions/*.parquet", "installs": "app/installs.parquet",
}

EMAIL = "lower(trim(email))"
# As in identity_peers.py.
PHONE = "'+90' || right(regexp_replace(phone, '[^0-9]', '', 'g'), 10)"
TITLES = {"kinfold": "Kinfold without limits", "pb": "pb (peak: PostgreSQL's processes, what they share counted once)"}
IDS = ["user_id", "email", "phone", "device", "cookie"]
# Of each table, the column of time and what each identifier is.
INPUTS = {
    "contacts": ("updated_at", {"user_id": "user_id", "email": EMAIL, "phone": PHONE}),
    "orders": ("ordered_at", {"user_id": "user_id", "email": EMAIL, "phone": PHONE}),
    "sessions": ("began_at", {"user_id": "user_id", "cookie": "anonymous_id"}),
    "installs": ("installed_at", {"user_id": "user_id", "email": EMAIL, "device": "device_id"}),
}
# JSON is YAML too.
PROJECT = {
    "pb_project.yaml": {
        "name": "identity",
        "schema_version": 99,
        "connection": "bench",
        "model_folders": ["models"],
        "id_types": [{"name": name, "filters": [{"type": "exclude", "value": ""}]} for name in IDS],
        "entities": [{"name": "customer", "id_stitcher": "models/customer_ids", "id_types": IDS}],
    },
    "models/inputs.yaml": {
        "inputs": [
            {"name": table, "app_defaults": {
                "table": f"public.{table}",
                "occurred_at_col": at,
                "ids": [{"select": select, "type": name, "entity": "customer"} for name, select in ids.items()],
            }}
            for table, (at, ids) in INPUTS.items()
        ],
    },
    "models/profiles.yaml": {
        "models": [{"name": "customer_ids", "model_type": "id_stitcher", "model_spec": {
            "entity_key": "customer",
            "edge_sources": [{"from": f"inputs/{table}"} for table in INPUTS],
        }}],
    },
}


def main() -> None:
    args = arguments()
    root = pathlib.Path(args.cache) / f"identity-{args.customers}"
    identity.generate(root, args)
    identity.lay_project(root, RULES)
    # What stops the server runs on a signal too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))
    with tempfile.TemporaryDirectory(prefix="kinfold-rudderstack-") as work, postgres(pathlib.Path(work), args) as server:
        pb = lay_pb_project(pathlib.Path(work), server, args)
        in_own_process(load, root / "data", work, server.url)
        sides = {"kinfold": lambda: run_kinfold(root, args), "pb": lambda: run_pb(pb, pathlib.Path(work), server)}
        measured = {name: [] for name in sides}
        for round_number in range(args.rounds):
            # Each side goes first as often as the other.
            for name in sides if round_number % 2 == 0 else reversed(sides):
                measured[name].append(sides[name]())
            if round_number == 0:
                found = in_own_process(compare, root, work, server.url)
    report(root, measured, found, args)


def arguments() -> argparse.Namespace:
    cache = os.environ.get("KINFOLD_CACHE", os.path.expanduser("~/.cache/kinfold"))
    target = os.environ.get("CARGO_TARGET_DIR", f"{cache}/target")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", help=HOST)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", default=str(os.cpu_count()), help="of kinfold, and of each query in PostgreSQL")
    parser.add_argument("--memory-limit", help="handed to kinfold")
    parser.add_argument("--cache", default=f"{cache}/bench", help="where the data is made and kept")
    parser.add_argument("--kinfold", default=f"{target}/release/kinfold")
    parser.add_argument("--pb", default=f"{cache}/rudderstack/bin/pb", help="of the PyPI package profiles-rudderstack")
    args = parser.parse_args()
    if wrong := wrong_host(args.host):
        parser.error(f"{wrong}: --host must be {HOST}")
    if not shutil.which(args.pb):
        parser.error(f"there is no {args.pb}: `just bench-identity-rudderstack` installs it, or name another with --pb")
    return args


def wrong_host(host: str | None) -> str | None:
    if not host:
        return "pb needs a host"
    try:
        if ipaddress.ip_address(socket.gethostbyname(host)).is_loopback:
            return f"pb refuses {host}, a loopback address"
        free_port(host)
    except OSError as e:
        return f"{host} is no address of this machine ({e.strerror})"


def free_port(host: str) -> int:
    with socket.socket() as s:
        s.bind((host, 0))
        return s.getsockname()[1]


class Server:
    """A PostgreSQL server. It lets in who has its password, from this machine alone."""

    def __init__(self, host: str) -> None:
        self.host, self.port, self.user, self.password = host, free_port(host), "bench", secrets.token_hex(16)
        self.url = f"postgresql://{self.user}:{self.password}@{host}:{self.port}/postgres"
        self.pid = 0


@contextlib.contextmanager
def postgres(work: pathlib.Path, args: argparse.Namespace):
    """Starts a server in a folder of its own, and stops it whatever happens."""
    server, folder, programs, log = Server(args.host), work / "postgres", postgres_programs(), work / "postgres.log"
    folder.mkdir(mode=0o700)
    (folder / "password").write_text(server.password)
    as_postgres = []
    if os.getuid() == 0:
        # PostgreSQL refuses to run as root.
        user = next(u for u in ("postgres", "nobody") if any(u == p.pw_name for p in pwd.getpwall()))
        work.chmod(0o711)
        for path in (folder, folder / "password"):
            shutil.chown(path, user, pwd.getpwnam(user).pw_gid)
        as_postgres = ["setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--clear-groups"]
    initdb = [f"{programs}/initdb", f"--pgdata={folder}/cluster", f"--username={server.user}", "--encoding=UTF8", "--locale=C",
              "--auth=scram-sha-256", f"--pwfile={folder}/password", "--no-sync"]
    with open(log, "w") as out:
        if subprocess.run([*as_postgres, *initdb], cwd=folder, stdout=out, stderr=out).returncode != 0:
            sys.exit(f"initdb failed:\n{log.read_text()}")
        with open(folder / "cluster" / "pg_hba.conf", "a") as rules:
            rules.write("host all all samehost scram-sha-256\n")
        settings = SETTINGS | {"listen_addresses": args.host, "max_parallel_workers_per_gather": args.threads}
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [*as_postgres, f"{programs}/postgres", "-D", f"{folder}/cluster", "-p", str(server.port), "-k", str(folder), *words]
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out)
    server.pid = process.pid
    try:
        wait_for(server, process, log)
        yield server
    finally:
        # A fast shutdown: it ends what is connected.
        process.send_signal(signal.SIGINT)
        process.wait()


def postgres_programs() -> str:
    folders = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: float(path.split("/")[4]), reverse=True)
    folders.append(os.path.dirname(shutil.which("postgres") or "/"))
    found = [folder for folder in folders if os.access(f"{folder}/initdb", os.X_OK) and os.access(f"{folder}/postgres", os.X_OK)]
    return found[0] if found else sys.exit("PostgreSQL's server is not installed")


def wait_for(server: Server, process: subprocess.Popen, log: pathlib.Path) -> None:
    for _ in range(300):
        if process.poll() is not None:
            break
        if subprocess.run(["psql", "-qAt", server.url, "-c", "select 1"], capture_output=True).returncode == 0:
            return
        time.sleep(0.2)
    sys.exit(f"PostgreSQL did not start:\n{log.read_text()}")


def psql(url: str, *commands: str) -> str:
    words = [word for command in commands for word in ("-c", command)]
    ran = subprocess.run(["psql", "-qAt", "--no-psqlrc", "--set=ON_ERROR_STOP=1", url, *words], stdout=subprocess.PIPE, text=True)
    return ran.stdout.strip() if ran.returncode == 0 else sys.exit("psql failed")


def lay_pb_project(work: pathlib.Path, server: Server, args: argparse.Namespace) -> list:
    """Writes the project, and says how to run it. What pb writes beside its results goes to the working folder too."""
    output = {
        "type": "postgres", "host": server.host, "port": server.port, "user": server.user, "password": server.password,
        "dbname": "postgres", "schema": "profiles", "sslmode": "disable",
    }
    connections = {"connections": {"bench": {"target": "dev", "outputs": {"dev": output}}}}
    for name, content in {"siteconfig.yaml": connections, **{f"project/{name}": content for name, content in PROJECT.items()}}.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(json.dumps(content, indent=1))
    # On some machines pb crashes as it starts, in a part of its driver for Snowflake that these variables leave out.
    set_variables = [f"HOME={work}", "SNOWFLAKE_DISABLE_MINICORE=true", "SF_DISABLE_MINICORE=true"]
    command = [shutil.which(args.pb), "run", "-p", work / "project", "-c", work / "siteconfig.yaml", "--end_time", identity.AS_OF]
    return ["env", "-C", work, *set_variables, *command]


def run_kinfold(root: pathlib.Path, args: argparse.Namespace) -> dict:
    shutil.rmtree(root / RULES / "lake", ignore_errors=True)
    return measure.run("kinfold", identity.kinfold(root, RULES, args))


def run_pb(command: list, work: pathlib.Path, server: Server) -> dict:
    """The peak is that of PostgreSQL: pb's own process only waits for it."""
    shutil.rmtree(work / "project" / "output", ignore_errors=True)
    psql(server.url, "set client_min_messages = warning; drop schema if exists profiles cascade", "create schema profiles", "checkpoint")
    watch = Watch(server.pid)
    try:
        # What is printed there is the peak of pb's own process.
        with contextlib.redirect_stdout(io.StringIO()):
            result = measure.run("pb", command)
    finally:
        watch.stop()
    result = {"seconds": result["seconds"], "bytes": watch.peak, "cpu_seconds": 0}
    print(f"{'pb':24} {result['seconds']:7.1f} s  {result['bytes'] / 2**20:7.0f} MiB of PostgreSQL", flush=True)
    return result


class Watch:
    """The peak of memory of a process and its children: what each has of its own, and what they share once."""

    def __init__(self, pid: int) -> None:
        self.pid, self.peak = pid, 0
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.sample, daemon=True)
        self.thread.start()

    def sample(self) -> None:
        page = os.sysconf("SC_PAGE_SIZE")
        while not self.stopped.wait(0.1):
            sizes = [pages(pid) for pid in (self.pid, *children(self.pid))]
            own = sum(resident - shared for resident, shared in sizes)
            self.peak = max(self.peak, page * (own + max(shared for _, shared in sizes)))

    def stop(self) -> None:
        self.stopped.set()
        self.thread.join()


def children(pid: int) -> list[int]:
    return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def pages(pid: int) -> tuple[int, int]:
    """How many are resident, and how many of these are shared."""
    try:
        words = pathlib.Path(f"/proc/{pid}/statm").read_text().split()
        return int(words[1]), int(words[2])
    except (OSError, IndexError):
        return 0, 0


def in_own_process(function, *values):
    """So that the one that measures stays small: see measure.py."""
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *values).result()


def load(data: pathlib.Path, work: str, url: str) -> None:
    import duckdb

    db = duckdb.connect()
    # The columns in PostgreSQL have no time zone.
    db.execute("set timezone = 'UTC'")
    for table, path in TABLES.items():
        rows, file = f"read_parquet('{data}/{path}')", pathlib.Path(work) / f"{table}.csv"
        columns = [(column, "text" if kind == "VARCHAR" else "timestamp" if kind.startswith("TIMESTAMP") else kind)
                   for column, kind, *_ in db.execute(f"describe from {rows}").fetchall()]
        db.execute(f"copy (from {rows}) to '{file}' (format csv, header false)")
        create = f"create table public.{table} ({', '.join(f'{column} {kind}' for column, kind in columns)})"
        psql(url, create, f"\\copy public.{table} from '{file}' csv", f"vacuum (analyze) public.{table}")
        file.unlink()


def compare(root: pathlib.Path, work: str, url: str) -> dict:
    import duckdb
    import identity_compare

    db, file = duckdb.connect(), pathlib.Path(work) / "clusters.csv"
    # The view `customer_ids` of this one is only there if the data's end is not after today.
    view = psql(url, "select viewname from pg_views where schemaname = 'profiles' and viewname like 'material\\_customer\\_ids\\_%'")
    psql(url, f"\\copy (select other_id_type, other_id, customer_main_id from profiles.{view}) to '{file}' csv")
    db.execute(f"""create table pb as
        from read_csv('{file}', header = false, delim = ',', quote = '"', escape = '"', all_varchar = true,
                      names = ['identifier', 'value', 'main_id'])""")
    identity_compare.view(db, root / RULES, "identifiers")
    identity_compare.same_values(db, "pb", "pb's")
    labels = "select k.profile_id as a, p.main_id as b from identifiers as k join pb as p using (identifier, value)"
    identity_compare.same_clusters(db, "kinfold", labels)
    values, profiles = db.execute("select count(*), count(distinct profile_id) from identifiers").fetchone()
    return {"values": values, "profiles": profiles}


def report(root: pathlib.Path, measured: dict[str, list[dict]], found: dict, args: argparse.Namespace) -> None:
    middle = measure.medians(measured)
    print(f"\n{measure.machine()}, {args.customers:,} customers, {found['values']:,} values, {found['profiles']:,} profiles of the same "
          f"values, medians of {args.rounds}\n")
    print("| tool | seconds | peak MiB |\n|---|---|---|")
    for name, title in TITLES.items():
        print(f"| {title} | {middle[name]['seconds']:.1f} | {middle[name]['bytes'] / 2**20:.0f} |")
    ratio = middle["kinfold"]["seconds"] / middle["pb"]["seconds"]
    print(f"\nratio of Kinfold to pb: {ratio:.3f} (pb takes {1 / ratio:.1f} times as long)")
    results = {"machine": measure.machine(), **vars(args), **found, "ratio": ratio, "measured": measured}
    (root / "rudderstack.json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
