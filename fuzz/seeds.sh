#!/bin/sh
# Puts the fixtures into the corpus of the target that decodes them: fuzz/seeds.sh, before `make fuzz`.
set -eu
cd "$(dirname "$0")"
mkdir -p corpus/uwsgi_decoder
for packet in ../fixtures/uwsgi/*.bin ../fixtures/uwsgi/valid/*.bin ../fixtures/uwsgi/invalid/*.bin; do
    # The last two bytes of an input say where its bytes are cut.
    { cat "$packet"; printf '\020\200'; } >"corpus/uwsgi_decoder/$(basename "$packet" .bin)"
done
