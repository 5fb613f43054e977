//! `docs/grid-of-five.md`, command by command: each block on the machine it names, a directory with a tor of its own.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use tempfile::TempDir;

use crate::{
    grid::{text, until},
    network,
    tornet::TorDaemon,
};

const POLL: Duration = Duration::from_millis(50);
const PAGE: &str = include_str!("../../docs/grid-of-five.md");
/// In the place of the one that tells a machine's services: it tells the test, and waits until that was done.
const SYSTEMCTL: &str = "#!/bin/sh\nset -eu\n[ \"$2\" = tor@default ]\nrm -f systemctl.done\n\
    echo \"$1\" > systemctl.new\nmv systemctl.new systemctl.said\n\
    while [ ! -e systemctl.done ]; do sleep 0.1; done\n";

/// What a person reads and does.
enum Step {
    /// Commands on the machine of somebody, and how they end.
    Block { whose: String, ends: Ends, commands: String },
    /// A file that is handed over.
    Hand { from: String, to: String },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    With(i32),
    /// Not while the page is read.
    Never,
}

fn steps() -> Vec<Step> {
    let (mut steps, mut lines) = (Vec::new(), PAGE.lines());
    while let Some(line) = lines.next() {
        if let Some(hand) = line.strip_prefix("<!-- by hand: ") {
            let (from, to) = hand.trim_end_matches(" -->").split_once(" to ").expect("from whom, to whom");
            steps.push(Step::Hand { from: from.into(), to: to.into() });
        } else if line.starts_with("```") {
            assert_eq!(line, "```sh", "every block of the page is run");
            let header = lines.next().expect("a header").strip_prefix("# On ").expect("on whose machine");
            let (whose, ends) = header.split_once("'s machine").expect("a machine");
            let ends = match ends {
                "" => Ends::With(0),
                "; it goes on running" => Ends::Never,
                code => {
                    Ends::With(code.strip_prefix("; it ends with ").and_then(|code| code.parse().ok()).expect("a code"))
                }
            };
            let commands: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            steps.push(Step::Block { whose: whose.to_lowercase(), ends, commands: commands.join("\n") });
        }
    }
    steps
}

/// Five people, their machines, and what they have told each other.
struct People {
    directory: TempDir,
    tors: BTreeMap<String, TorDaemon>,
    running: Vec<Child>,
    /// By the names that the page gives them.
    told: BTreeMap<String, String>,
}

