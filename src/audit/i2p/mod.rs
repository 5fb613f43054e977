//! Tunnels and routers of I2P: i2pd's i2pd.conf and tunnels.conf, Java I2P's i2ptunnel.config.

mod ini;
mod router;
mod tunnel;

use std::path::Path;

use ini::Setting;
pub(super) use router::RULES as ROUTER_RULES;
pub(super) use tunnel::RULES as TUNNEL_RULES;

use super::{
    file,
    finding::{Place, Report},
};

/// i2pd.conf.
pub(super) fn router(file: &Path, report: &mut Report) {
    if let Some(settings) = read(file, ini::ini, report) {
        router::judge(&settings, report);
    }
}

/// i2pd's tunnels.conf; `data` is the directory of the key files.
pub(super) fn tunnels(file: &Path, data: &Path, report: &mut Report) {
    if let Some(settings) = read(file, ini::ini, report) {
        tunnel::judge(&settings, data, report);
    }
}

/// Java I2P's i2ptunnel.config, or one file of i2ptunnel.config.d.
pub(super) fn java(file: &Path, data: &Path, report: &mut Report) {
    if let Some(settings) = read(file, ini::properties, report) {
        tunnel::judge(&settings, data, report);
    }
}

type Parser = fn(&str, &Path) -> Result<Vec<Setting>, usize>;

fn read(file: &Path, parse: Parser, report: &mut Report) -> Option<Vec<Setting>> {
    let text = file::text(file, report)?;
    match parse(&text, file) {
        Ok(settings) => Some(settings),
        Err(number) => {
            let why = "neither a section, a comment nor `key = value`";
            report.cannot(Place::line(file, number), why, "correct the line, or name the right file");
            None
        }
    }
}

fn is_yes(value: &str) -> bool {
    ["true", "1", "yes", "on"].iter().any(|yes| value.eq_ignore_ascii_case(yes))
}
