//! The invitation, from where nobody else reads along.

use std::{
    io::{IsTerminal as _, Read as _},
    path::Path,
};

use zeroize::Zeroizing;

use crate::{
    ambient,
    cli::failure::{Exit, Failure, system},
    directory::CLOCK_SKEW_HOURS_MAX,
    grid::{Invitation, InvitationError},
    keys::{self, KeyFileError},
};

/// One line of 1023 characters at most; the rest is room for line ends and for notes in a file.
const INPUT_BYTES_MAX: usize = 4096;

/// From a file of mode 0600, standard input, or a prompt without an echo.
///
/// # Errors
/// A text that is no invitation, or one that can't be used now.
pub(super) fn read(file: Option<&Path>) -> Result<Invitation, Failure> {
    let text = match file {
        Some(path) => from_file(path)?,
        None if std::io::stdin().is_terminal() => typed()?,
        None => handed()?,
    };
    let text = std::str::from_utf8(&text).map_err(|_| unusable(InvitationError::Checksum))?;
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let line = lines.next().unwrap_or_default();
    let invitation: Invitation = line.parse().map_err(unusable)?;
    let now = ambient::wall();
    if invitation.chain().expires() <= now {
        return Err(Failure::new(Exit::Usage, "the invitation has ended")
            .hint("ask for another one, and check this machine's clock (`date -u`)"));
    }
    if invitation.chain().issued() > now.plus_hours(CLOCK_SKEW_HOURS_MAX) {
        return Err(Failure::new(Exit::Usage, "the invitation is from the future")
            .hint("check this machine's clock (`date -u`)"));
    }
    Ok(invitation)
}

fn from_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    keys::load_private(path, INPUT_BYTES_MAX).map_err(|error| match error {
        KeyFileError::Malformed(_) => unusable(InvitationError::TooLarge),
        KeyFileError::NotFound(_) => Failure::new(Exit::Usage, error).hint("name the file with the invitation"),
        error => error.into(),
    })
}

fn typed() -> Result<Zeroizing<Vec<u8>>, Failure> {
    let text = rpassword::prompt_password("Invitation (it is not shown): ").map(Zeroizing::new);
    let text = text.map_err(system("no invitation could be read from the terminal"))?;
    Ok(Zeroizing::new(text.as_bytes().to_vec()))
}

fn handed() -> Result<Zeroizing<Vec<u8>>, Failure> {
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * INPUT_BYTES_MAX));
    let stdin = std::io::stdin().lock().take(INPUT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes);
    stdin.map_err(system("standard input can't be read"))?;
    if bytes.len() > INPUT_BYTES_MAX { Err(unusable(InvitationError::TooLarge)) } else { Ok(bytes) }
}

fn unusable(error: InvitationError) -> Failure {
    Failure::new(Exit::Usage, format_args!("this can't be used: {error}"))
        .hint("copy the whole line, which starts with `anteroom-invite1`; nothing was made")
}
