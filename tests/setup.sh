#!/bin/sh
# Installs what the tests need, or says exactly what is missing. A missing part is a failure, never a skip.
# Debian's packages come with apt, when run as root; what Python needs goes into .venv.
set -eu
cd "$(dirname "$0")/.."

# command:Debian package
needs="nginx:nginx-light curl:curl strace:strace python3:python3 wrk:wrk h2load:nghttp2-client chromium:chromium systemd-analyze:systemd"

has() {
    PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null 2>&1
}

# The requirements are copied into .venv last of all: a half-made one has no copy.
venv_is_made() {
    [ -x .venv/bin/python ] && cmp -s tests/requirements.txt .venv/requirements.txt
}

python_makes_venvs() {
    has python3 && python3 -c 'import ensurepip, venv' 2>/dev/null
}

missing=
packages=
for need in $needs; do
    if ! has "${need%%:*}"; then
        missing="$missing ${need%%:*}"
        packages="$packages ${need#*:}"
    fi
done
if ! venv_is_made && ! python_makes_venvs; then
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

if ! venv_is_made; then
    if ! python_makes_venvs; then
        echo "The tests need a python3 that makes virtual environments, and $(command -v python3) has no" \
            "ensurepip. Put another one, such as Debian's with python3-venv, first in PATH." >&2
        exit 1
    fi
    echo "setup: making .venv with tests/requirements.txt"
    rm -rf .venv
    python3 -m venv .venv
    pip() {
        .venv/bin/python -m pip --disable-pip-version-check --quiet install -r tests/requirements.txt
    }
    pip || pip
    cp tests/requirements.txt .venv/requirements.txt
fi
