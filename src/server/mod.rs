//! The introducer: one thread that owns the directory and every stream, and one thread that owns the store.
//!
//! accept → decode → verify → admit → store → answer. Everything on the event loop's thread is `Rc<RefCell<…>>` and is
//! borrowed between two awaits, never across one; so there is no lock, and a record is seen by all or by nobody.

mod connection;
mod descriptors;
mod dispatch;
mod documents;
mod fairness;
mod housekeeping;
mod load;
mod restart;
mod state;
mod streaming;

use std::{cell::RefCell, collections::BTreeSet, io, path::PathBuf, rc::Rc, time::Duration};

use tokio::{signal::unix::SignalKind, sync::mpsc, task::LocalSet};

use crate::{
    ambient,
    config::{ConfigError, IntroducerConfig},
    net::{BoundSocket, ListenError, Listener},
    store::{self, GroupCommit, Limits, OpenError},
};
pub use restart::RestartError;
use state::{Completed, Shared, State};

/// Streams may finish what they are at after SIGTERM; a Tor round trip takes about a second.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);
/// Pause after an accept that failed (too many open files): the next would fail at once, too.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// What keeps streams from being accepted (too many open files) is told so often at most: it fails by the second.
const TELL_ERROR_AGAIN_MILLIS: u64 = 60 * 60 * 1000;
/// Users refused at the socket that the log names, each once.
const TOLD_UIDS_MAX: usize = 16;

/// Why an introducer does not start, or ends.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The socket.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The store.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// What the store holds.
    #[error(transparent)]
    Restart(#[from] RestartError),
    /// The store failed while running. What was acknowledged is on disk.
    #[error("the store failed: {0}. What was acknowledged is safe; check the disk, then start again")]
    Store(String),
    /// The system.
    #[error("the system does not give what an introducer needs: {0}")]
    System(#[from] io::Error),
}

/// What an introducer needs and makes while it still may: afterwards it opens what is in its state directory, accepts on
/// its socket, and makes no other.
#[derive(Debug)]
pub struct Prepared {
    socket: BoundSocket,
}

/// Makes the state directory, and without an inherited `socket` the one of the configuration.
///
/// # Errors
/// See [`ServeError`].
pub fn prepare(config: &IntroducerConfig, socket: Option<BoundSocket>) -> Result<Prepared, ServeError> {
    store::make_directory(&config.state)?;
    let socket = socket.map_or_else(|| BoundSocket::bind(&config.socket, config.socket_mode), Ok)?;
    Ok(Prepared { socket })
}

/// Runs an introducer until SIGTERM, SIGINT or the end of `until`. `reload` is asked on SIGHUP.
///
/// # Errors
/// See [`ServeError`].
pub fn run(
    prepared: Prepared,
    config: IntroducerConfig,
    until: impl Future<Output = ()>,
    reload: impl Fn() -> Result<IntroducerConfig, ConfigError> + 'static,
) -> Result<(), ServeError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    let ended = LocalSet::new().block_on(&runtime, serve(prepared, config, until, reload));
    // A store that is still being checked is not waited for: up to the end of the check nothing is written to it.
    runtime.shutdown_background();
    ended
}

