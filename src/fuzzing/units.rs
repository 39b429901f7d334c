//! What the generator may write, whatever the configuration says.

use std::collections::HashSet;
use std::path::{Component, Path};

use xinetd_core::installed::STAMP;
use xinetd_core::spec::{MAX_SPEC, Spec};
use xinetd_core::translate::{GeneratedFile, SpecDirectory, Translation};

/// The directives of units: with any other a service could reach what xinetd never gave it.
const DIRECTIVES: &[(&str, &[&str])] = &[
    (
        "Unit",
        &[
            "After",
            "CollectMode",
            "ConditionFileIsExecutable",
            "Description",
            "Documentation",
            "OnFailure",
            "PartOf",
            "Requires",
            "Requisite",
            "SourcePath",
            "StartLimitIntervalSec",
            "Wants",
        ],
    ),
    (
        "Socket",
        &[
            "Accept",
            "BindIPv6Only",
            "ExecStopPost",
            "FileDescriptorName",
            "FreeBind",
            "KeepAlive",
            "ListenDatagram",
            "ListenStream",
            "NoDelay",
            "RemoveOnStop",
            "TriggerLimitIntervalSec",
            "X-NoAccess",
            "X-OnlyFrom",
        ],
    ),
    (
        "Service",
        &[
            "CapabilityBoundingSet",
            "ExecReload",
            "ExecStart",
            "ExecStop",
            "FileDescriptorStoreMax",
            "IgnoreSIGPIPE",
            "KillMode",
            "LockPersonality",
            "MemoryDenyWriteExecute",
            "Nice",
            "NoNewPrivileges",
            "NotifyAccess",
            "OOMPolicy",
            "PrivateDevices",
            "PrivateNetwork",
            "PrivateTmp",
            "ProtectClock",
            "ProtectControlGroups",
            "ProtectHome",
            "ProtectKernelLogs",
            "ProtectKernelModules",
            "ProtectKernelTunables",
            "ProtectProc",
            "ProtectSystem",
            "ReadWritePaths",
            "RemainAfterExit",
            "Restart",
            "RestartSec",
            "RestrictAddressFamilies",
            "RestrictNamespaces",
            "RestrictRealtime",
            "RestrictSUIDSGID",
            "RuntimeDirectory",
            "RuntimeDirectoryMode",
            "RuntimeDirectoryPreserve",
            "StandardInput",
            "SyslogIdentifier",
            "SystemCallArchitectures",
            "SystemCallErrorNumber",
            "SystemCallFilter",
            "TimeoutStopSec",
            "Type",
            "UMask",
            "WatchdogSec",
            "WatchdogSignal",
            "X-Account",
        ],
    ),
];

/// The programs that units run, behind the special characters of systemd.service(5).
const PROGRAMS: &[&str] = &["xinetd-accept", "xinetdctl"];

/// The longest name of a unit.
const LONGEST_NAME: usize = 255;

/// That two runs have written the same.
pub(super) fn same(one: &Translation, other: &Translation) {
    let all = |translation: &Translation| -> Vec<_> {
        let services = translation.services.iter();
        let services = services.map(|service| (service.files.clone(), service.links.clone()));
        let shared = (translation.files.clone(), translation.links.clone());
        services.chain([shared]).collect()
    };
    assert_eq!(all(one), all(other), "not the same twice");
}

