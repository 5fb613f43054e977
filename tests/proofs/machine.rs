//! A made machine: namespaces of its own for network, host name and files, in which every name and number is a canary.
//! One link leads out, to a second network namespace.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    thread,
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tempfile::TempDir;

use crate::canary::Canary;

/// The one interface of a made machine.
pub(crate) const LINK: &str = "canary0";
/// Namespaces of a made machine.
const ALL: &[&str] = &["--net", "--uts", "--mount"];
/// What the made machine's processes find in their environment; the names that tell who and where are canaries.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// So that 127.0.0.0/8 may lie behind the link: that is where a private Tor network listens. The kernel itself says nothing
/// about IPv6 but to whom it listens.
const SETTINGS: &str = "echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet\n\
                        echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter\n\
                        echo 0 > /proc/sys/net/ipv6/conf/default/router_solicitations\n\
                        echo 0 > /proc/sys/net/ipv6/conf/default/dad_transmits\n";

/// Namespaces, which last as long as a process that does nothing.
struct Holder {
    child: Child,
    // When it closes, the process ends, however this one does.
    _input: ChildStdin,
}

impl Holder {
    /// Runs `setup` in namespaces of its own, and keeps them.
    fn new(namespaces: &[&str], setup: &str) -> Self {
        assert!(rustix::process::geteuid().is_root(), "these tests make network namespaces: run them as root");
        let script = format!("set -e\n{SETTINGS}{setup}\necho ready\nexec cat");
        let mut command = Command::new("unshare");
        command.args(namespaces).args(["sh", "-c", &script]).stdin(Stdio::piped());
        let started = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = started.expect("unshare is installed (util-linux)");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
        if line != "ready\n" {
            let mut why = String::new();
            child.stderr.take().expect("its words").read_to_string(&mut why).expect("text");
            panic!("these tests need root, network namespaces and the programs that tests/all installs: {why}");
        }
        let input = child.stdin.take().expect("its input");
        Self { child, _input: input }
    }

