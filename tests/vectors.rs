//! The vectors in `tests/vectors/` are the specification for other implementations; this one must agree with all of
//! them, and every reason it has for a refusal must have a vector. `tests/vectors/README.md` says how a file is read.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a vector that can't be read is a failure like any other"
)]

#[path = "vectors/grid.rs"]
mod grid;
#[path = "vectors/sealed.rs"]
mod sealed;

use std::{
    collections::BTreeSet,
    fmt::Debug,
    fs,
    path::{Path, PathBuf},
    str::FromStr,
};

use anteroom::record::{
    Address, AddressError, ContactRecord, Context, GridId, GridSecret, HashedNodeId, IdError, Lifetime, NodeId,
    NodeSecret, RECORD_BYTES_MAX, SecretError, Service, SignedRecord, Timestamp,
};
use data_encoding::HEXLOWER;

/// Where the variants are declared; outside their crate the enums are open, so the source is what lists them.
const DECLARATIONS: [(&str, &str, &str); 12] = [
    ("RecordDecodeError", "RecordDecodeError.", include_str!("../src/record/encoding.rs")),
    ("ClaimError", "RecordDecodeError.Claim.", include_str!("../src/record/contact.rs")),
    ("OpenError", "OpenError.", include_str!("../src/record/sealed/body.rs")),
    ("KeyEpochError", "KeyEpochError.", include_str!("../src/grid/key_epoch.rs")),
    ("AddressError", "AddressError.", include_str!("../src/record/address/mod.rs")),
    ("IdError", "IdError.", include_str!("../src/record/id.rs")),
    ("GrantDecodeError", "GrantDecodeError.", include_str!("../src/grid/grant.rs")),
    ("GrantClaimError", "GrantDecodeError.Claim.", include_str!("../src/grid/grant.rs")),
    ("ChainError", "ChainError.", include_str!("../src/grid/chain.rs")),
    ("BundleError", "BundleError.", include_str!("../src/grid/bundle.rs")),
    ("RevocationError", "RevocationError.", include_str!("../src/grid/revocation.rs")),
    ("InvitationError", "InvitationError.", include_str!("../src/grid/invitation.rs")),
];

/// What the files here are about; each kind has a folder and a test.
const KINDS: [&str; 14] = [
    "id",
    "secret",
    "address",
    "record",
    "sealed",
    "context",
    "shelf",
    "grant",
    "chain",
    "revocations",
    "key-epoch",
    "invitation",
    "bundle",
    "client-secret",
];
/// Frozen messages of the protocol, in a form of their own: `tests/transcripts.rs` reads them.
const READ_ELSEWHERE: &str = "protocol";

struct Vector {
    name: String,
    lines: Vec<(String, String)>,
}

impl Vector {
    fn read(path: &Path) -> Self {
        let name = path.display().to_string();
        let text = fs::read_to_string(path).expect("a vector is UTF-8");
        let pair = |line: &str| match line.split_once(" = ") {
            Some((key, value)) => (key.to_owned(), value.to_owned()),
            None => (line.strip_suffix(" =").unwrap_or_else(|| panic!("{name}: {line}")).to_owned(), String::new()),
        };
        let lines = text.lines().filter(|line| !line.starts_with('#')).map(pair).collect();
        Self { name, lines }
    }

    fn of_kind(kind: &str) -> Vec<Self> {
        let found: Vec<_> = all().into_iter().filter(|vector| vector.text("kind") == kind).collect();
        assert!(!found.is_empty(), "no vector of kind {kind}");
        found
    }

    fn texts<'a>(&'a self, key: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let key = key.to_owned();
        self.lines.iter().filter(move |(found, _)| *found == key).map(|(_, value)| value.as_str())
    }

    fn text(&self, key: &str) -> &str {
        self.texts(key).next().unwrap_or_else(|| panic!("{}: no {key}", self.name))
    }

    fn bytes(&self, key: &str) -> Vec<u8> {
        hex(self.text(key))
    }

    fn key(&self, key: &str) -> [u8; 32] {
        self.bytes(key).try_into().expect("32 bytes")
    }

    fn accepts(&self) -> bool {
        self.text("expect") == "accept"
    }

    /// Asserts that `outcome` is the refusal this vector wants, or none.
    fn settle<T: Debug, E: Debug>(&self, family: &str, input: &str, outcome: Result<T, E>) {
        let found = outcome.map_or_else(|error| reason(family, &error), |_| "accept".to_owned());
        assert_eq!(found, self.text("expect"), "{}: {input:?}", self.name);
    }
}

/// Every vector of the record formats, in order of their names.
fn all() -> Vec<Vector> {
    let files = KINDS.iter().flat_map(|kind| entries(&root().join(kind)));
    files.filter(|path| is_vector(path)).map(|path| Vector::read(&path)).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

fn entries(folder: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

fn is_vector(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "txt")
}

fn hex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).expect("lower-case hexadecimal")
}

