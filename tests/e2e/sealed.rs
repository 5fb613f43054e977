//! A sealed grid's introducer: it lists, finds and forgets what it can't read, and holds nothing of what is in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{Read as _, Seek as _, SeekFrom},
};

use anteroom::{
    grid::{EpochTerms, Grant, KeyEpoch, Rights, VerifiedKeyEpoch},
    protocol::{Blob, DocumentKind, RefusalCode, Request, Response},
    record::{
        Address, ContactRecord, EphemeralSecret, Epoch, GroupKey, HashedNodeId, OnionAddress, SealedRecord,
        SignedRecord, Tag, VerifiedRecord,
    },
};
use data_encoding::{BASE32_NOPAD, BASE64_NOPAD, BASE64URL_NOPAD, Encoding, HEXLOWER, HEXUPPER};

use crate::support::{
    introducer::Introducer,
    records::{Node, grant, grid, grid_secret, sign_grant, this_hour},
    wire::{Answer, Wire, answer},
};

const SEALED: &str = "sealed = true";

fn group(epoch: u32) -> GroupKey {
    GroupKey::new(Epoch::new(epoch).unwrap(), [epoch as u8; 32])
}

fn tag(service: &str) -> String {
    Tag::of(&group(1), &grid(), &service.parse().unwrap()).name().to_string()
}

fn hash(node: &Node) -> [u8; 32] {
    *HashedNodeId::new(&grid(), &node.id()).as_bytes()
}

fn withdrawal(node: &Node, seq: u64) -> VerifiedRecord {
    node.seal(&ContactRecord { services: Vec::new(), ..node.claims(seq) }, &group(1))
}

