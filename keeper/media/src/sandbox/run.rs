//! One run of ffmpeg or ffprobe.

use std::{
    collections::VecDeque,
    fs::{File, Permissions},
    io::{self, PipeReader, PipeWriter, Read, Write},
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::fs::PermissionsExt,
    },
    process::{self, Command, Stdio},
    thread,
};

use ffmpeg_sidecar::{
    child::FfmpegChild,
    command::FfmpegCommand,
    event::{FfmpegEvent, LogLevel},
};
use nix::{
    sys::wait::{Id, WaitPidFlag, waitid},
    unistd::{Pid, Uid},
};
use tokio_util::sync::CancellationToken;

use super::{
    Bounds,
    contain::contain,
    reap::reap,
    watch::{Killed, Watch},
};
use crate::error::{MediaError, Result};

/// Lines of a log that are kept: the summaries of all filters fit.
const LOG_LINES_MAX: usize = 1_000;
/// Characters of a log line that are kept.
const LOG_LINE_CHARS_MAX: usize = 500;
/// Bytes of the errors of ffprobe that are kept.
const LOG_BYTES_MAX: u64 = 64 << 10;
/// Lines that an error repeats.
const ERROR_LINES_MAX: usize = 6;

/// Which program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    Ffmpeg,
    Ffprobe,
}

impl Tool {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ffmpeg => "ffmpeg",
            Self::Ffprobe => "ffprobe",
        }
    }
}

/// A run that is being put together.
pub(crate) struct Run<'a> {
    tool: Tool,
    doing: String,
    bounds: &'a Bounds,
    cancel: &'a CancellationToken,
    arguments: Vec<String>,
    inherited: Vec<OwnedFd>,
    extra: Vec<PipeReader>,
}

/// What a run that succeeded tells.
#[derive(Debug, Default)]
pub(crate) struct Finished {
    /// Processor time, user and system, microseconds.
    pub cpu_us: u64,
    /// Video frames that came out.
    pub frames: u64,
    /// The end of the log.
    pub log: Vec<String>,
}

/// Where the output of a run goes.
pub(crate) struct Sinks<'a> {
    /// What the program writes to `pipe:1`.
    pub stdout: &'a mut (dyn Write + Send),
    /// What it writes to the pipes of [`Run::pipe`], in their order.
    pub extra: Vec<&'a mut (dyn Write + Send)>,
    /// Called with the number of frames that came out so far.
    pub on_frame: &'a mut dyn FnMut(u64),
}

/// Takes no frame counts.
pub(crate) fn nobody(_frames: u64) {}

impl<'a> Run<'a> {
    /// `doing` completes "failed while …".
    pub fn new(
        tool: Tool,
        doing: impl Into<String>,
        bounds: &'a Bounds,
        cancel: &'a CancellationToken,
    ) -> Self {
        let arguments = match tool {
            Tool::Ffmpeg => ["-hide_banner", "-nostdin"].map(String::from).to_vec(),
            Tool::Ffprobe => ["-hide_banner", "-v", "error"].map(String::from).to_vec(),
        };
        let doing = doing.into();
        Self { tool, doing, bounds, cancel, arguments, inherited: Vec::new(), extra: Vec::new() }
    }

    pub fn args<S: Into<String>>(&mut self, arguments: impl IntoIterator<Item = S>) -> &mut Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Hands `file` to the child; the result is its name there.
    pub fn input(&mut self, file: File) -> String {
        if Uid::effective().is_root() {
            // The child is another user. Where it may not read, it says so itself.
            let mode = file.metadata().map(|meta| meta.permissions().mode());
            if let Ok(mode) = mode
                && mode & 0o004 == 0
            {
                let _ = file.set_permissions(Permissions::from_mode(mode | 0o004));
            }
        }
        let name = format!("/proc/self/fd/{}", file.as_raw_fd());
        self.inherited.push(file.into());
        name
    }

    /// One more output; the result is its name in the child.
    pub fn pipe(&mut self) -> Result<String> {
        let (reader, writer): (PipeReader, PipeWriter) =
            io::pipe().map_err(|source| MediaError::Io { what: "a pipe".into(), source })?;
        let name = format!("pipe:{}", writer.as_raw_fd());
        self.inherited.push(writer.into());
        self.extra.push(reader);
        Ok(name)
    }

    /// Starts the program with its output to memory, and waits for its end. Blocks.
    pub fn collect(self, to: &mut Vec<u8>) -> Result<Finished> {
        self.run(Sinks { stdout: to, extra: Vec::new(), on_frame: &mut nobody })
    }

    /// Starts the program and waits for its end. Blocks.
    pub fn run(self, sinks: Sinks<'_>) -> Result<Finished> {
        if self.cancel.is_cancelled() {
            return Err(MediaError::Cancelled);
        }
        let child = self
            .spawn()
            .map_err(|source| MediaError::ToolMissing { tool: self.tool.name(), source })?;
        // The ends of its pipes stay with the child alone, so that they end when it does.
        let Self { tool, doing, bounds, cancel, extra, inherited, .. } = self;
        drop(inherited);
        Attend { tool, doing, bounds, cancel }.attend(child, extra, sinks)
    }