/// `RecordDecodeError.Claim.Address.Port`: the variants on the way to the reason, without what they carry.
fn reason(family: &str, error: &dyn Debug) -> String {
    let path = format!("{error:?}").replace('(', ".").replace(')', "");
    let path = path.split(" {").next().unwrap_or_default();
    let path = path.strip_prefix(family).map_or(path, |rest| rest.trim_start_matches('.'));
    if path.is_empty() { family.to_owned() } else { format!("{family}.{path}") }
}

/// The names of the variants of `pub enum {name}` in `source`.
fn variants<'a>(name: &str, source: &'a str) -> Vec<&'a str> {
    let (_, rest) = source.split_once(&format!("pub enum {name} {{\n")).expect("the enum is declared there");
    let (body, _) = rest.split_once("\n}").expect("it ends");
    let lines = body.lines().filter_map(|line| line.strip_prefix("    "));
    lines
        .filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()))
        .map(|line| line.split(|c: char| !c.is_alphanumeric()).next().unwrap_or(line))
        .collect()
}

#[test]
fn every_reason_has_a_vector() {
    let vectors = all();
    let expected: BTreeSet<&str> = vectors.iter().map(|vector| vector.text("expect")).collect();
    let mut wanted = vec!["SignatureError".to_owned()];
    for (name, prefix, source) in DECLARATIONS {
        let names = variants(name, source);
        assert!(names.len() >= 3, "{name} was not read: {names:?}");
        wanted.extend(names.iter().map(|variant| format!("{prefix}{variant}")));
        if name == "IdError" {
            wanted.extend(names.iter().map(|variant| format!("SecretError.{variant}")));
        }
    }
    let there = |reason: &&String| {
        expected.contains(reason.as_str()) || expected.iter().any(|found| found.starts_with(&format!("{reason}.")))
    };
    let missing: Vec<_> = wanted.iter().filter(|reason| !there(reason)).collect();
    assert!(missing.is_empty(), "no vector for {missing:?}");
    for context in Context::ALL {
        let name = format!("{context:?}");
        let found = |vector: &&Vector| vector.text("kind") == "context" && vector.text("name") == name;
        assert_eq!(vectors.iter().filter(found).count(), 1, "vectors of context {name}");
    }
}

#[test]
fn a_file_is_named_after_what_it_expects_and_lies_with_its_kind() {
    for vector in all() {
        let path = Path::new(&vector.name);
        let file = path.file_name().and_then(|name| name.to_str()).expect("UTF-8");
        let folder = path.parent().and_then(Path::file_name).and_then(|name| name.to_str()).expect("UTF-8");
        assert_eq!(file.starts_with("accept-"), vector.accepts(), "{file}");
        assert_eq!(file.starts_with("reject-"), !vector.accepts(), "{file}");
        assert_eq!(vector.text("kind"), folder, "{file}");
    }
    let folders = entries(&root()).into_iter().filter(|path| path.is_dir());
    for folder in folders.filter(|folder| entries(folder).iter().any(|path| is_vector(path))) {
        let name = folder.file_name().and_then(|name| name.to_str()).expect("UTF-8");
        assert!(KINDS.contains(&name) || name == READ_ELSEWHERE, "{name}: no test reads this folder");
    }
}

#[test]
fn ids() {
    for vector in Vector::of_kind("id") {
        for text in vector.texts("text") {
            match vector.text("of") {
                "node" => vector.settle::<_, IdError>("IdError", text, NodeId::from_str(text)),
                _ => vector.settle::<_, IdError>("IdError", text, GridId::from_str(text)),
            }
        }
        for (text, bytes) in vector.texts("text").zip(vector.texts("bytes")) {
            let bytes = hex(bytes).try_into().expect("32 bytes");
            let (node, grid) = (NodeId::from_bytes(bytes), GridId::from_bytes(bytes));
            match vector.text("of") {
                "node" => assert_eq!((text.parse(), node.to_string().as_str()), (Ok(node), text)),
                _ => assert_eq!((text.parse(), grid.to_string().as_str()), (Ok(grid), text)),
            }
        }
    }
}

#[test]
fn secrets() {
    for vector in Vector::of_kind("secret") {
        for text in vector.texts("text") {
            let read = |text: &str| -> Result<(String, String), SecretError> {
                Ok(match vector.text("of") {
                    "node" => {
                        let secret: NodeSecret = text.parse()?;
                        (secret.to_text().to_string(), secret.id().to_string())
                    }
                    _ => {
                        let secret: GridSecret = text.parse()?;
                        (secret.to_text().to_string(), secret.id().to_string())
                    }
                })
            };
            if vector.accepts() {
                let from_seed = match vector.text("of") {
                    "node" => NodeSecret::from_seed(vector.key("seed")).to_text(),
                    _ => GridSecret::from_seed(vector.key("seed")).to_text(),
                };
                assert_eq!(*from_seed, text);
                assert_eq!(read(text), Ok((text.to_owned(), vector.text("id").to_owned())));
            }
            vector.settle("SecretError", text, read(text));
        }
    }
}

