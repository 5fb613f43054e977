//! The configuration of the network and of its nodes.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use super::{Authority, TornetError, address::Place, home::Home, keys};

/// Time between two votes while there is no consensus yet. Shorter intervals worked too, but leave a loaded machine
/// too little time to start all relays before the vote.
pub(super) const INITIAL_VOTING_INTERVAL_SECONDS: u64 = 20;

/// Time between two votes afterwards: one consensus is to last for the whole run. With short intervals the onion
/// services' time period turns every few minutes, and a service can be unreachable for half a minute then.
const VOTING_INTERVAL_SECONDS: u64 = 3600;

/// For votes, and for signatures, to arrive.
const VOTE_DELAY_SECONDS: u64 = 3;

/// Length of an onion service's time period. C tor in a testing network takes 24 voting intervals, arti reads this
/// parameter of the consensus: they find each other only when both are equal.
const HSDIR_INTERVAL_MINUTES: u64 = 24 * VOTING_INTERVAL_SECONDS / 60;

/// A relay of the network, or (the first) its authority: where its files are.
pub(super) struct Node {
    pub(super) dir: PathBuf,
    pub(super) data: PathBuf,
    pub(super) torrc: PathBuf,
}

/// `a0` is the authority, `r1` the first relay.
pub(super) fn node_name(index: u8) -> String {
    format!("{}{index}", if index == 0 { 'a' } else { 'r' })
}

/// Writes the torrc of every node.
pub(super) fn write_nodes(home: &Home, names: &[String], place: &Place) -> Result<Vec<Node>, TornetError> {
    let mut nodes = Vec::new();
    for (name, &address) in names.iter().zip(&place.nodes) {
        let dir = home.subdir(name)?;
        let node = Node { data: dir.join("data"), torrc: dir.join("torrc"), dir };
        let mut text = relay_lines(name, address, place.or_port);
        if nodes.is_empty() {
            text += &authority_lines(SocketAddr::from((address, place.dir_port)));
        }
        write(&node.torrc, &text)?;
        nodes.push(node);
    }
    Ok(nodes)
}

/// What others need to know about the authority, the first of `nodes`.
pub(super) fn authority(nodes: &[Node], place: &Place) -> Result<Authority, TornetError> {
    let (node, address) = nodes.first().zip(place.nodes.first()).ok_or(TornetError::NoAddresses)?;
    let (rsa_identity, ed25519_identity) = keys::relay_identities(&node.data)?;
    Ok(Authority {
        v3ident: keys::v3ident(&node.data)?,
        rsa_identity,
        ed25519_identity,
        or_address: SocketAddr::from((*address, place.or_port)),
        dir_address: SocketAddr::from((*address, place.dir_port)),
    })
}

pub(super) fn write(path: &std::path::Path, text: &str) -> Result<(), TornetError> {
    fs::write(path, text).map_err(TornetError::system(format!("can't write {}", path.display())))
}

/// The lines that make any tor, node or not, a member of this network and of no other. Each tor gets them as its
/// `--defaults-torrc`, so that a torrc under test stays as it is.
pub(super) fn network_lines(authority: &Authority) -> String {
    format!(
        "\
TestingTorNetwork 1
DirAuthority a0 orport={} v3ident={} {} {}
UseDefaultFallbackDirs 0
PathsNeededToBuildCircuits 0.67
V3AuthVotingInterval {VOTING_INTERVAL_SECONDS}
V3AuthVoteDelay {VOTE_DELAY_SECONDS}
V3AuthDistDelay {VOTE_DELAY_SECONDS}
V3AuthNIntervalsValid 2
SocksPort 0
CookieAuthentication 0
RunAsDaemon 0
ShutdownWaitLength 0
NumCPUs 1
SafeLogging 0
",
        authority.or_address.port(),
        authority.v3ident,
        authority.dir_address,
        authority.rsa_identity
    )
}

/// The same for arti: the authority and where to begin. Nothing else of its configuration needs to change, as the nodes
/// have a /16 each.
pub(super) fn network_table(authority: &Authority) -> String {
    format!(
        "\
[tor_network]
fallback_caches = [ {{ rsa_identity = \"{}\", ed_identity = \"{}\", orports = [\"{}\"] }} ]

[tor_network.authorities]
v3idents = [\"{}\"]
",
        authority.rsa_identity, authority.ed25519_identity, authority.or_address, authority.v3ident
    )
}

/// A relay that is no exit, asks nobody for its address and resolves nothing.
///
/// `CountPrivateBandwidth 0` (a testing network has 1) keeps its observed bandwidth at zero. Circuits are chosen by
/// bandwidth; with zero everywhere all relays are equal, but with 1 kB/s at one relay that had a busy second, every hop
/// of every circuit would be that relay, no circuit could be built, and tor would hang at 95 % (`circuit_create`).
fn relay_lines(name: &str, address: Ipv4Addr, or_port: u16) -> String {
    format!(
        "\
Nickname {name}
Address {address}
ORPort {address}:{or_port} IPv4Only
OutboundBindAddress {address}
AssumeReachable 1
CountPrivateBandwidth 0
DirCache 1
ExitRelay 0
ServerDNSDetectHijacking 0
ServerDNSTestAddresses
ServerDNSAllowBrokenConfig 1
ServerDNSResolvConfFile /dev/null
"
    )
}

/// The authority gives every relay the flags that a young network would not earn yet. Not `Exit`: no relay is one.
fn authority_lines(dir_address: SocketAddr) -> String {
    format!(
        "\
AuthoritativeDirectory 1
V3AuthoritativeDirectory 1
ContactInfo authority@test.invalid
DirPort {dir_address} IPv4Only
TestingV3AuthInitialVotingInterval {INITIAL_VOTING_INTERVAL_SECONDS}
TestingV3AuthInitialVoteDelay {VOTE_DELAY_SECONDS}
TestingV3AuthInitialDistDelay {VOTE_DELAY_SECONDS}
TestingDirAuthVoteHSDir *
TestingDirAuthVoteGuard *
TestingMinExitFlagThreshold 0
AuthDirFastGuarantee 1
ConsensusParams hsdir_interval={HSDIR_INTERVAL_MINUTES}
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_for_arti_names_the_authority() {
        let authority = Authority {
            v3ident: "A".repeat(40),
            rsa_identity: "B".repeat(40),
            ed25519_identity: "c".repeat(43),
            or_address: SocketAddr::from(([127, 60, 1, 1], 5000)),
            dir_address: SocketAddr::from(([127, 60, 1, 1], 7000)),
        };
        let table: toml::Table = network_table(&authority).parse().unwrap();
        let network = &table["tor_network"];
        assert_eq!(network["fallback_caches"][0]["rsa_identity"].as_str(), Some(authority.rsa_identity.as_str()));
        assert_eq!(network["fallback_caches"][0]["ed_identity"].as_str(), Some(authority.ed25519_identity.as_str()));
        assert_eq!(network["fallback_caches"][0]["orports"][0].as_str(), Some("127.60.1.1:5000"));
        assert_eq!(network["authorities"]["v3idents"][0].as_str(), Some(authority.v3ident.as_str()));
    }
}
