//! Loopback addresses and ports for the nodes of one network.

use std::{collections::BTreeSet, fs, io, net::Ipv4Addr};

use super::TornetError;
use crate::ambient;

/// Draws before giving up. There are some 45,000 places and a run needs one, so a second draw is already rare.
pub(super) const DRAWS_MAX: usize = 50;

/// Upper end of the second octet. From 127.192.0.0/10 tor hands out virtual addresses of its own.
const SECOND_OCTET_MAX: u8 = 191;

/// Ports that Linux does not hand out by itself (`ip_local_port_range` starts at 32768) and no daemon is known for.
const PORTS: (u16, u16) = (20_000, 29_998);

/// Where the nodes listen: every node has an address of its own, so all use the same ports.
pub(super) struct Place {
    pub(super) nodes: Vec<Ipv4Addr>,
    pub(super) or_port: u16,
    pub(super) dir_port: u16,
}

/// Chooses one address per node, each in a /16 of its own, as tor and arti avoid two relays of one /16 in a circuit.
///
/// The place is random, so that runs at the same time do not meet, and what the kernel lists as in use is left alone.
pub(super) fn choose(nodes: u8) -> Result<Place, TornetError> {
    let in_use = InUse::read().map_err(TornetError::system("can't read which ports are in use (/proc/net/tcp)"))?;
    for _ in 0..DRAWS_MAX {
        let place = draw(nodes).map_err(TornetError::system("can't choose loopback addresses"))?;
        if in_use.leaves_free(&place) {
            return Ok(place);
        }
    }
    Err(TornetError::NoAddresses)
}

fn draw(nodes: u8) -> io::Result<Place> {
    let first = between(1, u16::from(SECOND_OCTET_MAX - nodes))?;
    let third = between(1, 254)?;
    let or_port = between(PORTS.0, PORTS.1)?;
    let octet = |number: u16| u8::try_from(number).unwrap_or(u8::MAX); // drawn below 255
    let address = |index| Ipv4Addr::new(127, octet(first + u16::from(index)), octet(third), 1);
    Ok(Place { nodes: (0..nodes).map(address).collect(), or_port, dir_port: or_port + 1 })
}

fn between(low: u16, high: u16) -> io::Result<u16> {
    Ok(u16::try_from(ambient::random_between(low.into(), high.into())?).unwrap_or(high))
}

/// What the kernel lists as local ends of TCP sockets. Binding would tell it as well, but IP sockets live elsewhere.
#[derive(Default)]
struct InUse {
    ends: BTreeSet<(Ipv4Addr, u16)>,
    /// Of `0.0.0.0`, and of any IPv6 socket, which may take IPv4 as well.
    everywhere: BTreeSet<u16>,
}

impl InUse {
    fn read() -> io::Result<Self> {
        let mut in_use = Self::default();
        in_use.add_v4(&fs::read_to_string("/proc/net/tcp")?);
        match fs::read_to_string("/proc/net/tcp6") {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {} // a machine without IPv6
            read => in_use.everywhere.extend(local_ends(&read?).map(|(_, port)| port)),
        }
        Ok(in_use)
    }

    /// The address is the 32-bit number that the kernel holds in network order, printed as the machine reads numbers
    /// (proc_pid_net(5)).
    fn add_v4(&mut self, table: &str) {
        for (address, port) in local_ends(table) {
            let Ok(number) = u32::from_str_radix(address, 16) else { continue };
            let address = Ipv4Addr::from(number.to_ne_bytes());
            if address.is_unspecified() {
                self.everywhere.insert(port);
            } else {
                self.ends.insert((address, port));
            }
        }
    }

    fn leaves_free(&self, place: &Place) -> bool {
        [place.or_port, place.dir_port].into_iter().all(|port| {
            !self.everywhere.contains(&port) && !place.nodes.iter().any(|node| self.ends.contains(&(*node, port)))
        })
    }
}

/// The second column of each line, `<hexadecimal address>:<hexadecimal port>`.
fn local_ends(table: &str) -> impl Iterator<Item = (&str, u16)> {
    table.lines().skip(1).filter_map(|line| {
        let (address, port) = line.split_whitespace().nth(1)?.split_once(':')?;
        Some((address, u16::from_str_radix(port, 16).ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_use_is_left_alone() {
        let number = |address: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(address));
        let table = format!(
            "  sl  local_address rem_address   st\n   0: {}:4E20 00000000:0000 0A\n   1: 00000000:4E22 00000000:0000 0A\n",
            number([127, 3, 9, 1])
        );
        let mut in_use = InUse::default();
        in_use.add_v4(&table);
        let place = |nodes: &[[u8; 4]], or_port| Place {
            nodes: nodes.iter().copied().map(Ipv4Addr::from).collect(),
            or_port,
            dir_port: or_port + 1,
        };
        assert!(in_use.leaves_free(&place(&[[127, 4, 9, 1]], 20_000)));
        assert!(!in_use.leaves_free(&place(&[[127, 2, 9, 1], [127, 3, 9, 1]], 20_000)));
        assert!(!in_use.leaves_free(&place(&[[127, 4, 9, 1]], 20_001)), "the second port, on all addresses");
    }

    #[test]
    fn the_tables_of_this_machine_can_be_read() {
        let place = choose(6).unwrap();
        let networks: BTreeSet<_> = place.nodes.iter().map(|node| node.octets()[..2].to_vec()).collect();
        assert_eq!(networks.len(), 6, "a /16 each");
        assert!(place.nodes.iter().all(|node| node.is_loopback() && node.octets()[1] <= SECOND_OCTET_MAX));
    }
}
