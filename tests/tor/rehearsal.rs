//! `anteroom rehearse`, as an operator runs it: it plays the main job to its end, leaves nothing behind, and changes no
//! file it was given.

use std::{
    fs,
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use tempfile::TempDir;

use crate::{
    grid::{anteroom, json, lines_of_json, run, text, until},
    tornet::key_cache,
};

/// A temporary directory that only this rehearsal uses: whoever has it in the environment belongs to it.
fn temporary() -> TempDir {
    tempfile::Builder::new().prefix("rehearse-").tempdir().expect("a temporary directory")
}

fn rehearse(temporary: &Path, arguments: &[&str]) -> Command {
    let mut command = anteroom(&["rehearse", "--carrier", "c-tor", "--json"]);
    let keys = key_cache().expect("an integration test has a directory of cargo's");
    command.args(arguments).arg("--key-cache").arg(keys).env("TMPDIR", temporary);
    command
}

/// The programs that were started with `temporary` in their environment and still run.
fn processes_of(temporary: &Path) -> Vec<String> {
    let mark = format!("TMPDIR={}", temporary.display());
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").expect("/proc can be read").flatten() {
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default(); // of others, or gone
        if environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes()) {
            let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            found.push(String::from_utf8_lossy(&command).replace('\0', " "));
        }
    }
    found
}

fn assert_nothing_is_left(temporary: &Path) {
    assert_eq!(processes_of(temporary), Vec::<String>::new());
    let files: Vec<_> = fs::read_dir(temporary).expect("it is there").flatten().map(|entry| entry.path()).collect();
    assert_eq!(files, Vec::<std::path::PathBuf>::new());
}

/// An operator's configuration: a grid, and choices that differ from the defaults.
fn configuration(directory: &Path) -> String {
    let key = directory.join("grid.key");
    let made = json(&run(&mut anteroom(&["grid", "keygen", "--json", "--out", text(&key)])));
    let grid = made["grid"].as_str().expect("a grid id").to_owned();
    run(anteroom(&["init", "introducer"]).arg(directory).args(["--grid", &grid]));
    let file = directory.join("introducer.toml");
    let template = fs::read_to_string(&file).expect("init wrote it");
    let chosen = template
        .replace("#delivery = \"tick\"", "delivery = \"immediate\"")
        .replace("#port = 80", "port = 4321")
        .replace("#onion = true", "onion = false")
        .replace("state = \"state\"", "state = \"/nonexistent/state\"");
    assert_ne!(template, chosen);
    fs::write(&file, chosen).expect("it can be written");
    grid
}

#[test]
fn a_rehearsal_plays_the_operators_configuration_and_leaves_nothing_behind() {
    let (temporary, own) = (temporary(), temporary());
    let grid = configuration(own.path());
    let file = own.path().join("introducer.toml");
    let before = fs::read(&file).expect("it is there");

    let output = run(&mut rehearse(temporary.path(), &["--config", text(&file)]));
    print!("{}", String::from_utf8_lossy(&output.stdout));
    let events = lines_of_json(&output);
    let done: Vec<_> = events.iter().filter(|event| event["event"] == "done").map(|event| &event["step"]).collect();
    assert_eq!(done, ["network", "introducer", "node", "watch", "publish", "find", "withdraw"]);
    let last = events.last().expect("events");
    assert_eq!((&last["event"], last["kept"].is_null()), (&"over".into(), true));
    let all = |event: &str, field: &str| {
        let of_kind = events.iter().filter(|it| it["event"] == event);
        of_kind.map(|it| it[field].as_str().expect("text").to_owned()).collect::<Vec<_>>().join("\n")
    };
    let (commands, notes) = (all("command", "line"), all("note", "text"));
    for command in ["node publish", "list", "lookup node1", "watch", "node withdraw", "--record old.record"] {
        assert!(commands.contains(&format!("anteroom {command}")) || commands.contains(command), "{commands}");
    }
    assert!(commands.contains(&grid), "the operator's grid: {commands}");
    assert!(notes.contains(".onion:4321"), "the operator's port: {notes}");
    assert!(notes.contains(".b32.i2p"), "this grid admits no onion addresses: {notes}");
    assert!(notes.contains("is refused"), "{notes}");

    assert_eq!(fs::read(&file).expect("it is there"), before, "the operator's file is never written");
    let names: Vec<_> = fs::read_dir(own.path()).expect("it is there").flatten().map(|it| it.file_name()).collect();
    assert_eq!(names.len(), 2, "nothing beside it: {names:?}");
    assert_nothing_is_left(temporary.path());
}

