//! What a process asks the kernel for, as strace writes it down.

use std::{collections::BTreeMap, fs, path::Path};

/// A system call. Positions are lines: another thread's call may lie between its beginning and its end.
#[derive(Clone, Debug)]
pub struct Call {
    pub begun: usize,
    pub done: usize,
    /// Number of the thread.
    pub task: u32,
    pub name: String,
    pub arguments: String,
    pub result: i64,
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}({}) = {}", self.name, self.arguments, self.result)
    }
}

impl Call {
    /// The first argument, an open file with what it stands for: `7<socket:[1234]>`.
    pub fn file(&self) -> &str {
        let end = self.arguments.find('>').map_or(self.arguments.len(), |end| end + 1);
        &self.arguments[..end]
    }

    /// The first text argument, such as a path.
    pub fn text(&self) -> Option<&str> {
        self.arguments.split('"').nth(1)
    }
}

/// Words in front of a command. `calls` as of strace's `-e trace=`.
pub fn strace(calls: &str, to: &Path) -> Vec<String> {
    let to = to.display().to_string();
    ["strace", "-f", "-qq", "-y", "-s", "256", "-e", &format!("trace={calls}"), "-e", "signal=none", "-o", &to]
        .map(String::from)
        .to_vec()
}

/// Reads the whole of a trace.
pub fn parse(file: &Path) -> Vec<Call> {
    let text = fs::read_to_string(file).expect("strace wrote a trace");
    let (mut calls, mut unfinished) = (Vec::new(), BTreeMap::new());
    for (line, text) in text.lines().enumerate() {
        let Some((task, rest)) = text.split_once(' ') else { continue };
        let task: u32 = task.parse().expect("strace tells who calls");
        let rest = rest.trim_start();
        if let Some(begun) = rest.strip_suffix("<unfinished ...>") {
            unfinished.insert(task, (line, begun.trim_end().to_string()));
        } else if rest.starts_with("<... ") {
            let (Some((begun, head)), Some((_, tail))) = (unfinished.remove(&task), rest.split_once("resumed>")) else {
                panic!("a call without a beginning: {text}");
            };
            calls.extend(call(task, begun, line, &format!("{head}{tail}")));
        } else {
            calls.extend(call(task, line, line, rest));
        }
    }
    // Calls that never came back, such as one that ended the process.
    let unfinished = unfinished.into_iter();
    calls.extend(unfinished.filter_map(|(task, (begun, head))| call(task, begun, usize::MAX, &format!("{head}) = ?"))));
    calls.sort_by_key(|call| call.begun);
    calls
}

fn call(task: u32, begun: usize, done: usize, text: &str) -> Option<Call> {
    let (name, rest) = text.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    let arguments = arguments.trim_end().trim_end_matches(')').to_string();
    // `-1 ENOENT (…)`, `5<socket:[…]>`, `?`.
    let digits = result.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(result.len());
    Some(Call { task, begun, done, name: name.into(), arguments, result: result[..digits].parse().unwrap_or(-1) })
}
