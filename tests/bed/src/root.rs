//! The pristine roots: made once, never booted.

use std::collections::hash_map::DefaultHasher;
use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::fcntl::{Flock, FlockArg};

use crate::{Result, context};

/// A Debian suite, for its systemd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suite {
    /// Debian 12: systemd 252, and real xinetd 2.3.15.3.
    Bookworm,
    /// Debian 13: systemd 257.
    Trixie,
    /// Debian testing, or the distribution in `XINETD_BRIDGE_TESTING`: the next systemd.
    Testing,
    /// Debian 13 with dbus-broker in the place of dbus-daemon, and with polkit.
    Broker,
    /// Debian 12 with the servers and clients of the software tests.
    Software,
    /// Debian 12 with real xinetd, and the programs that read its log.
    Conformance,
    /// Debian 12 with all that serves what xinetd serves.
    Bench,
    /// Debian 12 with rpm and dnf.
    RpmBookworm,
    /// Debian 13 with rpm and dnf.
    RpmTrixie,
    /// Debian 12 with what manages the configuration of machines, and what runs the tests of packages.
    ManagedBookworm,
    /// The same of Debian 13.
    ManagedTrixie,
    /// Debian 12, with no more than a container image of it has.
    Plain,
    /// Debian 12 with a syslog daemon, as an image that logs into files.
    Syslog,
}

