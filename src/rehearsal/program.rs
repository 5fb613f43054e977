//! This very program, run as a person would run it, in the directory of the rehearsal.

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
};

use super::{
    Interrupted, Patience, RehearsalError,
    child::{Child, Command},
};

/// The file that this process runs, whatever its path has become since.
const THIS_PROGRAM: &str = "/proc/self/exe";
/// What a person would type instead.
const NAME: &str = "anteroom";
/// For one command: longer than any of them waits for Tor by itself.
const COMMAND_SECONDS_MAX: u64 = 300;
/// The records of a rehearsal fill a few KiB; what is more is not read.
const OUTPUT_BYTES_MAX: u64 = 1 << 20;
/// How a message begins with which the program ends.
const COMPLAINT: &str = "anteroom: ";
/// How much of a log goes into a message about a failure.
const MESSAGE_LINES: usize = 4;

/// Runs commands. Each leaves its two outputs in the directory, `<number>-<command>.out` and `.err`.
pub(super) struct Program {
    directory: PathBuf,
    patience: Patience,
    started: usize,
}

/// A command that has ended.
pub(super) struct Finished {
    pub(super) line: String,
    pub(super) code: Option<i32>,
    pub(super) out: String,
    pub(super) error: String,
}

/// A command that goes on. Dropping it ends it.
pub(super) struct Running {
    pub(super) line: String,
    child: Child,
    out: PathBuf,
    error: PathBuf,
    read_bytes: u64,
    patience: Patience,
}

impl Program {
    pub(super) const fn new(directory: PathBuf, patience: Patience) -> Self {
        Self { directory, patience, started: 0 }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Starts a command and leaves it running.
    pub(super) fn start(&mut self, arguments: &[&str]) -> Result<Running, RehearsalError> {
        self.started += 1;
        let name = format!("{:02}-{}", self.started, arguments.first().unwrap_or(&NAME));
        let path = |ending| self.directory.join(format!("{name}.{ending}"));
        let (out, error) = (path("out"), path("err"));
        let create =
            |path: &Path| File::create(path).map_err(RehearsalError::system(format!("can't write {}", path.display())));
        let mut command = Command::new(THIS_PROGRAM);
        command.args(arguments).current_dir(&self.directory).stdin(Stdio::null());
        command.stdout(create(&out)?).stderr(create(&error)?);
        let child = Child::spawn(&mut command).map_err(RehearsalError::system("can't start this program again"))?;
        Ok(Running { line: line(arguments), child, out, error, read_bytes: 0, patience: self.patience.clone() })
    }

    /// Runs a command to its end, whichever that is.
    pub(super) fn finish(&mut self, arguments: &[&str]) -> Result<Finished, RehearsalError> {
        let mut running = self.start(arguments)?;
        let ended = self.patience.poll(COMMAND_SECONDS_MAX, || running.child.ended())?;
        let Some(status) = ended else {
            let what = format!("`{}` has not ended after {COMMAND_SECONDS_MAX} s", running.line);
            return Err(RehearsalError::Unexpected { what, hint: "try again, on a machine that has less to do" });
        };
        let (out, error) = (read(&running.out, 0), read(&running.error, 0));
        Ok(Finished { line: running.line, code: status.code(), out, error })
    }

    /// Runs a command that must succeed.
    pub(super) fn run(&mut self, arguments: &[&str]) -> Result<Finished, RehearsalError> {
        self.finish(arguments)?.succeeded()
    }
}

impl Finished {
    pub(super) fn succeeded(self) -> Result<Self, RehearsalError> {
        if self.code == Some(0) { Ok(self) } else { Err(self.failure()) }
    }

    pub(super) fn failure(self) -> RehearsalError {
        let code = self.code.map_or_else(|| "a signal".into(), |code| format!("code {code}"));
        RehearsalError::Command { line: self.line, code, message: complaint(&self.error) }
    }

    /// The one JSON document it printed.
    pub(super) fn json(&self) -> Result<serde_json::Value, RehearsalError> {
        serde_json::from_str(&self.out).map_err(|_| not_json(&self.line))
    }

