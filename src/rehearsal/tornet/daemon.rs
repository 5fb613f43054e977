//! A tor in the network that is no node of it: a client, an onion service, or both.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    Shared, TornetError,
    control::ControlConnection,
    process::{Launch, TorProcess, log_file},
    torrc,
};
use crate::ambient;

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
    pub(super) fn start(shared: &Arc<Shared>, name: &str, torrc_text: &str) -> Result<Self, TornetError> {
        let dir = shared.home.subdir(name)?;
        let file = dir.join("torrc");
        if file.exists() {
            return Err(TornetError::NameTaken(name.to_owned()));
        }
        torrc::write(&file, &torrc_text.replace("{dir}", &dir.display().to_string()))?;
        let mut daemon =
            Self { name: name.to_owned(), dir, data_dirs_used: 1, running: None, shared: Arc::clone(shared) };
        daemon.launch()?;
        Ok(daemon)
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
        log_file(&self.dir)
    }

    /// The process id while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.running.as_ref().map(|running| lock(&running.process).pid())
    }

    /// The `.onion` address of the service whose `HiddenServiceDir` is `{dir}/<service_dir>`, or an absolute path.
    ///
    /// # Errors
    /// When there is no such service.
    pub fn hostname(&self, service_dir: &str) -> Result<String, TornetError> {
        let file = self.dir.join(service_dir).join("hostname");
        let text = fs::read_to_string(&file);
        let text = text.map_err(TornetError::system(format!("can't read {}", file.display())))?;
        Ok(text.trim().to_owned())
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
    /// # Errors
    /// When none is uploaded in time, or when tor is not running.
    pub fn wait_descriptor_uploaded(&self) -> Result<(), TornetError> {
        let mut uploads = lock(&self.running()?.uploads);
        if !uploads.any {
            self.await_uploads(&mut uploads.events)?;
            uploads.any = true;
        }
        Ok(())
    }

    /// Does something that changes the service's descriptor, then waits until the new ones were uploaded.
    ///
    /// # Errors
    /// As [`TorDaemon::wait_descriptor_uploaded`].
    pub fn wait_descriptor_uploaded_after(&self, change: impl FnOnce(&Self)) -> Result<(), TornetError> {
        let opened = lock(&self.running()?.process).second_connection().and_then(subscribe);
        let mut events = opened.map_err(|error| self.failed(no_events(&error)))?;
        change(self);
        self.await_uploads(&mut events)
    }

    /// Makes tor read its torrc and its client authorizations again, as SIGHUP does.
    ///
    /// # Errors
    /// When it does not take the signal.
    pub fn reload(&self) -> io::Result<()> {
        self.control("SIGNAL RELOAD").map(drop)
    }

    /// Makes tor use new circuits and forget the descriptors it fetched. Tor delays this when asked twice within 10 s.
    ///
    /// # Errors
    /// When it does not take the signal.
    pub fn newnym(&self) -> io::Result<()> {
        self.control("SIGNAL NEWNYM").map(drop)
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
    /// # Errors
    /// As [`super::TorNetwork::daemon`].
    pub fn restart(&mut self) -> Result<(), TornetError> {
        self.stop();
        self.launch()
    }

    fn launch(&mut self) -> Result<(), TornetError> {
        let mut start = 1;
        loop {
            let began = ambient::steady_millis();
            let error = match self.bring_up() {
                Ok(running) => {
                    self.running = Some(running);
                    let millis = ambient::steady_millis().saturating_sub(began);
                    let (seconds, tenths) = (millis / 1000, millis % 1000 / 100);
                    self.shared.report(&format!("{} bootstrapped after {seconds}.{tenths} s", self.name));
                    return Ok(());
                }
                Err(error) => error,
            };
            if start == BOOTSTRAP_STARTS_MAX || !matches!(error, TornetError::Stalled(_)) {
                return Err(self.failed(error));
            }
            self.shared.report(&format!("{} start {start} of {BOOTSTRAP_STARTS_MAX} failed: {error}", self.name));
            self.data_dirs_used += 1;
            start += 1;
        }
    }

    fn bring_up(&self) -> Result<Running, TornetError> {
        let data = self.shared.home.subdir(&format!("{}/data{}", self.name, self.data_dirs_used))?;
        let mut process = TorProcess::spawn(&Launch {
            dir: &self.dir,
            data: &data,
            torrc: &self.dir.join("torrc"),
            defaults: &self.shared.network_torrc,
        })?;
        process.take_ownership(&self.shared.patience)?;
        let events = process.second_connection().and_then(subscribe);
        let events = events.map_err(|error| no_events(&error))?;
        process.await_bootstrap(BOOTSTRAP_SECONDS_MAX, &self.shared.patience)?;
        Ok(Running { process: Mutex::new(process), uploads: Mutex::new(Uploads { events, any: false }) })
    }

    /// Follows `650 HS_DESC UPLOAD <address> …` and what became of each: `UPLOADED` or `FAILED` (control-spec, "Hidden
    /// service descriptors"). Tor begins all uploads of one occasion before the first can end.
    fn await_uploads(&self, events: &mut ControlConnection) -> Result<(), TornetError> {
        let (mut begun, mut done, mut failed) = (0, 0, 0);
        let uploaded = self.shared.patience.poll(UPLOAD_SECONDS_MAX, || {
            while done == 0 || begun > done + failed {
                let event = match events.event() {
                    Ok(event) => event?,
                    Err(error) => return Some(Err(no_events(&error))),
                };
                match event.strip_prefix("650 HS_DESC ").and_then(|rest| rest.split(' ').next()) {
                    Some("UPLOAD") => begun += 1,
                    Some("UPLOADED") => done += 1,
                    Some("FAILED") => failed += 1,
                    _ => {}
                }
            }
            Some(Ok(()))
        })?;
        let stalled = || TornetError::Stalled(format!("no descriptor was uploaded within {UPLOAD_SECONDS_MAX} s"));
        uploaded.unwrap_or_else(|| Err(stalled())).map_err(|error| self.failed(error))
    }

    fn running(&self) -> Result<&Running, TornetError> {
        self.running.as_ref().ok_or_else(|| TornetError::NotRunning(self.name.clone()))
    }

    fn failed(&self, error: TornetError) -> TornetError {
        self.shared.failed(error, &format!("tor {}", self.name), &self.dir)
    }
}

fn no_events(error: &io::Error) -> TornetError {
    TornetError::Stalled(format!("no events: {error}"))
}

fn subscribe(mut connection: ControlConnection) -> io::Result<ControlConnection> {
    connection.command("SETEVENTS HS_DESC")?;
    Ok(connection)
}

/// Who panicked while holding the lock has failed already; the others can still use the daemon.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
