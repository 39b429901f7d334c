//! What `make install` puts where, and what `make uninstall` leaves.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic here is the verdict of the test"
)]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use testbed::make;

const PROGRAMS: [&str; 5] = [
    "libexec/xinetd-bridge/xinetd-reconcile",
    "libexec/xinetd-bridge/xinetd-coordinator",
    "bin/xinetdctl",
    "libexec/xinetd-bridge/xinetd-accept",
    "lib/systemd/system-generators/xinetd-generator",
];

/// What xinetdctl prints of itself, and a part of it.
const GENERATED: [(&str, &str); 6] = [
    ("share/man/man8/xinetdctl.8", ".SS \"xinetdctl check\""),
    ("share/man/man5/xinetd.conf.5bridge", "UNLISTED"),
    ("share/man/man5/xinetd.log.5bridge", "XINETD_RULE="),
    (
        "share/bash-completion/completions/xinetdctl",
        "complete -F _xinetdctl",
    ),
    ("share/zsh/site-functions/_xinetdctl", "#compdef xinetdctl"),
    (
        "share/fish/vendor_completions.d/xinetdctl.fish",
        "complete -c xinetdctl",
    ),
];

/// Names of real xinetd's pages, and ours that man(1) finds by them.
const PAGES: [(&str, &str); 3] = [
    ("xinetd.conf", "man5/xinetd.conf.5bridge"),
    ("xinetd.log", "man5/xinetd.log.5bridge"),
    ("xinetd", "man8/xinetd.service.8"),
];

/// A folder that goes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("xinetd-bridge-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// All files, relative to `root`.
fn files(root: &Path) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let path = path.strip_prefix(root).unwrap();
                files.insert(path.to_string_lossy().into_owned());
            }
        }
    }
    files
}

/// The paths in a program that only this machine has: of the source tree, and of what is below the
/// home of the user who builds.
fn paths_of_this_machine(program: &[u8]) -> Vec<String> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let home = std::env::var("HOME").unwrap();
    let cargo = std::env::var("CARGO_HOME").unwrap_or_else(|_| format!("{home}/.cargo"));
    // What is there below the home: the word "/root" alone is in the programs anyway.
    let below = fs::read_dir(home).into_iter().flatten().flatten();
    let below = below.map(|entry| entry.path().to_string_lossy().into_owned());
    let places: Vec<_> = below
        .chain([sources.to_string_lossy().into_owned(), cargo])
        .collect();
    let texts = program.split(|byte| !matches!(byte, b' '..=b'~'));
    let texts = texts.map(String::from_utf8_lossy);
    let is_ours = |text: &str| places.iter().any(|place| text.contains(place.as_str()));
    texts
        .filter(|text| is_ours(text))
        .map(std::borrow::Cow::into_owned)
        .collect()
}

/// What man(1) shows by a name that people know from xinetd.
fn page_of(root: &Path, name: &str) -> String {
    let pages = root.join("usr/share/man");
    let output = Command::new("man")
        .arg("-M")
        .arg(&pages)
        .args(["-w", name])
        .output();
    let output = output.unwrap_or_else(|error| panic!("man: {error}; tests/setup installs it"));
    let path = String::from_utf8(output.stdout).unwrap();
    let below = path.trim().strip_prefix(pages.to_str().unwrap());
    below.unwrap_or_default().trim_start_matches('/').to_owned()
}

/// What the two programs that show manual pages find wrong in one.
fn faults_of_page(page: &Path) -> String {
    let text = fs::read_to_string(page).unwrap();
    let is_place = |line: &str| line.starts_with('@') || line.contains("@libexecdir@");
    let filled = if text.lines().any(is_place) {
        "a place is not filled in\n"
    } else {
        ""
    };
    let said = |program: &str, options: &[&str]| {
        let output = Command::new(program).args(options).arg(page).output();
        let output =
            output.unwrap_or_else(|error| panic!("{program}: {error}; tests/setup installs it"));
        [output.stdout, output.stderr].concat()
    };
    // mandoc looks at the structure, and groff at the requests. The page that is another one's second name
    // is found from the folder above alone.
    let mut faults = filled.as_bytes().to_vec();
    if !text.starts_with(".so ") {
        faults.extend(said("mandoc", &["-T", "lint", "-W", "warning"]));
        faults.extend(said("groff", &["-ww", "-b", "-z", "-man", "-Tutf8"]));
    }
    String::from_utf8_lossy(&faults).into_owned()
}

/// The unit by which all services together are started and stopped.
const UNIT: &str = "usr/lib/systemd/system/xinetd.service";

