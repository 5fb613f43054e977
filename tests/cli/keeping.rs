//! `node publish --stay`: the record stays fresh, one process holds the counter, and a signal ends it.

use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};

use crate::network::{Network, eventually, introducers};

/// A call that is not in the sandbox's list ends it.
const STAY: [&str; 7] = ["node", "publish", "--stay", "--config", "node.toml", "--sandbox", "kill"];

fn end(mut child: Child, signal: Signal) -> Option<i32> {
    kill_process(Pid::from_child(&child), signal).unwrap();
    child.wait().unwrap().code()
}

#[test]
fn it_publishes_stays_and_ends_at_a_signal() {
    let mut network = Network::new(&[1, 2]);
    network.serve(1, "");
    for (seq, signal) in [(1, Signal::TERM), (2, Signal::INT)] {
        let child = network.node.start(&STAY, "stay");
        eventually("a record", || network.listed(1).first().filter(|record| record["seq"] == seq).map(|_| ()));
        eventually("the next round", || network.node.read("stay.said").contains("Next record in about").then_some(()));
        assert!(network.node.read("stay.said").contains("1 of 2 introducers have it"), "one that is down ends nothing");

        let second = network.node.run(&["node", "publish", "--config", "node.toml"]);
        assert_eq!(second.code, 2);
        assert!(second.said.contains("another process is using the key"), "{}", second.said);
        let shown = network.node.run(&["node", "show", "--config", "node.toml", "--json"]);
        assert_eq!((shown.code, &shown.json()["seq"]), (0, &seq.into()));
        assert_eq!(end(child, signal), Some(0));
    }
}

#[test]
fn sighup_publishes_what_the_configuration_says_now() {
    let mut network = Network::new(&[1]);
    network.serve(1, "");
    let child = network.node.start(&STAY, "stay");
    let hang_up = || kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
    let listed = |seq: u64| {
        eventually("a record", || network.listed(1).pop().filter(|record| record["seq"] == seq))["services"].clone()
    };
    assert_eq!(listed(1)[0]["name"], "storage");
    network.node.configure("changed", &introducers(&[1]));
    hang_up();
    assert_eq!(listed(2)[0]["name"], "changed");
    network.node.write("node.toml", "version = 2");
    hang_up();
    assert_eq!(listed(3)[0]["name"], "changed");
    let said = network.node.read("stay.said");
    assert!(said.contains("version 2 of this file is not known here; going on with the configuration"), "{said}");
    assert_eq!(end(child, Signal::TERM), Some(0));
}

#[test]
fn what_can_not_work_is_told_at_the_start() {
    let network = Network::new(&[1]);
    network.node.configure("storage", &format!("{}\nlifetime_hours = 2", introducers(&[1])));
    let ended = network.node.run(&STAY);
    assert_eq!(ended.code, 2);
    assert!(ended.said.contains("can't be kept fresh"), "{}", ended.said);
    network.node.configure("storage", "");
    let ended = network.node.run(&STAY);
    assert_eq!(ended.code, 2);
    assert!(ended.said.contains("`introducers` is empty"), "{}", ended.said);
}
