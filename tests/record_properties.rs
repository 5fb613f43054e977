//! What holds for every record, address, id and secret key, tried with arbitrary ones: one spelling each, no panic, and
//! nothing that a terminal would act on.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "an arbitrary value that can't be built is a failure like any other"
)]

use std::{
    collections::BTreeSet,
    fmt::{Debug, Display},
    net::IpAddr,
    str::FromStr,
};

use anteroom::record::{
    ADDRESSES_PER_SERVICE_MAX, Address, AddressError, Attributes, ClearnetAddress, ContactRecord, Context, GRANTS_MAX,
    GridId, GridSecret, HashedNodeId, I2pAddress, LIFETIME_HOURS_MAX, Lifetime, Nickname, NodeId, NodeSecret,
    OnionAddress, RECORD_BYTES_MAX, RecordDecodeError, SIGNATURE_BYTES, Service, ServiceName, SignedRecord, Timestamp,
    address::ClearnetHost,
};
use proptest::{collection, option, prelude::*, sample::Index};

// ---- arbitrary values ----

/// With the key of a service, so that the text form is one an operator may type.
fn onion() -> impl Strategy<Value = Address> {
    (any::<[u8; 32]>(), 1..=u16::MAX).prop_map(|(seed, port)| {
        let key = *NodeSecret::from_seed(seed).id().as_bytes();
        Address::Onion(OnionAddress::new(key, port).expect("a port"))
    })
}

fn i2p() -> impl Strategy<Value = Address> {
    let blinded = (0_u8..4, prop_oneof![Just(7), Just(11)], any::<[u8; 32]>(), any::<u16>());
    prop_oneof![
        any::<([u8; 32], u16)>().prop_map(|(hash, port)| Address::I2p(I2pAddress::from_hash(hash, port))),
        blinded.prop_map(|(flags, kind, key, port)| {
            Address::I2p(I2pAddress::from_blinded(flags << 1, kind, key, port).expect("flags in use"))
        }),
    ]
}

fn clearnet() -> impl Strategy<Value = Address> {
    let v6 = any::<[u8; 16]>().prop_map(|mut ip| {
        ip[0] = ip[0] & 0x1f | 0x20;
        IpAddr::from(ip)
    });
    let host = prop_oneof![
        any::<[u8; 4]>().prop_map(|ip| ClearnetHost::Ip(IpAddr::from(ip))),
        v6.prop_map(ClearnetHost::Ip),
        "([a-z0-9]([a-z0-9-]{0,5}[a-z0-9])?\\.){1,3}(org|net|io|c3)".prop_map(ClearnetHost::Name),
    ];
    (host, 1..=u16::MAX)
        .prop_filter_map("not global", |(host, port)| ClearnetAddress::new(host, port).ok().map(Address::Clearnet))
}

fn address() -> impl Strategy<Value = Address> {
    prop_oneof![onion(), i2p(), clearnet()]
}

fn label<T: FromStr + Debug>() -> impl Strategy<Value = T> {
    prop_oneof!["\\PC{1,16}", "[ -~]{1,64}", any::<String>()].prop_filter_map("not printable", |text| text.parse().ok())
}

fn attributes() -> impl Strategy<Value = Attributes> {
    let values = prop_oneof!["\\PC{0,16}", "[ -~]{0,40}"];
    collection::btree_map("[a-z0-9.-]{1,32}", values, 0..4).prop_map(|pairs| {
        let mut attributes = Attributes::default();
        for (key, value) in pairs {
            // What is hidden is refused, and then the attribute is just not there.
            let _ = attributes.insert(&key, &value);
        }
        attributes
    })
}

fn services() -> impl Strategy<Value = Vec<Service>> {
    let addresses = collection::vec(address(), 1..=ADDRESSES_PER_SERVICE_MAX);
    let parts = (any::<u32>(), addresses, attributes());
    collection::btree_map("[a-z0-9-]{1,32}", parts, 0..4).prop_map(|services| {
        let service = |(name, (version, addresses, attributes)): (String, (u32, Vec<Address>, Attributes))| {
            let mut seen = BTreeSet::new();
            let distinct = addresses.into_iter().filter(|address| seen.insert(address.to_string()));
            Service {
                name: name.parse::<ServiceName>().expect("a name"),
                version,
                addresses: distinct.collect(),
                attributes,
            }
        };
        services.into_iter().map(service).collect()
    })
}

