//! What kind of file is this? By its name, and where that says nothing by its first words.

use std::path::Path;

/// The kinds of files that are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// tor's configuration.
    Torrc,
    /// Settings of an introducer.
    Introducer,
    /// Settings of a node or a reader.
    Node,
    /// A service or socket unit of systemd.
    Unit,
    /// i2pd.conf.
    I2pdRouter,
    /// i2pd's tunnels.conf.
    I2pdTunnels,
    /// Java I2P's i2ptunnel.config, or a file of i2ptunnel.config.d.
    JavaTunnels,
}

/// First words of lines that are in a torrc and in no other of these files.
const TORRC_WORDS: [&str; 6] = ["hiddenservicedir", "socksport", "controlport", "orport", "log", "%include"];

impl Kind {
    /// `None`: a person has to say.
    pub fn of(file: &Path, text: &str) -> Option<Self> {
        Self::of_name(file.file_name()?.to_str()?).or_else(|| Self::of_text(text))
    }

    fn of_name(name: &str) -> Option<Self> {
        match name {
            "introducer.toml" => Some(Self::Introducer),
            "node.toml" => Some(Self::Node),
            "i2pd.conf" => Some(Self::I2pdRouter),
            "tunnels.conf" => Some(Self::I2pdTunnels),
            "i2ptunnel.config" => Some(Self::JavaTunnels),
            _ if name.ends_with(".service") || name.ends_with(".socket") => Some(Self::Unit),
            _ if name == "torrc" || name.ends_with(".torrc") || name.ends_with("-torrc") => Some(Self::Torrc),
            _ => None,
        }
    }

    fn of_text(text: &str) -> Option<Self> {
        let lines = || text.lines().map(|line| line.trim().to_ascii_lowercase()).filter(|line| !line.starts_with('#'));
        let key = |wanted: &str| {
            lines().any(|line| line.strip_prefix(wanted).is_some_and(|rest| rest.trim_start().starts_with('=')))
        };
        if lines().any(|line| matches!(line.as_str(), "[service]" | "[socket]")) {
            return Some(Self::Unit);
        }
        if key("version") && key("grid") {
            return Some(if key("state") { Self::Introducer } else { Self::Node });
        }
        if lines().any(|line| line.starts_with("tunnel.0.")) || key("privkeyfile") || key("targethost") {
            return Some(Self::JavaTunnels);
        }
        if key("type") && (key("keys") || key("port")) {
            return Some(Self::I2pdTunnels);
        }
        let torrc = |line: &String| line.split_whitespace().next().is_some_and(|word| TORRC_WORDS.contains(&word));
        lines().any(|line| torrc(&line)).then_some(Self::Torrc)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_it_or_else_the_text() {
        for (name, text, expected) in [
            ("introducer.toml", "", Some(Kind::Introducer)),
            ("my.toml", "version = 1\ngrid = \"x\"\nstate = \"s\"", Some(Kind::Introducer)),
            ("my.toml", "version=1\ngrid=\"x\"", Some(Kind::Node)),
            ("x.socket", "", Some(Kind::Unit)),
            ("override", "# c\n[Service]\n", Some(Kind::Unit)),
            ("99-x.config", "type=server\ntargetHost=127.0.0.1", Some(Kind::JavaTunnels)),
            ("mine.conf", "[x]\ntype = server\nkeys = k\n", Some(Kind::I2pdTunnels)),
            ("defaults", "SocksPort 0\n", Some(Kind::Torrc)),
            ("tor-service-defaults-torrc", "", Some(Kind::Torrc)),
            ("hosts", "127.0.0.1 localhost", None),
        ] {
            assert_eq!(Kind::of(Path::new(name), text), expected, "{name}");
        }
    }
}