    /// The JSON documents it printed, one a line.
    pub(super) fn json_lines(&self) -> Result<Vec<serde_json::Value>, RehearsalError> {
        self.out.lines().map(|line| serde_json::from_str(line).map_err(|_| not_json(&self.line))).collect()
    }
}

impl Running {
    /// Waits for something that is not told on its output, as long as it runs.
    pub(super) fn wait_for<T>(
        &mut self,
        what: &str,
        seconds_max: u64,
        mut ask: impl FnMut() -> Option<T>,
    ) -> Result<T, RehearsalError> {
        let patience = self.patience.clone();
        let waited = patience.poll(seconds_max, || ask().map(Ok).or_else(|| self.ended().map(Err)));
        self.judge(what, seconds_max, waited)
    }

    /// Waits for a line of JSON on its output for which `wanted` has an answer.
    pub(super) fn wait_for_json<T>(
        &mut self,
        what: &str,
        seconds_max: u64,
        mut wanted: impl FnMut(&serde_json::Value) -> Option<T>,
    ) -> Result<T, RehearsalError> {
        let patience = self.patience.clone();
        let waited = patience.poll(seconds_max, || {
            // Seen to have ended before the last lines are read: none of them is missed.
            let ended = self.ended();
            while let Some(line) = self.next_line() {
                let value = serde_json::from_str(&line).unwrap_or_default();
                if let Some(answer) = wanted(&value) {
                    return Some(Ok(answer));
                }
            }
            ended.map(Err)
        });
        self.judge(what, seconds_max, waited)
    }

    fn judge<T>(
        &self,
        what: &str,
        seconds_max: u64,
        waited: Result<Option<Result<T, ExitStatus>>, Interrupted>,
    ) -> Result<T, RehearsalError> {
        match waited? {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(status)) => {
                let message = complaint(&read(&self.error, 0));
                Err(RehearsalError::Command { line: self.line.clone(), code: status.to_string(), message })
            }
            None => Err(RehearsalError::Unexpected {
                what: format!("not within {seconds_max} s: {what}"),
                hint: "try again, on a machine that has less to do; if it happens twice, read the logs",
            }),
        }
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        self.child.ended()
    }

    /// The next whole line of its output, if there is one.
    fn next_line(&mut self) -> Option<String> {
        let unread = read(&self.out, self.read_bytes);
        let (line, _) = unread.split_once('\n')?;
        self.read_bytes += line.len() as u64 + 1;
        Some(line.to_owned())
    }
}

/// What a person would type.
pub(super) fn line(arguments: &[&str]) -> String {
    [NAME].iter().chain(arguments).copied().collect::<Vec<_>>().join(" ")
}

fn not_json(line: &str) -> RehearsalError {
    let what = format!("`{line}` printed something that is not JSON");
    RehearsalError::Unexpected { what, hint: "this is a fault of the program: report it" }
}

fn read(path: &Path, from_bytes: u64) -> String {
    let read = || -> io::Result<String> {
        let mut file = fs::File::open(path)?;
        file.seek(SeekFrom::Start(from_bytes))?;
        let mut text = Vec::new();
        file.take(OUTPUT_BYTES_MAX).read_to_end(&mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    };
    read().unwrap_or_default() // what can't be read is seen as what was not said, and told as that
}

/// From the line on that the program ends with when it fails; the end of a log where there is none.
fn complaint(said: &str) -> String {
    let mut lines: Vec<_> = said.lines().collect();
    let begin = lines.iter().rposition(|line| line.starts_with(COMPLAINT));
    let lines = lines.split_off(begin.unwrap_or(lines.len().saturating_sub(MESSAGE_LINES)));
    lines.into_iter().map(|line| line.trim_start_matches(COMPLAINT).trim()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_what_the_program_ended_with() {
        assert_eq!(complaint("x: no\nanteroom: it failed\n  → try this\n"), "it failed → try this");
        assert_eq!(complaint("1\n2\n3\n4\n5\n6\n"), "3 4 5 6");
        assert_eq!(complaint(""), "");
    }
}
