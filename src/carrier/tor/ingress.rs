//! From the onion service to the introducer: one PROXY line a stream, one number a rendezvous circuit.

use std::{io, path::Path, sync::Arc, time::Duration};

use futures::{Stream, StreamExt as _};
use tokio::{io::AsyncWriteExt as _, sync::Semaphore, task::JoinSet};
use tor_cell::relaycell::msg::Connected;
use tor_hsservice::{RendRequest, StreamRequest};
use tor_proto::stream::IncomingStreamRequest;

use super::{OnionSettings, onion_stream::Onion};
use crate::{
    ambient,
    carrier::forward::forward,
    net::{CircuitId, proxy_line},
};

/// From a client's wish to a circuit that meets it.
const RENDEZVOUS_SECONDS_MAX: u64 = 60;
/// A circuit without a stream is of no use to an honest client for longer.
const EMPTY_CIRCUIT_SECONDS_MAX: u64 = 600;

/// Takes every client that comes, until Tor ends the service.
pub(super) async fn serve(mut requests: impl Stream<Item = RendRequest> + Unpin, onion: &OnionSettings) {
    let places = Arc::new(Semaphore::new(onion.circuits_max));
    let onion = Arc::new(onion.clone());
    let mut circuits = JoinSet::new();
    // The introducer remembers what a circuit did: numbers of a run before this one must not be met again soon.
    let mut number = ambient::random().map(u32::from_le_bytes).unwrap_or_default();
    loop {
        tokio::select! {
            request = requests.next() => {
                let Some(request) = request else { return };
                let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                    // Who comes when the house is full gets no answer, as from C tor.
                    let _ = request.reject().await;
                    continue;
                };
                number = number.wrapping_add(1);
                let (onion, id) = (Arc::clone(&onion), CircuitId::new(number));
                circuits.spawn(async move {
                    circuit(request, id, &onion).await;
                    drop(place);
                });
            }
            Some(_) = circuits.join_next() => {}
        }
    }
}

/// One client's circuit, to its end. It ends early, and its streams with it, when the client asks for what there is not, or
/// when the introducer cuts a stream off.
async fn circuit(request: RendRequest, id: CircuitId, onion: &Arc<OnionSettings>) {
    let rendezvous = tokio::time::timeout(Duration::from_secs(RENDEZVOUS_SECONDS_MAX), request.accept());
    let Ok(Ok(mut streams)) = rendezvous.await else { return };
    let mut forwards = JoinSet::new();
    loop {
        let empty = tokio::time::sleep(Duration::from_secs(EMPTY_CIRCUIT_SECONDS_MAX));
        tokio::select! {
            stream = streams.next() => {
                let Some(stream) = stream else { return };
                if !asks_for(&stream, onion.port) {
                    let _ = stream.shutdown_circuit();
                    return;
                }
                let onion = Arc::clone(onion);
                forwards.spawn(async move { to_introducer(stream, id, &onion.introducer).await });
            }
            Some(ended) = forwards.join_next() => {
                if !matches!(ended, Ok(End::Ordinary)) {
                    return;
                }
            }
            () = empty, if forwards.is_empty() => return,
        }
    }
}

fn asks_for(stream: &StreamRequest, port: u16) -> bool {
    matches!(stream.request(), IncomingStreamRequest::Begin(begin) if begin.port() == port)
}

/// How a stream ended, as far as its circuit is concerned.
enum End {
    Ordinary,
    /// The introducer is not there, or closed the stream with something unread.
    Refused,
}

async fn to_introducer(request: StreamRequest, id: CircuitId, introducer: &Path) -> End {
    let Ok(mut stream) = crate::net::connect(introducer).await else {
        let _ = request.shutdown_circuit();
        return End::Refused;
    };
    if stream.write_all(&proxy_line(id)).await.is_err() {
        let _ = request.shutdown_circuit();
        return End::Refused;
    }
    let Ok(onion) = request.accept(Connected::new_empty()).await else { return End::Ordinary };
    match forward(Onion(onion), stream).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => End::Refused,
        _ => End::Ordinary,
    }
}
