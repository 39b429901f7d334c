//! Log files of services whose directories are not there, as they are on the disk now.
//!
//! No program makes them: the lines of such a service wait, and only its log says so.

use std::path::Path;

use xinetd_core::config::{Attribute, DiskTree, FileTree};
use xinetd_core::problem::{Problem, Severity, printable};
use xinetd_core::service::{LogTarget, Service};

use super::banners::place;

/// The problems of these services.
pub(super) fn problems(tree: &DiskTree, services: &[Service]) -> Vec<Problem> {
    let logged = services.iter().filter_map(|service| {
        let LogTarget::File { path, .. } = &service.logging.target else {
            return None;
        };
        Some((service, path.as_path().parent()?))
    });
    let missing = logged.filter(|(_, directory)| tree.list(directory).is_err());
    missing
        .map(|(service, directory)| problem(service, directory))
        .collect()
}

fn problem(service: &Service, directory: &Path) -> Problem {
    let directory = printable(&directory.to_string_lossy());
    Problem {
        severity: match service.enabled {
            true => Severity::Warning,
            false => Severity::Note,
        },
        code: "log-directory-missing",
        place: place(service, Attribute::LogType),
        message: format!(
            "the directory {directory} is not there: the lines of the service wait for its log file"
        ),
        help: format!("make it, as by `mkdir -p {directory}`"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use xinetd_core::config::{Databases, Roots, load};

    use super::*;

    #[test]
    fn a_log_file_needs_a_directory() {
        let root = std::env::temp_dir().join(format!("log-directories-{}", std::process::id()));
        fs::create_dir_all(root.join("etc")).unwrap();
        let text = "service a\n{\ntype = UNLISTED\nport = 9\nprotocol = tcp\nsocket_type = stream\nwait = no\n\
                    user = 0\nserver = /bin/x\nlog_type = FILE /var/log/own/a.log\n}\n";
        fs::write(root.join("etc/xinetd.conf"), text).unwrap();
        let tree = DiskTree::new(Some(root.clone()));
        let databases = Databases::read(&tree);
        let main = Path::new("/etc/xinetd.conf");
        let services = load(&tree, Roots::xinetd(main), &databases).services;
        let said = problems(&tree, &services);
        assert_eq!(said[0].place.to_string(), "/etc/xinetd.conf:10:1");
        fs::create_dir_all(root.join("var/log/own")).unwrap();
        assert_eq!(problems(&tree, &services), []);
        fs::remove_dir_all(root).unwrap();
    }
}