#[test]
fn a_step_that_fails_is_told_and_its_logs_stay() {
    let (temporary, own) = (temporary(), temporary());
    configuration(own.path());
    let file = own.path().join("introducer.toml");
    let one_stream = fs::read_to_string(&file).expect("it").replace("#streams_max = 2048", "streams_max = 1");
    fs::write(&file, one_stream).expect("it can be written");
    // The watch has the one stream, so the node can't publish.
    let output = rehearse(temporary.path(), &["--config", text(&file)]).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("`anteroom node publish --config node/node.toml` ended with code 4"), "{said}");
    assert!(said.contains("a limit of the configuration may be in the way"), "{said}");
    let logs = said.split("the logs are in ").nth(1).and_then(|rest| rest.lines().next()).expect("it says where");
    assert!(Path::new(logs).starts_with(temporary.path()) && Path::new(logs).join("stage/introducer.toml").exists());
    assert_eq!(processes_of(temporary.path()), Vec::<String>::new());
}

/// A default introducer has Tor inside.
#[cfg(not(feature = "carrier-tor"))]
#[test]
fn a_build_without_tor_inside_says_so_at_once() {
    let temporary = temporary();
    let output = anteroom(&["rehearse"]).env("TMPDIR", temporary.path()).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--carrier c-tor"), "{output:?}");
    assert_nothing_is_left(temporary.path());
}

/// Runs until its output contains `text`, then sends `signal`.
fn interrupted_at(temporary: &Path, text: &str, signal: &str) -> Child {
    let out = temporary.join("out");
    let log = fs::File::create(&out).expect("a file");
    let child = rehearse(temporary, &[]).stdout(log).stderr(Stdio::inherit()).spawn().expect("the program starts");
    until(text, || fs::read_to_string(&out).expect("its output").contains(text));
    let kill = Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill runs");
    assert!(kill.success());
    fs::remove_file(out).expect("its output");
    child
}

#[test]
fn a_rehearsal_that_is_interrupted_leaves_nothing_behind() {
    for (text, signal) in
        [("\"step\":\"network\"", "-INT"), ("anteroom about", "-TERM"), ("nothing is listed yet", "-HUP")]
    {
        let temporary = temporary();
        let status = interrupted_at(temporary.path(), text, signal).wait().expect("it ends");
        assert_eq!(status.code(), Some(1), "{signal} at {text}");
        assert_nothing_is_left(temporary.path());
    }
}

#[test]
fn what_can_not_be_rehearsed_is_said_before_anybody_waits() {
    let temporary = temporary();
    let own = temporary.path().join("own");
    fs::create_dir(&own).expect("a directory");
    configuration(&own);
    let file = own.join("introducer.toml");
    let public = fs::read_to_string(&file).expect("it").replace("#i2p = true", "i2p = false");
    fs::write(&file, public).expect("it can be written");
    let output = rehearse(temporary.path(), &["--config", text(&file)]).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("neither onion nor I2P"), "{output:?}");

    let no_tor = rehearse(temporary.path(), &[]).env("PATH", "/nonexistent").output().expect("the program starts");
    assert_eq!(no_tor.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&no_tor.stderr).contains("apt-get install tor"), "{no_tor:?}");
}

#[test]
fn the_network_ends_with_a_rehearsal_that_is_killed() {
    let temporary = temporary();
    let killed =
        interrupted_at(temporary.path(), "\"step\":\"introducer\",\"title\"", "-KILL").wait().expect("it ends");
    assert_eq!(killed.signal(), Some(9));
    // The daemons see the end of their owner by themselves, within their own interval of looking.
    until("the daemons end by themselves", || {
        thread::sleep(Duration::from_millis(100));
        !processes_of(temporary.path()).iter().any(|command| command.starts_with("tor "))
    });
}