fn record() -> impl Strategy<Value = ([u8; 32], ContactRecord)> {
    let times = (any::<u32>(), 1..=LIFETIME_HOURS_MAX);
    let grants = collection::vec(collection::vec(any::<u8>(), 1..100), 0..=GRANTS_MAX);
    let keys = any::<([u8; 32], [u8; 32])>();
    let parts = (keys, any::<u64>(), times, option::of(label::<Nickname>()), services(), grants);
    parts.prop_map(|((grid, seed), seq, (issued, lifetime), nickname, services, grants)| {
        let record = ContactRecord {
            grid: GridId::from_bytes(grid),
            node: NodeSecret::from_seed(seed).id(),
            seq,
            issued: Timestamp::from_hours(issued),
            lifetime: Lifetime::from_hours(lifetime).expect("a lifetime"),
            nickname,
            services,
            grants,
        };
        (seed, record)
    })
}

/// A record's bytes with the key that signed them; what is too large is tried for the refusal and left out.
fn signed() -> impl Strategy<Value = ([u8; 32], ContactRecord, Vec<u8>)> {
    record().prop_filter_map("too large", |(seed, record)| match record.sign(&NodeSecret::from_seed(seed)) {
        Ok(signed) => Some((seed, record, signed.bytes().to_vec())),
        Err(error) => {
            assert_eq!(error, anteroom::record::SignError::Record(RecordDecodeError::TooLarge));
            None
        }
    })
}

/// A change of one place.
#[derive(Clone, Debug)]
enum Change {
    Flip(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Cut(Index),
    Swap(Index, Index),
    Append(Vec<u8>),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    prop_oneof![
        4 => (at(), 1..=u8::MAX).prop_map(|(at, mask)| Change::Flip(at, mask)),
        1 => (at(), any::<u8>()).prop_map(|(at, byte)| Change::Insert(at, byte)),
        1 => at().prop_map(Change::Remove),
        1 => at().prop_map(Change::Cut),
        1 => (at(), at()).prop_map(|(a, b)| Change::Swap(a, b)),
        1 => collection::vec(any::<u8>(), 1..4).prop_map(Change::Append),
    ]
}

fn changed(bytes: &[u8], change: &Change) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = |index: &Index, bytes: &Vec<u8>| index.index(bytes.len());
    match change {
        Change::Flip(index, mask) => {
            let at = at(index, &bytes);
            bytes[at] ^= mask;
        }
        Change::Insert(index, byte) => bytes.insert(at(index, &bytes), *byte),
        Change::Remove(index) => drop(bytes.remove(at(index, &bytes))),
        Change::Cut(index) => bytes.truncate(at(index, &bytes)),
        Change::Swap(a, b) => {
            let (a, b) = (at(a, &bytes), at(b, &bytes));
            bytes.swap(a, b);
        }
        Change::Append(more) => bytes.extend_from_slice(more),
    }
    bytes
}

/// What a text may be changed into.
fn changed_text(text: &str, at: &Index, new: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let at = at.index(characters.len());
    let (front, back) = (&characters[..at], &characters[at + 1..]);
    front.iter().chain(new.chars().collect::<Vec<_>>().iter()).chain(back).collect()
}

/// Whatever is read is written as it was.
fn one_spelling<T: FromStr + Display>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        assert_eq!(value.to_string(), text);
    }
}

