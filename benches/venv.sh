#!/bin/sh
# Makes target/venv-bench, where the bench's servers of Python applications are: those of benches/requirements.txt, and
# tidegate as it stands here. Without Python, or without one of them, the bench leaves out what is missing.
set -eu
cd "$(dirname "$0")/.."
venv=target/venv-bench
python=${PYTHON:-python3}
list=benches/requirements.txt

if ! "$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
    echo "bench: no table of Python applications: $python is no Python of 3.9 or newer with venv and ensurepip" \
        "(Debian's python3-venv); PYTHON=... names another" >&2
    exit 0
fi

pip() {
    "$venv/bin/python" -m pip --disable-pip-version-check --quiet "$@"
}

# The list and the Python it was made with, copied into it last of all: a half-made one has no copy.
made_of() {
    "$python" -VV
    cat $list
}

if ! made_of | cmp -s - "$venv/made-of"; then
    echo "bench: making $venv with $list"
    mkdir -p target
    rm -rf "$venv"
    "$python" -m venv "$venv"
    pip install -c $list maturin setuptools
    all=yes
    for package in uWSGI gunicorn granian bjoern fastwsgi Django Flask; do
        # Without pip's cache, which may have one that was built for another Python: uWSGI is linked with its own.
        if ! pip install --no-cache-dir -c $list $package >"$venv/$package.log" 2>&1; then
            all=
            tail -n 15 "$venv/$package.log" >&2
            echo "bench: $package cannot be installed, as said above and in $venv/$package.log" >&2
            case $package in
                uWSGI | fastwsgi) needs="gcc and python3-dev" ;;
                bjoern) needs="gcc, python3-dev and libev-dev" ;;
                *) continue ;;
            esac
            echo "bench: $package is built from its source, and needs Debian's $needs" >&2
        fi
    done
    # What could not be installed is tried again the next time.
    [ -z "$all" ] || made_of >"$venv/made-of"
fi

echo "bench: installing the project into $venv"
# maturin is in the virtual environment, and cargo keeps what it has built in target/.
export PATH="$PWD/$venv/bin:$PATH" PYO3_PYTHON="$PWD/$venv/bin/python"
pip install --no-build-isolation --no-deps --no-index --force-reinstall .
