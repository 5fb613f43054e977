//! A tor of the network, where a failure ends the test.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{fail, keep_if_panicking, product};

/// A running tor. Dropping it stops it.
pub struct TorDaemon {
    daemon: product::TorDaemon,
    network: Arc<product::TorNetwork>,
}

impl TorDaemon {
    pub(super) fn new(daemon: product::TorDaemon, network: &Arc<product::TorNetwork>) -> Self {
        Self { daemon, network: Arc::clone(network) }
    }

    /// Its directory: torrc, control socket, log, and whatever `{dir}` in its torrc puts there.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.daemon.dir()
    }

    /// Where [`super::CLIENT_TORRC`] puts the SOCKS socket.
    #[must_use]
    pub fn socks_path(&self) -> PathBuf {
        self.daemon.socks_path()
    }

    /// Where it logs, at level notice.
    #[must_use]
    pub fn log_path(&self) -> PathBuf {
        self.daemon.log_path()
    }

    /// The process id while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.daemon.pid()
    }

    /// The `.onion` address of the service whose `HiddenServiceDir` is `{dir}/<service_dir>`, or an absolute path.
    #[must_use]
    #[track_caller]
    pub fn hostname(&self, service_dir: &str) -> String {
        self.daemon.hostname(service_dir).unwrap_or_else(|error| fail(&error))
    }

    /// Sends a control command and returns the lines of the answer.
    ///
    /// # Errors
    /// With tor's own words when it refuses the command.
    pub fn control(&self, command: &str) -> io::Result<Vec<String>> {
        self.daemon.control(command)
    }

    /// Waits until the descriptors of its onion service were uploaded since it started.
    #[track_caller]
    pub fn wait_descriptor_uploaded(&self) {
        self.daemon.wait_descriptor_uploaded().unwrap_or_else(|error| fail(&error));
    }

    /// Does something that changes the service's descriptor, then waits until the new ones were uploaded.
    #[track_caller]
    pub fn wait_descriptor_uploaded_after(&self, change: impl FnOnce(&Self)) {
        let waited = self.daemon.wait_descriptor_uploaded_after(|_| change(self));
        waited.unwrap_or_else(|error| fail(&error));
    }

    /// Makes tor read its torrc and its client authorizations again, as SIGHUP does.
    #[track_caller]
    pub fn reload(&self) {
        self.daemon.reload().expect("tor takes the signal");
    }

    /// Makes tor use new circuits and forget the descriptors it fetched. Tor delays this when asked twice within 10 s.
    #[track_caller]
    pub fn newnym(&self) {
        self.daemon.newnym().expect("tor takes the signal");
    }

    /// Stops it and returns when it is gone.
    pub fn stop(&mut self) {
        self.daemon.stop();
    }

    /// Ends it without giving it a chance to do anything about it.
    pub fn kill(&mut self) {
        self.daemon.kill();
    }

    /// Starts it again with the same torrc and the same data, and waits until it has bootstrapped.
    #[track_caller]
    pub fn restart(&mut self) {
        self.daemon.restart().unwrap_or_else(|error| fail(&error));
    }
}

impl Drop for TorDaemon {
    fn drop(&mut self) {
        keep_if_panicking(&self.network);
    }
}
