#!/bin/sh
# Installs what the tests need, or says exactly what is missing. A missing part is a failure, never a skip.
# Debian's packages come with apt, when run as root; what Python needs goes into .venv, and into .venv-X.Y for a second
# CPython where the machine has one.
set -eu
cd "$(dirname "$0")/.."

# command:Debian package
needs="nginx:nginx-light curl:curl strace:strace python3:python3 wrk:wrk h2load:nghttp2-client chromium:chromium systemd-analyze:systemd logrotate:logrotate man:man-db zsh:zsh fish:fish lintian:lintian fakeroot:fakeroot xml2-config:libxml2-dev python3-config:python3-dev ip:iproute2 haproxy:haproxy"

has() {
    PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null 2>&1
}

# Whether the virtual environment $1 was made with the lists $2. They are copied into it last of all: a half-made one has
# no copy.
venv_is_made() {
    # shellcheck disable=SC2086 # a list of words
    [ -x "$1/bin/python" ] && cat $2 | cmp -s - "$1/requirements.txt"
}

# Whether $1 is a CPython of 3.$2 or newer, with what makes virtual environments. pyenv has shims for versions that it
# does not run.
is_usable() {
    "$1" -c "
import ensurepip, sqlite3, ssl, sys, venv
sys.exit(sys.implementation.name != 'cpython' or sys.version_info < (3, $2))" >/dev/null 2>&1
}

version() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])'
}

# The oldest CPython from 3.9 on that is not the default's version.
second_python() {
    default=$(version python3)
    for minor in 9 10 11 12 13 14; do
        for python in "python3.$minor" "/usr/bin/python3.$minor" "/usr/local/bin/python3.$minor" \
            "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"3.$minor".*/bin/python3; do
            if is_usable "$python" 9 && [ "$(version "$python")" = "3.$minor" ] && [ "3.$minor" != "$default" ]; then
                echo "$python"
                return
            fi
        done
    done
}

missing=
packages=
for need in $needs; do
    if ! has "${need%%:*}"; then
        missing="$missing ${need%%:*}"
        packages="$packages ${need#*:}"
    fi
done
if ! has python3 || ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    missing="$missing python3-venv"
    packages="$packages python3-venv"
fi

install() {
    # Another set-up beside this one may hold dpkg's lock: wait for it.
    # shellcheck disable=SC2086 # a list of words
    apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 -o Acquire::Retries=2 $packages
}

update() {
    apt-get update -qq -o Acquire::Retries=2
}

if [ -n "$packages" ]; then
    command="apt-get install --no-install-recommends$packages"
    if [ "$(id -u)" != 0 ] || ! has apt-get; then
        echo "The tests need$missing, which this machine does not have. Install with:" >&2
        echo "    sudo $command" >&2
        exit 1
    fi
    echo "setup: installing$packages"
    export DEBIAN_FRONTEND=noninteractive
    policy=
    log=$(mktemp)
    trap 'rm -f "$log" ${policy:+"$policy"}' EXIT
    trap 'exit 130' INT TERM HUP
    # Debian starts a service that it installs; the tests start their own on free ports, so keep it from that.
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        policy=/usr/sbin/policy-rc.d
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    # The package lists may be missing or old: fetch them only when it does not go without.
    if ! install >"$log" 2>&1 && ! { update && install; } >>"$log" 2>&1; then
        tail -n 20 "$log" >&2
        echo "setup: apt-get failed, as said above. The tests need$missing:" >&2
        echo "    $command" >&2
        exit 1
    fi
fi

# Makes the virtual environment $1 with the Python $2 and the lists of requirements that follow.
make_venv() {
    venv=$1 python=$2
    shift 2
    lists=$*
    if venv_is_made "$venv" "$lists"; then
        return
    fi
    echo "setup: making $venv with $lists"
    rm -rf "$venv"
    "$python" -m venv "$venv"
    pip() {
        # shellcheck disable=SC2046 # a list of words
        "$venv/bin/python" -m pip --disable-pip-version-check --quiet install $(printf -- '-r %s ' $lists)
    }
    pip || pip
    # shellcheck disable=SC2086 # a list of words
    cat $lists >"$venv/requirements.txt"
}

# What makes Debian's package, which tests/deploy looks at.
deploy/debian/cargo-deb.sh >/dev/null

if ! is_usable python3 10; then
    echo "The tests need a python3 of 3.10 or newer that makes virtual environments, with ensurepip, sqlite3 and ssl;" \
        "$(command -v python3) is not one. Put another, such as Debian's with python3-venv, first in PATH." >&2
    exit 1
fi
everywhere=tests/requirements-python.txt
make_venv .venv python3 $everywhere tests/requirements.txt

second=$(second_python)
for venv in .venv-*; do
    # One that was made when the machine had another second version.
    if [ -d "$venv" ] && { [ -z "$second" ] || [ "$venv" != ".venv-$(version "$second")" ]; }; then
        rm -rf "$venv"
    fi
done
if [ -n "$second" ]; then
    make_venv ".venv-$(version "$second")" "$second" $everywhere
else
    echo "setup: this machine has no second CPython of 3.9 to 3.14: tests/python runs with $(python3 -V) alone"
fi
