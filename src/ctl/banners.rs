//! Banner files that helpers can't send, as they are on the disk now.
//!
//! The helper opens a banner with the rights of the service's user. It says in the journal what is
//! wrong with one, but only when a client comes, and that client is served without the banner.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use xinetd_core::bytes::ByteString;
use xinetd_core::config::{Attribute, Databases, DiskTree};
use xinetd_core::problem::{Place, Problem, Severity, printable};
use xinetd_core::service::{Credentials, Internal, Principal, Reach, Service, Serving, SocketType};

use crate::accept::banner::MAX_SIZE;

/// The problems of the banners of these services, each place and fault once.
pub(super) fn problems(
    tree: &DiskTree,
    services: &[Service],
    databases: &Databases,
) -> Vec<Problem> {
    let mut told = HashSet::new();
    let mut problems = Vec::new();
    for service in services.iter().filter(|service| sends_banners(service)) {
        for (attribute, file) in files(service) {
            let fault = match fault(tree, file.as_path(), &Rights::of(service, databases)) {
                Some(fault) => fault,
                None => continue,
            };
            let problem = problem(service, attribute, file, &fault);
            if told.insert((problem.place.clone(), problem.message.clone())) {
                problems.push(problem);
            }
        }
    }
    problems
}

/// Whether a client of the service can get a banner: with `wait = yes` the server accepts it, and
/// a datagram has no connection.
fn sends_banners(service: &Service) -> bool {
    let waits = service.wait
        && matches!(service.serving, Serving::Program(_))
        && !matches!(service.reach, Reach::Mux(_));
    service.socket_type == SocketType::Stream && !waits
}

fn files(service: &Service) -> impl Iterator<Item = (Attribute, &ByteString)> {
    let banners = &service.banners;
    let files = [
        (Attribute::Banner, &banners.always),
        (Attribute::BannerSuccess, &banners.success),
        (Attribute::BannerFail, &banners.failure),
    ];
    files
        .into_iter()
        .filter_map(|(attribute, file)| Some((attribute, file.as_ref()?)))
}

/// Why a banner is not sent.
#[derive(Debug, PartialEq, Eq)]
enum BannerFault {
    Missing,
    /// It is this, in place of a regular file.
    Kind(&'static str),
    /// It has so many bytes.
    Size(u64),
    /// The mode of this file or directory keeps the reader out.
    Mode {
        path: PathBuf,
        mode: u32,
        reader: String,
    },
}

/// Whose rights a helper has when it opens banners.
#[derive(Debug)]
enum Rights {
    /// Nothing is kept from it.
    Root,
    /// A user of the databases; `supplementary` if it may have more groups than `gid`.
    User {
        name: String,
        uid: u32,
        gid: Option<u32>,
        supplementary: bool,
    },
    /// A user that owns nothing.
    Nobody,
    /// A user of some name service, which is not asked here.
    Unknown,
}

impl Rights {
    fn of(service: &Service, databases: &Databases) -> Self {
        let Some(Credentials {
            user,
            group,
            supplementary,
        }) = &service.credentials
        else {
            return Self::Nobody;
        };
        let (name, uid, own) = match user {
            Principal::Id(uid) => (uid.to_string(), *uid, Some(*uid)),
            Principal::Name(name) => match databases.user(name.as_bytes()) {
                Some(user) => (name.to_text(), user.uid, Some(user.gid)),
                None => return Self::Unknown,
            },
        };
        if uid == 0 {
            return match service.serving {
                Serving::Internal(Internal::Tcpmux) => Self::Nobody,
                _ => Self::Root,
            };
        }
        let gid = match group {
            None => own,
            Some(Principal::Id(gid)) => Some(*gid),
            Some(Principal::Name(name)) => databases.group(name.as_bytes()),
        };
        Self::User {
            name,
            uid,
            gid,
            supplementary: *supplementary || gid.is_none(),
        }
    }