#[test]
fn what_nobody_can_read_is_listed_found_replaced_and_withdrawn_as_ever() {
    let mut introducer = Introducer::with_config(&format!("{SEALED}\n[watch]\ndelivery = \"immediate\""));
    let (first, second) = (Node::new(1), Node::new(2));
    let mut wire = introducer.wire(1);
    let mut other = second.claims(1);
    other.services[0].name = "web".parse().unwrap();
    let (storage, web) = (first.seal(&first.claims(1), &group(1)), second.seal(&other, &group(1)));
    for record in [&storage, &web, &storage] {
        assert_eq!(wire.publish(record.bytes()).unwrap(), Answer::Accepted);
    }
    assert_eq!(wire.list(Some(&tag("storage")), None).unwrap(), [storage.bytes()]);
    assert_eq!(wire.list(Some(&tag("web")), None).unwrap(), [web.bytes()]);
    assert!(wire.list(Some("storage"), None).unwrap().is_empty(), "it knows no names");
    assert_eq!(wire.lookup(hash(&first)).unwrap().as_deref(), Some(storage.bytes()));

    let mut watcher = introducer.wire(2);
    watcher.send(&Request::Watch { service: Some(&tag("storage")), since_hours: None }).unwrap();
    assert_eq!(watcher.pages().unwrap(), [storage.bytes()]);
    let newer = first.seal(&first.claims(2), &group(1));
    assert_eq!(wire.publish(newer.bytes()).unwrap(), Answer::Accepted);
    let mut changed = || loop {
        let (payload, _) = watcher.receive().unwrap();
        match Response::decode(&payload).unwrap() {
            Response::Change { records } if records.is_empty() => {}
            Response::Change { records } => return records[0].0.to_vec(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(changed(), newer.bytes());
    let stale = Answer::Refused(RefusalCode::Stale, Some(newer.bytes().to_vec()));
    assert_eq!(wire.publish(storage.bytes()).unwrap(), stale);
    let twin = first.seal(&first.claims(2), &group(1));
    let conflict = Answer::Refused(RefusalCode::SeqConflict, Some(newer.bytes().to_vec()));
    assert_eq!(wire.publish(twin.bytes()).unwrap(), conflict, "two seals of one number are two records");

    let gone = withdrawal(&first, 3);
    assert_eq!(wire.publish(gone.bytes()).unwrap(), Answer::Accepted);
    assert_eq!(changed(), gone.bytes(), "a withdrawal reaches who watches the service it no longer names");
    for _ in 0..2 {
        let mut wire = introducer.wire(3);
        assert!(wire.list(Some(&tag("storage")), None).unwrap().is_empty());
        assert_eq!(wire.list(Some(&tag("web")), None).unwrap(), [web.bytes()]);
        assert_eq!(wire.lookup(hash(&first)).unwrap().as_deref(), Some(gone.bytes()));
        assert!(introducer.terminate().success());
        introducer.launch();
    }
}

#[test]
fn what_is_not_sealed_for_this_grid_is_refused_with_the_reason() {
    let introducer = Introducer::with_config(SEALED);
    let (mut wire, node) = (introducer.wire(1), Node::new(1));
    let good = node.seal(&node.claims(1), &group(1));
    let mut forged = good.bytes().to_vec();
    forged[300] ^= 1;
    let foreign = ContactRecord { grid: anteroom::record::GridId::from_bytes([1; 32]), ..node.claims(1) };
    let late = ContactRecord { issued: this_hour().minus_hours(48), ..node.claims(1) };
    let granted = ContactRecord { grants: vec![vec![1]], ..node.claims(1) };
    for (bytes, code) in [
        (node.record(1).bytes(), RefusalCode::Sealing),
        (&forged, RefusalCode::Signature),
        (&good.bytes()[..good.bytes().len() - 1], RefusalCode::Malformed),
        (&good.bytes()[..400], RefusalCode::Malformed),
        (node.seal(&foreign, &group(1)).bytes(), RefusalCode::WrongGrid),
        (node.seal(&late, &group(1)).bytes(), RefusalCode::Expired),
        (node.seal(&granted, &group(1)).bytes(), RefusalCode::Grants),
    ] {
        assert_eq!(wire.publish(bytes).unwrap(), Answer::Refused(code, None));
    }
    assert_eq!(wire.list(None, None).unwrap(), Vec::<Vec<u8>>::new());
    let clear = Introducer::start();
    assert_eq!(clear.wire(1).publish(good.bytes()).unwrap(), Answer::Refused(RefusalCode::Sealing, None));
}

#[test]
fn grants_count_and_what_they_name_is_left_to_readers() {
    let introducer = Introducer::with_config(&format!("{SEALED}\n[admission]\npolicy = \"granted\""));
    let (mut wire, node) = (introducer.wire(1), Node::new(1));
    assert_eq!(
        wire.publish(node.seal(&node.claims(1), &group(1)).bytes()).unwrap(),
        Answer::Refused(RefusalCode::NoGrant, None)
    );
    let relay = Rights::services(["relay".parse().unwrap()]);
    let grants = vec![sign_grant(&Grant { rights: relay, ..grant(None, &node, 0) }, None)];
    let record = node.seal(&ContactRecord { grants, ..node.claims(1) }, &group(1));
    assert_eq!(wire.publish(record.bytes()).unwrap(), Answer::Accepted, "nobody can see here what it offers");
}

#[test]
fn a_list_of_services_for_each_node_admits_only_who_may_offer_any() {
    let mut introducer = Introducer::prepared(&format!("{SEALED}\n[admission]\npolicy = \"listed\"\nlist = \"roll\""));
    let (any, some) = (Node::new(1), Node::new(2));
    fs::write(introducer.directory.path().join("roll"), format!("{} any\n{} storage\n", any.id(), some.id())).unwrap();
    introducer.launch();
    let mut wire = introducer.wire(1);
    assert_eq!(wire.publish(any.seal(&any.claims(1), &group(1)).bytes()).unwrap(), Answer::Accepted);
    let refused = wire.publish(some.seal(&some.claims(1), &group(1)).bytes()).unwrap();
    assert_eq!(refused, Answer::Refused(RefusalCode::Rights, None), "a limit that can't be checked is none");
}

#[test]
fn a_grid_that_becomes_sealed_takes_another_state() {
    let mut introducer = Introducer::start();
    assert_eq!(introducer.wire(1).publish(Node::new(1).record(1).bytes()).unwrap(), Answer::Accepted);
    introducer.reconfigure("state = \"state\"", "state = \"state\"\nsealed = true");
    // A reload does not change it.
    introducer.signal("-HUP");
    introducer.wait("the reload is told", |introducer| introducer.log().contains("was reloaded"));
    assert_eq!(introducer.wire(1).publish(Node::new(2).record(1).bytes()).unwrap(), Answer::Accepted);
    assert!(introducer.terminate().success());
    introducer.spawn();
    assert!(!introducer.exit_status().success());
    assert!(
        introducer.log().contains("the store holds records in clear and the grid is sealed"),
        "{}",
        introducer.log()
    );
}

fn epoch(seq: u64, key: &GroupKey, members: &[&Node]) -> VerifiedKeyEpoch {
    let terms = EpochTerms { grid: grid(), seq, issued: this_hour(), next_update_hours: 24 };
    let members: Vec<_> = members.iter().map(|node| node.id()).collect();
    let ephemeral = EphemeralSecret::new(anteroom::ambient::random().unwrap());
    KeyEpoch::wrap(terms, key, &members, &ephemeral).unwrap().sign(&grid_secret()).unwrap()
}

fn put(wire: &mut Wire, document: &[u8]) -> Answer {
    let request = Request::PutDocument { kind: DocumentKind::KEY_EPOCH, document: Blob(document) };
    wire.ask(&request, |response| answer(&response)).unwrap()
}

#[test]
fn the_key_of_an_epoch_is_kept_handed_out_and_never_goes_back() {
    let mut introducer = Introducer::with_config(SEALED);
    let members = [&Node::new(1), &Node::new(2)];
    let (first, second) = (epoch(1, &group(2), &members), epoch(2, &group(3), &members));
    let mut forged = second.bytes().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let mut wire = introducer.wire(1);
    assert_eq!(put(&mut wire, &forged), Answer::Refused(RefusalCode::Signature, None));
    assert_eq!(put(&mut wire, &first.bytes()[..2000]), Answer::Refused(RefusalCode::Malformed, None));
    for document in [&first, &second, &second] {
        assert_eq!(put(&mut wire, document.bytes()), Answer::Accepted);
    }
    let stale = Answer::Refused(RefusalCode::Stale, Some(second.bytes().to_vec()));
    assert_eq!(put(&mut wire, first.bytes()), stale);
    introducer.kill();
    introducer.launch();
    let mut wire = introducer.wire(2);
    let kept = wire.ask(&Request::GetDocument { kind: DocumentKind::KEY_EPOCH }, |response| match response {
        Response::Document { document } => document.map(|Blob(bytes)| bytes.to_vec()),
        other => panic!("{other:?}"),
    });
    assert_eq!(kept.unwrap().as_deref(), Some(second.bytes()));
    assert_eq!(put(&mut wire, first.bytes()), stale);
    let clear = Introducer::start();
    assert_eq!(put(&mut clear.wire(1), first.bytes()), Answer::Refused(RefusalCode::Sealing, None));
}

/// Nickname, services and addresses of the nodes of the dump. Nothing else holds them: not this grid, not its configuration.
const NICKNAME: &str = "violet-quokka-cellar";
const SERVICES: [&str; 2] = ["marmalade-vault", "thimble-relay"];

fn told(node: &Node, number: u8, seq: u64) -> ContactRecord {
    let mut claims = node.claims(seq);
    claims.nickname = Some(NICKNAME.parse().unwrap());
    let service = claims.services.remove(0);
    for (index, name) in SERVICES.iter().enumerate() {
        let mut service = service.clone();
        service.name = name.parse().unwrap();
        service.addresses = vec![Address::Onion(onion(number, index as u8))];
        service.attributes.insert("motto", "hedgehogs-prefer-rhubarb").unwrap();
        claims.services.push(service);
    }
    claims
}

fn onion(number: u8, index: u8) -> OnionAddress {
    let mut key = [0; 32];
    for (at, byte) in key.iter_mut().enumerate() {
        *byte = (at as u8).wrapping_mul(37) ^ number.wrapping_mul(91) ^ index.wrapping_mul(17) ^ 0xa5;
    }
    OnionAddress::new(key, 4711).unwrap()
}

/// Every way in which text and bytes are written down, as the audit of a host looks for them.
fn needles(nodes: u8) -> BTreeMap<Vec<u8>, String> {
    let mut needles = BTreeMap::new();
    let mut texts: Vec<String> = SERVICES.map(String::from).into();
    texts.extend([NICKNAME.to_owned(), "hedgehogs-prefer-rhubarb".to_owned()]);
    let mut keys = Vec::new();
    for (number, index) in (0..nodes).flat_map(|number| [(number, 0), (number, 1)]) {
        let address = onion(number, index);
        // Without its port: that is how C tor writes it.
        texts.push(address.to_string().trim_end_matches(".onion:4711").to_owned());
        keys.push(address.key().to_vec());
    }
    let mut add = |what: &str, bytes: &[u8]| {
        let reversed: Vec<u8> = bytes.iter().rev().copied().collect();
        for bytes in [bytes, &reversed] {
            needles.insert(bytes.to_vec(), format!("{what}, as it is"));
            for encoding in [HEXLOWER, HEXUPPER] {
                needles.insert(encoding.encode(bytes).into_bytes(), format!("{what}, in hexadecimal"));
            }
            for (encoding, bits, group) in [(BASE64_NOPAD, 6, 3), (BASE64URL_NOPAD, 6, 3), (BASE32_NOPAD, 5, 5)] {
                for text in within(&encoding, bits, group, bytes) {
                    needles.insert(text.to_lowercase().into_bytes(), format!("{what}, in base{}", 1 << bits));
                    needles.insert(text.into_bytes(), format!("{what}, in base{}", 1 << bits));
                }
            }
        }
    };
    for text in &texts {
        add(text, text.as_bytes());
        add(text, text.to_uppercase().as_bytes());
        add(text, &text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>());
    }
    for key in &keys {
        add("the key of an onion address", key);
    }
    needles
}

/// The characters that hold nothing but `bytes`, at each place within a group of `group` bytes.
fn within(encoding: &Encoding, bits: usize, group: usize, bytes: &[u8]) -> Vec<String> {
    let at = |before: usize| {
        let all = [&vec![0; before][..], bytes, &vec![0; group]].concat();
        encoding.encode(&all)[(before * 8).div_ceil(bits)..(before + bytes.len()) * 8 / bits].to_owned()
    };
    (0..group).map(at).collect()
}

/// The names of what is found in `bytes`.
fn found(bytes: &[u8], needles: &BTreeMap<Vec<u8>, String>) -> BTreeSet<String> {
    let mut by_start: BTreeMap<[u8; 2], Vec<&Vec<u8>>> = BTreeMap::new();
    for needle in needles.keys() {
        by_start.entry([needle[0], needle[1]]).or_default().push(needle);
    }
    let starts: Vec<bool> = (0..=u16::MAX).map(|start| by_start.contains_key(&start.to_be_bytes())).collect();
    let mut found = BTreeSet::new();
    for (at, pair) in bytes.windows(2).enumerate() {
        if !starts[usize::from(u16::from_be_bytes([pair[0], pair[1]]))] {
            continue;
        }
        let here = by_start[&[pair[0], pair[1]]].iter().filter(|needle| bytes[at..].starts_with(needle));
        found.extend(here.map(|needle| needles[*needle].clone()));
    }
    found
}

/// Everything writable that a process has in memory. Its sandbox is off, since it keeps a process from being looked into.
fn memory(pid: u32) -> Vec<u8> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("the process runs");
    let mut memory = File::open(format!("/proc/{pid}/mem")).expect("a process of one's own can be looked into");
    let mut all = Vec::new();
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next().expect("a range"), words.next().expect("rights"));
        if !rights.starts_with("rw") {
            continue;
        }
        let (start, end) = range.split_once('-').expect("two addresses");
        let [start, end] = [start, end].map(|text| u64::from_str_radix(text, 16).expect("an address"));
        let mut part = vec![0; (end - start) as usize];
        memory.seek(SeekFrom::Start(start)).expect("an address of the map");
        // What the kernel keeps to itself can't be read.
        if memory.read_exact(&mut part).is_ok() {
            all.extend_from_slice(&part);
        }
    }
    assert!(all.len() > 1 << 20, "hardly anything of the process was read");
    all
}

