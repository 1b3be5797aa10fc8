#!/bin/sh
# Makes Debian's package of the command that is built, and prints its path: target/deb/tidegate_VERSION_ARCHITECTURE.deb.
# `make deb` calls it. What is in the package stands in Cargo.toml, package.metadata.deb.
#
#     build.sh [PROFILE [FOLDER]]     the command of another profile of cargo's than release, another folder for the package
set -eu
cd "$(dirname "$0")/../.."
profile=${1:-release}
folder=${2:-target/deb}

case $profile in
dev) binary=${CARGO_TARGET_DIR:-target}/debug/tidegate ;;
*) binary=${CARGO_TARGET_DIR:-target}/$profile/tidegate ;;
esac
cargo_deb=$(deploy/debian/cargo-deb.sh)
if [ ! -x "$binary" ]; then
    echo "$binary is not there: cargo build --profile $profile --locked --bin tidegate, or make deb" >&2
    exit 1
fi

# The same command, of the same commit, makes the same package, byte for byte.
if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
    SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || date +%s)
    export SOURCE_DATE_EPOCH
fi
version=$("$binary" --version | cut -d ' ' -f 2)
parts=target/debian-parts
rm -rf "$parts"
mkdir -p "$parts"
"$binary" man --dir "$parts/man"
for shell in bash zsh fish; do
    "$binary" completions "$shell" >"$parts/completions.$shell"
done
python3 deploy/debian/crates.py | gzip -9n >"$parts/copyright.crates.gz"
maintainer=$(sed -n 's/^maintainer = "\(.*\)"$/\1/p' Cargo.toml)
cat >"$parts/changelog" <<END
tidegate ($version-1) unstable; urgency=medium

  * What is new stands in /usr/share/doc/tidegate/changelog.gz.

 -- $maintainer  $(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")
END

# Not target/debian, which cargo-deb clears whatever it builds.
rm -f "$folder"/tidegate_*.deb
"$cargo_deb" --quiet --locked --no-build --strip --profile "$profile" --output "$folder"
