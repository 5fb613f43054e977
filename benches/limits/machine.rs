//! What this machine does by itself: signature checks, flushes to the disk; and the kernel's account of CPU time.

use std::{
    fs,
    io::Write as _,
    thread,
    time::{Duration, Instant},
};

use anteroom::record::{Context, NodeSecret};
use ed25519_dalek::{Signature, VerifyingKey};

use crate::{
    records::RECORD_BYTES,
    report::{Report, row},
    support::records::Node,
};

const FLUSHES: usize = 50;

/// Bare rates, in the same run as everything they are compared with.
pub struct Machine {
    /// `VerifyingKey::from_bytes` and `verify_strict` of a message of a record's size, each with a key of its own, on one
    /// core.
    pub verifications_per_second: f64,
    /// CPU time of one of them.
    pub verification_micros: f64,
}

impl Machine {
    pub fn measure(signatures: usize) -> Self {
        let signed = Signed::some(signatures.min(10_000));
        let (wall, cpu) = verify_on(1, &signed, signatures);
        Self { verifications_per_second: signatures as f64 / wall, verification_micros: cpu * 1e6 / signatures as f64 }
    }

    pub fn describe(&self, report: &mut Report) {
        let what = "verify_strict (and the key's decoding) on one core";
        report.add(row("machine", what, self.verifications_per_second, "/s"));
        report.add(row("machine", "CPU of one verify_strict", self.verification_micros, "us"));
    }
}

/// Wall time of `count` checks on every core, measured with `measured` of them and scaled.
pub fn verify_seconds_on_all_cores(measured: usize, count: usize) -> f64 {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let (wall, _) = verify_on(cores, &Signed::some(measured.min(10_000)), measured);
    wall * count as f64 / measured as f64
}

struct Signed {
    key: [u8; 32],
    message: Vec<u8>,
    signature: [u8; 64],
}

impl Signed {
    /// As what a record's signature covers: its context and a body.
    fn some(count: usize) -> Vec<Self> {
        let sign = |number: usize| {
            let mut seed = [4; 32];
            seed[..8].copy_from_slice(&number.to_le_bytes());
            let secret = NodeSecret::from_seed(seed);
            let record = Node::new(number as u64).record_of_size(1, RECORD_BYTES);
            let body = &record.bytes()[..RECORD_BYTES - 64];
            let signature = secret.sign(Context::ContactRecord, body);
            Self { key: *secret.id().as_bytes(), message: [Context::ContactRecord.prefix(), body].concat(), signature }
        };
        (0..count).map(sign).collect()
    }

    fn verify(&self) {
        let key = VerifyingKey::from_bytes(&self.key).expect("a key");
        key.verify_strict(&self.message, &Signature::from_bytes(&self.signature)).expect("a signature that holds");
    }
}

/// Wall and CPU seconds of `count` checks, shared by `threads`.
fn verify_on(threads: usize, signed: &[Signed], count: usize) -> (f64, f64) {
    let start = Instant::now();
    let cpu: Duration = thread::scope(|scope| {
        let check = |share: usize| {
            move || {
                let before = thread_cpu();
                signed.iter().cycle().skip(share).take(count / threads).for_each(Signed::verify);
                thread_cpu() - before
            }
        };
        let workers: Vec<_> = (0..threads).map(|share| scope.spawn(check(share))).collect();
        workers.into_iter().map(|worker| worker.join().expect("all signatures hold")).sum()
    });
    (start.elapsed().as_secs_f64(), cpu.as_secs_f64())
}

fn thread_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// An append of 4 KiB and an `fdatasync`, median: measured next to what waits for the disk, as others use it, too.
pub fn flush_micros() -> f64 {
    let mut file = tempfile::tempfile().expect("a temporary file");
    let mut times: Vec<f64> = (0..FLUSHES)
        .map(|_| {
            let start = Instant::now();
            file.write_all(&[7; 4096]).expect("room on the disk");
            file.sync_data().expect("a disk");
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    median(&mut times)
}

pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// CPU time of a process so far, user and system, in nanoseconds (`/proc/<pid>/task/<tid>/schedstat`).
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu {
    pub all_nanos: u64,
    /// The thread that owns the store.
    pub store_nanos: u64,
}

impl Cpu {
    pub fn of(pid: u32) -> Self {
        let mut cpu = Self::default();
        for task in fs::read_dir(format!("/proc/{pid}/task")).expect("the process runs").flatten() {
            let read = |name| fs::read_to_string(task.path().join(name)).unwrap_or_default();
            let nanos = read("schedstat").split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0);
            cpu.all_nanos += nanos;
            if read("comm").trim() == "store" {
                cpu.store_nanos += nanos;
            }
        }
        cpu
    }

    pub fn since(self, before: Self) -> Self {
        Self {
            all_nanos: self.all_nanos.saturating_sub(before.all_nanos),
            store_nanos: self.store_nanos.saturating_sub(before.store_nanos),
        }
    }
}

/// CPU seconds of a process, threads that ended included (`/proc/<pid>/stat`, in hundredths).
pub fn process_cpu_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
    let (_, fields) = stat.rsplit_once(") ").expect("a name in parentheses");
    let ticks: u64 = fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number")).sum();
    ticks as f64 / 100.0
}
