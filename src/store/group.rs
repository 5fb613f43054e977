//! Group commit: whoever waits for the disk waits together, on a thread of its own.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
};

use super::{CommitError, Marks, Store, Write};

/// Submissions that may wait. A group takes a few milliseconds; who finds a thousand in front is better told that the
/// introducer is busy.
pub const QUEUE_SUBMISSIONS_MAX: usize = 1024;
/// Changes in one group: at two kilobytes each they fit redb's write buffer, and a group stays a matter of milliseconds.
pub const GROUP_WRITES_MAX: usize = 512;

/// The queue is full (or the thread is gone): the submission comes back, nothing of it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many changes wait for the store")]
pub struct Backlog<T>(pub T);

/// A store behind a queue.
///
/// Each submission has a token (what to answer, and to whom). `complete` gets the tokens of a group when it is durable or
/// has failed, in the order of submission. In a full store a group fails in two parts: what only makes room is tried by
/// itself.
pub struct GroupCommit<T> {
    queue: Arc<Queue<T>>,
    thread: Option<JoinHandle<Store>>,
}

struct Queue<T> {
    waiting: Mutex<Waiting<T>>,
    wake: Condvar,
}

struct Waiting<T> {
    submissions: VecDeque<Submission<T>>,
    open: bool,
}

struct Submission<T> {
    writes: Vec<Write>,
    marks: Option<Marks>,
    token: T,
}

impl<T: Send + 'static> GroupCommit<T> {
    /// Starts the thread. `clock` gives milliseconds of a clock that only goes forward.
    ///
    /// # Errors
    /// When the operating system starts no thread.
    pub fn start(
        store: Store,
        clock: impl FnMut() -> u64 + Send + 'static,
        complete: impl FnMut(Vec<T>, Result<(), CommitError>) + Send + 'static,
    ) -> io::Result<Self> {
        let waiting = Mutex::new(Waiting { submissions: VecDeque::new(), open: true });
        let queue = Arc::new(Queue { waiting, wake: Condvar::new() });
        let worker = Worker { queue: Closing(Arc::clone(&queue)), store, clock, complete };
        let thread = std::thread::Builder::new().name("store".into()).spawn(move || worker.run())?;
        Ok(Self { queue, thread: Some(thread) })
    }

    /// Hands over changes that belong together, and the marks to go with them when they changed.
    ///
    /// # Errors
    /// Gives the token back when too many wait; nothing was done.
    pub fn submit(&self, writes: Vec<Write>, marks: Option<Marks>, token: T) -> Result<(), Backlog<T>> {
        let mut waiting = self.queue.lock();
        if !waiting.open || waiting.submissions.len() >= QUEUE_SUBMISSIONS_MAX {
            return Err(Backlog(token));
        }
        waiting.submissions.push_back(Submission { writes, marks, token });
        drop(waiting);
        self.queue.wake.notify_one();
        Ok(())
    }

    /// Completes everything submitted and gives the store back; `None` when `complete` panicked.
    pub fn shutdown(mut self) -> Option<Store> {
        self.finish()
    }
}

impl<T> GroupCommit<T> {
    fn finish(&mut self) -> Option<Store> {
        self.queue.close();
        self.thread.take().and_then(|thread| thread.join().ok())
    }
}

impl<T> Drop for GroupCommit<T> {
    fn drop(&mut self) {
        self.finish();
    }
}

impl<T> Queue<T> {
    /// No panic happens under this lock, so its content is whole even if it were poisoned.
    fn lock(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.lock().open = false;
        self.wake.notify_all();
    }

