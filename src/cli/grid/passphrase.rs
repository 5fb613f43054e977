//! The passphrase of the grid's key: typed without an echo, or handed over by a script. Never in arguments or environment,
//! which other users of the machine can read.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use age::secrecy::SecretString;
use clap::Args;
use zeroize::Zeroizing;

use crate::{
    cli::failure::{Exit, Failure, system},
    keys,
};

/// Shorter ones are guessed, whatever a guess costs.
const PASSPHRASE_BYTES_MIN: usize = 12;
/// What nobody types.
const PASSPHRASE_BYTES_MAX: usize = 1024;

#[derive(Args)]
#[group(multiple = false)]
pub(super) struct PassphraseFrom {
    /// Read the passphrase from this file, whose first line it is and which nobody else may read
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Read the passphrase from this open file descriptor; its first line is the passphrase
    #[arg(long, value_name = "NUMBER")]
    passphrase_fd: Option<u32>,
}

impl PassphraseFrom {
    /// The passphrase of a key that exists.
    pub(super) fn ask(&self) -> Result<SecretString, Failure> {
        Ok(match self.handed()? {
            Some(passphrase) => passphrase,
            None => prompt("Passphrase of the grid's key: ")?,
        }
        .as_str()
        .into())
    }

    /// The passphrase of a new key: long enough, and typed twice.
    pub(super) fn choose(&self) -> Result<SecretString, Failure> {
        let passphrase = match self.handed()? {
            Some(passphrase) => passphrase,
            None => {
                let first = prompt("Passphrase for the grid's key: ")?;
                if *first != *prompt("Again: ")? {
                    return Err(
                        Failure::new(Exit::Usage, "the two passphrases differ").hint("nothing was made; start again")
                    );
                }
                first
            }
        };
        if passphrase.len() < PASSPHRASE_BYTES_MIN {
            return Err(Failure::new(
                Exit::Usage,
                format_args!("a passphrase has at least {PASSPHRASE_BYTES_MIN} characters"),
            )
            .hint("take six words drawn at random, and write them down apart from the file"));
        }
        Ok(passphrase.as_str().into())
    }

    fn handed(&self) -> Result<Option<Zeroizing<String>>, Failure> {
        let bytes = match (&self.passphrase_file, self.passphrase_fd) {
            (Some(path), _) => keys::load_private(path, PASSPHRASE_BYTES_MAX)?,
            (None, Some(number)) => descriptor(number)?,
            (None, None) => return Ok(None),
        };
        let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        match std::str::from_utf8(line) {
            Ok(line) => Ok(Some(Zeroizing::new(line.trim_end_matches('\r').to_owned()))),
            Err(_) => Err(Failure::new(Exit::Usage, "the passphrase is not UTF-8").hint("write it as text")),
        }
    }
}

/// Up to its end, or to more than a passphrase has.
fn descriptor(number: u32) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let path = Path::new("/proc/self/fd").join(number.to_string());
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * PASSPHRASE_BYTES_MAX));
    File::open(&path)
        .and_then(|file| file.take(PASSPHRASE_BYTES_MAX as u64).read_to_end(&mut bytes))
        .map_err(system(format_args!("can't read file descriptor {number}")))?;
    Ok(bytes)
}

fn prompt(text: &str) -> Result<Zeroizing<String>, Failure> {
    rpassword::prompt_password(text).map(Zeroizing::new).map_err(|error| {
        system("no passphrase could be read from the terminal")(error)
            .hint("in a script, hand it over with --passphrase-file or --passphrase-fd")
    })
}
