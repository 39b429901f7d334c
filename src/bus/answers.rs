//! The thread that answers what helpers ask for.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc::Receiver;

use super::log_files::LogFiles;
use super::mains;
use super::questions::{PendingRequest, Request, refuse};
use super::shared::Shared;
use crate::protocol::bans::{NO_TABLE, TABLE_PASSED};
use crate::protocol::log_file::LogFileReply;
use crate::sys::handover;
use crate::sys::socket::send_now;

/// Answers questions for as long as there may be any.
pub(super) fn serve(
    questions: &Receiver<PendingRequest<Request>>,
    log_files: &LogFiles,
    shared: &Shared,
) {
    let mains = shared.questions.mains();
    while let Ok(first) = questions.recv() {
        let batch: Vec<_> = [first].into_iter().chain(questions.try_iter()).collect();
        let learned = mains.learn(batch.iter().map(|asked| &asked.caller));
        for asked in batch {
            shared.questions.taken(&asked);
            let caller = &asked.caller;
            let refused = match (mains.known(caller), &learned) {
                (Some(true), _) => None,
                (None, Err(why)) => Some(why.clone()),
                (Some(false), _) | (None, Ok(())) => Some(mains::not_main(caller)),
            };
            match (refused, asked.wants) {
                (Some(why), _) => refuse(&asked.socket, why),
                // A helper that has gone needs none.
                (None, Request::Table) => {
                    let table = shared.lock().table();
                    let _ = pass_table(&asked.socket, table);
                }
                (None, Request::LogFile(wants)) => log_files.ask(PendingRequest {
                    caller: asked.caller,
                    wants,
                    socket: asked.socket,
                }),
            }
        }
    }
}

/// Passes the table of bans to a helper, or says that there is none.
///
/// # Errors
/// If the helper has gone.
pub(crate) fn pass_table(socket: &OwnedFd, table: io::Result<File>) -> io::Result<()> {
    match table {
        Ok(file) => handover::send(socket.as_fd(), &[TABLE_PASSED], file.as_fd()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            send_now(socket.as_fd(), NO_TABLE.as_bytes()).map(drop)
        }
        Err(error) => LogFileReply::Refused(error.to_string()).send(socket.as_fd()),
    }
}