    /// The next group, once there is one; `None` when there will be none.
    fn next(&self) -> Option<Vec<Submission<T>>> {
        let mut waiting = self.lock();
        while waiting.submissions.is_empty() {
            if !waiting.open {
                return None;
            }
            waiting = self.wake.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        let mut writes = 0;
        let fitting = waiting.submissions.iter().take_while(|submission| {
            writes += submission.writes.len();
            writes <= GROUP_WRITES_MAX
        });
        // One larger than a group is a group.
        let count = fitting.count().max(1);
        Some(waiting.submissions.drain(..count).collect())
    }
}

/// Closes the queue however the thread ends, so that nobody waits for it.
struct Closing<T>(Arc<Queue<T>>);

impl<T> Drop for Closing<T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

struct Worker<T, Clock, Complete> {
    queue: Closing<T>,
    store: Store,
    clock: Clock,
    complete: Complete,
}

impl<T, Clock, Complete> Worker<T, Clock, Complete>
where
    Clock: FnMut() -> u64,
    Complete: FnMut(Vec<T>, Result<(), CommitError>),
{
    fn run(mut self) -> Store {
        while let Some(group) = self.queue.0.next() {
            self.commit(group);
        }
        self.store
    }

    fn commit(&mut self, group: Vec<Submission<T>>) {
        let result = self.write(&group);
        if !matches!(result, Err(CommitError::Full)) {
            return self.complete(group, result);
        }
        // What makes room must get through where there is none, or there never would be any again.
        let (freeing, growing): (Vec<_>, Vec<_>) =
            group.into_iter().partition(|submission| submission.writes.iter().all(Write::frees));
        if growing.is_empty() {
            return self.complete(freeing, result);
        }
        self.complete(growing, result);
        if !freeing.is_empty() {
            let result = self.write(&freeing);
            self.complete(freeing, result);
        }
    }

    fn complete(&mut self, group: Vec<Submission<T>>, result: Result<(), CommitError>) {
        (self.complete)(group.into_iter().map(|submission| submission.token).collect(), result);
    }

    fn write(&mut self, group: &[Submission<T>]) -> Result<(), CommitError> {
        let writes: Vec<&Write> = group.iter().flat_map(|submission| &submission.writes).collect();
        let marks = group.iter().rev().find_map(|submission| submission.marks).unwrap_or_else(|| self.store.marks());
        self.store.commit(&writes, marks, (self.clock)())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::store::{
        fault::Disk,
        model::{Model, Workload, load_disk},
    };

    type Told = (Vec<usize>, Result<(), CommitError>);

    fn started() -> (Arc<Disk>, GroupCommit<usize>, mpsc::Receiver<Told>, Arc<Mutex<()>>) {
        let disk = Arc::new(Disk::default());
        let store = load_disk(&disk).unwrap().1.accept().unwrap();
        let (tell, told) = mpsc::channel();
        let gate = Arc::new(Mutex::new(()));
        let clock = {
            let gate = Arc::clone(&gate);
            move || {
                drop(gate.lock());
                0
            }
        };
        let group = GroupCommit::start(store, clock, move |tokens, result| tell.send((tokens, result)).unwrap());
        (disk, group.unwrap(), told, gate)
    }

    #[test]
    fn every_token_comes_back_once_in_order_and_everything_is_there_after_a_shutdown() {
        let (disk, group, told, gate) = started();
        let mut workload = Workload::new(1, 50);
        let mut model = Model::default();
        let shut = gate.lock().unwrap();
        for token in 0..QUEUE_SUBMISSIONS_MAX {
            let (writes, marks) = (workload.group(6), workload.marks());
            model.apply(&writes, marks);
            group.submit(writes, Some(marks), token).unwrap();
        }
        drop(shut);
        assert_eq!(group.shutdown().unwrap().marks(), model.marks);
        let told: Vec<Told> = told.iter().collect();
        let most = told.iter().map(|(tokens, _)| tokens.len()).max().unwrap();
        assert!((50..=GROUP_WRITES_MAX).contains(&most), "groups of {most} at most");
        assert!(told.iter().all(|(_, result)| result.is_ok()));
        let tokens: Vec<usize> = told.into_iter().flat_map(|(tokens, _)| tokens).collect();
        assert_eq!(tokens, (0..QUEUE_SUBMISSIONS_MAX).collect::<Vec<_>>());
        assert_eq!(load_disk(&disk).unwrap().0, model);
    }

    #[test]
    fn a_full_queue_gives_the_token_back() {
        let (_disk, group, told, gate) = started();
        let shut = gate.lock().unwrap();
        // Those the thread has already taken make room for as many again.
        let refused = (0..2 * QUEUE_SUBMISSIONS_MAX + 1).find(|token| group.submit(Vec::new(), None, *token).is_err());
        let accepted = refused.expect("a queue without a bound");
        drop(shut);
        drop(group);
        assert_eq!(told.iter().map(|(tokens, _)| tokens.len()).sum::<usize>(), accepted);
    }

    #[test]
    fn a_group_that_fails_fails_all_its_tokens_and_so_do_later_ones() {
        let (disk, group, told, gate) = started();
        let mut workload = Workload::new(1, 50);
        let shut = gate.lock().unwrap();
        disk.fill_after(Some(1), io::ErrorKind::Other);
        for token in 0..100 {
            group.submit(vec![workload.put()], None, token).unwrap();
        }
        drop(shut);
        drop(group);
        let told: Vec<Told> = told.iter().collect();
        assert!(told.iter().all(|(_, result)| matches!(result, Err(CommitError::Fatal(_)))), "{told:?}");
        assert_eq!(told.iter().map(|(tokens, _)| tokens.len()).sum::<usize>(), 100);
    }
}
