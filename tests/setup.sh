#!/bin/sh
# Installs what the tests need, or says exactly what is missing. A missing part is a failure, never a skip.
set -eu

# command → Debian package
needs="nginx:nginx-light curl:curl strace:strace"

missing=
packages=
for need in $needs; do
    command=${need%%:*}
    package=${need#*:}
    if ! PATH="$PATH:/usr/sbin:/sbin" command -v "$command" >/dev/null 2>&1; then
        missing="$missing $command"
        packages="$packages $package"
    fi
done
[ -n "$packages" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "setup: installing$packages"
    export DEBIAN_FRONTEND=noninteractive
    # Debian starts a service that it installs; the tests start their own on free ports, so keep it from that.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
        trap 'rm -f "$policy"' EXIT
    fi
    apt-get update -qq || echo "setup: apt-get update failed; trying with the package lists that are there" >&2
    # shellcheck disable=SC2086 # a list of words
    apt-get install -y -qq --no-install-recommends $packages >/dev/null
else
    echo "The tests need$missing, which this machine does not have. Install with:" >&2
    echo "    sudo apt-get install --no-install-recommends$packages" >&2
    exit 1
fi
