//! A port of this machine alone, as a literal: what a configuration may name where a proxy has no AF_UNIX socket.

use std::{fmt, net::SocketAddr, str::FromStr};

/// One port on this machine's loopback, written as a literal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LoopbackTarget(SocketAddr);

/// Why a text is no such literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// A name, or something else.
    #[error("not a literal like `127.0.0.1:9050` or `[::1]:4447`; names are never resolved")]
    NotALiteral,
    /// The address of something that other machines can reach or be.
    #[error("not on this machine's loopback: 127.0.0.0/8 or [::1]")]
    NotLoopback,
    /// Nothing listens there.
    #[error("nothing listens on port 0")]
    Port,
}

impl LoopbackTarget {
    /// Always within 127.0.0.0/8, or `[::1]`.
    pub const fn address(self) -> SocketAddr {
        self.0
    }
}

impl FromStr for LoopbackTarget {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let literal: SocketAddr = text.parse().map_err(|_| TargetError::NotALiteral)?;
        // Mapped forms (`::ffff:127.0.0.1`) and scopes are other spellings of something: refused, not understood.
        if !literal.ip().is_loopback() {
            return Err(TargetError::NotLoopback);
        }
        let target = SocketAddr::new(literal.ip(), literal.port());
        if target.to_string() != text {
            return Err(TargetError::NotALiteral);
        }
        if target.port() == 0 {
            return Err(TargetError::Port);
        }
        Ok(Self(target))
    }
}

impl fmt::Display for LoopbackTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for LoopbackTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_literal_of_the_loopback() {
        for good in ["127.0.0.1:9050", "127.9.8.7:1", "[::1]:4447"] {
            assert_eq!(good.parse::<LoopbackTarget>().unwrap().to_string(), good);
        }
        for (bad, why) in [
            ("localhost:9050", TargetError::NotALiteral),
            ("127.0.0.1", TargetError::NotALiteral),
            ("127.1:9050", TargetError::NotALiteral),
            ("127.0.0.1:09050", TargetError::NotALiteral),
            ("[0:0::1]:9050", TargetError::NotALiteral),
            ("[::1%1]:9050", TargetError::NotALiteral),
            ("", TargetError::NotALiteral),
            ("192.168.0.1:9050", TargetError::NotLoopback),
            ("0.0.0.0:9050", TargetError::NotLoopback),
            ("[::]:9050", TargetError::NotLoopback),
            ("[::ffff:127.0.0.1]:9050", TargetError::NotLoopback),
            ("[fe80::1%1]:9050", TargetError::NotLoopback),
            ("127.0.0.1:0", TargetError::Port),
        ] {
            assert_eq!(bad.parse::<LoopbackTarget>(), Err(why), "{bad}");
        }
    }
}
