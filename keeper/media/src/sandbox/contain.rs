//! What happens in the child between fork and exec.

use std::{
    io,
    os::fd::{BorrowedFd, RawFd},
    os::unix::process::CommandExt,
    process::Command,
};

use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    libc,
    sched::{CloneFlags, unshare},
    sys::{
        prctl,
        resource::{Resource, setrlimit},
        signal::Signal,
    },
    unistd::{Gid, Uid, setgid, setgroups, setuid},
};

use super::Bounds;

/// Open files a child may have, its libraries included.
const FILES_MAX: u64 = 256;

/// Makes `command` give up what it does not need, and keep `inherited` open.
pub(super) fn contain(command: &mut Command, bounds: &Bounds, inherited: Vec<RawFd>) {
    let bounds = bounds.clone();
    let root = Uid::effective().is_root();
    // SAFETY: the closure runs in the forked child, where only the calling thread exists. It makes
    // system calls and takes no lock; `inherited` and `bounds` were allocated before the fork.
    unsafe {
        command.pre_exec(move || {
            for fd in &inherited {
                // The parent keeps them open until the child has started.
                let fd = BorrowedFd::borrow_raw(*fd);
                fcntl(fd, FcntlArg::F_SETFD(FdFlag::empty()))?;
            }
            limit(&bounds)?;
            if root {
                drop_rights(bounds.user_id)?;
            }
            prctl::set_no_new_privs()?;
            // After the change of user, which would clear it.
            prctl::set_pdeathsig(Signal::SIGKILL)?;
            Ok(())
        });
    }
}

fn limit(bounds: &Bounds) -> io::Result<()> {
    for (resource, value) in [
        (Resource::RLIMIT_AS, bounds.memory_bytes_max),
        (Resource::RLIMIT_CPU, bounds.cpu_seconds_max),
        // Output leaves through pipes, so it writes no file at all.
        (Resource::RLIMIT_FSIZE, 0),
        (Resource::RLIMIT_CORE, 0),
        (Resource::RLIMIT_NOFILE, FILES_MAX),
    ] {
        setrlimit(resource, value, value)?;
    }
    // SAFETY: plain numbers.
    let now = unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) };
    // Only root may take less niceness than it has, and nobody needs to.
    // SAFETY: plain numbers.
    if now < bounds.nice && unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, bounds.nice) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Leaves the network and the user. A container may forbid the first; inputs name no protocol but
/// files and pipes anyway.
fn drop_rights(user_id: u32) -> io::Result<()> {
    let _ = unshare(CloneFlags::CLONE_NEWNET);
    setgroups(&[])?;
    setgid(Gid::from_raw(user_id))?;
    setuid(Uid::from_raw(user_id))?;
    Ok(())
}
