//! One stream to one introducer, and those that stay open for the next question.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::io::AsyncWriteExt;

use super::{error::ClientError, introducer::Introducer, settings::ClientSettings};
use crate::{
    net::{self, Isolation, Stream},
    protocol::{Bucket, Hello, Request, Response, Welcomed, frame_length},
};

/// Streams kept open for the next question: one a role is the usual case; more are for who asks many introducers at once.
const STREAMS_KEPT_MAX: usize = 32;

/// A stream on which requests and answers take turns.
#[derive(Debug)]
pub(super) struct Connection {
    stream: Stream,
    buffer: Vec<u8>,
    said_hello: bool,
    welcomed: bool,
    frame_deadline: Duration,
}

impl Connection {
    pub(super) async fn open(
        settings: &ClientSettings,
        introducer: &Introducer,
        isolation: &Isolation,
    ) -> Result<Self, ClientError> {
        let (host, port) = (introducer.host(), introducer.port());
        let stream = net::dial(&settings.socks, &host, port, isolation, settings.deadlines.connect).await?;
        Ok(Self {
            stream,
            buffer: Vec::new(),
            said_hello: false,
            welcomed: false,
            frame_deadline: settings.deadlines.frame,
        })
    }

    /// Sends a frame; the hello goes with the first.
    pub(super) async fn send(&mut self, request: &Request<'_>) -> Result<(), ClientError> {
        let hello = (!self.said_hello).then_some(Hello::OURS);
        let frame = request.encode(hello).map_err(ClientError::Frame)?;
        tokio::time::timeout(self.frame_deadline, self.stream.write_all(&frame))
            .await
            .map_err(|_| ClientError::Deadline)?
            .map_err(ClientError::Broken)?;
        self.said_hello = true;
        Ok(())
    }

    /// Waits for the next frame; [`Connection::answer`] reads it.
    pub(super) async fn wait(&mut self, deadline: Duration) -> Result<(), ClientError> {
        net::read_frame(&mut self.stream, &mut self.buffer, deadline, self.frame_deadline, |header| {
            frame_length(header, Bucket::SixtyFourKib)
        })
        .await?;
        Ok(())
    }

    /// What the frame that [`Connection::wait`] brought says.
    pub(super) fn answer(&mut self) -> Result<Response<'_>, ClientError> {
        if self.welcomed {
            return Response::decode(&self.buffer).map_err(ClientError::Frame);
        }
        // Before the rest is read: an answer in another version can't be judged at all.
        let spoken = Hello::OURS.lowest..=Hello::OURS.highest;
        if !self.buffer.first().is_some_and(|version| spoken.contains(version)) {
            return Err(ClientError::Version);
        }
        self.welcomed = true;
        let welcomed = Welcomed::decode(&self.buffer).map_err(ClientError::Frame)?;
        Ok(welcomed.response)
    }
}

/// Streams that wait for the next question.
#[derive(Debug, Default)]
pub(super) struct Warm {
    /// The one kept latest is the last.
    streams: Mutex<VecDeque<WarmStream>>,
}

#[derive(Debug)]
struct WarmStream {
    /// Stands for introducer, role, identity and hour.
    isolation: Isolation,
    hour: u64,
    connection: Connection,
}

impl Warm {
    pub(super) fn take(&self, isolation: &Isolation) -> Option<Connection> {
        let mut streams = self.lock();
        let index = streams.iter().rposition(|stream| stream.isolation == *isolation)?;
        streams.remove(index).map(|stream| stream.connection)
    }

    /// Keeps a stream of this `hour`; those of earlier ones are closed, and the one that waits longest gives way.
    pub(super) fn keep(&self, isolation: Isolation, hour: u64, connection: Connection) {
        let mut streams = self.lock();
        streams.retain(|stream| stream.hour == hour);
        if streams.len() >= STREAMS_KEPT_MAX {
            streams.pop_front();
        }
        streams.push_back(WarmStream { isolation, hour, connection });
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<WarmStream>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
