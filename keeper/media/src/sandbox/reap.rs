//! The end of a child, and what it took.

use std::{io, mem::MaybeUninit, os::unix::process::ExitStatusExt, process::ExitStatus};

use nix::{libc, unistd::Pid};

/// Waits for a child that nobody has waited for. Returns how it ended and its processor time, user
/// and system, microseconds: all of it, also what starting took.
///
/// # Errors
/// There is no such child.
pub(super) fn reap(pid: Pid) -> io::Result<(ExitStatus, u64)> {
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: both are valid for writes of their types, and nothing else is passed.
    while unsafe { libc::wait4(pid.as_raw(), &raw mut status, 0, usage.as_mut_ptr()) } < 0 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    // SAFETY: zeros are a valid value of this struct of integers, whatever was written of it.
    let usage = unsafe { usage.assume_init() };
    let us = |time: libc::timeval| {
        let us = time.tv_sec.saturating_mul(1_000_000).saturating_add(time.tv_usec);
        u64::try_from(us).unwrap_or(0)
    };
    Ok((ExitStatus::from_raw(status), us(usage.ru_utime).saturating_add(us(usage.ru_stime))))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[expect(clippy::zombie_processes, reason = "it is reaped by what is tested")]
    fn ended(script: &str) -> (ExitStatus, u64) {
        let child = Command::new("sh").args(["-c", script]).spawn().unwrap();
        reap(Pid::from_raw(i32::try_from(child.id()).unwrap())).unwrap()
    }

    #[test]
    fn tells_how_it_ended_and_what_it_took() {
        let (status, little) = ended("exit 3");
        assert_eq!(status.code(), Some(3));
        let (status, much) =
            ended("i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done; kill -9 $$");
        assert_eq!(status.signal(), Some(9));
        assert!(much > little, "{much} of {little} microseconds");
    }

    #[test]
    fn who_is_no_child_is_not_waited_for() {
        assert_eq!(reap(Pid::this()).unwrap_err().raw_os_error(), Some(libc::ECHILD));
    }
}
