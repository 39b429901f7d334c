//! `xinetdctl convert`: files for xinetd from an inetd.conf.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use clap::Args;
use xinetd_core::config::{Conversion, Converted, Databases, DiskTree, FileTree, convert_inetd};

use super::check::Counts;

/// Turn an inetd.conf into files for xinetd, and for xinetd-bridge.
///
/// Comments go along with the line below them; an entry in a comment becomes a service that is
/// off; a server behind tcpd becomes a server of its own, for which hosts.allow and hosts.deny are
/// asked as well. What can't be converted stays as a comment.
///
/// Exit status: 0 if all is well, 1 if there are warnings, 2 if there are errors.
#[derive(Debug, Args)]
pub(super) struct ConvertArgs {
    /// The file to read, usually /etc/inetd.conf.
    #[arg(long, value_name = "FILE")]
    inetd: PathBuf,
    /// Write a file for each service into this directory, such as /etc/xinetd.d. Files that are
    /// there already are never touched: if there is one, nothing is written.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Runs the command, prints to `out` and problems to `errors`, and returns the exit status.
pub(super) fn run(arguments: &ConvertArgs, out: &mut dyn Write, errors: &mut dyn Write) -> u8 {
    match convert(arguments, out, errors) {
        Ok(status) => status,
        // A reader such as `head` has seen enough, and nothing went wrong.
        Err(FileFailure(_, error)) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        Err(FileFailure(what, error)) => {
            let _ = writeln!(errors, "xinetdctl: {what}: {error}");
            2
        }
    }
}

/// What could not be read or written, and why.
struct FileFailure(String, io::Error);

fn at(path: &Path) -> impl Fn(io::Error) -> FileFailure {
    move |error| FileFailure(path.display().to_string(), error)
}

fn convert(
    arguments: &ConvertArgs,
    out: &mut dyn Write,
    errors: &mut dyn Write,
) -> Result<u8, FileFailure> {
    let tree = DiskTree::new(None);
    let path = &arguments.inetd;
    let read = std::path::absolute(path).and_then(|path| tree.read(&path));
    let conversion = convert_inetd(path, read.map_err(at(path))?, &Databases::read(&tree));
    let printed = |error| FileFailure("standard output".to_owned(), error);
    match &arguments.out {
        None => print(&conversion, out).map_err(printed)?,
        Some(directory) => {
            let mode = fs::metadata(path).map_err(at(path))?.permissions().mode();
            let files = files(&conversion);
            write(&files, directory, mode & 0o666)?;
            for file in &files {
                writeln!(out, "{}", directory.join(&file.name).display()).map_err(printed)?;
            }
        }
    }
    for problem in &conversion.problems {
        let text = problem.render(conversion.sources.line(&problem.place));
        // Where standard error is closed there is no administrator to tell.
        let _ = writeln!(errors, "{text}");
    }
    Ok(Counts::of_problems(&conversion.problems).exit_status())
}

/// Everything one after the other.
fn print(conversion: &Conversion, out: &mut dyn Write) -> io::Result<()> {
    let blocks = conversion.services.iter().map(|service| &service.text);
    let rest = Some(&conversion.rest).filter(|rest| !rest.is_empty());
    for (index, text) in blocks.chain(rest).enumerate() {
        if index > 0 {
            out.write_all(b"\n")?;
        }
        out.write_all(text)?;
    }
    out.flush()
}

/// A file to write.
#[derive(Debug, PartialEq, Eq)]
struct ConvertedFile {
    name: String,
    content: Vec<u8>,
}

/// A file for each service; the last one has the comments behind it too.
fn files(conversion: &Conversion) -> Vec<ConvertedFile> {
    let mut names = HashSet::new();
    let mut files: Vec<ConvertedFile> = conversion
        .services
        .iter()
        .map(|service| ConvertedFile {
            name: name(service, &mut names),
            content: service.text.clone(),
        })
        .collect();
    if !conversion.rest.is_empty() {
        match files.last_mut() {
            Some(last) => last.content.extend([b"\n", &conversion.rest[..]].concat()),
            None => files.push(ConvertedFile {
                name: "inetd".to_owned(),
                content: conversion.rest.clone(),
            }),
        }
    }
    files
}

/// A name that no other file has, and that xinetd does not pass over: no dot, no `~` at the end.
fn name(service: &Converted, taken: &mut HashSet<String>) -> String {
    let letter = |byte: &u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => char::from(*byte),
        _ => '_',
    };
    let base: String = service.id.as_bytes().iter().map(letter).collect();
    let numbered = (2_u32..).map(|number| format!("{base}-{number}"));
    let mut names = std::iter::once(base.clone()).chain(numbered);
    let free = names.find(|name| !taken.contains(name)).unwrap_or(base);
    taken.insert(free.clone());
    free
}