/// All files below a directory, one behind the other.
fn files(directory: &std::path::Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            all.extend(files(&path));
        } else if path.is_file() {
            all.extend(fs::read(&path).expect("a file"));
        }
    }
    all
}

/// Publishes, lists, looks up, watches, restarts; what an introducer then has in memory, and in state, log and configuration.
fn dump(sealed: bool, nodes: u8) -> [Vec<u8>; 2] {
    // The sandbox makes the process one that nobody can look into: see `memory`.
    let mut introducer = Introducer::with_config(&format!("sealed = {sealed}\nsandbox = \"off\""));
    let seal =
        |node: &Node, claims: &ContactRecord| if sealed { node.seal(claims, &group(1)) } else { node.sign(claims) };
    let listed_by = if sealed { tag(SERVICES[0]) } else { SERVICES[0].to_owned() };
    for round in 0..2 {
        for number in 0..nodes {
            let (mut wire, node) = (introducer.wire(number.into()), Node::new(number.into()));
            let record = seal(&node, &told(&node, number, 1 + round));
            assert_eq!(wire.publish(record.bytes()).unwrap(), Answer::Accepted);
            assert_eq!(wire.lookup(hash(&node)).unwrap().as_deref(), Some(record.bytes()));
        }
        assert_eq!(introducer.wire(100).list(Some(&listed_by), None).unwrap().len(), usize::from(nodes));
        let mut watcher = introducer.wire(101);
        watcher.send(&Request::Watch { service: Some(&listed_by), since_hours: None }).unwrap();
        assert_eq!(watcher.pages().unwrap().len(), usize::from(nodes));
        if round == 0 {
            assert!(introducer.terminate().success());
            introducer.launch();
        }
    }
    let memory = memory(introducer.pid());
    introducer.kill();
    [memory, files(introducer.directory.path())]
}

