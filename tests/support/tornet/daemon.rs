//! A tor in the network that is no node of it: a client, an onion service, or both.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Shared;
use super::control::ControlConnection;
use super::process::{Failure, Launch, TorProcess};

/// For one bootstrap. Nearly all take 2 to 14 s; the few that are slower were seen to hang at 95 % for good.
const BOOTSTRAP_SECONDS_MAX: u64 = 30;

/// Starts of one daemon before giving up, each with a new data directory. Hanging is so rare that three in a row mean
/// that the network itself is broken.
const BOOTSTRAP_STARTS_MAX: usize = 3;

/// For the first descriptor of a service that has bootstrapped; 1 to 10 s were measured.
const UPLOAD_SECONDS_MAX: u64 = 90;

/// A running tor. Dropping it stops it.
pub struct TorDaemon {
    name: String,
    dir: PathBuf,
    data_dirs_used: usize,
    running: Option<Running>, // before `shared`: tor ends before its directory goes
    shared: Arc<Shared>,
}

struct Running {
    process: Mutex<TorProcess>,
    uploads: Mutex<Uploads>,
}

/// Descriptor events, asked for before the first can happen.
struct Uploads {
    events: ControlConnection,
    any: bool,
}

impl TorDaemon {
    #[track_caller]
    pub(super) fn start(shared: &Arc<Shared>, name: &str, torrc_text: &str) -> Self {
        let dir = shared.home.subdir(name);
        let torrc = dir.join("torrc");
        assert!(!torrc.exists(), "there is a tor named {name} in this network already");
        fs::write(&torrc, torrc_text.replace("{dir}", &dir.display().to_string())).expect("the directory is writable");
        let mut daemon =
            Self { name: name.to_owned(), dir, data_dirs_used: 1, running: None, shared: Arc::clone(shared) };
        daemon.launch();
        daemon
    }

    /// Its directory: torrc, control socket, log, and whatever `{dir}` in its torrc puts there.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where [`super::CLIENT_TORRC`] puts the SOCKS socket.
    #[must_use]
    pub fn socks_path(&self) -> PathBuf {
        self.dir.join("socks")
    }

    /// Where it logs, at level notice.
    #[must_use]
    pub fn log_path(&self) -> PathBuf {
        self.dir.join("notice.log")
    }

