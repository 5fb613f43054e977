//! Tor's control port on an AF_UNIX socket (control-spec).

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// For an answer of a tor that is alive; it does nothing but answer, but may wait for its share of the processor.
const REPLY_TIMEOUT: Duration = Duration::from_secs(30);

/// An authenticated control connection.
pub struct ControlConnection {
    reader: BufReader<UnixStream>,
}

impl ControlConnection {
    /// Connects and authenticates; the socket's directory, with mode 0700, is what keeps others out.
    pub fn open(socket: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(REPLY_TIMEOUT))?;
        stream.set_write_timeout(Some(REPLY_TIMEOUT))?;
        let mut connection = Self { reader: BufReader::new(stream) };
        connection.command("AUTHENTICATE")?;
        Ok(connection)
    }

    /// Sends one command and returns the lines of the answer without their status codes.
    ///
    /// # Errors
    /// When the connection fails, or with tor's own words when it refuses the command.
    pub fn command(&mut self, command: &str) -> io::Result<Vec<String>> {
        self.reader.get_mut().write_all(format!("{command}\r\n").as_bytes())?;
        let mut lines = Vec::new();
        loop {
            let line = self.line()?;
            let (status, rest) = line.split_at_checked(3).ok_or_else(|| malformed(&line))?;
            let (kind, text) = rest.split_at_checked(1).ok_or_else(|| malformed(&line))?;
            if status.starts_with('6') {
                continue; // an event; who wants events uses `event`
            }
            if !status.starts_with('2') {
                return Err(io::Error::other(format!("tor refused `{command}`: {line}")));
            }
            lines.push(text.to_owned());
            match kind {
                " " => return Ok(lines),
                "+" => self.data(&mut lines)?,
                _ => {}
            }
        }
    }

    /// Waits for an event that satisfies `wanted`, until the deadline; events must have been asked for by `SETEVENTS`.
    pub fn event(&mut self, deadline: Instant, wanted: impl Fn(&str) -> bool) -> io::Result<String> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = left.max(Duration::from_millis(1)); // zero would mean no timeout
            self.reader.get_ref().set_read_timeout(Some(timeout))?;
            let line = self.line()?;
            if line.starts_with("650") && wanted(&line) {
                self.reader.get_ref().set_read_timeout(Some(REPLY_TIMEOUT))?;
                return Ok(line);
            }
        }
    }

    fn data(&mut self, lines: &mut Vec<String>) -> io::Result<()> {
        loop {
            let line = self.line()?;
            if line == "." {
                return Ok(());
            }
            lines.push(line.strip_prefix('.').unwrap_or(&line).to_owned());
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}

fn malformed(line: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not a control line: {line}"))
}
