//! Frozen transcripts of protocol version 1: what these files say is spoken for ever. Each holds one frame: the length of
//! its payload, and the message in hexadecimal; the rest of the payload is zeros.

use std::{collections::BTreeSet, fs, path::PathBuf};

use anteroom::{
    grid::DOCUMENT_BYTES_MAX,
    protocol::{
        About, AdmissionKind, Blob, Bucket, DocumentKind, FrameError, HELLO_MAGIC, Hello, LENGTH_BYTES, LookupMode,
        Opening, RefusalCode, Request, Response, WatchMode, Welcomed, frame_length,
    },
};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/protocol")
}

/// The frame a file holds.
fn frozen(name: &str) -> Vec<u8> {
    let path = folder().join(format!("{name}.txt"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let field = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.trim().strip_prefix('='));
        line.unwrap_or_else(|| panic!("{name} has no {key}")).trim().to_owned()
    };
    let length: usize = field("payload_bytes").parse().expect("a number");
    let message = data_encoding::HEXLOWER.decode(field("message").as_bytes()).expect("hexadecimal");
    let mut frame = (length as u32).to_be_bytes().to_vec();
    frame.extend(message);
    frame.resize(LENGTH_BYTES + length, 0);
    frame
}

fn requests() -> Vec<(&'static str, Request<'static>)> {
    vec![
        ("request-about", Request::About),
        ("request-publish", Request::Publish { record: Blob(&[0xaa; 200]) }),
        ("request-lookup", Request::Lookup { prefix: [0x80; 32], bits: 300, after: Some([1; 32]) }),
        ("request-list", Request::List { service: Some("storage"), since_hours: Some(480_000), credit_pages: 64 }),
        ("request-credit", Request::Credit { pages: 32 }),
        ("request-watch", Request::Watch { service: None, since_hours: None }),
        ("request-evidence", Request::Evidence { node: [7; 32] }),
        (
            "request-put-document",
            Request::PutDocument { kind: DocumentKind::REVOCATIONS, document: Blob(&[0xbb; 300]) },
        ),
        ("request-get-document", Request::GetDocument { kind: DocumentKind(255) }),
        (
            "request-put-confirmation",
            Request::PutDocument { kind: DocumentKind::CONFIRMATION, document: Blob(&[0xcc; 3]) },
        ),
        ("request-confirmation", Request::Confirmation { node: [7; 32] }),
    ]
}

fn responses() -> Vec<(String, Response<'static>)> {
    let about = About {
        grid: [9; 32],
        admission: AdmissionKind::Open,
        onion: true,
        i2p: true,
        clearnet: false,
        record_bytes_max: 2048,
        lifetime_hours_max: 720,
        new_key_lifetime_hours_max: 240,
        lookup: LookupMode::Prefix { bits: 5 },
        watch: WatchMode::Tick { seconds: 60 },
    };
    let (granted, listed) = (AdmissionKind::Granted, AdmissionKind::Listed);
    let immediate = About { lookup: LookupMode::Exact, watch: WatchMode::Immediate, ..about };
    let mut responses: Vec<_> = [
        ("response-unsupported", Response::Unsupported),
        ("response-busy", Response::Busy { retry_after_seconds: 600 }),
        ("response-about", Response::About(about)),
        ("response-about-exact-immediate", Response::About(immediate)),
        ("response-about-granted", Response::About(About { admission: granted, ..about })),
        ("response-about-listed", Response::About(About { admission: listed, ..about })),
        ("response-accepted", Response::Accepted),
        ("response-shelf", Response::Shelf { records: vec![Blob(&[1; 3]), Blob(&[2; 3])], more_after: None, bits: 4 }),
        ("response-shelf-more", Response::Shelf { records: vec![], more_after: Some([8; 32]), bits: 256 }),
        ("response-shelf-exact", Response::ShelfExact { record: Some(Blob(&[5; 4])) }),
        ("response-shelf-exact-unknown", Response::ShelfExact { record: None }),
        ("response-page", Response::Page { records: vec![Blob(&[6; 5])], end: true }),
        ("response-tick", Response::Tick { records: vec![], end: true }),
        ("response-change", Response::Change { records: vec![Blob(&[7; 6])] }),
        ("response-reset", Response::Reset),
        ("response-evidence", Response::Evidence { pair: Some((Blob(&[1]), Blob(&[2]))) }),
        ("response-document", Response::Document { document: Some(Blob(&[9; 4])) }),
        ("response-document-none", Response::Document { document: None }),
    ]
    .map(|(name, response)| (name.to_owned(), response))
    .into();
    responses.extend(RefusalCode::ALL.map(|code| {
        let current = matches!(code, RefusalCode::Stale | RefusalCode::SeqConflict).then_some(Blob(&[3; 7]));
        (format!("response-refused-{code:?}").to_lowercase(), Response::Refused { code, current })
    }));
    responses
}

#[test]
fn requests_are_spoken_as_they_were_frozen() {
    for (name, request) in requests() {
        let frame = frozen(name);
        assert_eq!(request.encode(None).as_deref(), Ok(&*frame), "{name}");
        assert_eq!(Request::decode(&frame[LENGTH_BYTES..]), Ok(Some(request)), "{name}");
    }
}

