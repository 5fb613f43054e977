//! `socks-bridge`: commands reach an introducer through a SOCKS port of 127.0.0.1.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the other side of the bridge is a TCP port, with a thread for each direction"
)]

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    path::PathBuf,
    thread,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::network::{Network, eventually};

/// A SOCKS proxy on a TCP port: the one of the test, which has an AF_UNIX socket.
fn tcp_proxy(socks: PathBuf) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            join(client.unwrap(), UnixStream::connect(&socks).unwrap());
        }
    });
    address
}

fn join(client: TcpStream, proxy: UnixStream) {
    let (mut from_client, mut to_proxy) = (client.try_clone().unwrap(), proxy.try_clone().unwrap());
    thread::spawn(move || {
        // Either side may break off: the other sees the end of the stream.
        let _ = io::copy(&mut from_client, &mut to_proxy);
        let _ = to_proxy.shutdown(Shutdown::Write);
    });
    thread::spawn(move || {
        let (mut from_proxy, mut to_client) = (proxy, client);
        let _ = io::copy(&mut from_proxy, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Write);
    });
}

#[test]
fn commands_pass_it_and_it_ends_at_a_signal() {
    let mut network = Network::new(&[1]);
    network.serve(1, "");
    let target = tcp_proxy(network.node.path("socks")).to_string();
    let mut bridge = network.node.start(&["socks-bridge", "--listen", "bridge", "--to", &target], "bridge");
    let ready = || network.node.read("bridge.said").contains("can now reach the SOCKS port").then_some(());
    eventually("the bridge is ready", ready);

    network.node.write("node.toml", &network.node.read("node.toml").replace("\"socks\"", "\"bridge\""));
    let published = network.node.run(&["node", "publish", "--config", "node.toml"]);
    assert_eq!(published.code, 0, "{}", published.said);
    let listed = network.node.run(&["list", "--config", "node.toml", "--json"]);
    assert_eq!((listed.code, listed.json()["seq"].as_u64()), (0, Some(1)), "{}", listed.said);
    let second = network.node.run(&["socks-bridge", "--listen", "bridge", "--to", &target]);
    assert_eq!(second.code, 1);
    assert!(second.said.contains("another process listens on bridge"), "{}", second.said);

    kill_process(Pid::from_child(&bridge), Signal::TERM).unwrap();
    assert_eq!(bridge.wait().unwrap().code(), Some(0));
    assert!(!network.node.path("bridge").exists());
    let ended = network.node.run(&["list", "--config", "node.toml"]);
    assert_eq!(ended.code, 4);
    assert!(ended.said.contains("no SOCKS proxy answers on its socket"), "{}", ended.said);
}

#[test]
fn where_nothing_listens_behind_it_a_command_says_so() {
    let network = Network::new(&[1]);
    // The discard port of loopback: nobody has it.
    let mut bridge = network.node.start(&["socks-bridge", "--listen", "bridge", "--to", "127.254.253.252:9"], "bridge");
    eventually("the bridge is ready", || network.node.path("bridge").exists().then_some(()));
    let ended = network.node.run(&["list", "--config", "node.toml", "--socks", "bridge"]);
    bridge.kill().unwrap();
    bridge.wait().unwrap();
    assert_eq!(ended.code, 4);
    assert!(ended.said.contains("the SOCKS proxy broke off"), "{}", ended.said);
}
