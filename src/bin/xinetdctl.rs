//! The administrator's tool: see [`xinetd_bridge::ctl`].

fn main() -> std::process::ExitCode {
    xinetd_bridge::ctl::main(std::env::args_os(), &mut std::io::stdout().lock())
}
