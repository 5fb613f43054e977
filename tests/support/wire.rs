//! Raw frames over an introducer's socket, as a carrier would bring them.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use anteroom::protocol::{
    Blob, Bucket, DocumentKind, Hello, LENGTH_BYTES, RefusalCode, Request, Response, Welcomed, frame_length,
};

/// Generous: a loaded machine is no failure.
const DEADLINE: Duration = Duration::from_secs(120);

/// A stream of one circuit.
pub struct Wire {
    pub stream: UnixStream,
    welcomed: bool,
    said_hello: bool,
}

/// An answer to a publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Accepted,
    Busy(u32),
    Refused(RefusalCode, Option<Vec<u8>>),
}

impl Wire {
    /// With a PROXY line, as C tor writes it.
    pub fn connect(socket: &Path, circuit: u32) -> io::Result<Self> {
        let mut wire = Self::connect_bare(socket)?;
        wire.stream.write_all(proxy_line(circuit).as_bytes())?;
        Ok(wire)
    }

    /// Without.
    pub fn connect_bare(socket: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        Ok(Self { stream, welcomed: false, said_hello: false })
    }

    pub fn send(&mut self, request: &Request<'_>) -> io::Result<()> {
        let hello = (!std::mem::replace(&mut self.said_hello, true)).then_some(Hello::OURS);
        self.stream.write_all(&request.encode(hello).expect("a request fits a frame"))
    }

    /// The next frame's payload behind the version, and the payload's length on the wire.
    pub fn receive(&mut self) -> io::Result<(Vec<u8>, usize)> {
        let mut header = [0; LENGTH_BYTES];
        self.stream.read_exact(&mut header)?;
        let length = frame_length(header, Bucket::SixtyFourKib).expect("a frame of a known length");
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload)?;
        if !std::mem::replace(&mut self.welcomed, true) {
            let welcomed = Welcomed::decode(&payload).expect("a first frame");
            assert_eq!(welcomed.version, Hello::OURS.highest);
            payload.remove(0);
        }
        Ok((payload, length))
    }

    pub fn ask<T>(&mut self, request: &Request<'_>, read: impl FnOnce(Response<'_>) -> T) -> io::Result<T> {
        self.send(request)?;
        let (payload, _) = self.receive()?;
        Ok(read(Response::decode(&payload).expect("an answer")))
    }

    pub fn publish(&mut self, record: &[u8]) -> io::Result<Answer> {
        self.ask(&Request::Publish { record: Blob(record) }, |response| answer(&response))
    }

    /// Brings a list of revoked keys.
    pub fn put_revocations(&mut self, list: &[u8]) -> io::Result<Answer> {
        let request = Request::PutDocument { kind: DocumentKind::REVOCATIONS, document: Blob(list) };
        self.ask(&request, |response| answer(&response))
    }

    /// The list of revoked keys in force.
    pub fn revocations(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.ask(&Request::GetDocument { kind: DocumentKind::REVOCATIONS }, |response| match response {
            Response::Document { document } => document.map(|Blob(bytes)| bytes.to_vec()),
            other => panic!("a document was answered {other:?}"),
        })
    }

    /// The record an exact lookup finds.
    pub fn lookup(&mut self, hash: [u8; 32]) -> io::Result<Option<Vec<u8>>> {
        let request = Request::Lookup { prefix: hash, bits: 256, after: None };
        self.ask(&request, |response| match response {
            Response::ShelfExact { record } => record.map(|Blob(bytes)| bytes.to_vec()),
            other => panic!("a lookup was answered {other:?}"),
        })
    }

    /// All records, in the order of the introducer.
    pub fn list(&mut self, service: Option<&str>, since_hours: Option<u32>) -> io::Result<Vec<Vec<u8>>> {
        self.send(&Request::List { service, since_hours, credit_pages: 1024 })?;
        self.pages()
    }

    /// Pages up to the one that says it is the last.
    pub fn pages(&mut self) -> io::Result<Vec<Vec<u8>>> {
        let mut records = Vec::new();
        loop {
            let (payload, _) = self.receive()?;
            match Response::decode(&payload).expect("a page") {
                Response::Page { records: page, end } => {
                    records.extend(page.into_iter().map(|Blob(bytes)| bytes.to_vec()));
                    if end {
                        return Ok(records);
                    }
                }
                other => panic!("a listing was answered {other:?}"),
            }
        }
    }

    /// The introducer has not closed the stream. For streams on which no answer is due.
    pub fn is_open(&mut self) -> bool {
        self.stream.set_nonblocking(true).expect("a stream");
        let read = self.stream.read(&mut [0]);
        self.stream.set_nonblocking(false).expect("a stream");
        match read {
            Ok(0) => false,
            Ok(_) => panic!("an answer nobody asked for"),
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        }
    }

    /// Nothing more comes: the introducer closed the stream.
    pub fn is_closed(&mut self) -> bool {
        matches!(self.stream.read(&mut [0]), Ok(0) | Err(_))
    }
}

pub fn proxy_line(circuit: u32) -> String {
    let (high, low) = (circuit >> 16, circuit & 0xffff);
    format!("PROXY TCP6 fc00:dead:beef:4dad::{high:x}:{low:x} ::1 {low} 80\r\n")
}

pub fn answer(response: &Response<'_>) -> Answer {
    match response {
        Response::Accepted => Answer::Accepted,
        Response::Busy { retry_after_seconds } => Answer::Busy(*retry_after_seconds),
        Response::Refused { code, current } => Answer::Refused(*code, current.map(|Blob(bytes)| bytes.to_vec())),
        other => panic!("a publish was answered {other:?}"),
    }
}
