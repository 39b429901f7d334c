//! RPC services and a real rpcbind (docs/xinetd-behaviour.md, section 4.14).

use crate::scenario::Scenario;

pub(crate) const SCENARIOS: &[Scenario] = &[Scenario {
    name: "rpc-registered",
    section: "4.14",
    claim: "each version of an RPC program is registered with rpcbind",
    configuration: "\
service stream
{
	type = RPC UNLISTED
	rpc_number = 300001
	rpc_version = 2-4
	socket_type = stream
	wait = no
	user = nobody
	server = PROBE/argv
}
service datagram
{
	type = RPC UNLISTED
	rpc_number = 300002
	rpc_version = 1
	socket_type = dgram
	wait = yes
	user = nobody
	server = PROBE/datagram
}
",
    act: |stage| {
        // Both sides find it when they start.
        stage.endpoints(300_001, 3)?;
        stage.endpoints(300_002, 1)?;
        stage.sh("for version in 1 2 3 4; do
                      rpcinfo -d 300001 $version; rpcinfo -d 300002 $version
                  done 2>/dev/null; true")
    },
    ..Scenario::SAME
}];
