# What one can do here; `just` lists it.

cache := env("KINFOLD_CACHE", env("HOME") / ".cache/kinfold")
export CARGO_TARGET_DIR := env("CARGO_TARGET_DIR", cache / "target")

_default:
    @just --list --unsorted

# Build and run the sample project
run *args:
    cargo run --release -- run {{ args }}

# All tests, with a real PostgreSQL and a real object store; `just test kill::` runs some
test *args:
    ./test {{ args }}

# Formatting and lints, as reviewers expect them
lint:
    cargo fmt --all --check
    cargo clippy --release --workspace --all-targets -- -D warnings

# What CI runs
ci:
    .ci/run

# Kinfold beside the best separate tools, at 1 million customers and 20 million events; `just bench --customers 100000 --events 2000000`
bench *args:
    bash -c 'source tests/tools.sh; cache="{{ cache }}"; install_tools'
    cargo build --release
    "{{ cache }}/venv/bin/python" bench/run.py {{ args }}

# Matching beside Splink, recordlinkage and dedupe on FEBRL 1 to 4, whose truth is known; `just bench-febrl --data 4 --peers kinfold,splink`
bench-febrl *args:
    bash -c 'source tests/tools.sh; cache="{{ cache }}"; install_tools'
    [ -x "{{ cache }}/peers/bin/pip" ] || "{{ cache }}/venv/bin/python" -m venv "{{ cache }}/peers"
    "{{ cache }}/peers/bin/pip" install --quiet --disable-pip-version-check --requirement bench/febrl_peers/requirements.txt || true
    cargo build --release
    "{{ cache }}/venv/bin/python" bench/febrl.py {{ args }}

# What Kinfold and Splink learn from the same records, number by number; after `just bench-febrl`
bench-febrl-parameters:
    "{{ cache }}/venv/bin/python" bench/febrl_parameters.py "{{ cache }}/bench/febrl/data/4" "{{ cache }}/bench/febrl/parameters"

# Matching beside Splink in a made-up CRM of 1 million records; `just bench-match --records 4000000`
bench-match *args:
    bash -c 'source tests/tools.sh; cache="{{ cache }}"; install_tools'
    cargo build --release
    "{{ cache }}/venv/bin/python" bench/match.py {{ args }}

# The identity step beside DuckDB, scipy and Splink, at 1 million customers; `just bench-identity --customers 5000000`
bench-identity *args:
    bash -c 'source tests/tools.sh; cache="{{ cache }}"; install_tools'
    # Both at once, of the whole workspace: features would differ otherwise, and the engine be compiled a second time.
    cargo build --release --workspace --bin kinfold --example components
    "{{ cache }}/venv/bin/python" bench/identity.py {{ args }}

# The identity step beside RudderStack's Profiles on PostgreSQL; `just bench-identity-rudderstack --host 10.99.99.1`, an address as `--help` says
bench-identity-rudderstack *args:
    bash -c 'source tests/tools.sh; cache="{{ cache }}"; install_tools'
    [ -x "{{ cache }}/rudderstack/bin/pip" ] || "{{ cache }}/venv/bin/python" -m venv "{{ cache }}/rudderstack"
    "{{ cache }}/rudderstack/bin/pip" install --quiet --disable-pip-version-check profiles-rudderstack==0.26.4
    cargo build --release
    "{{ cache }}/venv/bin/python" bench/identity_rudderstack.py {{ args }}

# Make the sample's data again
sample-data:
    "{{ cache }}/venv/bin/python" data/generate.py

# Licences, advisories and duplicates of dependencies
deny:
    cargo deny check
