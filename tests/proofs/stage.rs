//! Where commands are run: in which directory, behind which words, and where what they say is kept.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::{machine::Machine, trace::strace, verdict::TRACED};

/// For a start, a stop, or a condition; generous, since machines are loaded.
pub(crate) const DEADLINE: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(20);

/// Words in front of a command, given its name.
type Before = Box<dyn Fn(&str) -> Vec<String> + Send + Sync>;

/// A directory, and the program started in it.
pub(crate) struct Stage {
    /// Where commands are run.
    pub(crate) directory: PathBuf,
    /// What they write to their standard streams, two files each.
    said: PathBuf,
    before: Before,
    /// Whether the first process of a command is a tracer.
    is_traced: bool,
    program: String,
    count: AtomicUsize,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) said: String,
}

/// A command that goes on; killed when dropped.
pub(crate) struct Running {
    child: Child,
    is_traced: bool,
    name: String,
    said: PathBuf,
}

impl Stage {
    /// The home directory of a made machine.
    pub(crate) fn on(machine: &Machine) -> Self {
        let words = machine.enter();
        Self::new(machine.home(), machine.said(), machine.program(), move |_| words.clone())
    }

    /// The same with a tracer, which writes into `traces`.
    pub(crate) fn traced_on(machine: &Machine, traces: PathBuf) -> Self {
        let words = machine.enter();
        let before = move |name: &str| [words.clone(), strace(TRACED, &traces.join(name))].concat();
        let stage = Self::new(machine.home(), machine.said(), machine.program(), before);
        Self { is_traced: true, ..stage }
    }

    fn new(
        directory: PathBuf,
        said: PathBuf,
        program: String,
        before: impl Fn(&str) -> Vec<String> + Send + Sync + 'static,
    ) -> Self {
        Self { directory, said, before: Box::new(before), is_traced: false, program, count: AtomicUsize::new(0) }
    }

    /// Directories of this machine, and a tracer, which writes into `traces`.
    pub(crate) fn traced(directory: PathBuf, said: PathBuf, traces: PathBuf) -> Self {
        let before = move |name: &str| strace(TRACED, &traces.join(name));
        let stage = Self::new(directory, said, env!("CARGO_BIN_EXE_anteroom").into(), before);
        Self { is_traced: true, ..stage }
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        fs::write(self.directory.join(file), text).expect("a file can be written");
    }

    /// Replaces text in a file that the program wrote.
    pub(crate) fn edit(&self, file: &str, replacements: &[(&str, &str)]) {
        let mut text = fs::read_to_string(self.directory.join(file)).expect("init wrote it");
        for (from, to) in replacements {
            assert!(text.contains(from), "{file} has no line `{from}`:\n{text}");
            text = text.replacen(from, to, 1);
        }
        self.write(file, &text);
    }

    /// Takes lines that begin like this out of what was written to standard output, and tells how many there were.
    pub(crate) fn leave_out(&self, beginning: &str) -> usize {
        let mut count = 0;
        for entry in fs::read_dir(&self.said).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|extension| extension == "out") {
                let text = fs::read_to_string(&path).expect("it is text");
                let (out, kept): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with(beginning));
                count += out.len();
                fs::write(path, kept.join("\n")).expect("it can be written");
            }
        }
        count
    }

    /// How many commands were started.
    pub(crate) fn runs(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Adds to the end of a file that the program wrote.
    pub(crate) fn append(&self, file: &str, text: &str) {
        let before = fs::read_to_string(self.directory.join(file)).expect("init wrote it");
        self.write(file, &format!("{before}{text}"));
    }

    /// Runs to the end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.start(arguments).end()
    }

    /// Runs what must succeed.
    pub(crate) fn done(&self, arguments: &[&str]) -> Ended {
        let ended = self.run(arguments);
        assert!(ended.status.success(), "{arguments:?}: {}\n{}", ended.status, ended.said);
        ended
    }

    /// Starts the program.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        let words: Vec<_> = [self.program.as_str()].iter().chain(arguments).copied().collect();
        self.start_other(&words)
    }

    /// Starts another one in the same place.
    pub(crate) fn start_other(&self, words: &[&str]) -> Running {
        let name = format!("{:03}", self.count.fetch_add(1, Ordering::Relaxed));
        let mut all = (self.before)(&name);
        all.extend(words.iter().map(|word| (*word).into()));
        let file = |suffix: &str| File::create(self.said.join(format!("{name}.{suffix}"))).expect("a file");
        let mut command = Command::new(all.remove(0));
        // Cargo's search path for libraries is no part of what is tested.
        command.args(all).current_dir(&self.directory).env_remove("LD_LIBRARY_PATH").stdin(Stdio::null());
        let child = command.stdout(file("out")).stderr(file("err")).spawn().expect("it starts (run tests/all first)");
        Running { child, is_traced: self.is_traced, name, said: self.said.clone() }
    }
}

impl Ended {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).expect("one JSON document")
    }
}

impl Running {
    fn read(&self, suffix: &str) -> String {
        fs::read_to_string(self.said.join(format!("{}.{suffix}", self.name))).unwrap_or_default()
    }

    pub(crate) fn out(&self) -> String {
        self.read("out")
    }

    pub(crate) fn said(&self) -> String {
        self.read("err")
    }

    /// The program itself.
    pub(crate) fn pid(&self) -> u32 {
        let own = self.child.id();
        if self.is_traced { children(own).first().copied().expect("the tracer runs it") } else { own }
    }

    /// Its children, in the order in which they were started.
    pub(crate) fn children(&self) -> Vec<u32> {
        children(self.pid())
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(name, self.pid());
    }

    /// Waits for a condition, as long as it runs.
    pub(crate) fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !done(self) {
            let ended = self.child.try_wait().expect("a child");
            assert!(ended.is_none(), "it ended ({ended:?}) before {what}: {}\n{}", self.said(), self.out());
            assert!(start.elapsed() < DEADLINE, "not in time: {what}: {}\n{}", self.said(), self.out());
            thread::sleep(POLL);
        }
    }

    /// Asks it to end; it has to do so well.
    pub(crate) fn terminate(self) {
        self.signal("-TERM");
        let ended = self.end();
        assert!(ended.status.success(), "{}: {}", ended.status, ended.said);
    }

    pub(crate) fn end(mut self) -> Ended {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            assert!(start.elapsed() < DEADLINE, "it does not end: {}", self.said());
            thread::sleep(POLL);
        };
        Ended { status, out: self.out(), said: self.said() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            if self.is_traced {
                children(self.child.id()).into_iter().for_each(|pid| signal("-KILL", pid));
            }
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Waits for a condition.
pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < DEADLINE, "not in time: {what}");
        thread::sleep(POLL);
    }
}

pub(crate) fn signal(name: &str, pid: u32) {
    // A process that has ended meanwhile is seen by whoever waits for it.
    let _ = Command::new("kill").args([name, &pid.to_string()]).stderr(Stdio::null()).status();
}

fn children(pid: u32) -> Vec<u32> {
    let listed = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    listed.split_whitespace().map(|pid| pid.parse().expect("a number")).collect()
}
