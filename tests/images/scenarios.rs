//! What runs in containers.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use testbed::{Close, Peer, Result, cache, equal, run};

use super::Scenario;
use super::tool::{CHALLENGE, EMPTY, Images, Running};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("the_challenge_gives_its_flag_for_the_answer", answered),
    (
        "a_client_has_four_connections_and_the_fifth_is_told_why",
        limited,
    ),
    (
        "a_read_only_root_and_the_capabilities_of_the_manifest",
        restricted,
    ),
    ("a_container_of_the_challenges_own_user", unprivileged),
    ("stop_ends_sessions_and_services_at_once", stopped),
    ("hup_reads_the_files_of_the_container_anew", reloaded),
    ("programs_without_libraries_serve_in_an_empty_image", empty),
    ("the_manifest_keeps_to_the_schema_of_kubernetes", manifest),
];

/// What checks a manifest, as a package of PyPI: it has the schemas with it.
const VALIDATOR: &str = "kubernetes-validate==1.37.0";

/// The port of the challenge, as the container's own loopback has it.
const PORT: u16 = 1337;

/// What the flag is.
const FLAG: &str = "flag{this_is_an_example}\n";

fn at(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// A container of the challenge that serves; the thread is in its network.
fn challenge<'a>(images: &'a Images, options: &[&str]) -> Result<Running<'a>> {
    let running = images.run(options, CHALLENGE, &[])?;
    running.wait_for("Started working")?;
    running.enter_network()?;
    Ok(running)
}

/// A client that is asked the question.
fn asked(port: u16) -> Result<Peer> {
    const QUESTION: &[u8] = b"What is 17 times 23? ";
    let mut peer =
        Peer::connect(at(port), None)?.map_err(|close| format!("port {port}: {close:?}"))?;
    let heard = peer.read(QUESTION.len())?;
    equal("question", heard.as_slice(), QUESTION)?;
    Ok(peer)
}

/// What a client is told that gives this answer.
fn told(answer: &[u8]) -> Result<String> {
    let mut peer = asked(PORT)?;
    peer.send(answer)?;
    Ok(peer.read_to_end()?.text())
}

fn solved() -> Result<()> {
    equal(
        "flag",
        told(b"391\n")?.as_str(),
        "flag{this_is_an_example}\n",
    )
}

fn answered(images: &Images) -> Result<()> {
    let running = challenge(images, &[])?;
    solved()?;
    equal("wrong answer", told(b"392\n")?.as_str(), "No.\n")?;
    running.wait_for("EXIT: challenge status=0")
}

fn limited(images: &Images) -> Result<()> {
    let _running = challenge(images, &[])?;
    let open: Vec<Peer> = (0..4).map(|_| asked(PORT)).collect::<Result<_>>()?;
    let heard = Peer::hear(at(PORT), None)?;
    equal(
        "fifth",
        heard.text().as_str(),
        "Too many of you are here: come back in a moment.\n",
    )?;
    drop(open);
    Ok(())
}

fn restricted(images: &Images) -> Result<()> {
    let running = challenge(
        images,
        &[
            "--read-only",
            "--tmpfs=/run:size=16m",
            "--cap-drop=all",
            "--cap-add=setuid,setgid,kill",
            "--security-opt=no-new-privileges",
        ],
    )?;
    solved()?;
    let _health = Peer::hear(at(8013), None)?;
    // All that it logs is of those clients.
    let logged = running.logged()?;
    let complaint = logged.lines().find(|line| {
        let usual = ["started.", "Started working", "START: ", "EXIT: "];
        !usual.iter().any(|part| line.contains(part))
    });
    equal("complaint", complaint, None)
}

fn unprivileged(images: &Images) -> Result<()> {
    let running = challenge(
        images,
        &[
            "--user=challenge:challenge",
            "--read-only",
            "--tmpfs=/run:mode=1777",
        ],
    )?;
    solved()?;
    running.wait_for("START: challenge")
}

fn stopped(images: &Images) -> Result<()> {
    let running = challenge(images, &[])?;
    let open: Vec<Peer> = (0..3).map(|_| asked(PORT)).collect::<Result<_>>()?;
    running.podman(&["stop", "--time=20"], &[])?;
    // SIGKILL after the time would be 137.
    equal(
        "exit status",
        running.inspect("{{.State.ExitCode}}")?.as_str(),
        "0",
    )?;
    for peer in open {
        let heard = peer.read_to_end()?;
        equal("end of a session", heard.close, Close::Fin)?;
    }
    Ok(())
}

fn reloaded(images: &Images) -> Result<()> {
    let running = challenge(images, &[])?;
    let mut session = asked(PORT)?;
    let edit = "sed -i 's/per_source .*/per_source = 9/; s/1337/1338/' /etc/xinetd.d/challenge";
    running.podman(&["exec"], &["sh", "-c", edit])?;
    running.podman(&["kill", "--signal=HUP"], &[])?;
    running.wait_for("Reconfigured: ")?;
    asked(1338)?;
    equal(
        "the old port",
        Peer::connect(at(PORT), None)?.is_err(),
        true,
    )?;
    // Its session goes on.
    session.send(b"391\n")?;
    equal("flag", session.read_to_end()?.text().as_str(), FLAG)
}

fn empty(images: &Images) -> Result<()> {
    let main = cache().join("images-empty.conf");
    let echo = "service echo\n{\n type = INTERNAL UNLISTED\n socket_type = stream\n protocol = tcp\n wait = no\n port = 7\n}\n";
    fs::write(&main, echo).map_err(|error| error.to_string())?;
    let volume = format!("--volume={}:/etc/xinetd.conf:ro", main.display());
    let running = images.run(&[&volume, "--tmpfs=/run"], EMPTY, &[])?;
    running.wait_for("Started working: 1 available service")?;
    running.enter_network()?;
    let mut peer = Peer::connect(at(7), None)?.map_err(|close| format!("{close:?}"))?;
    peer.echo(b"no library")
}

fn manifest(_images: &Images) -> Result<()> {
    let folder = cache().join("kubernetes-validate");
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../packaging/container/challenge/kubernetes.yaml");
    let script = "set -e; [ -e \"$1/done\" ] || { python3 -m venv --clear \"$1\"; \"$1/bin/pip\" install -q \"$2\"; \
                  touch \"$1/done\"; }; exec \"$1/bin/kubernetes-validate\" --strict \"$3\"";
    let words = [folder.as_os_str(), VALIDATOR.as_ref(), file.as_os_str()];
    run(Command::new("sh").args(["-c", script, "sh"]).args(words))
}