#[test]
fn the_files_of_real_xinetd_are_left_alone() {
    let scratch = Scratch::new("beside");
    let root = &scratch.0;
    let package = "[Service]\nExecStart=/usr/sbin/xinetd -stayalive -dontfork\n";
    let theirs = [(UNIT, package), ("usr/sbin/xinetd", "")];
    for (path, text) in theirs {
        fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        fs::write(root.join(path), text).unwrap();
    }
    make("install", root).unwrap();
    make("uninstall", root).unwrap();
    for (path, text) in theirs {
        assert_eq!(fs::read_to_string(root.join(path)).unwrap(), text, "{path}");
    }
    // An init script's unit would be hidden by ours.
    fs::remove_file(root.join(UNIT)).unwrap();
    make("install", root).unwrap();
    assert!(!root.join(UNIT).exists());
}

#[test]
fn uninstall_removes_all_but_the_configuration() {
    let scratch = Scratch::new("install");
    let root = &scratch.0;
    make("install", root).unwrap();
    for program in PROGRAMS {
        let mode = fs::metadata(root.join("usr").join(program))
            .unwrap()
            .permissions()
            .mode();
        // No process of a service's user can read the helper's program, nor trace it then.
        let wanted = if program.ends_with("accept") {
            0o711
        } else {
            0o755
        };
        assert_eq!(mode & 0o7777, wanted, "{program}");
    }
    for (file, part) in GENERATED {
        let path = root.join("usr").join(file);
        assert!(fs::read_to_string(&path).unwrap().contains(part), "{file}");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o644, "{file}");
    }
    for program in PROGRAMS {
        let found = paths_of_this_machine(&fs::read(root.join("usr").join(program)).unwrap());
        assert_eq!(found, [""; 0], "{program}");
    }
    for page in files(&root.join("usr/share/man")) {
        assert_eq!(
            faults_of_page(&root.join("usr/share/man").join(&page)),
            "",
            "{page}"
        );
    }
    for (name, page) in PAGES {
        assert_eq!(page_of(root, name), page, "{name}");
    }
    // Where real xinetd is installed, its own page has the name.
    let real = root.join("usr/share/man/man5/xinetd.conf.5");
    fs::write(&real, ".TH XINETD.CONF 5\n").unwrap();
    assert_eq!(page_of(root, "xinetd.conf"), "man5/xinetd.conf.5");
    fs::remove_file(&real).unwrap();
    // What `systemctl enable xinetd` needs.
    let unit = fs::read_to_string(root.join(UNIT)).unwrap();
    assert!(unit.contains("\n[Install]\nWantedBy=multi-user.target\n"));
    assert!(unit.contains("\nExecStart=/usr/bin/xinetdctl daemon start\n"));
    assert!(root.join("etc/xinetd.d").is_dir());
    let kept = BTreeSet::from(["etc/xinetd.conf".to_owned()]);
    assert!(files(root).is_superset(&kept));

    // What an administrator has written survives an upgrade and the removal.
    let conf = root.join("etc/xinetd.conf");
    fs::write(&conf, "# mine\n").unwrap();
    make("install", root).unwrap();
    make("uninstall", root).unwrap();
    assert_eq!(files(root), kept);
    assert_eq!(fs::read_to_string(&conf).unwrap(), "# mine\n");
}

#[test]
fn what_needs_no_systemd_is_installed_without_anything_of_systemds() {
    let scratch = Scratch::new("standalone");
    let root = &scratch.0;
    fs::create_dir_all(root.join("etc")).unwrap();
    fs::write(root.join("etc/xinetd.conf"), "# mine\n").unwrap();
    make("install-standalone", root).unwrap();
    let installed = files(root);
    let programs: Vec<_> = installed
        .iter()
        .filter(|file| !file.starts_with("usr/share/"))
        .map(String::as_str)
        .collect();
    let wanted = [
        "etc/init.d/xinetd",
        "etc/xinetd.conf",
        "usr/bin/xinetdctl",
        "usr/libexec/xinetd-bridge/xinetd-accept",
        "usr/sbin/xinetd",
    ];
    assert_eq!(programs, wanted);
    assert!(root.join("etc/xinetd.d").is_dir());
    let conf = fs::read_to_string(root.join("etc/xinetd.conf")).unwrap();
    assert_eq!(conf, "# mine\n");
    let script = fs::read_to_string(root.join("etc/init.d/xinetd")).unwrap();
    assert!(script.contains("\nprogram=/usr/sbin/xinetd\n"), "{script}");
    for page in files(&root.join("usr/share/man")) {
        let path = root.join("usr/share/man").join(&page);
        assert_eq!(faults_of_page(&path), "", "{page}");
    }
    assert_eq!(page_of(root, "xinetd"), "man8/xinetd.8");
}
