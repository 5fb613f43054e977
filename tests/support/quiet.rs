//! A subscriber that panics when a line at level info or above names anybody: an address, a key, a nickname, a circuit.

use std::{
    fmt::{Debug, Write as _},
    net::{IpAddr, SocketAddr},
    sync::{Mutex, MutexGuard, Once, PoisonError},
};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};
use tracing_subscriber::{
    layer::{Context, Layer, SubscriberExt as _},
    util::SubscriberInitExt as _,
};

/// The nickname that records have in tests that listen: names have no form by which they could be known.
pub const NICKNAME: &str = "quidditas";
/// The circuit of such tests, for the same reason.
pub const CIRCUIT: u32 = 0x5ade_cafe;

/// Names of fields that hold what is not told, whatever its value looks like.
const FIELDS: [&str; 10] =
    ["address", "circuit", "grid", "host", "id", "introducer", "key", "nickname", "node", "peer"];
/// The shortest text form of 32 bytes is base64 with 43 characters; parts of a key are told by this many.
const KEY_CHARACTERS_MIN: usize = 20;
/// Bytes in a row, as `{:?}` prints them.
const KEY_BYTES_MIN: usize = 8;
/// Of ids and secrets, as bech32 has them.
const KEY_PREFIXES: [&str; 5] = ["node1", "grid1", "nodesecret1", "gridsecret1", "anteroom-invite1"];

static HEARD: Mutex<Heard> = Mutex::new(Heard { lines: Vec::new(), leaks: Vec::new() });

/// What came at level info or above.
struct Heard {
    lines: Vec<String>,
    leaks: Vec<String>,
}

fn heard() -> MutexGuard<'static, Heard> {
    HEARD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on, in the whole process, such a line panics where it is written.
pub fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing_subscriber::registry().with(Quiet { keep: true }).init());
}

/// The event loop survives a panic of one of its tasks, so a test asks at its end.
#[track_caller]
pub fn assert_nobody_was_named() {
    let leaks = heard().leaks.clone();
    assert!(leaks.is_empty(), "{leaks:#?}");
}

/// Was such a line written? Where none is, nothing was looked at.
pub fn was_heard(text: &str) -> bool {
    heard().lines.iter().any(|line| line.contains(text))
}

/// The layer.
pub struct Quiet {
    /// For [`assert_nobody_was_named`] and [`was_heard`].
    keep: bool,
}

impl Quiet {
    fn judge(&self, metadata: &Metadata<'_>, record: impl FnOnce(&mut Line)) {
        if *metadata.level() > Level::INFO {
            return;
        }
        let mut line = Line::default();
        record(&mut line);
        let leak = line.field.take().or_else(|| names_somebody(&line.text));
        let text = format!("{} {}:{}", metadata.level(), metadata.target(), line.text);
        if self.keep {
            heard().lines.push(text.clone());
        }
        if let Some(what) = leak {
            let leak = format!("{what} in: {text}");
            if self.keep {
                heard().leaks.push(leak.clone());
            }
            panic!("{leak}");
        }
    }
}

impl<S: Subscriber> Layer<S> for Quiet {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        self.judge(event.metadata(), |line| event.record(line));
    }

    fn on_new_span(&self, attributes: &span::Attributes<'_>, _: &span::Id, _: Context<'_, S>) {
        self.judge(attributes.metadata(), |line| attributes.record(line));
    }
}

#[derive(Default)]
struct Line {
    text: String,
    /// A field that must not be there.
    field: Option<String>,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if FIELDS.contains(&field.name()) {
            self.field = Some(format!("a field {}", field.name()));
        }
        let _ = write!(self.text, " {}={value:?}", field.name());
    }
}

/// What kind of name is in `text`, if one is.
fn names_somebody(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let [high, low] = [CIRCUIT >> 16, CIRCUIT & 0xffff];
    for known in [NICKNAME.into(), CIRCUIT.to_string(), format!("{CIRCUIT:x}"), format!("{high:x}:{low:x}")] {
        if lower.contains(&known) {
            return Some(format!("{known:?}, a nickname or a circuit"));
        }
    }
    for word in lower.split(|c: char| !c.is_ascii_alphanumeric() && !".:-_/+".contains(c)) {
        let word = word.trim_matches(['.', ':', '-', '/']);
        if let Some(kind) = kind_of(word) {
            return Some(format!("{kind} {word:?}"));
        }
    }
    let mut in_a_row = 0;
    for word in lower.split([',', '[', ']', '(', ')']).map(str::trim).filter(|word| !word.is_empty()) {
        in_a_row = if word.parse::<u8>().is_ok() { in_a_row + 1 } else { 0 };
        if in_a_row >= KEY_BYTES_MIN {
            return Some("the bytes of a key".into());
        }
    }
    None
}