/// Writes the files, readable for no more people than the inetd.conf is; none if one is there.
fn write(files: &[ConvertedFile], directory: &Path, mode: u32) -> Result<(), FileFailure> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o755);
    builder.create(directory).map_err(at(directory))?;
    let path = |file: &ConvertedFile| directory.join(&file.name);
    if let Some(there) = files
        .iter()
        .map(path)
        .find(|path| path.is_symlink() || path.exists())
    {
        let error = io::Error::from(io::ErrorKind::AlreadyExists);
        return Err(FileFailure(
            format!("{} and all others are not written", there.display()),
            error,
        ));
    }
    for file in files {
        let path = path(file);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(mode);
        let mut handle = options.open(&path).map_err(at(&path))?;
        handle.write_all(&file.content).map_err(at(&path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const INETD: &str = "# FTP\nftp stream tcp nowait root /usr/sbin/tcpd in.ftpd -l\n\
        #ftp stream tcp nowait root /usr/sbin/other other\n\
        a.example:8080 stream tcp nowait root /bin/web\n# end\n";

    /// A directory, removed with the value.
    struct ConversionFolder(PathBuf);

    impl ConversionFolder {
        fn new(name: &str) -> Self {
            let name = format!("xinetdctl-convert-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn inetd(&self, text: &str) -> ConvertArgs {
            let path = self.0.join("inetd.conf");
            fs::write(&path, text).unwrap();
            ConvertArgs {
                inetd: path,
                out: Some(self.0.join("out")),
            }
        }

        fn file(&self, name: &str) -> String {
            fs::read_to_string(self.0.join("out").join(name)).unwrap()
        }
    }

    impl Drop for ConversionFolder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn run(arguments: &ConvertArgs) -> (u8, String, String) {
        let (mut out, mut errors) = (Vec::new(), Vec::new());
        let status = super::run(arguments, &mut out, &mut errors);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status, text(out), text(errors))
    }

    #[test]
    fn each_service_gets_a_file_that_xinetd_reads() {
        let scratch = ConversionFolder::new("files");
        let arguments = scratch.inetd(INETD);
        let (status, out, errors) = run(&arguments);
        assert_eq!((status, errors.as_str()), (0, ""));
        let names = out.lines().map(|line| line.rsplit('/').next().unwrap());
        assert_eq!(names.collect::<Vec<_>>(), ["ftp", "ftp-2", "8080"]);
        let ftp = scratch.file("ftp");
        assert!(ftp.starts_with("# FTP\nservice ftp\n{\n"), "{ftp}");
        assert!(scratch.file("ftp-2").contains("disable     = yes\n"));
        assert!(scratch.file("8080").ends_with("}\n\n# end\n"));
    }

    #[test]
    fn nothing_is_overwritten() {
        let scratch = ConversionFolder::new("exists");
        let arguments = scratch.inetd(INETD);
        fs::create_dir_all(scratch.0.join("out")).unwrap();
        fs::write(scratch.0.join("out/8080"), "mine").unwrap();
        let (status, _, errors) = run(&arguments);
        assert_eq!(status, 2);
        assert!(errors.contains("out/8080 and all others"), "{errors}");
        assert_eq!(scratch.file("8080"), "mine");
        assert!(!scratch.0.join("out/ftp").exists());
    }

    #[test]
    fn a_secret_stays_one() {
        let scratch = ConversionFolder::new("mode");
        let arguments = scratch.inetd(INETD);
        fs::set_permissions(&arguments.inetd, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(run(&arguments).0, 0);
        let mode = fs::metadata(scratch.0.join("out/ftp"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn problems_are_shown_with_their_line_and_decide_the_status() {
        let scratch = ConversionFolder::new("problems");
        let mut arguments = scratch.inetd("ftp stream tcp nowait.40 root /bin/a\n");
        arguments.out = None;
        let (status, out, errors) = run(&arguments);
        assert_eq!(status, 1);
        assert!(out.starts_with("service ftp\n"), "{out}");
        assert!(errors.contains("inetd.conf:1:23: warning"), "{errors}");
        assert!(errors.contains("   | ftp stream tcp nowait.40"), "{errors}");
        let mut arguments = scratch.inetd("ftp stream unix nowait root /bin/a\n");
        arguments.out = None;
        let (status, out, _) = run(&arguments);
        assert_eq!((status, out.lines().count()), (2, 1));
        arguments.inetd = scratch.0.join("nothing");
        assert_eq!(run(&arguments).0, 2);
    }
}
