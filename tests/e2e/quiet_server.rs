//! A server in this process, asked everything: no line at level info or above names anybody.

use std::{fs, io::Write as _, thread};

use anteroom::{
    config::IntroducerConfig,
    protocol::{Request, Response},
    record::{ContactRecord, HashedNodeId},
    server,
};
use rustix::process::{Signal, getpid, kill_process};

use crate::{
    quiet,
    support::{
        introducer::until,
        records::{Node, grid, revocations},
        wire::Wire,
    },
};

#[test]
fn a_server_that_is_asked_everything_names_nobody() {
    quiet::listen();
    let directory = tempfile::Builder::new().prefix("anteroom-").tempdir().unwrap();
    let (file, socket) = (directory.path().join("introducer.toml"), directory.path().join("socket"));
    let text = format!(
        "version = 1\ngrid = \"{}\"\nsocket = \"socket\"\nstate = \"state\"\n[admission]\nrevocations = \"revoked\"\n\
         [limits]\nnew_keys_per_hour_max = 2\n",
        grid()
    );
    fs::write(&file, &text).unwrap();
    // No list: the server tells that it can't be read.
    let config = IntroducerConfig::load(&file).unwrap();
    let prepared = server::prepare(&config, None).unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = thread::spawn({
        let file = file.clone();
        move || {
            let ended = async {
                let _ = stopped.await;
            };
            server::run(prepared, config, ended, move || IntroducerConfig::load(&file))
        }
    });
    let ready = |response: Response<'_>| matches!(response, Response::About(_));
    until("the server is ready", || {
        assert!(!server.is_finished(), "the server ended");
        Wire::connect(&socket, quiet::CIRCUIT).and_then(|mut wire| wire.ask(&Request::About, ready)).unwrap_or(false)
    });

    let node = Node::new(77);
    let claims = ContactRecord { nickname: quiet::NICKNAME.parse().ok(), ..node.claims(2) };
    let record = node.sign(&claims);
    let mut wire = Wire::connect(&socket, quiet::CIRCUIT).unwrap();
    let mut forged = record.bytes().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let others = [78, 79].map(|number| Node::new(number).record(1));
    for bytes in [record.bytes(), &forged, &[1; 100], node.record(1).bytes(), node.record(2).bytes()] {
        wire.publish(bytes).unwrap();
    }
    for other in &others {
        wire.publish(other.bytes()).unwrap();
    }
    wire.lookup(*HashedNodeId::new(&grid(), &node.id()).as_bytes()).unwrap();
    wire.list(Some("storage"), None).unwrap();
    wire.put_revocations(revocations(1, &[&node]).bytes()).unwrap();
    wire.put_revocations(&[3; 100]).unwrap();
    wire.revocations().unwrap();
    wire.send(&Request::Evidence { node: *node.id().as_bytes() }).unwrap();
    wire.receive().unwrap();
    let mut bare = Wire::connect_bare(&socket).unwrap();
    bare.stream.write_all(format!("PROXY TCP6 {}\r\n", claims.node).as_bytes()).unwrap();
    assert!(bare.is_closed());
    let mut broken = Wire::connect(&socket, quiet::CIRCUIT).unwrap();
    broken.stream.write_all(&[0xff; 64]).unwrap();
    assert!(broken.is_closed());

    fs::write(&file, text.replace("grid = \"grid1", "grid = \"grid2")).unwrap();
    kill_process(getpid(), Signal::HUP).unwrap();
    until("it says that it goes on with the old rules", || quiet::was_heard("was not reloaded"));
    fs::write(&file, text).unwrap();
    kill_process(getpid(), Signal::HUP).unwrap();
    until("it says that it has the new ones", || quiet::was_heard("the configuration was reloaded"));
    stop.send(()).unwrap();
    server.join().unwrap().unwrap();
    assert!(quiet::was_heard("stopped"), "nothing was looked at");
    quiet::assert_nobody_was_named();
}