#[test]
fn a_dump_of_its_memory_state_and_log_holds_no_address_no_nickname_and_no_service() {
    const NODES: u8 = 6;
    let needles = needles(NODES);
    for part in dump(true, NODES) {
        assert_eq!(found(&part, &needles), BTreeSet::new());
    }
    // The same of a clear grid, so that this test can fail: what is looked for would be found.
    let [memory, files] = dump(false, NODES).map(|part| found(&part, &needles));
    for text in [NICKNAME, SERVICES[0], SERVICES[1], "the key of an onion address"] {
        let name = format!("{text}, as it is");
        assert!(memory.contains(&name) && files.contains(&name), "{name} is not even found in clear");
    }
}

#[test]
fn members_read_what_the_introducer_keeps_and_nobody_reads_it_as_clear() {
    let introducer = Introducer::with_config(SEALED);
    let (mut wire, node) = (introducer.wire(1), Node::new(1));
    let record = node.seal(&told(&node, 1, 1), &group(1));
    assert_eq!(wire.publish(record.bytes()).unwrap(), Answer::Accepted);
    let kept = wire.lookup(hash(&node)).unwrap().unwrap();
    let read = SealedRecord::decode(&kept).unwrap().verify().unwrap().open(&group(1)).unwrap();
    assert_eq!(read, record);
    assert!(SignedRecord::decode(&kept).is_err());
}
