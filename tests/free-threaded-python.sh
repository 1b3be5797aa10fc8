#!/bin/sh
# Builds a CPython without the GIL from Debian's source into the folder $1, as no package of Debian has one. What is there
# already is kept: only the first run takes its time, some ten minutes.
#
# CPython 3.14 is taken where the archive has its source, else 3.13.
set -eu
mkdir -p "$1"
cd "$1"
here=$PWD

if [ -x "$here/python/bin/python3" ]; then
    exit 0
fi

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
if ! command -v apt-get >/dev/null 2>&1 || [ ! -r "$keyring" ]; then
    echo "A CPython without the GIL is built from Debian's source, for which apt-get and $keyring are needed." >&2
    exit 1
fi

# The machine's own lists of packages are left alone.
rm -rf apt
mkdir -p apt/lists/partial apt/cache/archives/partial apt/source
cat >apt/sources.list <<END
deb-src [signed-by=$keyring] http://deb.debian.org/debian sid main
END
cat >apt/apt.conf <<END
Dir::Etc::SourceList "$here/apt/sources.list";
Dir::Etc::SourceParts "-";
Dir::State::Lists "$here/apt/lists";
Dir::Cache "$here/apt/cache";
APT::Sandbox::User "root";
Acquire::Retries "2";
END
export APT_CONFIG="$here/apt/apt.conf"
echo "free-threaded: fetching CPython's source from Debian"
apt-get update -qq

# Newest first. The index may name a source that the archive has no more.
fetch() {
    for package in python3.14 python3.13; do
        for version in $(apt-cache showsrc --only-source "$package" 2>/dev/null | sed -n 's/^Version: //p' | sort -rV); do
            if (cd apt/source && apt-get source -qq --download-only "$package=$version") >apt/log 2>&1; then
                echo "$package"
                return
            fi
        done
    done
    cat apt/log >&2
    echo "Debian's archive has no source of CPython 3.14 or 3.13 just now." >&2
    return 1
}
package=$(fetch)
echo "free-threaded: building $package without the GIL"

# As it was released, without Debian's patches: those take out what makes virtual environments.
rm -rf source build
mkdir source build
tar xf apt/source/"$package"_*.orig.tar.* -C source --strip-components=1
(
    cd build
    ../source/configure --quiet --disable-gil --prefix="$here/unfinished"
    nice make -s -j"$(nproc)"
    nice make -s install
) >build.log 2>&1 || {
    tail -n 30 build.log >&2
    echo "CPython cannot be built; all that was said is in $here/build.log." >&2
    exit 1
}
"$here/unfinished/bin/python3" -c 'import ensurepip, sqlite3, ssl, sys, venv; sys.exit(sys._is_gil_enabled())' || {
    echo "The CPython that was built lacks something: it needs the headers of SQLite and OpenSSL (libsqlite3-dev, libssl-dev)." >&2
    exit 1
}
# It finds what belongs to it from where it is.
mv unfinished python
rm -rf source build apt
