//! Random numbers of the kernel.

use std::io;

use nix::errno::Errno;

/// Bytes that no other process can guess (getrandom(2)).
///
/// # Errors
/// As getrandom(2).
pub(crate) fn random_bytes<const LENGTH: usize>() -> io::Result<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    // SAFETY: the buffer has LENGTH bytes, which is what the kernel may write.
    let count = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), LENGTH, 0) };
    match usize::try_from(Errno::result(count)?) {
        Ok(count) if count == LENGTH => Ok(bytes),
        // Only of more than 256 bytes it may give fewer, where a signal comes.
        _ => Err(io::ErrorKind::Interrupted.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_gives_others() {
        let [first, second] = [(), ()].map(|()| random_bytes::<32>().unwrap());
        assert_ne!(first, second);
    }
}
