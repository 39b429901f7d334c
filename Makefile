# xinetd-bridge: `make demo` shows it, `make check` tests it, `make install` installs it.

prefix ?= /usr
DESTDIR ?=
CARGO ?= cargo

bindir = $(prefix)/bin
libexecdir = $(prefix)/libexec/xinetd-bridge
systemddir = $(prefix)/lib/systemd
unitdir = $(systemddir)/system
# systemd looks for generators here alone, besides /run and /etc, whatever the prefix.
generatordir = $(systemddir)/system-generators
catalogdir = $(systemddir)/catalog
sysconfdir = /etc

# The generator writes this path into the units, and where xinetd.target lies into a link.
export XINETD_BRIDGE_LIBEXECDIR = $(libexecdir)
export XINETD_BRIDGE_UNITDIR = $(unitdir)

RELEASE = target/release

.PHONY: all build install uninstall check demo bench clean

all: build

# Two calls: one for all would give the generator the libraries of the helper.
build:
	$(CARGO) build --release --locked -p xinetd-bridge
	$(CARGO) build --release --locked -p xinetd-generator

install: build
	DESTDIR='$(DESTDIR)' bindir='$(bindir)' libexecdir='$(libexecdir)' unitdir='$(unitdir)' \
	generatordir='$(generatordir)' catalogdir='$(catalogdir)' sysconfdir='$(sysconfdir)' \
	packaging/install '$(RELEASE)'

uninstall:
	DESTDIR='$(DESTDIR)' bindir='$(bindir)' libexecdir='$(libexecdir)' unitdir='$(unitdir)' \
	generatordir='$(generatordir)' catalogdir='$(catalogdir)' sysconfdir='$(sysconfdir)' \
	packaging/uninstall

check:
	tests/check

demo: build
	tests/demo

bench: build
	bench/run

clean:
	$(CARGO) clean
