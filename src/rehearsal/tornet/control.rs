//! Tor's control port on an AF_UNIX socket (control-spec).

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    path::Path,
    time::Duration,
};

/// What the spoken-to tor listens on.
#[expect(clippy::disallowed_types, reason = "the control socket of a tor that this module started")]
type Stream = std::os::unix::net::UnixStream;

/// For an answer of a tor that is alive; it does nothing but answer, but may wait for its share of the processor.
const REPLY_TIMEOUT: Duration = Duration::from_secs(30);

/// How long to look for an event at a time; whoever waits looks again.
const EVENT_TIMEOUT: Duration = Duration::from_millis(20);

/// Tor's longest answers here are lines of a few hundred bytes.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// An authenticated control connection.
pub(super) struct ControlConnection {
    reader: BufReader<Stream>,
    /// What has come of the next line.
    partial: Vec<u8>,
}

impl ControlConnection {
    /// Connects and authenticates; the socket's directory, with mode 0700, is what keeps others out.
    pub(super) fn open(socket: &Path) -> io::Result<Self> {
        let stream = Stream::connect(socket)?;
        stream.set_read_timeout(Some(REPLY_TIMEOUT))?;
        stream.set_write_timeout(Some(REPLY_TIMEOUT))?;
        let mut connection = Self { reader: BufReader::new(stream), partial: Vec::new() };
        connection.command("AUTHENTICATE")?;
        Ok(connection)
    }

    /// Sends one command and returns the lines of the answer without their status codes.
    ///
    /// # Errors
    /// When the connection fails, or with tor's own words when it refuses the command.
    pub(super) fn command(&mut self, command: &str) -> io::Result<Vec<String>> {
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

    /// The next event, if it is there; events must have been asked for by `SETEVENTS`.
    pub(super) fn event(&mut self) -> io::Result<Option<String>> {
        self.reader.get_ref().set_read_timeout(Some(EVENT_TIMEOUT))?;
        let line = match self.line() {
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => None,
            line => Some(line?),
        };
        self.reader.get_ref().set_read_timeout(Some(REPLY_TIMEOUT))?;
        Ok(line.filter(|line| line.starts_with("650")))
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

    /// A whole line; after a timeout the next call goes on where this one ended.
    fn line(&mut self) -> io::Result<String> {
        while self.partial.last() != Some(&b'\n') {
            let got = self.reader.fill_buf()?;
            if got.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if self.partial.len() > LINE_BYTES_MAX {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "tor's answer has no end"));
            }
            let taken = got.iter().position(|byte| *byte == b'\n').map_or(got.len(), |end| end + 1);
            self.partial.extend(got.iter().take(taken));
            self.reader.consume(taken);
        }
        let line = std::mem::take(&mut self.partial);
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }
}

fn malformed(line: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not a control line: {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_in_two_pieces_is_one_event() {
        let (ours, mut tor) = Stream::pair().unwrap();
        let mut connection = ControlConnection { reader: BufReader::new(ours), partial: Vec::new() };
        assert_eq!(connection.event().unwrap(), None);
        tor.write_all(b"650 HS_DE").unwrap();
        assert_eq!(connection.event().unwrap(), None);
        tor.write_all(b"SC UPLOADED x\r\n250 OK\r\n").unwrap();
        assert_eq!(connection.event().unwrap().as_deref(), Some("650 HS_DESC UPLOADED x"));
        drop(tor);
        assert_eq!(connection.event().unwrap(), None, "no event");
        assert_eq!(connection.event().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn an_answer_is_its_lines_without_events_and_a_refusal_is_an_error() {
        let (ours, mut tor) = Stream::pair().unwrap();
        let mut connection = ControlConnection { reader: BufReader::new(ours), partial: Vec::new() };
        tor.write_all(b"650 HS_DESC X\r\n250-a=b\r\n250+c=\r\n..d\r\n.\r\n250 OK\r\n512 no\r\n").unwrap();
        assert_eq!(connection.command("GETINFO a c").unwrap(), ["a=b", "c=", ".d", "OK"]);
        assert!(connection.command("X").unwrap_err().to_string().contains("512 no"));
    }
}
