//! The configuration of the network and of its nodes.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::Authority;
use super::home::Home;
use super::keys;

/// Every node has an address of its own, so all use the same ports.
pub const OR_PORT: u16 = 5000;
/// See [`OR_PORT`].
pub const DIR_PORT: u16 = 7000;

/// Time between two votes while there is no consensus yet. Shorter intervals worked too, but leave a loaded machine
/// too little time to start all relays before the vote.
pub const INITIAL_VOTING_INTERVAL_SECONDS: u64 = 20;

/// Time between two votes afterwards: one consensus is to last for the whole test. With short intervals the onion
/// services' time period turns every few minutes, and a service can be unreachable for half a minute then.
const VOTING_INTERVAL_SECONDS: u64 = 3600;

/// For votes, and for signatures, to arrive.
const VOTE_DELAY_SECONDS: u64 = 3;

/// Length of an onion service's time period. C tor in a testing network takes 24 voting intervals, arti reads this
/// parameter of the consensus: they find each other only when both are equal.
const HSDIR_INTERVAL_MINUTES: u64 = 24 * VOTING_INTERVAL_SECONDS / 60;

/// A relay of the network, or (the first) its authority: where its files are.
pub struct Node {
    pub address: Ipv4Addr,
    pub dir: PathBuf,
    pub data: PathBuf,
    pub torrc: PathBuf,
}

/// `a0` is the authority, `r1` the first relay.
pub fn node_name(index: usize) -> String {
    format!("{}{index}", if index == 0 { 'a' } else { 'r' })
}

/// Writes the torrc of every node.
pub fn write_nodes(home: &Home, names: &[String], addresses: &[Ipv4Addr]) -> Vec<Node> {
    let write = |(index, (name, &address)): (usize, (&String, &Ipv4Addr))| {
        let dir = home.subdir(name);
        let node = Node { address, data: dir.join("data"), torrc: dir.join("torrc"), dir };
        let mut text = relay_lines(name, address);
        if index == 0 {
            text += &authority_lines(address);
        }
        fs::write(&node.torrc, text).expect("the run's directory is writable");
        node
    };
    names.iter().zip(addresses).enumerate().map(write).collect()
}

/// What others need to know about the authority.
pub fn authority(node: &Node) -> Authority {
    let (rsa_identity, ed25519_identity) = keys::relay_identities(&node.data);
    Authority {
        v3ident: keys::v3ident(&node.data),
        rsa_identity,
        ed25519_identity,
        or_address: SocketAddr::from((node.address, OR_PORT)),
        dir_address: SocketAddr::from((node.address, DIR_PORT)),
    }
}

/// The lines that make any tor, node or not, a member of this network and of no other. Each tor gets them as its
/// `--defaults-torrc`, so that a torrc under test stays as it is.
pub fn network_lines(authority: &Authority) -> String {
    format!(
        "\
TestingTorNetwork 1
DirAuthority a0 orport={OR_PORT} v3ident={} {} {}
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
        authority.v3ident, authority.dir_address, authority.rsa_identity
    )
}

/// A relay that is no exit, asks nobody for its address and resolves nothing.
///
/// `CountPrivateBandwidth 0` (a testing network has 1) keeps its observed bandwidth at zero. Circuits are chosen by
/// bandwidth; with zero everywhere all relays are equal, but with 1 kB/s at one relay that had a busy second, every hop
/// of every circuit would be that relay, no circuit could be built, and tor would hang at 95 % (`circuit_create`).
fn relay_lines(name: &str, address: Ipv4Addr) -> String {
    format!(
        "\
Nickname {name}
Address {address}
ORPort {address}:{OR_PORT} IPv4Only
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
fn authority_lines(address: Ipv4Addr) -> String {
    format!(
        "\
AuthoritativeDirectory 1
V3AuthoritativeDirectory 1
ContactInfo authority@test.invalid
DirPort {address}:{DIR_PORT} IPv4Only
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

/// The text of an example, with other paths.
#[track_caller]
pub fn from_example(example: &Path, substitutions: &[(&str, &str)]) -> String {
    let text = fs::read_to_string(example).unwrap_or_else(|error| panic!("cannot read {}: {error}", example.display()));
    substitutions.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "{} does not mention {from}", example.display());
        text.replace(from, to)
    })
}
