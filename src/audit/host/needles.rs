//! Every way in which an address or a name could be written down. Found by trying: each of these has leaked somewhere.
//!
//! The tests that look for leaks of this program compile this file, too, so that there is one list of encodings.

use std::net::{Ipv4Addr, Ipv6Addr};

use data_encoding::{BASE32_NOPAD, BASE64_NOPAD, BASE64URL_NOPAD, Encoding, HEXLOWER};
use sha2::{Digest as _, Sha256};

use super::scan::Needle;

/// Below this, text is found everywhere by chance.
const TEXT_CHARACTERS_MIN: usize = 4;
/// The same for bytes in base32 or base64: the six characters that hold an IPv4 address.
const ENCODED_CHARACTERS_MIN: usize = 6;
/// Bytes whose whole characters are too few to be looked for alone: addresses of IPv4, and of interfaces.
const SHORT_BYTES_MAX: usize = 8;

/// What a machine is called and where it is.
#[derive(Default)]
pub(super) struct Facts {
    pub(super) v4: Vec<Ipv4Addr>,
    pub(super) v6: Vec<Ipv6Addr>,
    pub(super) mac: Vec<[u8; 6]>,
    /// Numbers that the machine keeps, or draws at each start.
    pub(super) ids: Vec<[u8; 16]>,
    /// What it, or a person on it, is called: the kind of a name, and the name.
    pub(super) names: Vec<(&'static str, String)>,
}

impl Facts {
    /// Everything to look for, and the kinds of the names that are too short for that.
    pub(super) fn needles(&self) -> (Vec<Needle>, Vec<&'static str>) {
        let (mut needles, mut too_short) = (Collected::default(), Vec::new());
        for address in &self.v4 {
            needles.v4(*address);
        }
        for address in &self.v6 {
            needles.v6(*address);
        }
        for mac in &self.mac {
            let [a, b, c, d, e, f] = *mac;
            let pairs = mac.map(|byte| format!("{byte:02x}"));
            needles.text("MAC address", &pairs.join(":"));
            needles.bytes("MAC address", mac);
            needles.bytes("MAC address in an IPv6 address", &[a ^ 2, b, c, 0xff, 0xfe, d, e, f]);
            // An IPv6 text leaves zeros out.
            let [first, second, third, fourth] = [[a ^ 2, b], [c, 0xff], [0xfe, d], [e, f]].map(u16::from_be_bytes);
            needles.text("MAC address in an IPv6 address", &format!("{first:x}:{second:x}:{third:x}:{fourth:x}"));
        }
        for id in &self.ids {
            let digits = HEXLOWER.encode(id);
            needles.bytes("machine or boot id", id);
            let dashed: Vec<_> = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)]
                .iter()
                .filter_map(|(from, to)| digits.get(*from..*to))
                .collect();
            needles.text("machine or boot id", &dashed.join("-"));
        }
        for (kind, name) in &self.names {
            if name.len() < TEXT_CHARACTERS_MIN {
                too_short.push(*kind);
            } else {
                needles.text(kind, name);
            }
        }
        needles.0.sort();
        needles.0.dedup_by(|a, b| a.bytes == b.bytes);
        (needles.0, too_short)
    }
}

#[derive(Default)]
struct Collected(Vec<Needle>);

impl Collected {
    fn push(&mut self, kind: &str, form: &str, bytes: impl Into<Vec<u8>>) {
        self.0.push(Needle { bytes: bytes.into(), kind: format!("{kind} as {form}") });
    }