    /// The process id while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.running.as_ref().map(|running| lock(&running.process).pid())
    }

    /// The `.onion` address of the service whose `HiddenServiceDir` is `{dir}/<service_dir>`, or an absolute path.
    ///
    /// # Panics
    /// When there is no such service.
    #[must_use]
    #[track_caller]
    pub fn hostname(&self, service_dir: &str) -> String {
        let file = self.dir.join(service_dir).join("hostname");
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("cannot read {}: {error}", file.display()));
        text.trim().to_owned()
    }

    /// Sends a control command and returns the lines of the answer.
    ///
    /// # Errors
    /// With tor's own words when it refuses the command.
    pub fn control(&self, command: &str) -> io::Result<Vec<String>> {
        let running = self.running.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        lock(&running.process).command(command)
    }

    /// Waits until the descriptors of its onion service were uploaded since it started, to every directory that is to
    /// have them. After a restart one that does not would hand out the old descriptor.
    ///
    /// # Panics
    /// When none is uploaded in time, or when tor is not running.
    #[track_caller]
    pub fn wait_descriptor_uploaded(&self) {
        let mut uploads = lock(&self.running().uploads);
        if !uploads.any {
            await_uploads(&mut uploads.events).unwrap_or_else(|error| self.fail(&format!("no descriptor: {error}")));
            uploads.any = true;
        }
    }

    /// Does something that changes the service's descriptor, then waits until the new ones were uploaded.
    ///
    /// # Panics
    /// As [`TorDaemon::wait_descriptor_uploaded`].
    #[track_caller]
    pub fn wait_descriptor_uploaded_after(&self, change: impl FnOnce(&Self)) {
        let opened = lock(&self.running().process).second_connection().and_then(subscribe);
        let mut events = opened.unwrap_or_else(|error| self.fail(&format!("no events: {error}")));
        change(self);
        await_uploads(&mut events).unwrap_or_else(|error| self.fail(&format!("no descriptor: {error}")));
    }

    /// Makes tor read its torrc and its client authorizations again, as SIGHUP does.
    #[track_caller]
    pub fn reload(&self) {
        self.signal("RELOAD");
    }

    /// Makes tor use new circuits and forget the descriptors it fetched. Tor delays this when asked twice within 10 s.
    #[track_caller]
    pub fn newnym(&self) {
        self.signal("NEWNYM");
    }

    /// Stops it and returns when it is gone.
    pub fn stop(&mut self) {
        self.running = None;
    }

    /// Ends it without giving it a chance to do anything about it.
    pub fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            lock(&running.process).kill();
        }
    }

    /// Starts it again, after stopping it if need be, with the same torrc and the same data, and waits until it has
    /// bootstrapped.
    ///
    /// A client that holds the descriptor of a service from before [`TorDaemon::kill`] often waits up to two minutes
    /// for an answer through the old introduction points; [`TorDaemon::newnym`] at the client makes it fetch the new.
    ///
    /// # Panics
    /// As [`super::TorNetwork::daemon`].
    #[track_caller]
    pub fn restart(&mut self) {
        self.stop();
        self.launch();
    }

    #[track_caller]
    fn launch(&mut self) {
        let mut complaint = String::new();
        for start in 1..=BOOTSTRAP_STARTS_MAX {
            let began = Instant::now();
            match self.bring_up() {
                Ok(running) => {
                    self.running = Some(running);
                    let seconds = began.elapsed().as_secs_f32();
                    self.shared.report(&format!("{} bootstrapped after {seconds:.1} s", self.name));
                    return;
                }
                Err(Failure::Exited(why)) => self.fail(&why),
                Err(Failure::Stalled(why)) => complaint = why,
            }
            self.data_dirs_used += 1;
            self.shared.report(&format!("{} start {start} of {BOOTSTRAP_STARTS_MAX} failed: {complaint}", self.name));
        }
        self.fail(&complaint);
    }

    fn bring_up(&self) -> Result<Running, Failure> {
        let data = self.shared.home.subdir(&format!("{}/data{}", self.name, self.data_dirs_used));
        let mut process = TorProcess::spawn(&Launch {
            dir: &self.dir,
            data: &data,
            torrc: &self.dir.join("torrc"),
            defaults: &self.shared.network_torrc,
        });
        process.take_ownership()?;
        let events = process.second_connection().and_then(subscribe);
        let events = events.map_err(|error| Failure::Stalled(format!("no events: {error}")))?;
        process.await_bootstrap(BOOTSTRAP_SECONDS_MAX)?;
        Ok(Running { process: Mutex::new(process), uploads: Mutex::new(Uploads { events, any: false }) })
    }

    #[track_caller]
    fn signal(&self, signal: &str) {
        let sent = self.control(&format!("SIGNAL {signal}"));
        sent.unwrap_or_else(|error| self.fail(&format!("signal {signal} was not taken: {error}")));
    }

    #[track_caller]
    fn running(&self) -> &Running {
        self.running.as_ref().unwrap_or_else(|| self.fail("it is not running"))
    }

    #[track_caller]
    fn fail(&self, why: &str) -> ! {
        self.shared.home.keep();
        panic!("tor {}: {why}; logs are in {}", self.name, self.dir.display());
    }
}

impl Drop for TorDaemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shared.home.keep();
        }
    }
}

fn subscribe(mut connection: ControlConnection) -> io::Result<ControlConnection> {
    connection.command("SETEVENTS HS_DESC")?;
    Ok(connection)
}

/// Follows `650 HS_DESC UPLOAD <address> …` and what became of each: `UPLOADED` or `FAILED` (control-spec, "Hidden
/// service descriptors"). Tor begins all uploads of one occasion before the first can end.
fn await_uploads(events: &mut ControlConnection) -> io::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(UPLOAD_SECONDS_MAX);
    let (mut begun, mut done, mut failed) = (0, 0, 0);
    while done == 0 || begun > done + failed {
        let event = events.event(deadline, |line| line.contains(" HS_DESC "))?;
        match event.split(' ').nth(2) {
            Some("UPLOAD") => begun += 1,
            Some("UPLOADED") => done += 1,
            Some("FAILED") => failed += 1,
            _ => {}
        }
    }
    Ok(())
}

/// A test that panicked while it held the lock has failed already; the others can still use the daemon.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