#[test]
fn addresses() {
    for vector in Vector::of_kind("address") {
        for text in vector.texts("text") {
            vector.settle::<_, AddressError>("AddressError", text, Address::from_str(text));
        }
        assert!(!vector.accepts() || vector.texts("text").count() == vector.texts("wire").count());
        for (text, wire) in vector.texts("text").zip(vector.texts("wire")) {
            let address: Address = text.parse().expect(text);
            assert_eq!(address.to_string(), text);
            assert_eq!(wire_form(&address), hex(wire), "{text}");
            // The way back: the record around it is decoded when it is signed, from its bytes.
            assert_eq!(around(&address).claims().addresses().next(), Some(&address));
        }
    }
}

/// A record that offers one service at `address` and nothing else.
fn around(address: &Address) -> SignedRecord {
    let secret = NodeSecret::from_seed([1; 32]);
    let service = Service {
        name: "a".parse().expect("a name"),
        version: 0,
        addresses: vec![address.clone()],
        attributes: Default::default(),
    };
    let record = ContactRecord {
        grid: GridId::from_bytes([0; 32]),
        node: secret.id(),
        seq: 0,
        issued: Timestamp::EPOCH,
        lifetime: Lifetime::from_hours(1).expect("a lifetime"),
        nickname: None,
        services: vec![service],
        grants: Vec::new(),
    };
    let signed = record.sign(&secret).expect("a record");
    SignedRecord::decode(signed.bytes()).expect("what was signed can be read")
}

/// What stands between the number of addresses and that of attributes.
fn wire_form(address: &Address) -> Vec<u8> {
    let signed = around(address);
    // Version, grid, node; seq, issued, lifetime; no nickname; one service: length and name, version; one address.
    let front = 1 + 32 + 32 + 3 + 1 + 1 + 2 + 1 + 1;
    // No attributes, no grants, the signature.
    let back = 1 + 1 + 64;
    signed.bytes()[front..signed.bytes().len() - back].to_vec()
}

#[test]
fn records() {
    for vector in Vector::of_kind("record") {
        let bytes = [vector.bytes("body"), vector.bytes("signature")].concat();
        let decoded = match SignedRecord::decode(&bytes) {
            Ok(decoded) => decoded,
            Err(error) => {
                vector.settle::<(), _>("RecordDecodeError", "", Err(error));
                continue;
            }
        };
        let claims = decoded.claims().clone();
        vector.settle("SignatureError", "", decoded.verify());
        if vector.accepts() {
            assert_eq!(*claims.grid.as_bytes(), vector.key("grid"), "{}", vector.name);
            assert_eq!(*claims.node.as_bytes(), vector.key("node"), "{}", vector.name);
            assert_eq!(lines_of(&claims), claims_of(&vector), "{}", vector.name);
            if vector.texts("seed").next().is_some() {
                assert_eq!(Context::ContactRecord.prefix(), vector.bytes("context"));
                let secret = NodeSecret::from_seed(vector.key("seed"));
                assert_eq!(claims.sign(&secret).expect(&vector.name).bytes(), bytes);
            }
        }
    }
    let full = |vector: &Vector| vector.text("body").len() / 2 + 64 == RECORD_BYTES_MAX;
    let records = Vector::of_kind("record");
    assert!(records.iter().any(|vector| vector.accepts() && full(vector)));
}

/// The lines of a vector that stand between `node` and `body`.
fn claims_of(vector: &Vector) -> Vec<(String, String)> {
    let behind = vector.lines.iter().skip_while(|(key, _)| key != "node").skip(1);
    behind.take_while(|(key, _)| key != "body").cloned().collect()
}

/// The claims as a vector writes them.
fn lines_of(claims: &ContactRecord) -> Vec<(String, String)> {
    let mut lines = vec![
        ("seq", claims.seq.to_string()),
        ("issued-hours", claims.issued.hours().to_string()),
        ("lifetime-hours", claims.lifetime.hours().to_string()),
    ];
    lines.extend(claims.nickname.iter().map(|name| ("nickname", name.as_str().to_owned())));
    for service in &claims.services {
        lines.push(("service", format!("{} {}", service.name, service.version)));
        lines.extend(service.addresses.iter().map(|address| ("address", address.to_string())));
        let pairs = service.attributes.iter();
        lines.extend(pairs.map(|(key, value)| ("attribute", format!("{key}={value}"))));
    }
    lines.extend(claims.grants.iter().map(|grant| ("grant", HEXLOWER.encode(grant))));
    lines.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

#[test]
fn contexts() {
    for vector in Vector::of_kind("context") {
        let context = Context::ALL
            .into_iter()
            .find(|context| format!("{context:?}") == vector.text("name"))
            .expect("a context of that name");
        assert_eq!(context.prefix(), vector.bytes("prefix"));
        let secret = NodeSecret::from_seed(vector.key("seed"));
        assert_eq!(secret.sign(context, &vector.bytes("body")).to_vec(), vector.bytes("signature"));
    }
}

#[test]
fn shelves() {
    for vector in Vector::of_kind("shelf") {
        let grid = GridId::from_bytes(vector.key("grid"));
        let hash = HashedNodeId::new(&grid, &NodeId::from_bytes(vector.key("node")));
        assert_eq!(*hash.as_bytes(), vector.key("hash"));
    }
}