/// Looks at each file and link.
pub(super) fn check(translation: &Translation) {
    let services = || translation.services.iter();
    let files = services().flat_map(|service| &service.files);
    let files: Vec<_> = files.chain(&translation.files).collect();
    let links = services().flat_map(|service| &service.links);
    let links: Vec<_> = links.chain(&translation.links).collect();
    let stamp = Path::new(SpecDirectory::NAME).join(STAMP);
    let mut taken = HashSet::from([stamp.as_path()]);
    for path in files
        .iter()
        .map(|file| file.path.as_path())
        .chain(links.iter().map(|link| link.path.as_path()))
    {
        let mut parts = path.components();
        assert!(
            parts.all(|part| matches!(part, Component::Normal(_))),
            "{path:?} leads out of the directory"
        );
        assert!(taken.insert(path), "{path:?} is written twice");
    }
    for file in &files {
        match file.path.extension().is_some_and(|end| end == "toml") {
            true => spec(file),
            false => unit(file),
        }
    }
    for link in links {
        let wanted = link
            .path
            .parent()
            .unwrap_or(Path::new(""))
            .join(&link.target);
        let is_ours = files.iter().any(|file| ends_at(&wanted, &file.path));
        let is_target = link.target.ends_with("xinetd.target");
        assert!(is_ours || is_target, "{link:?} leads nowhere");
    }
}

/// Whether `FOLDER/../NAME` is the file `NAME`.
fn ends_at(link: &Path, file: &Path) -> bool {
    let mut parts = link.components();
    let is_up = parts.next().is_some() && parts.next() == Some(Component::ParentDir);
    is_up && parts.as_path() == file
}

/// A spec is root's alone, and the helper reads in it what was written.
fn spec(file: &GeneratedFile) {
    assert!(file.private, "{:?} may hold passwords", file.path);
    assert!(file.path.starts_with(SpecDirectory::NAME));
    assert!(file.content.len() as u64 <= MAX_SPEC, "too large a spec");
    let text = String::from_utf8_lossy(&file.content);
    let spec = toml::from_str::<Spec>(&text);
    let written = spec.as_ref().map(toml::to_string);
    assert_eq!(written, Ok(Ok(text.into_owned())), "{:?}", file.path);
}

/// A unit: lines that systemd takes as they are meant.
fn unit(file: &GeneratedFile) {
    let path = &file.path;
    assert!(!file.private, "{path:?} holds no secrets");
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b":_.-\\@".contains(&byte);
    let is_name = name.len() <= LONGEST_NAME && name.iter().copied().all(fits);
    assert!(is_name, "{path:?} is no name of a unit");
    let text = str::from_utf8(&file.content);
    let text = text.unwrap_or_else(|error| unreachable!("{path:?} is not UTF-8: {error}"));
    assert!(text.ends_with('\n'));
    let mut known: &[&str] = &[];
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        let section = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'));
        if let Some(section) = section {
            let found = DIRECTIVES.iter().find(|(name, _)| *name == section);
            assert!(found.is_some(), "{path:?}: {line:?}");
            known = found.map_or(&[], |(_, keys)| keys);
        } else if let Some((key, value)) = line.split_once('=')
            && !line.starts_with('#')
        {
            assert!(known.contains(&key), "{path:?}: {line:?} is not expected");
            directive(key, value);
        } else {
            let is_head = known.is_empty() && line.starts_with('#') && !line.ends_with('\\');
            assert!(is_head || line.is_empty(), "{path:?}: {line:?}");
        }
    }
}

/// A value has no control character, joins no other line, and has no specifier.
fn directive(key: &str, value: &str) {
    assert!(!value.contains(char::is_control), "{key}={value:?}");
    assert!(
        !value.ends_with('\\'),
        "{key}={value:?} joins the next line"
    );
    assert!(
        !value.replace("%%", "").contains('%'),
        "{key}={value:?} has a specifier"
    );
    if key.starts_with("Exec") {
        let command = value.trim_start_matches(['-', '+']);
        let program = command.split(' ').next().unwrap_or_default();
        let is_ours = |known: &str| program == known || program.ends_with(&format!("/{known}"));
        assert!(
            PROGRAMS.iter().any(|known| is_ours(known)),
            "{key}={value:?}"
        );
    }
    let wanted: &[&str] = match key {
        "StandardInput" => &["file:"],
        "RuntimeDirectory" => &["xinetd-bridge/"],
        _ => &[""],
    };
    let fits = wanted.iter().any(|begin| value.starts_with(begin));
    assert!(fits, "{key}={value:?}");
}