    /// Words in front of a command that is to run in these namespaces.
    fn enter(&self, namespaces: &[&str]) -> Vec<String> {
        let target = format!("--target={}", self.child.id());
        let words = ["nsenter", &target].into_iter().chain(namespaces.iter().copied()).chain(["--"]);
        words.map(String::from).collect()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The other end of the links.
pub(crate) struct Outside(Holder);

impl Outside {
    pub(crate) fn new() -> Self {
        Self(Holder::new(&["--net"], "ip link set lo up"))
    }

    /// Does `work` in this network; the processes that it starts stay there.
    pub(crate) fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let network = fs::File::open(format!("/proc/{}/ns/net", self.0.child.id())).expect("the namespace is held");
        let entered = || {
            use std::os::fd::AsFd as _;
            move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).expect("root may enter it");
            work()
        };
        thread::scope(|scope| scope.spawn(entered).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// The made machine.
pub(crate) struct Machine {
    pub(crate) canary: &'static Canary,
    directory: TempDir,
    holder: Holder,
}

impl Machine {
    pub(crate) fn new(canary: &'static Canary, outside: &Outside) -> Self {
        let directory = tempfile::Builder::new().prefix("anteroom-proof-").tempdir().expect("a temporary directory");
        let root = directory.path();
        for folder in ["etc", "left", "left/home", "left/said", "left/wire"] {
            fs::create_dir(root.join(folder)).expect("a new directory");
        }
        identify(root, canary);
        let (host, home, mac) = (canary.host, canary.home_path(), canary.mac_text());
        let (v4, v6, gateway, outer) = (canary.v4, canary.v6, canary.gateway, outside.0.child.id());
        let (root_text, program) = (root.display(), env!("CARGO_BIN_EXE_anteroom"));
        let setup = format!(
            "hostname {host}
             ip link add {LINK} address {mac} type veth peer name relays-{host:.4} netns {outer}
             ip address add {v4}/24 dev {LINK}
             ip address add {v6}/64 dev {LINK} nodad
             ip link set {LINK} up
             nsenter --target={outer} --net ip address add {gateway}/24 dev relays-{host:.4}
             nsenter --target={outer} --net ip link set relays-{host:.4} up
             ip route add default via {gateway}
             ip route add 127.0.0.0/8 via {gateway}
             mount --bind '{program}' '{root_text}/program'
             mount -t sysfs canary /sys
             mount --bind '{root_text}/boot_id' /proc/sys/kernel/random/boot_id
             mount -t tmpfs canary /home
             mkdir '{home}'
             mount --bind '{root_text}/left/home' '{home}'
             mount --bind '{root_text}/etc' /etc"
        );
        let holder = Holder::new(ALL, &setup);
        Self { canary, directory, holder }
    }

    /// All that its processes left: the home directory, and what a test put beside it.
    pub(crate) fn left(&self) -> PathBuf {
        self.directory.path().join("left")
    }

    /// The home directory, as this test sees it.
    pub(crate) fn home(&self) -> PathBuf {
        self.left().join("home")
    }

    /// What it wrote to its standard streams.
    pub(crate) fn said(&self) -> PathBuf {
        self.left().join("said")
    }

    /// What was sent and received.
    pub(crate) fn wire(&self) -> PathBuf {
        self.left().join("wire")
    }

    /// Words in front of a command that runs here, in the home directory, with this machine's environment, and with room
    /// for dumps.
    pub(crate) fn enter(&self) -> Vec<String> {
        let mut words = self.holder.enter(ALL);
        words.extend(["env", "-i"].map(String::from));
        let Canary { host, user, .. } = self.canary;
        let zone = self.canary.zone_rule();
        let variables = [
            ("PATH", PATH),
            ("HOME", &self.canary.home_path()),
            ("USER", user),
            ("LOGNAME", user),
            ("HOSTNAME", host),
            ("TZ", &zone),
            ("LANG", "C"),
            ("RUST_BACKTRACE", "full"),
        ];
        words.extend(variables.map(|(name, value)| format!("{name}={value}")));
        let script = "ulimit -c unlimited && cd \"$HOME\" && exec \"$@\"";
        words.extend(["sh", "-c", script, "sh"].map(String::from));
        words
    }

    /// The program under test, as this machine has it.
    pub(crate) fn program(&self) -> String {
        self.directory.path().join("program").display().to_string()
    }

    /// A command that sees this machine's network and is otherwise none of its own.
    pub(crate) fn command_beside(&self, words: &[&str]) -> Command {
        let mut entered = self.holder.enter(&["--net"]);
        entered.extend(words.iter().map(|word| (*word).into()));
        let mut command = Command::new(entered.remove(0));
        command.args(entered).stdin(Stdio::null());
        command
    }
}

/// Writes the files in which a machine keeps who it is.
fn identify(root: &Path, canary: &Canary) {
    let Canary { host, user, v4, v6, .. } = canary;
    let home = canary.home_path();
    let machine_id = format!("{:032x}", canary.machine_id);
    let files = [
        ("etc/hostname", format!("{host}\n")),
        ("etc/hosts", format!("127.0.0.1 localhost\n{v4} {host}\n{v6} {host}\n")),
        ("etc/machine-id", format!("{machine_id}\n")),
        ("etc/passwd", format!("{user}:x:0:0:{user}:{home}:/bin/sh\n")),
        ("etc/group", format!("{user}:x:0:\n")),
        ("etc/timezone", format!("{}\n", canary.zone.0)),
        ("etc/resolv.conf", format!("nameserver {}\n", canary.gateway)),
        ("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n".into()),
        ("boot_id", format!("{}\n", canary.boot_id_text())),
        ("program", String::new()),
    ];
    for (name, text) in files {
        fs::File::create_new(root.join(name)).and_then(|mut file| file.write_all(text.as_bytes())).expect("a file");
    }
}

/// The port of a mark, on which nobody listens.
pub(crate) const MARK_PORT: u16 = 9;

impl Machine {
    /// A packet that a capture of the link must show: a connection that is refused, from outside.
    pub(crate) fn mark(&self, outside: &Outside) {
        let address = SocketAddr::new(IpAddr::V4(self.canary.v4), MARK_PORT);
        let refused = outside.within(|| std::net::TcpStream::connect(address));
        let refused = refused.map_err(|error| error.kind());
        assert!(matches!(refused, Err(std::io::ErrorKind::ConnectionRefused)), "the link does not work: {refused:?}");
    }
}
