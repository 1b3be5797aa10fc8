#!/bin/sh
# Builds a CPython without the GIL, once, and runs tests/python on it; all that it makes is in target/free-threaded, and stays.
# Arguments are pytest's.
set -eu
cd "$(dirname "$0")/.."

folder=$PWD/target/free-threaded
lists="tests/requirements-python.txt tests/requirements.txt"
tests/free-threaded-python.sh "$folder"
python=$folder/venv/bin/python
# The lists are copied last of all: a half-made environment has no copy.
# shellcheck disable=SC2086 # a list of words
if ! cat $lists | cmp -s - "$folder/venv/requirements.txt"; then
    echo "free-threaded: making a virtual environment"
    rm -rf "$folder/venv"
    "$folder/python/bin/python3" -m venv "$folder/venv"
    # shellcheck disable=SC2046,SC2086 # lists of words
    "$python" -m pip --disable-pip-version-check --quiet install $(printf -- '-r %s ' $lists)
    # shellcheck disable=SC2086
    cat $lists >"$folder/venv/requirements.txt"
fi
echo "free-threaded: installing the project ($("$python" -VV))"
# PyO3 gives no promise for 3.13 without the GIL: it asks for 3.14, or for this word.
UNSAFE_PYO3_SKIP_VERSION_CHECK=1 PATH="$folder/venv/bin:$PATH" PYO3_PYTHON=$python CARGO_TARGET_DIR="$folder/build" \
    "$python" -m pip --disable-pip-version-check --quiet install --no-build-isolation --no-deps --no-index \
    --force-reinstall .
# No module of the application may switch the GIL on: that would be a test of something else.
export PYTHON_GIL=0
STRESS_REQUESTS=${STRESS_REQUESTS:-20000} "$python" -B -m pytest -q -n 2 -m "not long" tests/python "$@"
