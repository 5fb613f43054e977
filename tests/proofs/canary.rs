//! Machines that can be told from every other: no address, number or name of theirs occurs by chance.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::{needles::Facts, scan::Needles};

/// What one made machine is called, and where it is.
pub(crate) struct Canary {
    pub(crate) v4: Ipv4Addr,
    /// The other end of its only link.
    pub(crate) gateway: Ipv4Addr,
    pub(crate) v6: Ipv6Addr,
    pub(crate) mac: [u8; 6],
    pub(crate) host: &'static str,
    pub(crate) user: &'static str,
    /// Name of the home directory, which is in `/home`.
    pub(crate) home: &'static str,
    pub(crate) machine_id: u128,
    pub(crate) boot_id: u128,
    /// Name of the time zone, and its distance from UTC in hours and minutes: no place on Earth has it.
    pub(crate) zone: (&'static str, &'static str),
}

/// Two, with nothing in common: what is found of one by chance is not found of the other.
pub(crate) const CANARIES: [Canary; 2] = [
    Canary {
        v4: Ipv4Addr::new(10, 211, 55, 77),
        gateway: Ipv4Addr::new(10, 211, 55, 1),
        v6: Ipv6Addr::new(0xfd5a, 0xca4a, 9, 8, 7, 6, 5, 0x4d3a),
        mac: [0x02, 0xca, 0x4a, 0x12, 0x34, 0x56],
        host: "zircon-heron-81",
        user: "brannockly",
        home: "quillfeather",
        machine_id: 0xc4a4_a4a4_b5b5_c6c6_d7d7_e8e8_f9f9_a1a1,
        boot_id: 0x5e1f_7c02_93d8_4b6a_8e30_d11c_77a9_e254,
        zone: ("Zorrentia", "13:07"),
    },
    Canary {
        v4: Ipv4Addr::new(172, 29, 143, 201),
        gateway: Ipv4Addr::new(172, 29, 143, 1),
        v6: Ipv6Addr::new(0xfdb7, 0x31e6, 0x2a, 0x3b, 0x4c, 0x5d, 0x6e, 0x91c7),
        mac: [0x06, 0x9d, 0xe3, 0xb8, 0x7f, 0x21],
        host: "obsidian-wren-46",
        user: "tessalonde",
        home: "marlinspike",
        machine_id: 0x1d9b_3f60_7e52_48c1_a0b4_6688_0cf3_5d27,
        boot_id: 0xe893_04ab_61d2_4f17_b95c_2a7e_f8d0_3c46,
        zone: ("Yuvandika", "11:23"),
    },
];

impl Canary {
    pub(crate) fn home_path(&self) -> String {
        format!("/home/{}", self.home)
    }

    pub(crate) fn mac_text(&self) -> String {
        self.mac.map(|byte| format!("{byte:02x}")).join(":")
    }

    /// `xxxxxxxx-xxxx-…`, as the kernel writes the number that it draws at its start.
    pub(crate) fn boot_id_text(&self) -> String {
        let digits = format!("{:032x}", self.boot_id);
        let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
        parts.join("-")
    }

    /// As the variable `TZ` has it, which counts to the west.
    pub(crate) fn zone_rule(&self) -> String {
        format!("{}-{}", self.zone.0, self.zone.1)
    }

    /// All of it in every encoding.
    pub(crate) fn needles(&self) -> Needles {
        let facts = Facts {
            v4: vec![self.v4],
            v6: vec![self.v6],
            mac: vec![self.mac],
            ids: vec![self.machine_id.to_be_bytes(), self.boot_id.to_be_bytes()],
            names: vec![
                ("host name", self.host.into()),
                ("user name", self.user.into()),
                ("home directory", self.home.into()),
                ("home directory", self.home_path()),
                ("time zone", self.zone.0.into()),
                ("time zone", format!("+{}", self.zone.1)),
                ("time zone", format!("+{}", self.zone.1.replace(':', ""))),
            ],
        };
        let (needles, too_short) = facts.needles();
        assert!(too_short.is_empty(), "{too_short:?} can't be looked for");
        Needles::new(needles)
    }
}