impl People {
    fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("five-").tempdir().expect("a temporary directory");
        let bin = directory.path().join("bin");
        fs::create_dir(&bin).expect("a directory");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_anteroom"), bin.join("anteroom")).expect("a link");
        fs::write(bin.join("systemctl"), SYSTEMCTL).expect("a script");
        fs::set_permissions(bin.join("systemctl"), fs::Permissions::from_mode(0o755)).expect("its mode");
        for name in ["alice", "bob", "carol", "dan", "erin"] {
            fs::create_dir_all(directory.path().join(name).join("auth")).expect("a directory");
            let auth = directory.path().join(name).join("auth");
            fs::set_permissions(auth, fs::Permissions::from_mode(0o700)).expect("its mode");
        }
        Self { directory, tors: BTreeMap::new(), running: Vec::new(), told: BTreeMap::new() }
    }

    fn machine(&self, whose: &str) -> PathBuf {
        self.directory.path().join(whose)
    }

    /// Places of a machine, and where they are here.
    fn places(&self, whose: &str) -> [(&'static str, String); 6] {
        let at = |name: &str| text(&self.machine(whose).join(name)).to_owned();
        [
            ("/etc/tor/torrc", at("torrc")),
            ("/run/tor/socks", at("socks")),
            ("/run/anteroom/introducer.sock", at("in.sock")),
            ("/var/lib/tor/anteroom", at("onion")),
            ("/var/lib/tor/onion_auth", at("auth")),
            ("torrc-examples/", concat!(env!("CARGO_MANIFEST_DIR"), "/torrc-examples/").to_owned()),
        ]
    }

    fn shell(&self, whose: &str, commands: &str) -> Command {
        let mut commands = commands.to_owned();
        for (there, here) in self.places(whose) {
            commands = commands.replace(there, &here);
        }
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", text(&self.directory.path().join("bin")));
        let mut shell = Command::new("sh");
        shell.args(["-eu", "-c", &commands]).current_dir(self.machine(whose)).stdin(Stdio::null());
        shell.env("PATH", path).envs(&self.told);
        shell
    }

    fn run(&mut self, whose: &str, ends: Ends, commands: &str) {
        let mut shell = self.shell(whose, commands);
        let Ends::With(code) = ends else {
            let log = fs::File::create(self.machine(whose).join("running.log")).expect("a log");
            shell.process_group(0).stdout(log.try_clone().expect("a handle")).stderr(log);
            self.running.push(shell.spawn().expect("sh starts"));
            let socket = self.machine(whose).join("in.sock");
            until("the introducer's socket is there", || socket.exists());
            return;
        };
        let mut child = shell.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("sh starts");
        // It says less than a pipe holds.
        while child.try_wait().expect("a child").is_none() {
            self.obey(whose);
            std::thread::sleep(POLL);
        }
        let output = child.wait_with_output().expect("a child");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "on {whose}'s machine:\n{commands}\n{said}");
        self.hear(whose, &output);
    }

    /// What people pass on.
    fn hear(&mut self, whose: &str, output: &Output) {
        let (out, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let own = whose.to_uppercase();
        for line in out.lines() {
            let word = line.split(' ').next().unwrap_or_default();
            if word.starts_with("grid1") && whose == "alice" {
                self.told.insert("GRID".into(), word.into());
            } else if word.ends_with(".onion") {
                self.told.insert(own.clone(), format!("{word}:80"));
            } else if word.starts_with("node1") && whose == "dan" {
                self.told.insert(own.clone(), word.into());
            }
        }
        for line in said.lines().filter_map(|line| line.strip_prefix("The operator of ")) {
            let Some((address, command)) = line.split_once(" adds: anteroom client-auth add ") else { continue };
            let (name, key) = command.split_once(" '").expect("a name and a key");
            let operator = self.told.iter().find(|(_, told)| *told == address).expect("an introducer").0;
            let key = key.split('\'').next().expect("a key").to_owned();
            self.told.insert(format!("{}_AT_{operator}", name.to_uppercase()), key);
        }
    }

    /// Does to a machine's tor what `systemctl` was asked for.
    fn obey(&mut self, whose: &str) {
        let said = self.machine(whose).join("systemctl.said");
        let Ok(word) = fs::read_to_string(&said) else { return };
        fs::remove_file(said).expect("it is there");
        let is_service = self.machine(whose).join("introducer.toml").exists();
        match (word.trim(), self.tors.get_mut(whose)) {
            ("restart", None) => self.start_tor(whose, is_service),
            ("restart", Some(tor)) => {
                tor.restart();
                tor.wait_descriptor_uploaded();
            }
            ("reload", Some(tor)) if is_service => tor.wait_descriptor_uploaded_after(|tor| tor.reload()),
            ("reload", Some(tor)) => {
                tor.reload();
                // It has kept the descriptors that it could not read.
                tor.newnym();
                self.wait_reachable(whose);
            }
            (other, _) => panic!("nobody asks for {other}"),
        }
        fs::write(self.machine(whose).join("systemctl.done"), "").expect("it can be told");
    }

    fn start_tor(&mut self, whose: &str, is_service: bool) {
        let torrc = self.machine(whose).join("torrc");
        let example = fs::read_to_string(&torrc).expect("it was copied");
        let places = self.places(whose);
        let used = places[1..5].iter().map(|(there, here)| (*there, here.as_str()));
        let used: Vec<_> = used.filter(|(there, _)| example.contains(there)).collect();
        let tor = network().daemon_from_example(&format!("five-{whose}"), &torrc, &used);
        if is_service {
            tor.wait_descriptor_uploaded();
            let file = self.machine(whose).join("onion/hostname");
            let host = fs::read_to_string(file).expect("tor writes the address");
            self.told.insert(whose.to_uppercase(), format!("{}:80", host.trim()));
        }
        self.tors.insert(whose.into(), tor);
    }

    /// A new onion service, or a new key for one, takes some tries.
    fn wait_reachable(&self, whose: &str) {
        for operator in ["BOB", "CAROL"] {
            let asks = format!("anteroom about --introducer \"${operator}\" --grid \"$GRID\" --socks /run/tor/socks");
            until(&format!("{whose} reaches {operator}"), || {
                self.shell(whose, &asks).output().expect("sh starts").status.success()
            });
        }
    }
}

impl Drop for People {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for name in ["bob", "carol"] {
                let log = fs::read_to_string(self.machine(name).join("running.log")).unwrap_or_default();
                eprintln!("on {name}'s machine:\n{log}");
            }
        }
        for child in &mut self.running {
            // The shell and what it started, which is a group of its own.
            let _ = Command::new("kill").arg("--").arg(format!("-{}", child.id())).status();
            let _ = child.wait();
        }
    }
}

fn said(people: &People, whose: &str, commands: &str) -> String {
    let output = people.shell(whose, commands).output().expect("sh starts");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_page_sets_up_a_grid_of_five_from_nothing() {
    let mut people = People::new();
    let (mut listed, list) = (Vec::new(), "anteroom list --config erin/node.toml --service storage");
    for step in steps() {
        match step {
            Step::Hand { from, to } => {
                let from = people.directory.path().join(from);
                let name = Path::new(from.file_name().expect("a file"));
                fs::copy(&from, people.machine(&to).join(name)).expect("it was made");
            }
            Step::Block { whose, ends, commands } => {
                eprintln!("on {whose}'s machine: {}", commands.lines().next().unwrap_or_default());
                people.run(&whose, ends, &commands);
                if commands == list {
                    listed.push(said(&people, "erin", list));
                }
            }
        }
    }
    let [before, after] = listed.as_slice() else { panic!("the page lists twice") };
    assert!(before.contains(&people.told["DAN"]), "Erin finds what Dan offers: {before}");
    assert_eq!(after, "", "and not any more when he was taken out");
    let grant = said(&people, "dan", "anteroom grid show --grant dan/node.grant");
    assert!(!grant.contains("through"), "Dan stands on a grant of the grid's own: {grant}");
    let invitations = said(&people, "alice", "anteroom grid invitations");
    assert!(invitations.contains("\"Dan\" confirmed") && invitations.contains("\"Erin\" revoked"), "{invitations}");
    assert!(!said(&people, "bob", "anteroom client-auth list --dir /var/lib/tor/anteroom").contains("erin"));
}
