# xinetd-bridge: `make demo` shows it, `make check` tests it, `make install` installs it, `make install-standalone` installs
# what needs no systemd, `make packages` packs it. docs/fuzzing.md says what `make fuzz`, `make sanitize` and `make audit` do.

prefix ?= /usr
DESTDIR ?=
CARGO ?= cargo

bindir = $(prefix)/bin
sbindir = $(prefix)/sbin
libexecdir = $(prefix)/libexec/xinetd-bridge
systemddir = $(prefix)/lib/systemd
unitdir = $(systemddir)/system
# With a prefix of /usr or /usr/local: systemd looks for generators in no others.
generatordir = $(systemddir)/system-generators
catalogdir = $(systemddir)/catalog
dbusdir = $(prefix)/share/dbus-1
polkitdir = $(prefix)/share/polkit-1/actions
sysusersdir = $(prefix)/lib/sysusers.d
mandir = $(prefix)/share/man
docdir = $(prefix)/share/doc/xinetd-bridge
bashdir = $(prefix)/share/bash-completion/completions
# Debian's zsh looks into vendor-completions as well, and into this one below /usr/local alone.
zshdir = $(prefix)/share/zsh/site-functions
fishdir = $(prefix)/share/fish/vendor_completions.d
sysconfdir = /etc

# The generator writes the first two into the units, and a link into the last.
export XINETD_BRIDGE_BINDIR = $(bindir)
export XINETD_BRIDGE_LIBEXECDIR = $(libexecdir)
export XINETD_BRIDGE_UNITDIR = $(unitdir)

RELEASE = target/release

IMAGE = localhost/xinetd-bridge

# What packaging/install and packaging/uninstall are told.
places = DESTDIR='$(DESTDIR)' bindir='$(bindir)' libexecdir='$(libexecdir)' unitdir='$(unitdir)' \
	generatordir='$(generatordir)' catalogdir='$(catalogdir)' dbusdir='$(dbusdir)' \
	polkitdir='$(polkitdir)' sysusersdir='$(sysusersdir)' sysconfdir='$(sysconfdir)' mandir='$(mandir)' docdir='$(docdir)' \
	bashdir='$(bashdir)' zshdir='$(zshdir)' fishdir='$(fishdir)'

# How long `make fuzz` runs each of its fuzzers, in seconds, and which; all of them if none is named.
FUZZ_TIME ?= 600
FUZZ_TARGETS ?=

.PHONY: all build install install-built install-standalone install-standalone-built static image uninstall packages release check fuzz sanitize audit demo bench clean

all: build

build:
	CARGO='$(CARGO)' packaging/build

install: build
	$(MAKE) install-built

# Installs what has been built.
install-built:
	$(places) packaging/install '$(RELEASE)'

# The program for machines and containers without systemd, and nothing of systemd's.
install-standalone: build
	$(MAKE) install-standalone-built

install-standalone-built:
	$(places) sbindir='$(sbindir)' packaging/install-standalone '$(RELEASE)'

# The same with programs that need no library, for images of any distribution: into the tree target/static.
static:
	packaging/static

# A container image of them, under this name.
image:
	packaging/image '$(IMAGE)'

uninstall:
	$(places) packaging/uninstall

# What the tools of this machine can build, into target/packages.
packages:
	packaging/all

# The packages, checksums and a list of what the programs are made of: of the last commit, into target/packages.
release:
	packaging/release

check:
	tests/check

fuzz:
	fuzz/run $(FUZZ_TIME) $(FUZZ_TARGETS)

sanitize:
	tests/sanitize

audit:
	tests/audit

# In this order: the first brings what the second needs.
demo:
	tests/setup
	$(MAKE) build
	tests/demo

bench: build
	bench/run

clean:
	$(CARGO) clean
