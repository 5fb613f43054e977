//! torrc syntax as tor reads it (`torrc` in tor(1), "THE CONFIGURATION FILE FORMAT"): comments, quoted values, lines that
//! go on behind a backslash, `+` and `/` in front of a key.

use super::options;

/// What a line does to an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// In place of the defaults file's lines of this option.
    Set,
    /// `+Key`: beside them.
    Append,
    /// `/Key`: neither, but tor's own default.
    Clear,
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// As it is in the file.
    pub(super) key: String,
    pub(super) value: String,
    pub(super) action: Action,
    /// From 1: where the key stands.
    pub(super) number: usize,
}

impl Line {
    /// The option that is meant, in lower case and without the `__` of options that are not saved.
    pub(super) fn option(&self) -> String {
        options::full_name(&self.key)
    }

    pub(super) fn is(&self, option: &str) -> bool {
        self.option().eq_ignore_ascii_case(option)
    }
}

/// Why a text is no torrc; with the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SyntaxError {
    #[error("a quoted value that does not end in its line")]
    Unclosed,
    #[error("an escape in a quoted value that tor does not know")]
    Escape,
    #[error("something stands behind a quoted value")]
    Excess,
}

/// All settings of a text, in their order.
///
/// # Errors
/// With the number of the line.
pub(super) fn lines(text: &str) -> Result<Vec<Line>, (usize, SyntaxError)> {
    let mut cursor = Cursor { rest: text, number: 1 };
    let mut found = Vec::new();
    while let Some(line) = cursor.line()? {
        found.push(line);
    }
    Ok(found)
}

struct Cursor<'a> {
    rest: &'a str,
    number: usize,
}

impl Cursor<'_> {
    fn line(&mut self) -> Result<Option<Line>, (usize, SyntaxError)> {
        loop {
            self.skip(char::is_whitespace);
            if !self.rest.starts_with('#') {
                break;
            }
            self.skip(|c| c != '\n');
        }
        if self.rest.is_empty() {
            return Ok(None);
        }
        let number = self.number;
        let word = self.word();
        self.skip(|c| matches!(c, ' ' | '\t'));
        let value = if self.rest.starts_with('"') {
            self.quoted().map_err(|error| (self.number, error))?
        } else {
            self.plain()
        };
        let (key, action) = match (word.strip_prefix('+'), word.strip_prefix('/')) {
            (Some(key), _) => (key, Action::Append),
            (_, Some(key)) => (key, Action::Clear),
            (None, None) => (word.as_str(), Action::Set),
        };
        Ok(Some(Line { key: key.to_owned(), value, action, number }))
    }

    /// Up to white space, a comment, or a line that goes on.
    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(c) = self.rest.chars().next() {
            if c.is_whitespace() || c == '#' || self.goes_on() {
                break;
            }
            word.push(c);
            self.advance();
        }
        word
    }

    /// Up to the end of the line, or of the last one that goes on; comments between such lines are left out.
    fn plain(&mut self) -> String {
        let (mut value, mut continued) = (String::new(), false);
        while let Some(c) = self.rest.chars().next() {
            if self.goes_on() {
                continued = true;
                self.advance();
                self.advance();
            } else if c == '#' {
                self.skip(|c| c != '\n');
                if !continued {
                    break;
                }
                self.advance();
            } else if c == '\n' {
                break;
            } else {
                value.push(c);
                self.advance();
            }
        }
        value.trim_end().to_owned()
    }

    /// A value in quotes, with the escapes of C.
    fn quoted(&mut self) -> Result<String, SyntaxError> {
        self.advance();
        let mut bytes = Vec::new();
        loop {
            match self.take().ok_or(SyntaxError::Unclosed)? {
                '"' => break,
                '\n' => return Err(SyntaxError::Unclosed),
                '\\' => bytes.push(self.escape()?),
                c => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        self.skip(|c| matches!(c, ' ' | '\t' | '\r'));
        match self.rest.chars().next() {
            None | Some('\n') => {}
            Some('#') => self.skip(|c| c != '\n'),
            Some(_) => return Err(SyntaxError::Excess),
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn escape(&mut self) -> Result<u8, SyntaxError> {
        match self.take().ok_or(SyntaxError::Unclosed)? {
            'n' => Ok(b'\n'),
            't' => Ok(b'\t'),
            'r' => Ok(b'\r'),
            c @ ('"' | '\\' | '\'') => Ok(c as u8),
            'x' => self.digits(16, 2, 0),
            c @ '0'..='7' => self.digits(8, 2, c as u32 - '0' as u32),
            _ => Err(SyntaxError::Escape),
        }
    }

    /// A byte as digits; hexadecimal ones are exactly two, octal ones up to three.
    fn digits(&mut self, radix: u32, more: usize, first: u32) -> Result<u8, SyntaxError> {
        let mut byte = first;
        for _ in 0..more {
            match self.rest.chars().next().and_then(|c| c.to_digit(radix)) {
                Some(digit) => {
                    byte = byte * radix + digit;
                    self.advance();
                }
                None if radix == 8 => break,
                None => return Err(SyntaxError::Escape),
            }
        }
        u8::try_from(byte).map_err(|_| SyntaxError::Escape)
    }

    fn goes_on(&self) -> bool {
        self.rest.starts_with("\\\n")
    }

    fn take(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next()?;
        self.rest = chars.as_str();
        self.number += usize::from(c == '\n');
        Some(c)
    }

    fn advance(&mut self) {
        let _ = self.take();
    }

    fn skip(&mut self, skipped: impl Fn(char) -> bool) {
        while self.rest.chars().next().is_some_and(&skipped) {
            self.advance();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Vec<(String, String)> {
        lines(text).unwrap().into_iter().map(|line| (line.key, line.value)).collect()
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.into(), value.into())
    }

    #[test]
    fn comments_blanks_and_quotes_are_read_as_tor_reads_them() {
        let text =
            "# c\n\n  Log notice file /x # c\r\nSocksPort\t0\nNickname#c\nContactInfo \"a \\\"b\\\" \\x41\\101\" # c\n";
        let expected = [
            pair("Log", "notice file /x"),
            pair("SocksPort", "0"),
            pair("Nickname", ""),
            pair("ContactInfo", "a \"b\" AA"),
        ];
        assert_eq!(parsed(text), expected);
    }

    #[test]
    fn a_line_goes_on_behind_a_backslash_and_comments_within_are_left_out() {
        let text = "SocksPort 0.0.0.0:\\\n# not this\n9050\nKey \\\n value\nSocks\\\nPort 1";
        assert_eq!(parsed(text), [pair("SocksPort", "0.0.0.0:9050"), pair("Key", " value"), pair("Socks", "Port 1")]);
    }

    #[test]
    fn prefixes_say_what_happens_to_the_defaults() {
        let found = lines("+SocksPort 1\n/Log\nSocksPort 2").unwrap();
        let actions: Vec<_> = found.iter().map(|line| (line.key.as_str(), line.action, line.number)).collect();
        let expected = [("SocksPort", Action::Append, 1), ("Log", Action::Clear, 2), ("SocksPort", Action::Set, 3)];
        assert_eq!(actions, expected);
    }

    #[test]
    fn what_tor_refuses_is_refused_with_its_line() {
        assert_eq!(lines("A 1\nB \"x\nC 2"), Err((3, SyntaxError::Unclosed)));
        assert_eq!(lines("B \"\\z\""), Err((1, SyntaxError::Escape)));
        assert_eq!(lines("B \"\\x4\""), Err((1, SyntaxError::Escape)));
        assert_eq!(lines("\nB \"x\" y"), Err((2, SyntaxError::Excess)));
    }
}