fn kind_of(word: &str) -> Option<&'static str> {
    let host = word.rsplit_once(':').map_or(word, |(host, _)| host);
    if [".onion", ".i2p"].iter().any(|end| host.ends_with(end)) {
        return Some("the address");
    }
    // `::` is in every path of Rust's, and an address nobody has.
    if word.parse::<SocketAddr>().is_ok() || host.parse::<IpAddr>().is_ok() || word.parse::<IpAddr>().is_ok() {
        return Some("the address");
    }
    if KEY_PREFIXES.iter().any(|prefix| word.len() > prefix.len() + 4 && word.starts_with(prefix)) {
        return Some("the key");
    }
    let runs = word.split(|c: char| !c.is_ascii_alphanumeric());
    let mut keys = runs.filter(|run| run.len() >= KEY_CHARACTERS_MIN && run.contains(|c: char| c.is_ascii_digit()));
    keys.next().map(|_| "the key")
}

#[cfg(test)]
mod tests {
    use std::{
        fmt::Display,
        panic::{AssertUnwindSafe, catch_unwind},
    };

    use anteroom::record::{HashedNodeId, I2pAddress, NodeSecret, OnionAddress};
    use tracing::subscriber::with_default;

    use super::*;

    /// Does such a line panic?
    fn is_refused(log: impl FnOnce()) -> bool {
        let quiet = tracing_subscriber::registry().with(Quiet { keep: false });
        catch_unwind(AssertUnwindSafe(|| with_default(quiet, log))).is_err()
    }

    #[test]
    fn a_planted_name_of_each_kind_is_found() {
        let secret = NodeSecret::from_seed([7; 32]);
        let (id, onion) = (secret.id(), OnionAddress::new([5; 32], 80).unwrap());
        let i2p = I2pAddress::from_hash([6; 32], 80);
        let hash = *HashedNodeId::new(&anteroom::record::GridId::from_bytes([9; 32]), &id).as_bytes();
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let base64 = data_encoding::BASE64.encode(&hash);
        let planted: [&dyn Display; 15] = [
            &onion,
            &onion.host(),
            &i2p,
            &"192.0.2.7",
            &"192.0.2.7:9001",
            &"[2001:db8::7]:80",
            &"2001:db8::7",
            &"fc00:dead:beef:4dad::1:2",
            &id,
            &hex,
            &base64,
            &&hex[..KEY_CHARACTERS_MIN + 4],
            &NICKNAME,
            &CIRCUIT,
            &"5ade:cafe",
        ];
        for name in planted {
            assert!(is_refused(|| tracing::info!("refused {name}, and goes on")), "{name}");
            assert!(is_refused(|| tracing::warn!(detail = %name, "refused")), "{name} in a field");
            assert!(is_refused(|| tracing::error!(detail = name.to_string(), "failed")), "{name} as text");
            assert!(is_refused(|| drop(tracing::info_span!("a span", detail = %name))), "{name} in a span");
            assert!(!is_refused(|| tracing::debug!("refused {name}")), "{name} below the level");
        }
        assert!(is_refused(|| tracing::info!(bytes = ?&hash[..KEY_BYTES_MIN], "refused")), "bytes");
        assert!(is_refused(|| tracing::info!(circuit = 7_u32, "refused")), "a circuit of any number");
        assert!(is_refused(|| tracing::info!(text = &*secret.to_text(), "a secret")));
    }

    #[test]
    fn a_process_that_listens_keeps_what_it_heard() {
        listen();
        tracing::info!("a line of a test");
        assert!(was_heard("a line of a test"));
        assert_nobody_was_named();
    }

    #[test]
    fn a_line_that_names_nobody_is_none_of_its_business() {
        for line in [
            "listening; checking what the store holds, publishes and lookups are answered Busy meanwhile",
            "refused a process of a user that is not in `carrier_uids`",
            "can't read /var/lib/anteroom/revocations.list: No such file or directory (os error 2)",
            "the .onion address is in anteroom::server::mod, version 0.1.0",
            "limits: 100000 records, 1, 2, 3",
        ] {
            assert!(!is_refused(|| tracing::warn!(uid = 110, records = 100_000, "{line}")), "{line}");
        }
    }
}