async fn serve(
    prepared: Prepared,
    mut config: IntroducerConfig,
    until: impl Future<Output = ()>,
    reload: impl Fn() -> Result<IntroducerConfig, ConfigError> + 'static,
) -> Result<(), ServeError> {
    let mut signals = Signals::new()?;
    config.limits.streams_max = descriptors::streams_max(config.limits.streams_max);
    let opened = store::open(&config.state, Limits { content_bytes_max: config.limits.store_bytes_max })?;
    let listener = prepared.socket.listen()?;
    tokio::pin!(until);
    tracing::info!("listening; checking what the store holds, publishes and lookups are answered Busy meanwhile");

    let generation = u64::from_le_bytes(ambient::random()?);
    let (completed, completions) = mpsc::unbounded_channel();
    let shared: Shared = Rc::new(RefCell::new(State::new(&config)));
    let accepting = tokio::task::spawn_local(accept(listener, Rc::clone(&shared), config.carrier_uids.clone()));

    let restored = tokio::task::spawn_blocking({
        let (policy, now) = (config.policy.clone(), ambient::now());
        move || restart::restore(opened, policy, now, generation)
    });
    let (store, directory) = tokio::select! {
        // What broke off may have quoted a record: its message is not handed on.
        restored = restored => restored.map_err(|_| io::Error::other("the check of the store broke off"))??,
        () = signals.stop() => return Ok(()),
        () = &mut until => return Ok(()),
    };
    tracing::info!(records = directory.listed(), "ready");
    let committer = GroupCommit::start(store, ambient::steady_millis, move |tokens, result| {
        // The event loop is gone only when the process ends.
        let _ = completed.send(Completed { tokens, result });
    })?;
    shared.borrow_mut().open(directory, committer);
    housekeeping::confirm_clock(&shared, &config.state);
    documents::take_file(&shared, config.revocations.as_deref());

    let keeping = tokio::task::spawn_local(housekeeping::keep(Rc::clone(&shared)));
    let applying = housekeeping::apply_completions(Rc::clone(&shared), completions);
    tokio::pin!(applying);
    let reloading = async {
        while signals.hangup.recv().await.is_some() {
            housekeeping::reload(&shared, reload());
        }
    };
    let ended = tokio::select! {
        failed = &mut applying => Err(ServeError::Store(failed)),
        () = wait_for_stop(&mut signals.terminate, &mut signals.interrupt) => Ok(()),
        () = &mut until => Ok(()),
        () = reloading => Ok(()),
    };
    accepting.abort();
    keeping.abort();
    match ended {
        Ok(()) => shut_down(&shared, applying).await,
        failed => failed,
    }
}

/// Takes streams until aborted; dropping the listener removes the socket.
async fn accept(listener: Listener, shared: Shared, carrier_uids: Vec<u32>) {
    // What was told already: whoever connects in a loop shall not fill the log.
    let (mut told_uids, mut tell_error_from) = (BTreeSet::new(), 0);
    loop {
        match listener.accept().await {
            Ok((stream, uid)) if carrier_uids.contains(&uid) => {
                connection::spawn(stream, &shared);
                // A stream that was displaced closes its file now, before the next one opens another.
                tokio::task::yield_now().await;
            }
            Ok((_, uid)) => {
                if told_uids.len() < TOLD_UIDS_MAX && told_uids.insert(uid) {
                    tracing::warn!(
                        uid,
                        "refused a process of a user that is not in `carrier_uids` (65534 stands for any other user)"
                    );
                }
            }
            Err(error) => {
                let now = ambient::steady_millis();
                if now >= tell_error_from {
                    tracing::warn!(%error, "a stream could not be accepted");
                    tell_error_from = now + TELL_ERROR_AGAIN_MILLIS;
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// No new work; what is on its way to the disk gets there and is answered, which takes that it goes on being applied.
async fn shut_down(shared: &Shared, applying: impl Future<Output = String>) -> Result<(), ServeError> {
    tracing::info!("stopping");
    let mut streams = shared.borrow().announce_stop();
    tokio::select! {
        failed = applying => return Err(ServeError::Store(failed)),
        _ = tokio::time::timeout(SHUTDOWN_GRACE, streams.wait_for(|count| *count == 0)) => {}
    }
    let committer = shared.borrow_mut().close();
    if let Some(committer) = committer {
        committer.shutdown();
    }
    tracing::info!("stopped");
    Ok(())
}

struct Signals {
    hangup: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            hangup: tokio::signal::unix::signal(SignalKind::hangup())?,
            interrupt: tokio::signal::unix::signal(SignalKind::interrupt())?,
            terminate: tokio::signal::unix::signal(SignalKind::terminate())?,
        })
    }

    async fn stop(&mut self) {
        wait_for_stop(&mut self.terminate, &mut self.interrupt).await;
    }
}

async fn wait_for_stop(terminate: &mut tokio::signal::unix::Signal, interrupt: &mut tokio::signal::unix::Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Where the operator's word on the clock lies, in the state directory.
pub const CLOCK_CONFIRMED_FILE: &str = "clock-confirmed";

/// Path of [`CLOCK_CONFIRMED_FILE`].
pub(crate) fn clock_confirmed_path(state: &std::path::Path) -> PathBuf {
    state.join(CLOCK_CONFIRMED_FILE)
}
