//! A SOCKS port of 127.0.0.1 as an AF_UNIX socket, for clients that shall have no IP socket.

use std::path::PathBuf;

use clap::Args;

use super::{
    failure::{Exit, Failure, system},
    output,
};
use crate::{carrier, net::LoopbackTarget};

#[derive(Args)]
pub(super) struct SocksBridge {
    /// Path of the socket to offer
    #[arg(long, value_name = "PATH")]
    listen: PathBuf,
    /// SOCKS port to connect to: a literal of this machine's loopback, such as 127.0.0.1:9050
    #[arg(long, value_name = "ADDRESS")]
    to: LoopbackTarget,
}

impl SocksBridge {
    pub(super) fn run(self) -> Result<(), Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
        runtime.map_err(system("the event loop does not start"))?.block_on(async {
            let bridge = carrier::SocksBridge::bind(&self.listen, self.to).map_err(|error| {
                Failure::new(Exit::Failed, error).hint("name another path with --listen, in a directory of yours")
            })?;
            output::say("Any process of this user can now reach the SOCKS port through the socket. Ctrl-C ends it.");
            bridge.run(super::output::stop_signal()).await;
            Ok(())
        })
    }
}
