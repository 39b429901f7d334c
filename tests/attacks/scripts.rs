//! What a server tries by itself: shell commands that succeed where the attack does.

/// A script of an attacker.
pub(crate) struct Script {
    /// The sentence of the threat model that says why it fails.
    pub(crate) sentence: &'static str,
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
}

const fn script(sentence: &'static str, name: &'static str, text: &'static str) -> Script {
    Script {
        sentence,
        name,
        text,
    }
}

/// The numbers of system calls and requests are those of x86-64 (ptrace(2), pidfd_getfd(2)).
pub(crate) const ALL: &[Script] = &[
    script("T1", "signal_0_to_its_helper", "kill -0 $own"),
    script("T1", "signal_0_to_another_helper", "kill -0 $other"),
    script("T1", "sigstop_to_its_helper", "kill -STOP $own"),
    script("T1", "sigstop_to_another_helper", "kill -STOP $other"),
    script("T1", "sigkill_to_its_helper", "kill -KILL $own"),
    script("T1", "sigkill_to_another_helper", "kill -KILL $other"),
    script("T1", "sigterm_to_its_helper", "kill -TERM $own"),
    script(
        "T1",
        "a_signal_by_pidfd",
        "perl -e '$p = syscall(434, 0 + $ARGV[0], 0); exit(syscall(424, $p, 19, 0, 0) < 0)' $other",
    ),
    script(
        "T1",
        "ptrace_of_its_helper",
        "perl -e 'exit(syscall(101, 16, 0 + $ARGV[0], 0, 0) < 0)' $own",
    ),
    script(
        "T1",
        "ptrace_of_another_helper",
        "perl -e 'exit(syscall(101, 0x4206, 0 + $ARGV[0], 0, 0) < 0)' $other",
    ),
    script("T1", "the_memory_of_its_helper", "exec 3<>/proc/$own/mem"),
    script(
        "T1",
        "the_memory_of_another_helper",
        "perl -e '$b = \"\\0\" x 16; $l = pack(\"PQ\", $b, 16); $r = pack(\"QQ\", 4096, 16); \
         syscall(310, 0 + $ARGV[0], $l, 1, $r, 1, 0); exit($! == 1)' $other",
    ),
    script("T1", "the_descriptors_of_its_helper", "ls /proc/$own/fd"),
    script(
        "T1",
        "the_environment_of_its_helper",
        "cat /proc/$own/environ",
    ),
    script("T1", "the_map_of_its_helper", "cat /proc/$own/maps"),
    script(
        "T1",
        "a_descriptor_of_its_helper",
        "perl -e '$p = syscall(434, 0 + $ARGV[0], 0); exit(syscall(438, $p, 0, 0) < 0)' $own",
    ),
    script(
        "T1",
        "a_descriptor_of_another_helper",
        "perl -e '$p = syscall(434, 0 + $ARGV[0], 0); exit(syscall(438, $p, 0, 0) < 0)' $other",
    ),
    script(
        "T1",
        "the_processes_of_its_helper",
        "prlimit --nproc=0 --pid $own",
    ),
    script(
        "T1",
        "the_files_of_its_helper",
        "prlimit --nofile=3:3 --pid $own",
    ),
    script(
        "T1",
        "the_files_of_another_helper",
        "prlimit --nofile=3:3 --pid $other",
    ),
    script(
        "T1",
        "the_memory_limit_of_another_helper",
        "prlimit --as=4096 --pid $other",
    ),
    script(
        "T1",
        "the_disk_priority_of_its_helper",
        "ionice -c 3 -p $own",
    ),
    script(
        "T1",
        "the_oom_score_of_its_helper",
        "echo 1000 >/proc/$own/oom_score_adj",
    ),
    script(
        "T1",
        "the_uid_of_the_helpers",
        "perl -e '$< = $> = (getpwnam(\"xinetd-bridge\"))[2]; exit($! != 0)'",
    ),
    script(
        "T1",
        "the_program_of_the_helpers",
        "cat /usr/libexec/xinetd-bridge/xinetd-accept",
    ),
    script(
        "T2",
        "a_file_in_the_runtime_directory",
        ": >/run/xinetd-bridge/attacker/filler",
    ),
    script(
        "T2",
        "a_full_runtime_directory",
        "dd if=/dev/zero of=/run/xinetd-bridge/attacker/filler bs=1M count=1",
    ),
    script(
        "T2",
        "the_control_socket_goes",
        "rm -f /run/xinetd-bridge/attacker/control",
    ),
    script(
        "T2",
        "the_control_socket_is_another",
        "mv /run/xinetd-bridge/attacker/control /run/xinetd-bridge/attacker/old",
    ),
    script(
        "T2",
        "the_counters",
        "echo served = 0 >/run/xinetd-bridge/bystander/counters.toml",
    ),
    script("T2", "a_directory_beside", "mkdir /run/xinetd-bridge/mine"),
    script(
        "T3",
        "stop_by_the_control_socket",
        "perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0) or exit 1; connect(S, sockaddr_un(\"/run/xinetd-bridge/bystander/control\")) or exit 1; syswrite(S, \"stop\n\"); shutdown(S, 1); exit(<S> !~ /ok/)'",
    ),
    script(
        "T3",
        "status_by_the_control_socket",
        "perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0) or exit 1; connect(S, sockaddr_un(\"/run/xinetd-bridge/bystander/control\")) or exit 1; syswrite(S, \"status\n\"); shutdown(S, 1); exit(<S> !~ /./)'",
    ),
    script(
        "T4",
        "the_spec_of_another_service",
        "cat /run/systemd/generator.late/xinetd-bridge/bystander.toml",
    ),
    script(
        "T4",
        "a_password_in_a_unit",
        "systemctl cat secret.service secret.socket | grep sesame",
    ),
    script(
        "T4",
        "a_password_in_the_arguments_of_a_helper",
        "cat /proc/*/cmdline | grep -a '[s]esame'",
    ),
    script(
        "T4",
        "a_password_in_the_environment_of_a_server",
        "cat /proc/*/environ | grep -a 'PASSWORD=[s]esame'",
    ),
    script(
        "T4",
        "a_password_in_a_report",
        "xinetdctl show secret | grep sesame",
    ),
    script(
        "T5",
        "systemctl_stop",
        "systemctl --no-ask-password stop bystander.socket",
    ),
    script(
        "T5",
        "systemctl_kill",
        "systemctl --no-ask-password kill --kill-who=main bystander.service",
    ),
    script(
        "T5",
        "daemon_reload",
        "systemctl --no-ask-password daemon-reload",
    ),
    script(
        "T5",
        "properties_of_a_unit",
        "systemctl --no-ask-password set-property --runtime bystander.service TasksMax=1",
    ),
    script(
        "T5",
        "a_unit_of_its_own",
        "systemd-run --no-ask-password --unit=attacked true",
    ),
    script(
        "T5",
        "reconcile",
        "/usr/libexec/xinetd-bridge/xinetd-reconcile",
    ),
    script(
        "T6",
        "a_word_to_systemd_in_the_helpers_name",
        "before=$(systemctl show -P StatusText attacker.service); NOTIFY_SOCKET=/run/systemd/notify systemd-notify --pid=$own --status=forged STOPPING=1 WATCHDOG=trigger; sleep 1; systemctl show -P StatusText attacker.service | grep forged",
    ),
    script(
        "T6",
        "the_state_in_systemds_store",
        "NOTIFY_SOCKET=/run/systemd/notify systemd-notify FDSTOREREMOVE=1 FDNAME=state; sleep 1; systemctl show -P NFileDescriptorStore attacker.service | grep -x 0",
    ),
    script(
        "T7",
        "its_control_group_is_frozen",
        "echo 1 >/sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)/cgroup.freeze",
    ),
    script(
        "T7",
        "its_control_group_is_killed",
        "echo 1 >/sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)/cgroup.kill",
    ),
    script(
        "T7",
        "a_helper_in_another_control_group",
        "echo $own >/sys/fs/cgroup/cgroup.procs",
    ),
    script(
        "T7",
        "another_limit_of_processes",
        "echo 1 >/sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)/pids.max",
    ),
    script("T8", "a_ban", "xinetdctl bans add 127.0.0.1"),
    script("T8", "no_bans", "xinetdctl bans flush"),
    script(
        "T8",
        "a_session_of_another",
        "xinetdctl kick bystander 127.0.0.1",
    ),
    script("T8", "a_reload", "xinetdctl reload"),
    script("T8", "log_files", "xinetdctl reopen-logs"),
    script(
        "T8",
        "a_service_switched_off",
        "xinetdctl disable bystander",
    ),
    script(
        "T38",
        "the_name_on_the_bus",
        "busctl call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus RequestName su org.xinetd.Bridge1 4 | grep -w 1",
    ),
    script(
        "T8",
        "the_table_of_bans",
        ": >>/run/xinetd-coordinator/bans",
    ),
    script(
        "T8",
        "the_saved_bans",
        "cat /var/lib/xinetd-coordinator/bans.toml",
    ),
    script(
        "T8",
        "a_sensors_report",
        "perl -MSocket -e 'socket(S, AF_UNIX, SOCK_SEQPACKET, 0) or exit 1; connect(S, sockaddr_un(\"/run/xinetd-coordinator/helpers\")) or exit 1; send(S, \"hit 10.9.0.4\", 0); recv(S, $answer, 256, 0); exit($answer !~ /^done/)'",
    ),
];