    /// Whether the mode of a file gives this right, one of the three lowest bits. What an access
    /// control list gives in addition is not seen.
    fn may(&self, file: &Metadata, right: u32) -> bool {
        let mode = file.mode();
        let of_group = mode >> 3 & right != 0;
        let of_others = mode & right != 0;
        match self {
            Self::Root | Self::Unknown => true,
            Self::Nobody => of_others,
            Self::User { uid, .. } if *uid == file.uid() => mode >> 6 & right != 0,
            Self::User { gid, .. } if *gid == Some(file.gid()) => of_group,
            Self::User { supplementary, .. } => of_others || *supplementary && of_group,
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Root => "root".to_owned(),
            Self::User { name, .. } => printable(name),
            Self::Nobody | Self::Unknown => "a user without rights of its own".to_owned(),
        }
    }
}

/// What is wrong with a banner; nothing also where the caller's own rights do not suffice to see
/// it.
fn fault(tree: &DiskTree, banner: &Path, reader: &Rights) -> Option<BannerFault> {
    const READ: u32 = 0o4;
    const SEARCH: u32 = 0o1;
    let found = tree
        .locate(banner)
        .and_then(|path| Ok((fs::metadata(&path)?, path)));
    let (metadata, path) = match found {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Some(BannerFault::Missing),
        Err(_) => return None,
    };
    if let Some(kind) = kind(&metadata) {
        return Some(BannerFault::Kind(kind));
    }
    if metadata.len() > MAX_SIZE {
        return Some(BannerFault::Size(metadata.len()));
    }
    // Those on the way as it is written, and those on the way that links lead.
    let written = banner.ancestors().skip(1).map(|path| tree.locate(path));
    let mut directories: Vec<PathBuf> = written.collect::<io::Result<_>>().ok()?;
    let top = tree.locate(Path::new("/")).ok()?;
    let led = path.ancestors().skip(1);
    directories.extend(
        led.take_while(|path| path.starts_with(&top))
            .map(Path::to_owned),
    );
    let closed = directories.into_iter().find_map(|directory| {
        let metadata = fs::metadata(&directory).ok()?;
        (!reader.may(&metadata, SEARCH)).then_some((directory, metadata))
    });
    let closed = closed.or_else(|| (!reader.may(&metadata, READ)).then_some((path, metadata)));
    closed.map(|(path, metadata)| BannerFault::Mode {
        path,
        mode: metadata.mode() & 0o7777,
        reader: reader.name(),
    })
}

/// What a file is in place of one that can be sent. The null device is an empty banner.
fn kind(metadata: &Metadata) -> Option<&'static str> {
    let kind = metadata.file_type();
    if kind.is_file() || kind.is_char_device() && metadata.rdev() == libc::makedev(1, 3) {
        None
    } else if kind.is_dir() {
        Some("a directory")
    } else if kind.is_fifo() {
        Some("a FIFO")
    } else if kind.is_socket() {
        Some("a socket")
    } else {
        Some("a device")
    }
}

fn problem(
    service: &Service,
    attribute: Attribute,
    file: &ByteString,
    fault: &BannerFault,
) -> Problem {
    let banner = printable(&file.to_text());
    let (what, help) = match fault {
        BannerFault::Missing => (
            "does not exist".to_owned(),
            "create the file, or remove the line".to_owned(),
        ),
        BannerFault::Kind(kind) => (
            format!("is {kind}"),
            "write the path of a regular file".to_owned(),
        ),
        BannerFault::Size(size) => (
            format!("has {size} bytes, and a banner has {MAX_SIZE} at most"),
            "shorten the file, or have a server send it".to_owned(),
        ),
        BannerFault::Mode { path, mode, reader } => {
            let path = printable(&path.to_string_lossy());
            (
                format!("can't be read by {reader}: {path} has mode {mode:04o}"),
                "change the mode or the group of the file, or put the banner elsewhere".to_owned(),
            )
        }
    };
    Problem {
        severity: match service.enabled {
            true => Severity::Warning,
            false => Severity::Note,
        },
        code: "banner-not-sent",
        place: place(service, attribute),
        message: format!("the banner {banner} {what}: clients are served without it"),
        help,
    }
}

