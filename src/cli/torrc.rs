//! The lines that make C tor an introducer's carrier.

use std::path::{Path, PathBuf};

use crate::config::IntroducerConfig;

/// Streams that tor lets through on a circuit, for each that the introducer keeps: it is the introducer that chooses which
/// of too many has to go, tor only cuts off a flood.
const STREAMS_AT_TOR: u32 = 2;
/// tor's own bound.
const STREAMS_AT_TOR_MAX: u32 = 65_535;

/// Lines for torrc, each without its end. Paths are absolute: tor has a directory of its own.
pub(super) fn lines(config: &IntroducerConfig) -> Vec<String> {
    let streams = config.limits.streams_per_circuit_max.saturating_mul(STREAMS_AT_TOR).min(STREAMS_AT_TOR_MAX);
    vec![
        "HiddenServiceDir /var/lib/tor/anteroom".into(),
        format!("HiddenServicePort {} {}", config.onion.port, target(&absolute(&config.socket))),
        "HiddenServiceExportCircuitID haproxy".into(),
        format!("HiddenServiceMaxStreams {streams}"),
    ]
}

/// `unix:PATH`, with quotes where tor would see the end of the path too early (tor(1), HiddenServicePort).
fn target(socket: &Path) -> String {
    let path = socket.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+@%=:,~".contains(c);
    if path.chars().all(plain) {
        format!("unix:{path}")
    } else {
        format!("unix:\"{}\"", path.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_tor_would_cut_is_quoted() {
        assert_eq!(target(Path::new("/run/anteroom/introducer.sock")), "unix:/run/anteroom/introducer.sock");
        assert_eq!(target(Path::new("/home/a b/#1\".sock")), r#"unix:"/home/a b/#1\".sock""#);
    }
}
