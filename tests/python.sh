#!/bin/sh
# Installs the project into each virtual environment that tests/setup.sh has made, and runs tests/python there: all of it
# in .venv, in the others all but the long tests, the frameworks and what only .venv has packages for. No network is asked
# for.
set -eu
cd "$(dirname "$0")/.."

if [ ! -e .venv/requirements.txt ]; then
    echo "There is no .venv with what the tests need: run make setup." >&2
    exit 1
fi
failed=
for venv in .venv .venv-*; do
    [ -d "$venv" ] || continue
    python=$PWD/$venv/bin/python
    echo "python: installing the project into $venv ($("$python" -V))"
    # maturin is in the virtual environment, and cargo keeps what it has built in target/.
    PATH="$PWD/$venv/bin:$PATH" PYO3_PYTHON=$python "$python" -m pip --disable-pip-version-check --quiet install \
        --no-build-isolation --no-deps --no-index --force-reinstall .
    # A failure in one does not hide what fails in the next.
    if [ "$venv" = .venv ]; then
        "$python" -B -m pytest -q -n 2 tests/python "$@" || failed="$failed $venv"
    else
        "$python" -B -m pytest -q -n 2 -m "not long" --ignore=tests/python/frameworks \
            --ignore=tests/python/test_kubernetes.py tests/python "$@" || failed="$failed $venv"
    fi
done
if [ -n "$failed" ]; then
    echo "python: tests failed in$failed" >&2
    exit 1
fi
