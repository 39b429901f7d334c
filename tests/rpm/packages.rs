//! The packages, and what they are installed beside: a stand-in for the distribution, and one for real xinetd.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use testbed::{Result, Suite, make, run, write};

/// The version that is installed first.
pub(crate) const OLD: &str = concat!(env!("CARGO_PKG_VERSION"), "-1");
/// The version after it.
pub(crate) const NEW: &str = concat!(env!("CARGO_PKG_VERSION"), "-1.2");

/// Where the machines have the packages.
const FOLDER: &str = "/opt/rpm";

/// The package xinetd of EL 8, as far as files and units are concerned.
const XINETD: &str = "Name: xinetd
Epoch: 2
Version: 2.3.15
Release: 39.el8
Summary: A stand-in
License: xinetd
BuildArch: noarch
%description
A stand-in.
%install
mkdir -p %{buildroot}/etc/xinetd.d %{buildroot}/usr/sbin %{buildroot}/usr/lib/systemd/system
printf '#!/bin/sh\nexec sleep infinity\n' >%{buildroot}/usr/sbin/xinetd
printf '[Service]\nExecStart=/usr/sbin/xinetd\n[Install]\nWantedBy=multi-user.target\n' \
    >%{buildroot}/usr/lib/systemd/system/xinetd.service
printf 'defaults\n{\n}\nincludedir /etc/xinetd.d\n' >%{buildroot}/etc/xinetd.conf
printf 'service echo\n{\ntype = INTERNAL\nid = echo\nsocket_type = stream\nwait = no\nuser = root\ndisable = yes\n}\n' \
    >%{buildroot}/etc/xinetd.d/echo
mkdir %{buildroot}/etc/sysconfig
echo 'EXTRAOPTIONS=' >%{buildroot}/etc/sysconfig/xinetd
%post
[ $1 -gt 1 ] || systemctl --no-reload preset xinetd.service
%preun
[ $1 -gt 0 ] || systemctl --no-reload disable --now xinetd.service
%files
%attr(0755,root,root) /usr/sbin/xinetd
/usr/lib/systemd/system/xinetd.service
%config(noreplace) /etc/xinetd.conf
%config(noreplace) /etc/xinetd.d/echo
%config(noreplace) /etc/sysconfig/xinetd
";

/// The path of a package in a machine.
pub(crate) fn path(name: &str) -> String {
    format!("{FOLDER}/{name}.rpm")
}

/// The path of the bridge's in a version.
pub(crate) fn bridge(version: &str) -> String {
    path(&file(version))
}

/// The bridge's in a version. rpm calls this processor as Rust does.
fn file(version: &str) -> String {
    format!("xinetd-bridge-{version}.{}", std::env::consts::ARCH)
}

/// Puts all packages into the tree of a machine, and tells rpm what Debian's packages have brought.
pub(crate) fn put_into(tree: &Path, suite: Suite) -> Result<()> {
    let packages = built()?;
    let into = tree.join(&FOLDER[1..]);
    run(Command::new("cp").arg("-R").args([packages, &into]))?;
    write(
        tree,
        "/etc/yum.repos.d/tests.repo",
        format!("[tests]\nname=tests\nbaseurl=file://{FOLDER}\ngpgcheck=0\n"),
        0o644,
    )?;
    let systemd = if suite == Suite::RpmBookworm {
        252
    } else {
        257
    };
    run(Command::new("chroot")
        .arg(tree)
        .args(["rpm", "--install", "--quiet"])
        .arg(path(&format!("debian-{systemd}-1.noarch"))))?;
    run(Command::new("chroot")
        .arg(tree)
        .args(["createrepo_c", "--quiet", FOLDER]))
}

/// The folder of the packages of this run; built by the first scenario that asks.
fn built() -> Result<&'static PathBuf> {
    static BUILT: OnceLock<Result<PathBuf>> = OnceLock::new();
    BUILT.get_or_init(build).as_ref().map_err(Clone::clone)
}

fn build() -> Result<PathBuf> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = repository.join("target/packages/tests-rpm");
    let _ = fs::remove_dir_all(&folder);
    make("build", Path::new("/"))?;
    for dist in ["%{nil}", ".2"] {
        let mut build = Command::new(repository.join("packaging/rpm/build"));
        build
            .arg(&folder)
            .args(["--define", &format!("dist {dist}")])
            .env("PREBUILT", "yes");
        run(&mut build)?;
    }
    let stand_ins = [("xinetd", XINETD.to_owned())].into_iter();
    let debian = ["252", "257"].map(|systemd| Ok(("debian", debian(&folder, systemd)?)));
    let debian: Vec<_> = debian.into_iter().collect::<Result<_>>()?;
    for (name, text) in stand_ins.chain(debian) {
        write(&folder, &format!("{name}.spec"), text, 0o644)?;
        run(Command::new("rpmbuild")
            .args(["-bb", "--quiet", "--define"])
            .arg(format!("_topdir {}", folder.join("work").display()))
            .arg("--define")
            .arg(format!("_rpmdir {}", folder.display()))
            .args([
                "--define",
                "_rpmfilename %{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm",
            ])
            .arg(folder.join(format!("{name}.spec"))))?;
    }
    Ok(folder)
}

/// What Debian's packages have brought: a shell, this version of systemd, and those libraries that the bridge's programs
/// are linked with, which run only if they are there.
fn debian(folder: &Path, systemd: &str) -> Result<String> {
    let bridge = folder.join(format!("{}.rpm", file(OLD)));
    let output = Command::new("rpm")
        .args(["-qp", "--requires"])
        .arg(bridge)
        .output();
    let output = output.map_err(|error| format!("rpm: {error}; tests/setup installs it"))?;
    let required = String::from_utf8_lossy(&output.stdout).into_owned();
    let libraries = required.lines().filter(|line| {
        ["lib", "ld-", "rtld("]
            .iter()
            .any(|start| line.starts_with(start))
    });
    let provides: String = libraries
        .map(|line| format!("Provides: {line}\n"))
        .collect();
    Ok(format!(
        "Name: debian\nVersion: {systemd}\nRelease: 1\nSummary: A stand-in\nLicense: none\nBuildArch: noarch\n\
         Provides: /bin/sh\nProvides: systemd = {systemd}\n{provides}%description\nA stand-in.\n%files\n"
    ))
}
