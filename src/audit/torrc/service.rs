//! Onion services: a `HiddenServiceDir` line and the `HiddenService…` lines behind it.

use std::path::Path;

use super::{
    Torrc,
    address::{End, end},
    include::Located,
    rules,
};
use crate::audit::{
    file,
    finding::{Place, Report},
};

/// Group and others: nothing.
const OTHERS: u32 = 0o077;
/// tor's default; two can be lost.
const INTRODUCTION_POINTS_MIN: u32 = 3;
/// Twice the most that tor's own proposals ever used under attack.
const INTRODUCTION_POINTS_MAX: u32 = 10;
/// Options of the whole process, in spite of their names.
const OF_PROCESS: [&str; 3] =
    ["hiddenservicesinglehopmode", "hiddenservicenonanonymousmode", "hiddenservicestatistics"];

/// Is this the option of one service?
pub(super) fn is_of_service(option: &str) -> bool {
    option.starts_with("hiddenservice") && !OF_PROCESS.contains(&option)
}

struct Service<'a> {
    head: &'a Located,
    lines: Vec<&'a Located>,
}

impl<'a> Service<'a> {
    fn last(&self, option: &str) -> Option<&'a Located> {
        self.lines.iter().rev().find(|located| located.line.is(option)).copied()
    }

    fn number(&self, option: &str) -> Option<(u32, &'a Located)> {
        let located = self.last(option)?;
        Some((located.line.value.parse().ok()?, located))
    }
}

pub(super) fn judge(torrc: &Torrc, report: &mut Report) {
    let mut services: Vec<Service<'_>> = Vec::new();
    for located in torrc.lines.iter().filter(|located| is_of_service(&located.line.option())) {
        if located.line.is("hiddenservicedir") {
            services.push(Service { head: located, lines: Vec::new() });
        } else if let Some(service) = services.last_mut() {
            service.lines.push(located);
        } else {
            report.cannot(
                located.place(),
                "no HiddenServiceDir stands before this line",
                "tor refuses this: move it down",
            );
        }
    }
    if let Some(second) = services.get(1) {
        report.find(&rules::SEVERAL_SERVICES, second.head.place(), second.head.written());
    }
    for service in &services {
        one(service, report);
    }
}

fn one(service: &Service<'_>, report: &mut Report) {
    let head = service.head;
    for port in service.lines.iter().filter(|located| located.line.is("hiddenserviceport")) {
        // Without a target it is the same port of 127.0.0.1.
        let target = port.line.value.split_whitespace().nth(1).unwrap_or("auto");
        match end(target.trim_matches('"')) {
            End::Unix => {}
            End::None | End::Loopback => report.find(&rules::TARGET_TCP, port.place(), port.written()),
            End::Elsewhere => report.find(&rules::TARGET_REMOTE, port.place(), port.written()),
        }
    }
    match service.last("hiddenserviceexportcircuitid") {
        Some(line) if line.line.value.eq_ignore_ascii_case("haproxy") => {}
        Some(line) => report.find(&rules::CIRCUIT_ID, line.place(), line.written()),
        None => report.find(&rules::CIRCUIT_ID, head.place(), head.written()),
    }
    match service.number("hiddenservicemaxstreams") {
        Some((1.., _)) => {}
        Some((_, line)) => report.find(&rules::MAX_STREAMS, line.place(), line.written()),
        None => report.find(&rules::MAX_STREAMS, head.place(), head.written()),
    }
    if let Some(line) = service.last("hiddenserviceallowunknownports").filter(|line| line.line.value != "0") {
        report.find(&rules::UNKNOWN_PORTS, line.place(), line.written());
    }
    if let Some(line) = service.last("hiddenserviceversion").filter(|line| line.line.value != "3") {
        report.find(&rules::VERSION, line.place(), line.written());
    }
    if let Some(line) = service.last("hiddenservicedirgroupreadable").filter(|line| line.line.value != "0") {
        report.find(&rules::GROUP_READABLE, line.place(), line.written());
    }
    if let Some((count, line)) = service.number("hiddenservicenumintroductionpoints")
        && !(INTRODUCTION_POINTS_MIN..=INTRODUCTION_POINTS_MAX).contains(&count)
    {
        report.find(&rules::INTRODUCTION_POINTS, line.place(), line.written());
    }
    if let Some(line) = service.last("hiddenservicepowdefensesenabled").filter(|line| line.line.value == "1")
        && service.last("hiddenservicepowqueuerate").is_none()
    {
        report.find(&rules::POW_RATE, line.place(), line.written());
    }
    directory(head, report);
}

fn directory(head: &Located, report: &mut Report) {
    let directory = Path::new(&head.line.value);
    if let Some(mode) = file::named_mode(directory, report)
        && mode & OTHERS != 0
    {
        report.find(&rules::DIRECTORY_MODE, Place::whole(directory), format!("mode {mode:04o}"));
    }
}
