//! Clearnet addresses: for grids whose policy admits them and nodes whose operator declared this very address public.

use alloc::string::{String, ToString};
use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use super::AddressError;

/// RFC 1035: 253 characters in a name, 63 in a label.
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;
/// Top-level names that mean something else to every reader, or nothing (RFC 6761, 6762 and its appendix G, 7686, 8375,
/// 9476; ICANN's `internal`, and `home`, `corp`, `mail`, which it never delegates).
const LOCAL_TOP_LEVEL: [&str; 16] = [
    "localhost",
    "local",
    "internal",
    "lan",
    "home",
    "corp",
    "mail",
    "intranet",
    "private",
    "arpa",
    "onion",
    "i2p",
    "test",
    "invalid",
    "example",
    "alt",
];

/// Host or IP, and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClearnetAddress {
    host: ClearnetHost,
    port: u16,
}

/// The part before the port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClearnetHost {
    /// A literal, which is global.
    Ip(IpAddr),
    /// A fully qualified name, lower case.
    Name(String),
}

impl ClearnetAddress {
    /// From a host and a port.
    ///
    /// # Errors
    /// Port 0; a name not in canonical form; an address or name that is not global.
    pub fn new(host: ClearnetHost, port: u16) -> Result<Self, AddressError> {
        if port == 0 {
            return Err(AddressError::Port);
        }
        match &host {
            ClearnetHost::Ip(IpAddr::V4(ip)) => global_v4(*ip)?,
            ClearnetHost::Ip(IpAddr::V6(ip)) => global_v6(*ip)?,
            ClearnetHost::Name(name) => canonical_name(name)?,
        }
        Ok(Self { host, port })
    }

    pub(super) fn from_host(host: &str, port: u16) -> Result<Self, AddressError> {
        let literal = match host.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
            Some(inner) => {
                Some(IpAddr::V6(inner.and_then(|text| text.parse().ok()).ok_or(AddressError::ClearnetForm)?))
            }
            None => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        };
        let Some(ip) = literal else {
            return Self::new(ClearnetHost::Name(host.to_string()), port);
        };
        let address = Self::new(ClearnetHost::Ip(ip), port)?;
        // One address, one spelling: what was typed must be what is printed.
        if host_text(&address.host) == host { Ok(address) } else { Err(AddressError::ClearnetForm) }
    }

    /// The part before the port.
    pub const fn host(&self) -> &ClearnetHost {
        &self.host
    }

    /// The port.
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for ClearnetAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", host_text(&self.host), self.port)
    }
}

fn host_text(host: &ClearnetHost) -> String {
    match host {
        ClearnetHost::Ip(IpAddr::V4(ip)) => ip.to_string(),
        ClearnetHost::Ip(IpAddr::V6(ip)) => alloc::format!("[{ip}]"),
        ClearnetHost::Name(name) => name.clone(),
    }
}

fn canonical_name(name: &str) -> Result<(), AddressError> {
    let label_ok = |label: &str| {
        !label.is_empty()
            && label.len() <= LABEL_BYTES_MAX
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    let top = name.rsplit('.').next().unwrap_or_default();
    if name.len() > NAME_BYTES_MAX
        || !name.split('.').all(label_ok)
        || !top.starts_with(|c: char| c.is_ascii_lowercase())
    {
        return Err(AddressError::ClearnetForm);
    }
    if !name.contains('.') || LOCAL_TOP_LEVEL.contains(&top) {
        return Err(AddressError::ClearnetNotGlobal);
    }
    Ok(())
}

fn global_v4(ip: Ipv4Addr) -> Result<(), AddressError> {
    let [a, b, c, _] = ip.octets();
    let local = a == 0 // "this network", RFC 791
        || ip.is_loopback()
        || ip.is_private()
        || ip.is_link_local()
        || (a == 100 && (64..128).contains(&b)) // shared address space (CGNAT), RFC 6598
        || (a == 192 && b == 0 && c == 0) // protocol assignments, RFC 6890
        || (a == 192 && b == 88 && c == 99) // relays of 6to4, withdrawn by RFC 7526
        || (a == 198 && (b == 18 || b == 19)) // benchmarking, RFC 2544
        || ip.is_documentation()
        || a >= 224; // multicast, reserved, broadcast
    if local { Err(AddressError::ClearnetNotGlobal) } else { Ok(()) }
}

fn global_v6(ip: Ipv6Addr) -> Result<(), AddressError> {
    let [a, b, ..] = ip.segments();
    // Global unicast is 2000::/3 and nothing else; so `::`, `::1`, mapped IPv4, NAT64, ULA (fc00::/7), link-local
    // (fe80::/10) and multicast (ff00::/8) all fall outside. Inside it are 6to4, which embeds an IPv4 address, and the
    // protocol assignments 2001::/23 (RFC 2928): Teredo, which embeds one too, benchmarking, ORCHID; no host is there.
    let global = a & 0xe000 == 0x2000;
    let assigned_to_protocols = a == 0x2002 || (a == 0x2001 && b < 0x0200);
    let documentation = (a == 0x2001 && b == 0x0db8) || (a == 0x3fff && b < 0x1000);
    if !global || assigned_to_protocols || documentation { Err(AddressError::ClearnetNotGlobal) } else { Ok(()) }
}
