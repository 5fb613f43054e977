//! Where a port listens or leads, as torrc spells it.

use std::net::IpAddr;

/// An end of a connection on, or beyond, this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// `0`: none.
    None,
    /// An AF_UNIX socket.
    Unix,
    /// 127/8, `::1` or `localhost`.
    Loopback,
    /// Anything else, wildcards and names among it.
    Elsewhere,
}

/// `0`, `auto`, a port, an address, both, or `unix:` and a path.
pub(super) fn end(word: &str) -> End {
    if word == "0" {
        return End::None;
    }
    if word.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("unix:")) {
        return End::Unix;
    }
    if word.eq_ignore_ascii_case("auto") || word.bytes().all(|byte| byte.is_ascii_digit()) {
        return End::Loopback;
    }
    let host = match (word.strip_prefix('['), word.rsplit_once(':')) {
        (Some(rest), _) => rest.split(']').next().unwrap_or(rest),
        // More than one colon and no brackets: an IPv6 address without port.
        (None, Some((host, _))) if !host.contains(':') => host,
        _ => word,
    };
    if is_loopback(host) { End::Loopback } else { End::Elsewhere }
}

/// An address of this machine alone, or its one name.
pub(in crate::audit) fn is_loopback(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_this_machine_is_known_and_no_other() {
        for word in
            ["9050", "auto", "127.0.0.1:9050", "127.9.9.9", "[::1]:80", "::1", "localhost:1", "[::ffff:127.0.0.1]:1"]
        {
            assert_eq!(end(word), End::Loopback, "{word}");
        }
        for word in
            ["0.0.0.0:9050", "[::]:80", "::", "192.0.2.1", "example.org:80", "127.0.0.1.example.org:80", "*:80", ""]
        {
            let expected = if word.is_empty() { End::Loopback } else { End::Elsewhere };
            assert_eq!(end(word), expected, "{word}");
        }
        assert_eq!((end("0"), end("unix:/run/x"), end("UNIX:\"/run/x y\"")), (End::None, End::Unix, End::Unix));
    }
}