impl Suite {
    /// The name for messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bookworm => "systemd-252",
            Self::Trixie => "systemd-257",
            Self::Testing => "systemd-testing",
            Self::Broker => "dbus-broker",
            Self::Software => "software",
            Self::Conformance => "conformance",
            Self::Bench => "bench",
            Self::RpmBookworm => "rpm-252",
            Self::RpmTrixie => "rpm-257",
            Self::ManagedBookworm => "managed-252",
            Self::ManagedTrixie => "managed-257",
            Self::Plain => "plain",
            Self::Syslog => "syslog",
        }
    }

    fn distribution(self) -> String {
        match self {
            Self::Bookworm
            | Self::Software
            | Self::Conformance
            | Self::Bench
            | Self::RpmBookworm
            | Self::ManagedBookworm
            | Self::Plain
            | Self::Syslog => "bookworm".into(),
            Self::Trixie | Self::Broker | Self::RpmTrixie | Self::ManagedTrixie => "trixie".into(),
            Self::Testing => {
                std::env::var("XINETD_BRIDGE_TESTING").unwrap_or_else(|_| "testing".into())
            }
        }
    }

    fn packages(self) -> &'static str {
        match self {
            Self::Bookworm => {
                "systemd,systemd-sysv,dbus,iproute2,procps,netbase,xinetd,strace,tzdata,\
                 rpcbind,rstatd,rstat-client"
            }
            Self::Trixie => {
                "systemd,systemd-sysv,dbus,iproute2,procps,netbase,tzdata,rpcbind,rstatd,rstat-client"
            }
            // It has no rstatd any more.
            Self::Testing => "systemd,systemd-sysv,dbus,iproute2,procps,netbase,tzdata,rpcbind",
            Self::Broker => {
                "systemd,systemd-sysv,dbus-broker,polkitd,iproute2,procps,netbase,tzdata"
            }
            Self::Software => {
                "systemd,systemd-sysv,dbus,iproute2,procps,netbase,tzdata,rsync,git,openssh-server,\
                 openssh-client,vsftpd,curl,nagios-nrpe-server,nagios-nrpe-plugin,\
                 tftpd-hpa,tftp-hpa,python3-prometheus-client"
            }
            Self::Conformance => {
                "systemd,systemd-sysv,dbus,iproute2,procps,netbase,xinetd,tzdata,tcpd,fail2ban,logwatch,rpcbind"
            }
            // The last four are the libraries of openbsd-inetd.
            Self::Bench => {
                "systemd,systemd-sysv,dbus,iproute2,procps,netbase,xinetd,tzdata,ucspi-tcp,ipsvd,socat,\
                 tftpd-hpa,tftp-hpa,libbsd0,libevent-2.1-7,libtirpc3,libwrap0"
            }
            Self::RpmBookworm | Self::RpmTrixie => {
                "systemd,systemd-sysv,dbus,iproute2,procps,netbase,tzdata,rpm,dnf,createrepo-c"
            }
            Self::ManagedBookworm | Self::ManagedTrixie => {
                "systemd,systemd-sysv,dbus,iproute2,procps,netbase,tzdata,ansible-core,python3-apt,\
                 puppet-agent,puppet-module-puppetlabs-xinetd,autopkgtest"
            }
            Self::Plain => "netbase",
            Self::Syslog => "iproute2,procps,netbase,rsyslog",
        }
    }

    /// A mirror's copy of testing may be older than it says it may be.
    fn without_expiry(self) -> Option<&'static str> {
        (self == Self::Testing).then_some("--aptopt=Acquire::Check-Valid-Until \"false\"")
    }

    /// A package that can't be installed beside the others; its files are in /opt.
    fn unpacked(self) -> Option<&'static str> {
        match self {
            // It and xinetd exclude each other.
            Self::Bench => Some("openbsd-inetd"),
            Self::Bookworm
            | Self::Trixie
            | Self::Testing
            | Self::Broker
            | Self::Software
            | Self::Conformance
            | Self::RpmBookworm
            | Self::RpmTrixie
            | Self::ManagedBookworm
            | Self::ManagedTrixie
            | Self::Plain
            | Self::Syslog => None,
        }
    }

    /// A package that is not installed, but lies in /opt as an archive.
    fn archive(self) -> Option<&'static str> {
        match self {
            // What installs and removes it in a container that runs.
            Self::Bookworm
            | Self::Trixie
            | Self::Testing
            | Self::ManagedBookworm
            | Self::ManagedTrixie => Some("xinetd"),
            Self::Broker
            | Self::Software
            | Self::Conformance
            | Self::Bench
            | Self::RpmBookworm
            | Self::RpmTrixie
            | Self::Plain
            | Self::Syslog => None,
        }
    }

    /// The pristine root of the suite, made if it is absent. That of Debian testing stays what it was on the day
    /// when it was made, until it is removed.
    ///
    /// # Errors
    /// What kept it from being made.
    pub fn root(self) -> Result<PathBuf> {
        let mut hasher = DefaultHasher::new();
        self.packages().hash(&mut hasher);
        if self == Self::Testing {
            self.distribution().hash(&mut hasher);
        }
        for package in self.unpacked().into_iter().chain(self.archive()) {
            package.hash(&mut hasher);
        }
        let roots = cache().join("roots");
        context(fs::create_dir_all(&roots), roots.display())?;
        let root = roots.join(format!(
            "{}-{:08x}",
            self.name(),
            hasher.finish() & 0xffff_ffff
        ));
        // Two test programs may want the same root at once.
        let lock = roots.join(".lock");
        let lock = context(File::create(&lock), lock.display())?;
        let _lock = Flock::lock(lock, FlockArg::LockExclusive)
            .map_err(|(_, error)| format!("lock of {}: {error}", roots.display()))?;
        if !root.exists() {
            self.build(&root)?;
        }
        Ok(root)
    }

    fn build(self, root: &Path) -> Result<()> {
        let unfinished = root.with_extension("new");
        if unfinished.exists() {
            context(fs::remove_dir_all(&unfinished), unfinished.display())?;
        }
        // No service of the packages may start while they are being installed.
        let no_starts = "printf '#!/bin/sh\\nexit 101\\n' >\"$1/usr/sbin/policy-rc.d\"; \
                         chmod 755 \"$1/usr/sbin/policy-rc.d\"";
        let unpack = self.unpacked().map(|package| {
            format!(
                "--customize-hook=chroot \"$1\" sh -c 'cd /tmp && apt-get -q download {package} && \
                 dpkg -x {package}_*.deb /opt/{package}'"
            )
        });
        let download = self.archive().map(|package| {
            format!(
                "--customize-hook=chroot \"$1\" sh -c 'cd /opt && apt-get -q download {package}'"
            )
        });
        let output = context(
            Command::new("mmdebstrap")
                .args(["--variant=minbase", "--quiet"])
                .arg("--aptopt=Acquire::Retries \"5\"")
                .args(self.without_expiry())
                .arg(format!("--include={}", self.packages()))
                .arg(format!("--essential-hook={no_starts}"))
                .args(unpack)
                .args(download)
                .arg(self.distribution())
                .arg(&unfinished)
                .output(),
            "mmdebstrap",
        )?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("mmdebstrap of {} failed:\n{said}", self.name()));
        }
        context(fs::rename(&unfinished, root), root.display())
    }
}

/// The folder for roots and running containers, outside the repository.
pub fn cache() -> PathBuf {
    std::env::var_os("XINETD_BRIDGE_CACHE")
        .map_or_else(|| "/var/cache/xinetd-bridge".into(), PathBuf::from)
}

/// Why no container can run on this machine, if none can.
pub fn missing() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("containers need root".into());
    }
    ["systemd-nspawn", "mmdebstrap", "nsenter", "make"]
        .into_iter()
        .find_map(|tool| {
            let found = std::env::var_os("PATH").is_some_and(|path| {
                std::env::split_paths(&path).any(|dir| dir.join(tool).exists())
            });
            (!found).then(|| format!("{tool} is not installed; tests/setup installs it"))
        })
}