    fn spawn(&self) -> io::Result<Child> {
        match self.tool {
            Tool::Ffmpeg => {
                let mut command = FfmpegCommand::new_with_path(self.tool.name());
                self.prepare(command.as_inner_mut());
                command.spawn().map(Child::Ffmpeg)
            }
            Tool::Ffprobe => {
                let mut command = Command::new(self.tool.name());
                self.prepare(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
                command.spawn().map(Child::Ffprobe)
            }
        }
    }

    fn prepare(&self, command: &mut Command) {
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin".into());
        // The wrapper wants to hold its input; nothing is ever written to it.
        command.args(&self.arguments).stdin(Stdio::piped());
        command.env_clear().env("PATH", path).current_dir("/");
        contain(command, self.bounds, self.inherited.iter().map(AsRawFd::as_raw_fd).collect());
    }
}

/// A child that has started.
enum Child {
    Ffmpeg(FfmpegChild),
    /// The wrapper for ffmpeg adds arguments that ffprobe does not know.
    Ffprobe(process::Child),
}

impl Child {
    fn inner(&mut self) -> &mut process::Child {
        match self {
            Self::Ffmpeg(child) => child.as_inner_mut(),
            Self::Ffprobe(child) => child,
        }
    }
}

struct Attend<'a> {
    tool: Tool,
    doing: String,
    bounds: &'a Bounds,
    cancel: &'a CancellationToken,
}

impl Attend<'_> {
    /// Reads what the child says until it ends.
    fn attend(
        self,
        mut child: Child,
        extra: Vec<PipeReader>,
        sinks: Sinks<'_>,
    ) -> Result<Finished> {
        let internal = |error: &str| MediaError::Internal(error.into());
        let raw = i32::try_from(child.inner().id()).map_err(|_| internal("a process id"))?;
        let pid = Pid::from_raw(raw);
        let stdout = child.inner().stdout.take().ok_or_else(|| internal("no standard output"))?;
        let watch = Watch::default();
        let limit = self.bounds.output_bytes_max;
        let Sinks { stdout: to, extra: extra_to, on_frame } = sinks;
        let (killed, copied, log) = thread::scope(|scope| {
            let watcher = scope.spawn(|| watch.keep(pid, self.bounds.time(), self.cancel));
            let copier = scope.spawn(move || copy(stdout, to, limit));
            let pipes = extra.into_iter().zip(extra_to);
            let others: Vec<_> =
                pipes.map(|(pipe, to)| scope.spawn(move || copy(pipe, to, limit))).collect();
            let log = listen(&mut child, on_frame);
            // Not reaped yet: the watcher can still kill it.
            let _ = waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
            watch.end();
            let killed = watcher.join().unwrap_or(None);
            let mut copied = join(copier.join());
            for other in others {
                copied = copied.and(join(other.join()));
            }
            (killed, copied, log)
        });
        let (status, cpu_us) =
            reap(pid).map_err(|source| MediaError::Io { what: self.tool.name().into(), source })?;
        match killed {
            Some(Killed::Cancelled) => return Err(MediaError::Cancelled),
            Some(Killed::TimeLimit) => {
                return Err(MediaError::TimeLimit { doing: self.doing, limit: self.bounds.time() });
            }
            None => {}
        }
        match copied {
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                return Err(MediaError::OutputLimit { doing: self.doing, limit_bytes: limit });
            }
            Err(source) => return Err(MediaError::Io { what: self.doing, source }),
            Ok(()) => {}
        }
        if status.success() {
            return Ok(Finished { cpu_us, frames: log.frames, log: log.lines.into() });
        }
        Err(MediaError::Tool {
            tool: self.tool.name(),
            doing: self.doing,
            status: status.to_string(),
            log: log.error(),
        })
    }
}

fn join(joined: thread::Result<io::Result<()>>) -> io::Result<()> {
    joined.unwrap_or_else(|_| Err(io::Error::other("a reader of an output panicked")))
}

/// Copies at most `limit` bytes; one more is the error `FileTooLarge`.
fn copy(from: impl Read, to: &mut dyn Write, limit: u64) -> io::Result<()> {
    let mut from = from.take(limit.saturating_add(1));
    if io::copy(&mut from, to)? > limit {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    to.flush()
}

#[derive(Default)]
struct Log {
    lines: VecDeque<String>,
    errors: Vec<String>,
    frames: u64,
}

/// Follows the log to its end.
fn listen(child: &mut Child, on_frame: &mut dyn FnMut(u64)) -> Log {
    let mut log = Log::default();
    let child = match child {
        Child::Ffmpeg(child) => child,
        Child::Ffprobe(child) => {
            let mut text = Vec::new();
            if let Some(stderr) = child.stderr.take() {
                let _ = copy(stderr, &mut text, LOG_BYTES_MAX);
            }
            log.lines = String::from_utf8_lossy(&text).lines().map(String::from).collect();
            return log;
        }
    };
    let Ok(events) = child.iter() else { return log };
    for event in events {
        match event {
            FfmpegEvent::Progress(progress) => {
                log.frames = progress.frame.into();
                on_frame(log.frames);
            }
            FfmpegEvent::Log(level, line) => {
                let line: String = line.chars().take(LOG_LINE_CHARS_MAX).collect();
                let bad = matches!(level, LogLevel::Error | LogLevel::Fatal);
                if bad && log.errors.len() < ERROR_LINES_MAX {
                    log.errors.push(line.clone());
                }
                if log.lines.len() == LOG_LINES_MAX {
                    log.lines.pop_front();
                }
                log.lines.push_back(line);
            }
            _ => {}
        }
    }
    log
}

impl Log {
    fn error(self) -> String {
        if !self.errors.is_empty() {
            return self.errors.join("; ");
        }
        let first = self.lines.len().saturating_sub(ERROR_LINES_MAX);
        self.lines.into_iter().skip(first).collect::<Vec<_>>().join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_bounded() {
        let mut out = Vec::new();
        assert!(copy(&b"12345"[..], &mut out, 5).is_ok());
        let error = copy(&b"123456"[..], &mut out, 5).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }
}