    fn v4(&mut self, address: Ipv4Addr) {
        const KIND: &str = "IPv4 address";
        let octets = address.octets();
        let [a, b, c, d] = octets;
        self.text(KIND, &address.to_string());
        self.bytes(KIND, &octets);
        for sep in [".", "-", "_"] {
            self.push(KIND, "text", format!("{a}{sep}{b}{sep}{c}{sep}{d}"));
            self.push(KIND, "reversed text", format!("{d}{sep}{c}{sep}{b}{sep}{a}"));
        }
        self.push(KIND, "text with zeros", format!("{a:03}.{b:03}.{c:03}.{d:03}"));
        self.push(KIND, "octal text", format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"));
        self.push(KIND, "a number", u32::from_be_bytes(octets).to_string());
        self.push(KIND, "a number", u32::from_le_bytes(octets).to_string());
        self.push(KIND, "a number", i32::from_be_bytes(octets).to_string());
        // Mapped, 6to4 and NAT64 forms hold these eight digits in two groups.
        self.push(KIND, "IPv6 text", format!("{a:02x}{b:02x}:{c:02x}{d:02x}"));
        self.push(KIND, "IPv6 text", format!("{:x}:{:x}", u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])));
    }

    fn v6(&mut self, address: Ipv6Addr) {
        const KIND: &str = "IPv6 address";
        let octets = address.octets();
        self.text(KIND, &address.to_string());
        self.text(KIND, &address.segments().map(|segment| format!("{segment:04x}")).join(":"));
        self.bytes(KIND, &octets);
        let digits = octets.iter().rev().flat_map(|octet| [octet & 15, octet >> 4]);
        let digits: Vec<String> = digits.map(|digit| format!("{digit:x}")).collect();
        self.push(KIND, "a name of ip6.arpa", digits.join("."));
        // The second half alone is the machine, the first its network.
        self.bytes("interface part of an IPv6 address", octets.get(8..).unwrap_or_default());
    }

    /// A text in its spellings, and its bytes in every encoding of bytes.
    fn text(&mut self, kind: &str, text: &str) {
        let reversed: String = text.chars().rev().collect();
        let forms = [
            ("text", text.to_owned()),
            ("text", text.to_lowercase()),
            ("text", text.to_uppercase()),
            ("reversed text", reversed),
        ];
        for (form, text) in forms {
            let units: Vec<u16> = text.encode_utf16().collect();
            self.push(kind, "UTF-16", units.iter().flat_map(|unit| unit.to_le_bytes()).collect::<Vec<_>>());
            self.push(kind, "UTF-16", units.iter().flat_map(|unit| unit.to_be_bytes()).collect::<Vec<_>>());
            self.push(kind, form, text);
        }
        self.encoded(kind, text.as_bytes());
        self.hashed(kind, text.as_bytes());
    }

    /// Bytes, as they are and turned around, and in every encoding.
    fn bytes(&mut self, kind: &str, bytes: &[u8]) {
        let reversed: Vec<u8> = bytes.iter().rev().copied().collect();
        self.push(kind, "bytes", bytes);
        self.push(kind, "reversed bytes", reversed.clone());
        self.encoded(kind, bytes);
        self.encoded(kind, &reversed);
        self.hashed(kind, bytes);
    }

    fn hashed(&mut self, kind: &str, bytes: &[u8]) {
        let hash = Sha256::digest(bytes);
        self.push(kind, "a SHA-256 hash", hash.to_vec());
        self.push(kind, "a SHA-256 hash", HEXLOWER.encode(&hash));
    }

    fn encoded(&mut self, kind: &str, bytes: &[u8]) {
        let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let escaped = |escape: &str| digits.iter().map(|pair| format!("{escape}{pair}")).collect::<String>();
        let hex = ["", ":", "-", " "].map(|sep| digits.join(sep)).into_iter().chain([escaped("%"), escaped("\\x")]);
        for text in hex {
            self.push(kind, "hexadecimal", text.to_uppercase());
            self.push(kind, "hexadecimal", text);
        }
        let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
        for sep in [",", ", "] {
            self.push(kind, "a list of numbers", numbers.join(sep));
        }
        for encoding in [BASE64_NOPAD, BASE64URL_NOPAD] {
            for text in within(&encoding, 6, 3, bytes) {
                self.push(kind, "base64", text);
            }
        }
        for text in within(&BASE32_NOPAD, 5, 5, bytes) {
            self.push(kind, "base32", text.to_lowercase());
            self.push(kind, "base32", text);
        }
    }
}

/// `bytes` as they look in the middle of other bytes: one text for each position within a group of `group_bytes`. Where
/// the characters at the edges hold bits of the neighbours, short bytes get a text for each of their values, since the
/// characters between are too few to mean anything; of long ones the edges are left out.
fn within(encoding: &Encoding, bits: usize, group_bytes: usize, bytes: &[u8]) -> Vec<String> {
    let mut texts = Vec::new();
    for before in 0..group_bytes {
        let (start, end) = (before * 8, (before + bytes.len()) * 8);
        if bytes.len() > SHORT_BYTES_MAX {
            let text = encoding.encode(&among(before, 0, bytes, 0, group_bytes));
            texts.extend(text.get(start.div_ceil(bits)..end / bits).map(str::to_owned));
            continue;
        }
        let (foreign_before, foreign_after) = (start % bits, (bits - end % bits) % bits);
        for low in 0..1_u8 << foreign_before {
            for high in 0..1_u8 << foreign_after {
                let high = high.checked_shl(8 - foreign_after as u32).unwrap_or_default();
                let text = encoding.encode(&among(before, low, bytes, high, group_bytes));
                texts.extend(text.get(start / bits..end.div_ceil(bits)).map(str::to_owned));
            }
        }
    }
    texts.retain(|text| text.len() >= ENCODED_CHARACTERS_MIN);
    texts
}

/// `bytes` behind `before` others, the last of which is `low`, and in front of more, the first of which is `high`.
fn among(before: usize, low: u8, bytes: &[u8], high: u8, behind: usize) -> Vec<u8> {
    let mut all = vec![0; before];
    if let Some(last) = all.last_mut() {
        *last = low;
    }
    all.extend_from_slice(bytes);
    all.push(high);
    all.resize(before + bytes.len() + behind, 0);
    all
}
