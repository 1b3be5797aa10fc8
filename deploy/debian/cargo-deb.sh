#!/bin/sh
# Prints the path of the cargo-deb that builds the package, and builds that first where it is not there.
set -eu
cd "$(dirname "$0")/../.."

version=3.8.0
tools=$PWD/target/tools
program=$tools/bin/cargo-deb
if [ "$("$program" --version 2>/dev/null)" != "cargo-deb $version" ]; then
    echo "building cargo-deb $version into target/tools: a minute or two, once" >&2
    # Of its default features it needs the compression alone.
    "${CARGO:-cargo}" install cargo-deb --quiet --locked --version "$version" --no-default-features --features lzma \
        --root "$tools" --target-dir "$tools/build" >&2
    rm -rf "$tools/build"
fi
echo "$program"
