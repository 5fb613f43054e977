//! Every packet on a made machine's link.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddrV4},
    path::PathBuf,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    machine::{LINK, MARK_PORT, Machine, Outside},
    stage::DEADLINE,
};

const POLL: Duration = Duration::from_millis(50);
/// pcap-savefile(5): the header of the file, and of each packet.
const FILE_HEADER_BYTES: usize = 24;
const PACKET_HEADER_BYTES: usize = 16;
/// Room for bursts, in KiB: nothing may be missed.
const BUFFER_KIB: &str = "16384";

const ETHERNET_BYTES: usize = 14;
const ARP: u16 = 0x0806;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const TCP: u8 = 6;
/// A report of the groups that the kernel listens to, behind a hop-by-hop header (RFC 3810).
const HOP_BY_HOP: u8 = 0;
const LISTENER_REPORT: u8 = 143;

/// A running capture.
pub(crate) struct Capture {
    child: Child,
    file: PathBuf,
    said: PathBuf,
}

/// What a capture has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Packets of the connections that were allowed.
    pub(crate) allowed: usize,
    /// Everything else, in words.
    pub(crate) others: Vec<String>,
    /// What those connections, and everything else, carried.
    pub(crate) payload: Vec<u8>,
}

impl Capture {
    /// Returns when packets are seen.
    pub(crate) fn start(machine: &Machine, outside: &Outside) -> Self {
        // Beside what is searched: headers hold addresses by nature.
        let file = machine.left().with_file_name("link.pcap");
        let said = file.with_extension("said");
        let path = file.to_str().expect("a path of this test is text");
        let words = ["tcpdump", "-Z", "root", "-i", LINK, "-n", "-s", "0", "-U", "--immediate-mode", "-w", path];
        let mut command = machine.command_beside(&[&words[..], &["-B", BUFFER_KIB]].concat());
        command.stdout(Stdio::null()).stderr(fs::File::create(&said).expect("a file"));
        let capture = Self { child: command.spawn().expect("nsenter is installed (util-linux)"), file, said };
        capture.await_mark(machine, outside, 0)
    }

    /// Ends it when all packets so far are seen; `allowed` tells for each end of a TCP connection whether it may be there.
    pub(crate) fn stop(self, machine: &Machine, outside: &Outside, allowed: impl Fn(SocketAddrV4) -> bool) -> Seen {
        let marks = marks(&self.packets());
        let mut capture = self.await_mark(machine, outside, marks);
        let pid = capture.child.id().to_string();
        let told = std::process::Command::new("kill").args(["-INT", &pid]).status();
        assert!(told.is_ok_and(|status| status.success()), "the capture takes a signal");
        capture.child.wait().expect("a child");
        let said = fs::read_to_string(&capture.said).expect("it says how it went");
        assert!(said.contains("\n0 packets dropped by kernel"), "packets were missed: {said}");
        let mut seen = Seen::default();
        for packet in capture.packets() {
            seen.judge(&packet, machine, &allowed);
        }
        seen
    }

    fn await_mark(mut self, machine: &Machine, outside: &Outside, before: usize) -> Self {
        let start = Instant::now();
        while marks(&self.packets()) <= before {
            let said = || fs::read_to_string(&self.said).unwrap_or_default();
            let ended = self.child.try_wait().expect("a child");
            assert!(ended.is_none(), "no capture (is tcpdump installed? run tests/all): {}", said());
            assert!(start.elapsed() < DEADLINE, "the capture sees nothing: {}", said());
            machine.mark(outside);
            thread::sleep(POLL);
        }
        self
    }

    /// The packets so far. The last may be written at this moment, and is left out then.
    fn packets(&self) -> Vec<Vec<u8>> {
        let bytes = fs::read(&self.file).unwrap_or_default();
        let (mut packets, mut rest) = (Vec::new(), bytes.get(FILE_HEADER_BYTES..).unwrap_or_default());
        while let Some((header, behind)) = rest.split_at_checked(PACKET_HEADER_BYTES) {
            let length = header[8..12].try_into().map(u32::from_ne_bytes).expect("four bytes");
            let Some((packet, next)) = behind.split_at_checked(length as usize) else { break };
            packets.push(packet.to_vec());
            rest = next;
        }
        packets
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn marks(packets: &[Vec<u8>]) -> usize {
    packets.iter().filter_map(|packet| Segment::read(packet)).filter(|segment| segment.to.port() == MARK_PORT).count()
}

/// A piece of a TCP connection.
struct Segment<'a> {
    from: SocketAddrV4,
    to: SocketAddrV4,
    payload: &'a [u8],
}

impl<'a> Segment<'a> {
    fn read(packet: &'a [u8]) -> Option<Self> {
        let (ethernet, ip) = packet.split_at_checked(ETHERNET_BYTES)?;
        if kind(ethernet) != Some(IPV4) || *ip.get(9)? != TCP {
            return None;
        }
        let address = |at: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(ip.get(at..at + 4)?).ok()?));
        // What is padded to the least length of a frame is cut off.
        let whole = ip.get(..number(ip, 2)?.into())?;
        let tcp = whole.get(usize::from(ip.first()? & 15) * 4..)?;
        let payload = tcp.get(usize::from(tcp.get(12)? >> 4) * 4..)?;
        let (from, to) = (number(tcp, 0)?, number(tcp, 2)?);
        Some(Self { from: SocketAddrV4::new(address(12)?, from), to: SocketAddrV4::new(address(16)?, to), payload })
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn kind(ethernet: &[u8]) -> Option<u16> {
    number(ethernet, 12)
}

impl Seen {
    fn judge(&mut self, packet: &[u8], machine: &Machine, allowed: impl Fn(SocketAddrV4) -> bool) {
        let ip = packet.get(ETHERNET_BYTES..).unwrap_or_default();
        let kind = kind(packet);
        // Spoken by the kernel to its neighbour, and by no process.
        let is_report = kind == Some(IPV6) && ip.get(6) == Some(&HOP_BY_HOP) && ip.get(48) == Some(&LISTENER_REPORT);
        if kind == Some(ARP) || is_report {
            return;
        }
        let Some(segment) = Segment::read(packet) else {
            self.others.push(format!("a packet of kind {kind:04x?}: {:02x?}", &ip[..ip.len().min(48)]));
            self.payload.extend_from_slice(ip);
            return;
        };
        let (own, gateway) = (machine.canary.v4, machine.canary.gateway);
        let is_mark =
            |one: SocketAddrV4, other: SocketAddrV4| *one.ip() == gateway && other == SocketAddrV4::new(own, MARK_PORT);
        if is_mark(segment.from, segment.to) || is_mark(segment.to, segment.from) {
            return;
        }
        let (here, there) =
            if *segment.from.ip() == own { (segment.from, segment.to) } else { (segment.to, segment.from) };
        self.payload.extend_from_slice(segment.payload);
        if *here.ip() == own && allowed(there) {
            self.allowed += 1;
        } else {
            self.others.push(format!("TCP from {} to {}", segment.from, segment.to));
        }
    }
}
