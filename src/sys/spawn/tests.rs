use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use super::*;
use crate::sys::process::Ended;

fn launcher(script: &str, environment: &[&str], limits: Vec<LimitOf>) -> Launcher {
    let strings = |list: &[&str]| -> Vec<CString> {
        list.iter().map(|s| CString::new(*s).unwrap()).collect()
    };
    Launcher::new(
        c"/bin/sh".into(),
        strings(&["sh", "-c", script]),
        strings(environment),
        limits,
        None,
    )
}

fn run(launcher: &mut Launcher, input: &str, variables: &[&CStr]) -> (String, Ended) {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let process = launcher.spawn(theirs.as_fd(), variables).unwrap();
    drop(theirs);
    ours.write_all(input.as_bytes()).unwrap();
    ours.shutdown(Shutdown::Write).unwrap();
    let mut text = String::new();
    ours.read_to_string(&mut text).unwrap();
    (text, process.wait().unwrap().unwrap())
}

#[test]
fn the_server_has_the_socket_on_0_1_and_2_and_nothing_else() {
    crate::sys::descriptor::keep_from_servers().unwrap();
    // dash keeps its script on 10 where it reads one, so the shell must not be asked.
    let script = "exec python3 -c 'import os, sys; print(input()); os.write(2, b\"error\\n\"); \
                      print(sorted(map(int, os.listdir(\"/proc/self/fd\")))); sys.exit(7)'";
    let (text, ended) = run(&mut launcher(script, &[], vec![]), "hello\n", &[]);
    // The 3 is the directory that is being listed.
    assert_eq!(text, "error\nhello\n[0, 1, 2, 3]\n");
    assert_eq!(ended, Ended::Exited(7));
}

#[test]
fn the_variables_of_a_connection_do_not_reach_the_next() {
    let mut launcher = launcher("echo $FIXED $REMOTE_HOST $OTHER", &["FIXED=1"], vec![]);
    assert_eq!(
        run(&mut launcher, "", &[c"REMOTE_HOST=a", c"OTHER=b"]).0,
        "1 a b\n"
    );
    assert_eq!(run(&mut launcher, "", &[c"REMOTE_HOST=c"]).0, "1 c\n");
}

#[test]
fn limits_are_soft_and_hard() {
    let limit = LimitOf {
        resource: Resource::RLIMIT_NOFILE,
        value: 33,
    };
    let (text, _) = run(
        &mut launcher("ulimit -Sn; ulimit -Hn", &[], vec![limit]),
        "",
        &[],
    );
    assert_eq!(text, "33\n33\n");
}

#[test]
fn a_server_leads_a_session_of_its_own_with_an_empty_mask() {
    let mask = SigSet::all();
    let old = mask
        .thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_BLOCK)
        .unwrap();
    // Without a process: a shell blocks signals while it starts one.
    let script = "cut -d' ' -f1,5,6 /proc/$$/stat
            while read -r name mask; do [ $name != SigBlk: ] || echo $mask; done </proc/$$/status";
    let (text, _) = run(&mut launcher(script, &[], vec![]), "", &[]);
    old.thread_set_mask().unwrap();
    let mut words = text.split_whitespace();
    let (pid, group, session) = (words.next(), words.next(), words.next());
    assert_eq!((pid, pid), (group, session));
    assert_eq!(words.next_back(), Some("0000000000000000"));
}

#[test]
fn another_program_has_the_limits_and_a_mask_of_its_own() {
    let limit = LimitOf {
        resource: Resource::RLIMIT_NOFILE,
        value: 33,
    };
    let change = Change {
        umask: Some(0o31),
        nice: 3,
    };
    let argv = [c"sh", c"-c", c"ulimit -n; umask; nice"];
    let mut own = launcher("umask", &[], vec![limit]);
    let mut other = own.another(
        c"/bin/sh".into(),
        argv.map(Into::into).into(),
        vec![],
        change,
    );
    let (usual, _) = run(&mut own, "", &[]);
    let (text, _) = run(&mut other, "", &[]);
    let (nice, _) = run(&mut launcher("nice", &[], vec![]), "", &[]);
    let nice: i32 = nice.trim().parse().unwrap();
    assert_eq!(text, format!("33\n0031\n{}\n", nice + 3));
    assert_eq!(run(&mut own, "", &[]).0, usual);
}

#[test]
fn a_failed_exec_tells_its_reason_and_leaves_no_process() {
    let (_ours, theirs) = UnixStream::pair().unwrap();
    let mut launcher = Launcher::new(
        c"/nonexistent".into(),
        vec![c"x".into()],
        vec![],
        vec![],
        None,
    );
    let error = launcher.spawn(theirs.as_fd(), &[]).err();
    assert_eq!(error, Some(SpawnError::Exec(Errno::ENOENT)));
}

#[test]
fn the_helper_keeps_its_descriptors() {
    let (mut before, other) = UnixStream::pair().unwrap();
    let (_ours, theirs) = UnixStream::pair().unwrap();
    let (mut after, another) = UnixStream::pair().unwrap();
    launcher("exit 0", &[], vec![])
        .spawn(theirs.as_fd(), &[])
        .unwrap()
        .wait()
        .unwrap();
    for (mut writer, reader) in [(other, &mut before), (another, &mut after)] {
        writer.write_all(b"x").unwrap();
        let mut byte = [0];
        reader.read_exact(&mut byte).unwrap();
    }
}