#[test]
fn responses_are_spoken_as_they_were_frozen() {
    for (name, response) in responses() {
        let frame = frozen(&name);
        assert_eq!(response.encode(None).as_deref(), Ok(&*frame), "{name}");
        assert_eq!(Response::decode(&frame[LENGTH_BYTES..]), Ok(response), "{name}");
    }
}

#[test]
fn a_stream_opens_as_it_was_frozen() {
    let frame = frozen("opening-about");
    let hello = Hello { lowest: 1, highest: 1 };
    assert_eq!(Request::About.encode(Some(hello)).as_deref(), Ok(&*frame));
    let opening = Opening { hello, request: Some(Request::About) };
    assert_eq!(Opening::decode(&frame[LENGTH_BYTES..]), Ok(opening));

    let frame = frozen("welcome-accepted");
    assert_eq!(Response::Accepted.encode(Some(1)).as_deref(), Ok(&*frame));
    let welcomed = Welcomed { version: 1, response: Response::Accepted };
    assert_eq!(Welcomed::decode(&frame[LENGTH_BYTES..]), Ok(welcomed));
}

#[test]
fn a_client_of_the_future_is_understood_as_far_as_can_be() {
    let newer = frozen("opening-of-versions-1-to-9");
    let opening = Opening::decode(&newer[LENGTH_BYTES..]).expect("a hello");
    assert_eq!((Hello::OURS.choose(opening.hello), opening.request), (Some(1), Some(Request::About)));
    let unknown = frozen("opening-of-versions-2-to-9");
    let opening = Opening::decode(&unknown[LENGTH_BYTES..]).expect("a hello");
    assert_eq!((Hello::OURS.choose(opening.hello), opening.request), (None, None));
    let kind = frozen("request-of-an-unknown-kind");
    assert_eq!(Request::decode(&kind[LENGTH_BYTES..]), Ok(None));
}

#[test]
fn each_way_a_frame_can_be_wrong_has_its_error() {
    for (name, error) in [
        ("reject-magic", FrameError::Magic),
        ("reject-malformed", FrameError::Malformed),
        ("reject-versions-upside-down", FrameError::Malformed),
        ("reject-padding", FrameError::Padding),
    ] {
        assert_eq!(Opening::decode(&frozen(name)[LENGTH_BYTES..]), Err(error), "{name}");
    }
    for length in [0, 1, 1023, 1025, 65_537, u32::MAX] {
        assert_eq!(frame_length(length.to_be_bytes(), Bucket::SixtyFourKib), Err(FrameError::Length));
    }
    assert_eq!(frame_length(16_384_u32.to_be_bytes(), Bucket::FourKib), Err(FrameError::Length));
    let records = vec![Blob(&[0; 2048]); 40];
    assert_eq!(Response::Page { records, end: false }.encode(None), Err(FrameError::TooLarge));
}

#[test]
fn answers_that_one_request_can_get_have_one_size() {
    let size = |response: Response<'_>| response.encode(None).expect("it fits").len();
    let publish = size(Response::Accepted);
    let current = Some(Blob(&[0; 2048]));
    assert_eq!(publish, size(Response::Busy { retry_after_seconds: u32::MAX }));
    assert_eq!(publish, size(Response::Refused { code: RefusalCode::Stale, current }));
    let largest = Some(Blob(&[0; DOCUMENT_BYTES_MAX]));
    assert_eq!(publish, size(Response::Refused { code: RefusalCode::Stale, current: largest }));
    assert_eq!(size(Response::Document { document: None }), size(Response::Document { document: largest }));
    let put = Request::PutDocument { kind: DocumentKind::REVOCATIONS, document: Blob(&[0; DOCUMENT_BYTES_MAX]) };
    let first = put.encode(Some(Hello::OURS)).expect("it fits").len();
    assert_eq!(first, LENGTH_BYTES + Bucket::FourKib.bytes(), "the largest document fits the largest request");
    let exact = size(Response::ShelfExact { record: None });
    assert_eq!(exact, size(Response::ShelfExact { record: current }));
    let shelf = size(Response::Shelf { records: vec![], more_after: None, bits: 0 });
    let full = vec![Blob(&[0; 2048]); 7];
    assert_eq!(shelf, size(Response::Shelf { records: full, more_after: Some([1; 32]), bits: 256 }));
    let tick = size(Response::Tick { records: vec![], end: true });
    assert_eq!(tick, size(Response::Tick { records: vec![Blob(&[0; 2048]); 7], end: false }));
}

#[test]
fn every_frozen_file_is_used() {
    let names =
        requests().into_iter().map(|(name, _)| name.to_owned()).chain(responses().into_iter().map(|(name, _)| name));
    let mut expected: BTreeSet<String> = names.collect();
    for name in [
        "opening-about",
        "welcome-accepted",
        "opening-of-versions-1-to-9",
        "opening-of-versions-2-to-9",
        "request-of-an-unknown-kind",
        "reject-magic",
        "reject-malformed",
        "reject-versions-upside-down",
        "reject-padding",
    ] {
        expected.insert(name.to_owned());
    }
    let found: BTreeSet<String> = fs::read_dir(folder())
        .expect("the folder is there")
        .map(|entry| entry.expect("an entry").path().file_stem().expect("a name").to_string_lossy().into_owned())
        .collect();
    assert_eq!(found, expected);
    assert_eq!(HELLO_MAGIC, *b"anteroom");
}
