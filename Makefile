# What a person and CI call. `make help` lists it.
.DEFAULT_GOAL := help
CARGO ?= cargo
PYTHON ?= python3

.PHONY: help test setup lint unit free-threaded deb systemd images hosts bench pictures fuzz fixtures example

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

test: setup lint unit ## everything: set-up, rustfmt, clippy, documentation, all tests

setup: ## what the tests need: Debian's packages when run as root, else a message that names them
	@tests/setup.sh

lint: ## rustfmt, clippy and rustdoc without a warning
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) clippy -p tidegate --no-default-features --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked

# Each test program has so long, seconds: of one that hangs the output says which tests were still running.
BOUND = --config 'target."cfg(unix)".runner = ["timeout", "--foreground", "1200"]'

unit: ## all tests, against real sockets and a real nginx
	@status=0; \
	$(CARGO) test $(BOUND) --workspace --locked --no-fail-fast || status=1; \
	$(CARGO) test $(BOUND) -p tidegate --locked --no-default-features --lib --test server || status=1; \
	APP_THREADS=4 $(CARGO) test $(BOUND) --workspace --locked --no-fail-fast --test contract --test http --test fastcgi_scgi --test server --test static_files \
		--test workers -- --skip outputs:: --skip systemd:: --skip unfinished::four || status=1; \
	tests/python.sh || status=1; \
	tests/drops.sh || status=1; \
	$(PYTHON) -B tests/hosts/run.py --quick || status=1; \
	exit $$status

free-threaded: ## tests/python on a CPython without the GIL, which is built from Debian's source the first time
	tests/free-threaded.sh

deb: ## Debian's package, into target/deb; the first time cargo-deb is built into target/tools
	$(CARGO) build --release --locked --bin tidegate
	CARGO=$(CARGO) deploy/debian/build.sh

systemd: deb ## the package and its units under a real systemd, in a container; needs root, systemd-nspawn and make setup
	$(PYTHON) -B tests/systemd/run.py

images: ## the container files: builds them, and runs what comes of them as deploy/kubernetes says; as root, needs podman, runc, debootstrap and make setup
	.venv/bin/python -B tests/images/run.py

hosts: target/proxies/requirements.txt ## three hosts behind nginx, HAProxy, Envoy and Traefik, in network namespaces: updates, stops, deaths, cut lines, overload; as root, once tests/python.sh has installed the project
	$(PYTHON) -B tests/hosts/run.py $(HOSTS)

# Last of all the list: where it is, all that it names is.
target/proxies/requirements.txt: tests/hosts/requirements.txt
	$(PYTHON) -m venv target/proxies
	target/proxies/bin/python -m pip --disable-pip-version-check --quiet install -r $<
	cp $< $@

bench: ## side by side with a bare loop, hyper, nginx and other servers; writes docs/performance.md, or prints if BENCH has options
	$(CARGO) build --release --locked -p tidegate -p tidegate-floor -p tidegate-hyper-peer
	PYTHON=$(PYTHON) benches/venv.sh
	$(PYTHON) -B benches/compare $(BENCH)

pictures: ## docs/pictures/*.svg from real runs of .venv's tidegate (tests/python.sh installs it), and from docs/performance.md
	$(PYTHON) -B docs/pictures/make.py

fuzz: ## every decoder under libFuzzer for FUZZ_SECONDS (60) each; needs cargo-fuzz and a nightly toolchain
	fuzz/seeds.sh
	cd fuzz && for target in $$($(CARGO) fuzz list); do \
		$(CARGO) fuzz run $$target -- -max_total_time=$${FUZZ_SECONDS:-60} || exit 1; done

fixtures: ## captures the fixtures again, from real nginx, Apache and lighttpd
	$(PYTHON) fixtures/capture.py

example: ## writes deploy/tidegate.toml again, after a change of the options
	WRITE_EXAMPLE=1 $(CARGO) test --locked --lib -- config::example uwsgi::table::document
