//! clone(2) with a stack of the caller's.

use std::ffi::{c_int, c_void};

use nix::errno::Errno;

/// What the child begins with.
pub(super) type Run = extern "C" fn(*mut c_void) -> c_int;

/// Where the kernel writes: with CLONE_PIDFD the descriptor, and with CLONE_CHILD_CLEARTID a zero once the child has
/// left the memory.
#[derive(Clone, Copy)]
pub(super) struct Written {
    pub(super) pidfd: *mut c_int,
    pub(super) child: *mut u32,
}

/// Makes a process that calls `run` with `order` on the stack that ends at `top`, and ends there; its number.
///
/// # Errors
/// As clone(2).
///
/// # Safety
/// `top` is aligned to 16 bytes, and the memory below it is the child's alone. All that the pointers lead to outlives
/// the child's use of it. `run` ends by _exit(2) or execve(2).
pub(super) unsafe fn clone(
    run: Run,
    top: *mut u8,
    flags: c_int,
    order: *mut c_void,
    written: Written,
) -> Result<i32, Errno> {
    let Written { pidfd, child } = written;
    #[cfg(not(target_env = "musl"))]
    // SAFETY: what the caller promises.
    let result = unsafe {
        let none = std::ptr::null_mut::<c_void>();
        Errno::result(libc::clone(
            run,
            top.cast(),
            flags,
            order,
            pidfd,
            none,
            child,
        ))
    };
    // musl's function refuses CLONE_CHILD_CLEARTID.
    #[cfg(all(target_env = "musl", target_arch = "x86_64"))]
    let result = {
        let pid: i64;
        // SAFETY: what the caller promises. The child has all registers of this function but those that syscall(2) says
        // are lost, its stack is aligned as the ABI wants it before a call, and it does not return from `run`.
        unsafe {
            std::arch::asm!(
                "syscall",
                "test rax, rax",
                "jnz 2f",
                // The child: above it is no frame.
                "xor ebp, ebp",
                "mov rdi, r12",
                "call r13",
                "ud2",
                "2:",
                inlateout("rax") libc::SYS_clone => pid,
                in("rdi") i64::from(flags),
                in("rsi") top,
                in("rdx") pidfd,
                in("r10") child,
                in("r8") 0_i64,
                in("r12") order,
                in("r13") run,
                lateout("rcx") _,
                lateout("r11") _,
            );
        }
        // The kernel returns the errno, negated.
        match i32::try_from(pid).unwrap_or(-libc::EINVAL) {
            pid @ 0.. => Ok(pid),
            errno => Err(Errno::from_raw(-errno)),
        }
    };
    result
}

#[cfg(all(target_env = "musl", not(target_arch = "x86_64")))]
compile_error!(
    "without glibc there is no clone(2) for this architecture: write it in src/sys/spawn/clone.rs"
);
