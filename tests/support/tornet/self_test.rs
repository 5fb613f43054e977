//! The network proves itself before anything is concluded from a test that uses it.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Instant;

use super::{CLIENT_TORRC, EchoService, TorNetwork, socks};

const SERVICE_TORRC: &str = "\
HiddenServiceDir {dir}/hs
HiddenServicePort 80 unix:{dir}/echo.sock
HiddenServiceExportCircuitID haproxy
";

/// See [`TorNetwork::self_test`].
pub fn run(network: &TorNetwork) {
    let echo = EchoService::listen(&network.dir("self-test-service").join("echo.sock"));
    let began = Instant::now();
    let (service, client) = thread::scope(|scope| {
        let client = scope.spawn(|| network.daemon("self-test-client", CLIENT_TORRC));
        let service = network.daemon("self-test-service", SERVICE_TORRC);
        (service, client.join().expect("the client's panic is shown above"))
    });
    service.wait_descriptor_uploaded();
    let uploaded = began.elapsed().as_secs_f32();

    let connecting = Instant::now();
    let mut stream = socks::connect_eventually(&client.socks_path(), &service.hostname("hs"), 80, None);
    exchange(&mut stream, b"is anybody there?");
    let connected = connecting.elapsed().as_secs_f32();

    let lines = echo.proxy_lines();
    let is_proxy_line = |line: &String| line.starts_with("PROXY TCP6 fc00:dead:beef:4dad:") && line.ends_with("\r\n");
    assert!(lines.iter().all(is_proxy_line) && !lines.is_empty(), "not PROXY lines: {lines:?}");
    eprintln!(
        "private Tor network: self-test passed; service uploaded after {uploaded:.1} s, answer after {connected:.1} s"
    );
}

fn exchange(stream: &mut UnixStream, message: &[u8]) {
    stream.write_all(message).expect("the stream is open");
    let mut answer = vec![0; message.len()];
    stream.read_exact(&mut answer).expect("the echo answers");
    assert_eq!(answer, message);
}