/// Neither what a stranger may claim nor what is said of it moves a cursor or starts a line.
fn quiet(text: &str) {
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

fn all_texts_are_quiet(claims: &ContactRecord) {
    quiet(&claims.grid.to_string());
    quiet(&claims.node.to_string());
    claims.nickname.iter().for_each(|nickname| quiet(nickname.as_str()));
    for service in &claims.services {
        quiet(&service.name.to_string());
        service.addresses.iter().for_each(|address| quiet(&address.to_string()));
        service.attributes.iter().for_each(|(key, value)| {
            quiet(key);
            quiet(value);
        });
    }
}

// ---- records ----

proptest! {
    #[test]
    fn what_is_signed_is_what_is_read((_, record, bytes) in signed()) {
        prop_assert!(bytes.len() <= RECORD_BYTES_MAX);
        let decoded = SignedRecord::decode(&bytes).expect("what was signed can be read");
        prop_assert_eq!(decoded.claims(), &record);
        prop_assert_eq!(decoded.bytes(), &bytes);
        let verified = decoded.verify().expect("the signature holds");
        prop_assert_eq!(verified.claims(), &record);
        prop_assert_eq!(verified.bytes(), &bytes);
    }

    #[test]
    fn a_changed_record_is_refused((_, record, bytes) in signed(), change in change()) {
        let other = changed(&bytes, &change);
        prop_assume!(other != bytes);
        if let Ok(decoded) = SignedRecord::decode(&other) {
            let same_body = other[..other.len() - SIGNATURE_BYTES] == bytes[..bytes.len() - SIGNATURE_BYTES];
            prop_assert_eq!(decoded.claims() == &record, same_body, "two spellings");
            prop_assert!(decoded.verify().is_err());
        }
    }

    #[test]
    fn no_number_has_a_longer_spelling((_, record, bytes) in signed()) {
        for at in 0..bytes.len() - SIGNATURE_BYTES {
            for longer in [[bytes[at] | 0x80, 0].as_slice(), &[bytes[at] | 0x80, 0x80, 0]] {
                let other = [&bytes[..at], longer, &bytes[at + 1..]].concat();
                if let Ok(decoded) = SignedRecord::decode(&other) {
                    prop_assert_ne!(decoded.claims(), &record, "byte {}", at);
                }
            }
        }
    }

    #[test]
    fn a_node_that_signs_anything_gets_one_spelling_accepted(
        (seed, _, bytes) in signed(), changes in collection::vec(change(), 1..4),
    ) {
        let secret = NodeSecret::from_seed(seed);
        let body = &bytes[..bytes.len() - SIGNATURE_BYTES];
        let body = changes.iter().fold(body.to_vec(), |body, change| {
            if body.is_empty() { body } else { changed(&body, change) }
        });
        let signature = secret.sign(Context::ContactRecord, &body);
        let other = [body.as_slice(), &signature].concat();
        if let Ok(decoded) = SignedRecord::decode(&other) {
            all_texts_are_quiet(decoded.claims());
            let own = decoded.claims().node == secret.id();
            let verified = decoded.verify();
            prop_assert_eq!(verified.is_ok(), own);
            if let Ok(verified) = verified {
                let again = verified.claims().sign(&secret).expect("it was accepted");
                prop_assert_eq!(again.bytes(), other);
            }
        }
    }

    #[test]
    fn arbitrary_bytes_are_refused_quietly(
        mut bytes in collection::vec(any::<u8>(), 0..2200), version in any::<bool>(),
    ) {
        if let (true, Some(first)) = (version, bytes.first_mut()) {
            *first = 1;
        }
        match SignedRecord::decode(&bytes) {
            Ok(decoded) => prop_assert!(decoded.verify().is_err()),
            Err(error) => quiet(&error.to_string()),
        }
    }

    #[test]
    fn claims_are_safe_to_print((_, record, _) in signed()) {
        all_texts_are_quiet(&record);
    }

    #[test]
    fn a_label_never_holds_a_control_character(text in any::<String>(), key in any::<String>()) {
        if let Ok(nickname) = text.parse::<Nickname>() {
            quiet(nickname.as_str());
            prop_assert_eq!(nickname.as_str(), &text);
        }
        if Attributes::default().insert(&key, &text).is_ok() {
            quiet(&key);
            quiet(&text);
        }
    }
}

// ---- texts ----

proptest! {
    #[test]
    fn an_address_is_read_as_it_is_written(address in address()) {
        prop_assert_eq!(address.to_string().parse::<Address>(), Ok(address));
    }

    #[test]
    fn an_onion_address_of_any_key_is_read_or_refused_for_its_key(key in any::<[u8; 32]>(), port in 1..=u16::MAX) {
        let address = Address::Onion(OnionAddress::new(key, port).expect("a port"));
        let read = address.to_string().parse::<Address>();
        prop_assert!(read == Ok(address) || read == Err(AddressError::OnionKey));
    }

    #[test]
    fn an_address_has_one_spelling(
        address in address(), at in any::<Index>(), new in prop_oneof!["[a-z2-7A-Z0-9.:\\[\\]-]{0,2}", "\\PC?"],
    ) {
        let text = address.to_string();
        let old = text.chars().nth(at.index(text.len())).expect("addresses are ASCII");
        for new in [new, old.to_uppercase().to_string(), format!("0{old}")] {
            one_spelling::<Address>(&changed_text(&text, &at, &new));
        }
        one_spelling::<Address>(&text.to_uppercase());
    }

    #[test]
    fn an_id_is_read_as_it_is_written_and_not_as_another_kind(bytes in any::<[u8; 32]>()) {
        let (node, grid) = (NodeId::from_bytes(bytes), GridId::from_bytes(bytes));
        prop_assert_eq!(node.to_string().parse::<NodeId>(), Ok(node));
        prop_assert_eq!(grid.to_string().parse::<GridId>(), Ok(grid));
        prop_assert!(node.to_string().parse::<GridId>().is_err());
        prop_assert!(grid.to_string().parse::<NodeId>().is_err());
    }

    #[test]
    fn an_id_has_one_spelling(bytes in any::<[u8; 32]>(), at in any::<Index>(), new in "[a-zA-Z0-9]{0,2}") {
        let text = NodeId::from_bytes(bytes).to_string();
        let other = changed_text(&text, &at, &new);
        prop_assert!(other == text || other.parse::<NodeId>().is_err());
    }

    #[test]
    fn a_secret_key_is_read_as_it_is_written(
        seed in any::<[u8; 32]>(), at in any::<Index>(), new in "[a-zA-Z0-9]{0,2}",
    ) {
        let (node, grid) = (NodeSecret::from_seed(seed), GridSecret::from_seed(seed));
        let text = node.to_text();
        prop_assert_eq!(text.parse::<NodeSecret>().expect("a key").id(), node.id());
        prop_assert_eq!(grid.to_text().parse::<GridSecret>().expect("a key").id(), grid.id());
        prop_assert!(text.parse::<GridSecret>().is_err());
        prop_assert!(text.parse::<NodeId>().is_err());
        let other = changed_text(&text, &at, &new);
        prop_assert!(other == *text || other.parse::<NodeSecret>().is_err());
    }

    #[test]
    fn arbitrary_text_is_refused_quietly_or_written_back(text in prop_oneof![
        any::<String>(), "\\PC{0,80}", "[a-z2-7]{50,57}\\.(onion|b32\\.i2p):[0-9]{1,5}",
        "(node|grid|nodesecret)1[a-z0-9]{50,60}", "[0-9a-f:.\\[\\]]{1,24}:[0-9]{1,3}",
    ]) {
        one_spelling::<Address>(&text);
        one_spelling::<NodeId>(&text);
        one_spelling::<GridId>(&text);
        let refusals = [
            text.parse::<Address>().err().map(|error| error.to_string()),
            text.parse::<NodeId>().err().map(|error| error.to_string()),
            text.parse::<NodeSecret>().err().map(|error| error.to_string()),
            text.parse::<GridSecret>().err().map(|error| error.to_string()),
            text.parse::<ServiceName>().err().map(|error| error.to_string()),
            text.parse::<Nickname>().err().map(|error| error.to_string()),
        ];
        refusals.iter().flatten().for_each(|refusal| quiet(refusal));
    }

    #[test]
    fn a_shelf_holds_what_begins_with_its_bits(
        grid in any::<[u8; 32]>(), node in any::<[u8; 32]>(), bits in 0_u16..=300,
    ) {
        let hash = HashedNodeId::new(&GridId::from_bytes(grid), &NodeId::from_bytes(node));
        let (first, last) = (hash.with_tail(bits, false), hash.with_tail(bits, true));
        prop_assert!(first <= hash && hash <= last);
        for at in 0..256_usize {
            let bit = |id: &HashedNodeId| id.as_bytes()[at / 8] >> (7 - at % 8) & 1;
            let wanted = if at < usize::from(bits) { [bit(&hash); 2] } else { [0, 1] };
            prop_assert_eq!([bit(&first), bit(&last)], wanted);
        }
    }
}
