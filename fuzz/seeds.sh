#!/bin/sh
# Puts the fixtures into the corpora of the targets that decode them: fuzz/seeds.sh, before `make fuzz`.
set -eu
cd "$(dirname "$0")"
mkdir -p corpus/uwsgi_decoder
for packet in ../fixtures/uwsgi/*.bin ../fixtures/uwsgi/valid/*.bin ../fixtures/uwsgi/invalid/*.bin; do
    # The last two bytes of an input say where its bytes are cut.
    { cat "$packet"; printf '\020\200'; } >"corpus/uwsgi_decoder/$(basename "$packet" .bin)"
done
for protocol in fastcgi scgi; do
    mkdir -p "corpus/$protocol"
    for packet in ../fixtures/"$protocol"/valid/*.bin ../fixtures/"$protocol"/invalid/*.bin; do
        { cat "$packet"; printf '\020\200'; } >"corpus/$protocol/$(basename "$packet" .bin)"
    done
done
mkdir -p corpus/http_conversation corpus/http_reading
for request in ../fixtures/http/valid/*.http ../fixtures/http/invalid/*.http; do
    name=$(basename "$request" .http)
    { cat "$request"; printf '\020\200'; } >"corpus/http_conversation/$name"
    # The last byte chooses the bounds.
    { cat "$request"; printf '\200'; } >"corpus/http_reading/$name"
done
mkdir -p corpus/uwsgi_ini
printf '[uwsgi]\nmaster\nsocket = %%%%d/$(NAME).sock ; one\r\n# two\n[other]\nx=1\n[uwsgi]\nenv=A=$(B$(C))\n' >corpus/uwsgi_ini/sections
printf '[uwsgi]\nif-env = X\nx = %%(a + b)%%%%\nendif =\nfor=a b\ny=%%(_)\nendfor' >corpus/uwsgi_ini/blocks
