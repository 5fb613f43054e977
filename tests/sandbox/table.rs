//! Every line of the attack is denied, whoever runs the process.

use anteroom::sandbox::{self, Profile};

use crate::check::{Checked, PROFILES, Program, User};

/// Lines of the shortest table, the supervisor's, with some to spare for those that come and go.
const LINES_MIN: usize = 40;
/// What no kernel denies, and so the only lines that may be.
const UNAVOIDABLE: [&str; 1] = ["whether a path exists"];

fn withstands(checked: &Checked, what: &str) {
    assert!(checked.success, "{what}: {}", checked.said);
    let lines = checked.lines();
    assert!(lines.len() >= LINES_MIN, "{what}: {lines:?}");
    for line in lines {
        assert!(line.denied || UNAVOIDABLE.contains(&line.name.as_str()), "{what}: {line:?}");
    }
    for required in ["descriptors", "privileges", "dumps", "calls"] {
        assert_eq!(checked.layer(required).0, "applied", "{what}: {required}");
    }
}

#[test]
fn every_profile_withstands_the_attack_as_root() {
    let program = Program::new();
    for profile in PROFILES {
        withstands(&program.check(User::Root, &["--profile", profile]), profile);
    }
}

#[test]
fn every_profile_withstands_the_attack_as_an_ordinary_user() {
    let program = Program::new();
    for profile in PROFILES {
        withstands(&program.check(User::Ordinary, &["--profile", profile]), profile);
    }
}

#[test]
fn the_level_kill_withstands_it_too() {
    let program = Program::new();
    for profile in PROFILES {
        withstands(&program.check(User::Ordinary, &["--profile", profile, "--level", "kill"]), profile);
    }
}

/// A test of the test: without a sandbox the kernel lets through what the attack tries.
#[test]
fn without_a_sandbox_the_attack_succeeds() {
    // What a kernel was built without is refused by any.
    const NOT_BUILT_MAX: usize = 8;
    for profile in Profile::ALL {
        let attempts = sandbox::attack(profile);
        let refused: Vec<_> = attempts.iter().filter(|attempt| attempt.denied).map(|attempt| attempt.name).collect();
        assert!(refused.len() <= NOT_BUILT_MAX, "{profile:?}: {refused:?}");
        assert!(attempts.len() > LINES_MIN, "{profile:?}");
    }
}

#[test]
fn the_level_seccomp_has_what_is_required_and_says_what_it_leaves_out() {
    let program = Program::new();
    for profile in PROFILES {
        let checked = program.check(User::Ordinary, &["--profile", profile, "--level", "seccomp"]);
        assert!(checked.success, "{}", checked.said);
        assert_eq!(checked.layer("namespaces").0, "not-applied");
        assert_eq!(checked.layer("files").0, "not-applied");
        assert_eq!(checked.layer("calls").0, "applied");
        let of_calls = checked.lines().into_iter().filter(|line| line.layer.as_deref() == Some("calls"));
        assert_eq!(of_calls.filter(|line| !line.denied).map(|line| line.name).collect::<Vec<_>>(), [""; 0]);
    }
}

#[test]
fn the_level_off_is_off_and_says_so() {
    let checked = Program::new().check(User::Ordinary, &["--profile", "unix-accept", "--level", "off"]);
    assert!(checked.success && checked.lines().is_empty(), "{checked:?}");
    assert_eq!(checked.layer("calls"), ("not-applied".into(), "switched off in the configuration".into()));
}

#[test]
fn what_a_system_does_not_give_is_told_and_the_rest_holds() {
    let program = Program::new();
    // A user namespace in which no further namespace can be made.
    let script = "echo 0 > /proc/sys/user/max_net_namespaces; echo 0 > /proc/sys/user/max_user_namespaces; exec \"$@\"";
    let root = ["unshare", "-Ur", "sh", "-c", script, "sh"];
    let mut command = std::process::Command::new(root[0]);
    command.args(&root[1..]).arg(program.path()).args(["sandbox-check", "--json", "--profile", "unix-connect"]);
    let checked: Checked = command.output().expect("unshare is installed").into();
    withstands(&checked, "without namespaces");
    let (state, why) = checked.layer("namespaces");
    assert_eq!(state, "not-applied");
    assert!(why.contains("this system gives no user namespace"), "{why}");
}
