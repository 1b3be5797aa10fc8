#!/bin/sh
# Proves that Python's objects are dropped with the GIL, on the thread that they belong to: PyO3 would keep what is dropped
# without it until any thread has it, and run there what an object does at its end. Built without that pool, it aborts
# instead; so what asks a server for all kinds of requests is run on such a build.
set -eu
cd "$(dirname "$0")/.."

if [ ! -e .venv/requirements.txt ]; then
    echo "There is no .venv with what the tests need: run make setup." >&2
    exit 1
fi
folder=$PWD/target/drops
python=$PWD/.venv/bin/python
echo "drops: building the project without PyO3's pool of references"
rm -rf "$folder/wheels"
RUSTFLAGS="--cfg pyo3_disable_reference_pool" CARGO_INCREMENTAL=0 "$python" -m maturin build --profile dev \
    --interpreter "$python" --target-dir "$folder" --out "$folder/wheels" >"$folder.log" 2>&1 || {
    cat "$folder.log" >&2
    exit 1
}
# Its own virtual environment, which has all but the project from .venv.
"$python" -m venv --clear --without-pip "$folder/venv"
site=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
own=$("$folder/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
"$python" -m pip --disable-pip-version-check --quiet --python "$folder/venv/bin/python" install \
    --no-deps --no-index "$folder"/wheels/*.whl
echo "$site" >"$own/requirements.pth"
grep -rqa "Cannot drop pointer into Python heap" "$own/tidegate" || {
    echo "drops: the build does not abort where PyO3 would keep a reference: its cfg has another name by now." >&2
    exit 1
}
cd tests/python
"$folder/venv/bin/python" -B -m pytest -q -n 2 -m "not long" test_threads*.py test_slow_readers.py test_chunks.py \
    test_close.py test_exceptions.py test_passing.py test_queue.py "$@"