/// Where a service has an attribute.
pub(super) fn place(service: &Service, attribute: Attribute) -> Place {
    let mut lines = service.attributes.iter();
    let written = lines.find(|written| written.attribute == attribute);
    written
        .map_or(&service.place, |written| &written.place)
        .clone()
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use xinetd_core::config::{Roots, load};

    use super::*;

    /// A root with a banner that has the path /etc/banner.
    struct Tree(PathBuf);

    impl Tree {
        fn new(name: &str) -> Self {
            let root = std::env::temp_dir().join(format!("banners-{}-{name}", std::process::id()));
            fs::create_dir_all(root.join("etc")).unwrap();
            let this = Self(root);
            this.write("passwd", "games:x:5:60::/:\n");
            this
        }

        fn write(&self, name: &str, text: &str) {
            fs::write(self.0.join("etc").join(name), text).unwrap();
        }

        fn path(&self) -> PathBuf {
            self.0.join("etc/banner")
        }

        /// What is said, where the service has these lines; its first line of them is the fifth.
        fn said(&self, lines: &str) -> Vec<String> {
            let text = format!(
                "service foo\n{{\ntype = UNLISTED\nport = 9\nprotocol = tcp\n{lines}\n}}\n"
            );
            self.write("xinetd.conf", &text);
            let tree = DiskTree::new(Some(self.0.clone()));
            let databases = Databases::read(&tree);
            let main = Path::new("/etc/xinetd.conf");
            let configuration = load(&tree, Roots::xinetd(main), &databases);
            assert_eq!(
                configuration.services.len(),
                1,
                "{:?}",
                configuration.problems
            );
            let problems = problems(&tree, &configuration.services, &databases);
            let text = |problem: &Problem| format!("{}: {}", problem.place, problem.message);
            problems.iter().map(text).collect()
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    const BY_GAMES: &str = "banner_fail = /etc/banner\nsocket_type = stream\nwait = no\nuser = games\n\
                            server = /bin/x";

    #[test]
    fn what_can_not_be_sent_is_told_at_its_line() {
        let tree = Tree::new("kinds");
        let told = |what: &str| {
            vec![format!(
                "/etc/xinetd.conf:6:1: the banner /etc/banner {what}: clients are served without it"
            )]
        };
        assert_eq!(tree.said(BY_GAMES), told("does not exist"));
        tree.write("banner", "hello");
        assert_eq!(tree.said(BY_GAMES), [""; 0]);
        let file = fs::File::options().write(true).open(tree.path()).unwrap();
        file.set_len(MAX_SIZE).unwrap();
        assert_eq!(tree.said(BY_GAMES), [""; 0]);
        file.set_len(MAX_SIZE + 1).unwrap();
        let large = "has 1048577 bytes, and a banner has 1048576 at most";
        assert_eq!(tree.said(BY_GAMES), told(large));
        fs::remove_file(tree.path()).unwrap();
        fs::create_dir(tree.path()).unwrap();
        assert_eq!(tree.said(BY_GAMES), told("is a directory"));
        fs::remove_dir(tree.path()).unwrap();
        nix::unistd::mkfifo(&tree.path(), nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(tree.said(BY_GAMES), told("is a FIFO"));
        // A server with wait = yes accepts its clients itself.
        let waits = BY_GAMES.replace("wait = no", "wait = yes");
        assert_eq!(tree.said(&waits), [""; 0]);
    }

    #[test]
    fn a_banner_is_read_with_the_rights_of_the_services_user() {
        let tree = Tree::new("modes");
        tree.write("banner", "hello");
        let mode = |mode| fs::set_permissions(tree.path(), Permissions::from_mode(mode)).unwrap();
        let closed = |said: Vec<String>| match said.as_slice() {
            [] => None,
            [one] => Some(
                one.contains("can't be read by games: ") && one.contains("/etc/banner has mode"),
            ),
            more => panic!("{more:?}"),
        };
        mode(0o640);
        let owner = fs::metadata(tree.path()).unwrap();
        assert!(
            owner.uid() != 5 && owner.gid() != 60,
            "of the test's own user"
        );
        assert_eq!(closed(tree.said(BY_GAMES)), Some(true));
        // Which other groups the user has is not known here.
        let groups = BY_GAMES.replace("wait = no", "wait = no\ngroups = yes");
        assert_eq!(closed(tree.said(&groups)), None);
        let root = BY_GAMES.replace("games", "0");
        assert_eq!(closed(tree.said(&root)), None);
        let in_ldap = BY_GAMES.replace("games", "70000");
        assert_eq!(tree.said(&in_ldap).len(), 1);
        mode(0o604);
        assert_eq!(closed(tree.said(BY_GAMES)), None);
        let directory = tree.0.join("etc");
        fs::set_permissions(&directory, Permissions::from_mode(0o700)).unwrap();
        let said = tree.said(BY_GAMES);
        assert!(said[0].contains("/etc has mode 0700"), "{said:?}");
    }
}
