//! The command: arguments, environment, exit status, and what it does to its output directory.
#![allow(clippy::unwrap_used, reason = "a panic is the test's verdict")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SERVICE: &str = "
service {
{
	type        = UNLISTED
	port        = }
	socket_type = stream
	wait        = no
	user        = root
	server      = /bin/true
}
";

/// A tree with an `etc` and an output directory, removed with the value.
struct Tree(PathBuf);

impl Tree {
    fn new(name: &str, services: &[&str]) -> Self {
        let name = format!("xinetd-generator-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("etc")).unwrap();
        fs::write(path.join("etc/passwd"), "root:x:0:0::/:/bin/sh\n").unwrap();
        let entries = services.iter().enumerate().map(|(index, service)| {
            let text = SERVICE.replacen('{', service, 1);
            text.replacen("= }", &format!("= {}", 7000 + index), 1)
        });
        if !services.is_empty() {
            let text: String = entries.collect();
            fs::write(path.join("etc/xinetd.conf"), text).unwrap();
        }
        Self(path)
    }

    fn output(&self) -> PathBuf {
        self.0.join("late")
    }

    fn run(&self) -> Output {
        let directory = self.output();
        self.command().arg(&directory).output().unwrap()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xinetd-generator"));
        command.env_clear().env("XINETD_BRIDGE_ROOT", &self.0);
        command
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn containers_get_the_part_of_a_sandbox_that_can_not_fail_there() {
    let tree = Tree::new("container", &["foo"]);
    let file = tree.0.join("etc/xinetd.conf");
    let text = fs::read_to_string(&file).unwrap();
    let text = text.replace("server      = /bin/true", "redirect = 127.0.0.1 8");
    fs::write(&file, text).unwrap();
    let unit = |virtualization: &str| {
        let directory = tree.output();
        let mut command = tree.command();
        command.env("SYSTEMD_VIRTUALIZATION", virtualization);
        assert!(command.arg(&directory).status().unwrap().success());
        fs::read_to_string(directory.join("foo.service"))
    };
    for virtualization in ["", "vm:kvm", "container:systemd-nspawn"] {
        let unit = unit(virtualization).unwrap();
        assert!(unit.contains("\nSystemCallFilter="), "{unit}");
        assert!(unit.contains("\nProtectSystem="), "{unit}");
    }
    for virtualization in ["container:docker", "container:lxc", "container:podman"] {
        let unit = unit(virtualization).unwrap();
        assert!(unit.contains("\nNoNewPrivileges=yes\n"), "{unit}");
        for directive in ["SystemCall", "Restrict", "Protect", "Private", "MemoryDeny"] {
            assert!(!unit.contains(&format!("\n{directive}")), "{unit}");
        }
    }
}

#[test]
fn other_numbers_of_arguments_bring_the_usage() {
    let tree = Tree::new("usage", &["foo"]);
    for arguments in [&[][..], &["a", "b"], &["a", "b", "c", "d"], &["--help"]] {
        let output = tree
            .command()
            .current_dir(&tree.0)
            .args(arguments)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(text(&output.stderr).starts_with("usage: "), "{arguments:?}");
    }
    assert_eq!(
        fs::read_dir(&tree.0).unwrap().count(),
        1,
        "nothing is made beside etc"
    );
}

#[test]
fn units_go_to_the_late_directory_or_the_only_one() {
    let tree = Tree::new("arguments", &["foo"]);
    let directories = ["normal", "early", "late"].map(|name| tree.0.join(name));
    assert!(
        tree.command()
            .args(&directories)
            .status()
            .unwrap()
            .success()
    );
    assert!(tree.0.join("late/foo.socket").exists());
    assert!(!tree.0.join("normal").exists() && !tree.0.join("early").exists());

    assert!(
        tree.command()
            .arg(tree.0.join("one"))
            .status()
            .unwrap()
            .success()
    );
    assert!(tree.0.join("one/foo.socket").exists());
}

#[test]
fn a_relative_directory_is_written_absolute() {
    let tree = Tree::new("relative", &["foo"]);
    let output = tree
        .command()
        .current_dir(&tree.0)
        .arg("./one/../one")
        .output();
    fs::create_dir_all(tree.0.join("one")).unwrap();
    let again = tree
        .command()
        .current_dir(&tree.0)
        .arg("./one/../one")
        .output()
        .unwrap();
    assert!(again.status.success(), "{output:?} {again:?}");
    let unit = fs::read_to_string(tree.0.join("one/foo.service")).unwrap();
    let path = tree
        .0
        .canonicalize()
        .unwrap()
        .join("one/xinetd-bridge/foo.toml");
    assert!(
        unit.contains(&format!("StandardInput=file:{}\n", path.display())),
        "{unit}"
    );
}

#[test]
fn in_the_initial_ram_disk_nothing_is_done() {
    let tree = Tree::new("initrd", &["foo"]);
    let mut command = tree.command();
    let status = command
        .env("SYSTEMD_IN_INITRD", "1")
        .arg(tree.output())
        .status();
    assert!(status.unwrap().success());
    assert!(!tree.output().exists());
}

#[test]
fn without_a_configuration_nothing_is_done_or_said() {
    let tree = Tree::new("nothing", &[]);
    let output = tree.run();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
    assert!(!tree.output().exists());
}

#[test]
fn a_second_run_gives_the_same() {
    // So many that two threads write them.
    let names: Vec<_> = (0..100).map(|number| format!("foo-{number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let tree = Tree::new("twice", &names);
    for _ in 0..2 {
        let output = tree.run();
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{output:?}"
        );
    }
    let spec = fs::metadata(tree.output().join("xinetd-bridge/foo-0.toml")).unwrap();
    assert_eq!(spec.permissions().mode() & 0o777, 0o600);
    let list = |directory: &str| {
        let entries = fs::read_dir(tree.output().join(directory)).unwrap();
        let name = |entry: std::io::Result<fs::DirEntry>| {
            text(entry.unwrap().file_name().as_encoded_bytes())
        };
        entries.map(name).collect::<Vec<_>>()
    };
    let units = list("");
    let hidden = |name: &&String| name.starts_with('.');
    assert_eq!(
        units.iter().filter(hidden).count(),
        0,
        "no temporary file stays"
    );
    let units = units.iter().filter(|name| name.starts_with("foo-"));
    assert_eq!(units.count(), 200, "two for each service");
    assert_eq!(list("xinetd.target.wants").len(), 100);
    // And the mark of a complete run.
    assert_eq!(list("xinetd-bridge").len(), 101);
}

#[test]
fn links_in_the_output_are_replaced_and_not_followed() {
    let tree = Tree::new("links", &["foo"]);
    let outside = tree.0.join("outside");
    fs::write(&outside, "untouched").unwrap();
    fs::create_dir_all(tree.output().join("xinetd-bridge")).unwrap();
    symlink(&outside, tree.output().join("foo.socket")).unwrap();
    symlink(&outside, tree.output().join("xinetd-bridge/foo.toml")).unwrap();
    assert!(tree.run().status.success());
    assert_eq!(fs::read_to_string(&outside).unwrap(), "untouched");
    let is_file = |name: &str| {
        tree.output()
            .join(name)
            .symlink_metadata()
            .unwrap()
            .is_file()
    };
    assert!(is_file("foo.socket") && is_file("xinetd-bridge/foo.toml"));
}

#[test]
fn a_directory_that_is_a_link_is_refused() {
    let tree = Tree::new("directory", &["foo"]);
    let outside = tree.0.join("outside");
    fs::create_dir_all(&outside).unwrap();
    fs::create_dir_all(tree.output()).unwrap();
    symlink(&outside, tree.output().join("xinetd-bridge")).unwrap();
    let output = tree.run();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("xinetd-bridge/foo.toml"),
        "{output:?}"
    );
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn one_service_that_cannot_be_written_leaves_the_others() {
    let tree = Tree::new("others", &["foo", "bar", "baz"]);
    // A directory is in the way that no file can replace.
    fs::create_dir_all(tree.output().join("bar.service")).unwrap();
    let output = tree.run();
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(
        said.contains("/etc/xinetd.conf:12:9: bar.service: "),
        "{said}"
    );
    for name in ["foo", "baz"] {
        assert!(tree.output().join(format!("{name}.socket")).exists());
        let link = tree
            .output()
            .join(format!("xinetd.target.wants/{name}.socket"));
        assert_eq!(
            link.read_link().unwrap(),
            Path::new(&format!("../{name}.socket"))
        );
    }
    let link = tree.output().join("xinetd.target.wants/bar.socket");
    assert!(
        link.symlink_metadata().is_err(),
        "half a service is not started"
    );
}

#[test]
fn a_file_full_of_faults_is_told_in_few_lines() {
    let tree = Tree::new("flood", &["foo"]);
    let path = tree.0.join("etc/xinetd.conf");
    let mut configuration = fs::read_to_string(&path).unwrap();
    for number in 0..10_000 {
        configuration.push_str(&format!("rubbish {number}\n}}\n"));
    }
    fs::write(path, configuration).unwrap();
    let output = tree.run();
    assert!(output.status.success() && tree.output().join("foo.socket").exists());
    let said = text(&output.stderr);
    assert!(said.lines().count() <= 60, "{}", said.lines().count());
    assert!(
        said.lines().next().unwrap().contains("left out here"),
        "{said}"
    );
}
