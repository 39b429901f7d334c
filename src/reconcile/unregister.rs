//! What rpcbind is told by the socket of an RPC service when it stops (`ExecStopPost=`).

/// The option in front of a service's id and of what rpcbind is told.
const UNREGISTER: &str = " --rpc-unregister ";

/// What rpcbind is told of the service of a socket unit; none where that is no RPC service.
pub(super) fn words(socket: &str) -> Option<&str> {
    let mut lines = socket.lines();
    let words = lines.find_map(|line| {
        let command = line.strip_prefix("ExecStopPost=")?;
        Some(command.split_once(UNREGISTER)?.1)
    })?;
    // The id may be of several words. Numbers and endpoints have no `\"` behind them.
    let numbers = words.rfind('"').map_or(words, |end| &words[end + 1..]);
    match numbers.len() == words.len() {
        true => words.split_once(' ').map(|(_, numbers)| numbers),
        false => Some(numbers.trim_start()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_unit_tells_what_is_registered() {
        let unit = |words: &str| {
            format!("[Socket]\nA=1\nExecStopPost=-/x/xinetd-accept --rpc-unregister {words}\n")
        };
        let told = "7 1 2 udp=0.0.0.0.1.2 udp6=::.1.2";
        assert_eq!(words(&unit(&format!("x {told}"))), Some(told));
        assert_eq!(words(&unit(&format!("\"a b\" {told}"))), Some(told));
        assert_eq!(words("[Socket]\nListenStream=1\n"), None);
    }
}
