"""Vectors of sealed records, and of the key of an epoch."""

import formats as f
import sealing as s
from grids import GRID, GRID_SEED, number
from texts import CONTEXTS, I2P, TOR, seed
from write import vector

RECORD, EPOCH = CONTEXTS["SealedRecord"], CONTEXTS["KeyEpoch"]
SEED = seed("node a")
NODE = f.public(SEED)
GROUP = seed("group")
NONCE = seed("nonce")[:24]
ONION = bytes.fromhex(TOR[0][1])
BODY, TEXT = b"anteroom v1 sealed body\0", 640


def epoch_bytes(epoch):
    return epoch.to_bytes(4, "big")


def tags_of(services, group=GROUP, epoch=1, node=NODE, grid=GRID):
    derive = lambda what: s.hkdf(b"anteroom v1 service tag\0", group, grid + epoch_bytes(epoch) + what, 16)
    tags = [derive(b"\0" + name.encode()) for name in services]
    tags += [derive(b"\1" + node + bytes([index])) for index in range(8 - len(services))]
    return sorted(tags)


def text_of(nickname, services):
    label = b"\0" if nickname is None else b"\1" + f.string(nickname)
    return label + f.sequence(services)


def record(
    services=(), nickname=None, seq=1, issued=490_000, lifetime=168, withdrawn=None, epoch=1, grants=(), version=1 + 1, tags=None,
    group=GROUP, text=None, wire_epoch=None, sealed_for=None, body=None, nonce=NONCE, node=NODE, wire_withdrawn=None, wire_seq=None,
):
    """`services` are pairs of a name and its wire form; `sealed_for`: what the body is bound to, where that is not this record."""
    names = [name for name, _ in services]
    tags = tags_of(names, group, epoch) if tags is None else tags
    gone = int(not services) if withdrawn is None else withdrawn
    if body is None:
        text = text_of(nickname, [wire for _, wire in services]) if text is None else text
        text += bytes(TEXT - len(text))
        bound = {"node": node, "seq": seq, "issued": issued, "lifetime": lifetime, "epoch": epoch, "grid": GRID, **(sealed_for or {})}
        both = s.hkdf(BODY, group, bound["grid"] + epoch_bytes(bound["epoch"]) + nonce, 64)
        associated = b"\2" + bound["grid"] + bound["node"] + bound["seq"].to_bytes(8, "big") + bound["issued"].to_bytes(4, "big")
        associated += bound["lifetime"].to_bytes(2, "big") + bytes([gone]) + epoch_bytes(bound["epoch"]) + b"".join(tags)
        body = both[32:] + nonce + s.seal(both[:32], nonce, text, associated)
    return b"".join((
        bytes([version]), GRID, node, number(seq if wire_seq is None else wire_seq), number(issued), number(lifetime),
        bytes([gone]) if wire_withdrawn is None else wire_withdrawn, number(epoch if wire_epoch is None else wire_epoch),
        b"".join(tags), f.string(body), f.sequence([f.string(grant) for grant in grants]),
    ))


def parts(body, by=SEED, prefix=RECORD):
    return [("body", body), ("signature", f.sign(by, prefix + body))]


def service(name, port=80):
    return name, f.service(name, 1, [f.wire_onion(ONION, port)])


STORAGE = service("storage")


def accept(name, why, lines, epoch=1, group=GROUP, **fields):
    seq, issued, lifetime = fields.get("seq", 1), fields.get("issued", 490_000), fields.get("lifetime", 168)
    head = [("seed", SEED), ("context", RECORD), ("group-key", GROUP), ("epoch", epoch), ("nonce", NONCE), ("grid", GRID), ("node", NODE)]
    lines = [("seq", seq), ("issued-hours", issued), ("lifetime-hours", lifetime), *lines]
    names = [name for name, _ in fields.get("services", ())]
    tags = [("tag", tag) for tag in tags_of(names, epoch=epoch)]
    vector("sealed", f"accept-{name}", why, "accept", head + lines + tags + parts(record(epoch=epoch, **fields)))


def lines_of(*services):
    return [line for name, port in services for line in (("service", f"{name} 1"), ("address", f.onion(ONION, port)))]


def records():
    accept("withdrawal", "Nothing is offered, and the tags are eight that stand for nothing.", [])
    accept("one-service", "An ordinary record.", [("nickname", "cellar"), *lines_of(("storage", 80))], services=[STORAGE], nickname="cellar", seq=7)
    grants = [bytes([at]) * 256 for at in range(4)]
    names = [(f"s{at}", 81 + at) for at in range(8)]
    accept("every-field", "Every number at its largest, eight services, four grants of 256 bytes: the largest there can be.", [*lines_of(*names), *(("grant", grant) for grant in grants)], epoch=2**32 - 1, seq=2**64 - 1, issued=2**32 - 1, lifetime=720, services=[service(*pair) for pair in names], grants=grants)

    no = lambda name, why, error, body, **more: vector("sealed", f"reject-{name}", why, error, [("group-key", GROUP), ("epoch", 1), *parts(body, **more)])
    form = lambda name, why, error, body: no(name, why, f"RecordDecodeError.{error}", body)
    good = record(services=[STORAGE])
    form("too-large", "2049 bytes.", "TooLarge", good + bytes(2049 - 64 - len(good)))
    vector("sealed", "reject-too-short", "A signature and nothing that it could be of.", "RecordDecodeError.TooShort", [("group-key", GROUP), ("epoch", 1), ("body", b""), ("signature", bytes(64))])
    for version in (0, 1, 3):
        form(f"version-{version}", "The first byte is the version: 2.", "Version", record(services=[STORAGE], version=version))
    form("malformed-cut", "Without its last byte.", "Malformed", good[:-1])
    form("malformed-withdrawn", "Neither no (0) nor yes (1).", "Malformed", record(services=[STORAGE], wire_withdrawn=b"\2"))
    form("trailing-byte", "A byte behind the last field.", "TrailingBytes", good + b"\0")
    form("not-canonical-seq", "A varint with a superfluous last byte of zero.", "NotCanonical", record(services=[STORAGE], wire_seq=b"\x81\0"))
    form("lifetime-zero", "A lifetime is 1 to 720 hours.", "Claim.Lifetime", record(services=[STORAGE], lifetime=0))
    for size in (0, 711, 713):
        form(f"body-of-{size}-bytes", "712 bytes are the one size.", "Claim.SealedBody", record(services=[STORAGE], body=bytes(size)))
    tags = tags_of(["storage"])
    form("tags-unsorted", "Sorted by their bytes.", "Claim.TagOrder", record(services=[STORAGE], tags=tags[::-1]))
    form("tag-twice", "Each once.", "Claim.TagOrder", record(services=[STORAGE], tags=[tags[0]] * 2 + tags[2:]))
    form("epoch-0", "Epochs count from 1.", "Claim.Epoch", record(services=[STORAGE], wire_epoch=0))
    form("five-grants", "Four are the most.", "Claim.TooManyGrants", record(services=[STORAGE], grants=[b"g"] * 5))

    no("signature-of-another-node", "Made with another node's key.", "SignatureError", good, by=seed("node b"))
    for name in ("ContactRecord", "Grant", "KeyEpoch"):
        no(f"signature-context-{name}", "Made for another kind of thing.", "SignatureError", good, prefix=CONTEXTS[name])

    closed = lambda name, why, error, body: no(name, why, f"OpenError.{error}", body)
    closed("other-epoch", "Sealed under the key of the next epoch.", "Epoch", record(services=[STORAGE], epoch=2))
    closed("other-key", "Sealed under another group key of the same epoch.", "Commitment", record(services=[STORAGE], group=seed("other group")))
    closed("other-grid", "A body of another grid that happens to have the same group key.", "Commitment", record(services=[STORAGE], sealed_for={"grid": f.public(seed("other grid"))}))
    for field, value in (("node", f.public(seed("node b"))), ("seq", 2), ("issued", 490_001), ("lifetime", 169)):
        closed(f"body-of-another-{field}", f"The body was sealed for another {field}.", "Body", record(services=[STORAGE], sealed_for={field: value}))
    broken = bytearray(good)
    at = good.index(NONCE) + 24
    broken[at] ^= 1
    closed("body-changed", "A bit of the ciphertext is another.", "Body", bytes(broken))
    closed("text-padding", "A byte of the padding is not zero.", "Text", record(services=[STORAGE], text=text_of(None, [STORAGE[1]]) + b"\0\1"))
    closed("text-not-canonical", "A varint with a superfluous last byte of zero.", "Text", record(services=[STORAGE], text=b"\0\x81\0" + STORAGE[1]))
    closed("text-malformed", "A nickname that is neither absent (0) nor there (1).", "Text", record(services=[STORAGE], text=b"\2"))
    closed("text-nickname", "A nickname with an escape character.", "Claim.Nickname", record(services=[STORAGE], text=text_of("a\x1bb", [STORAGE[1]])))
    closed("text-services-twice", "One name twice.", "Claim.ServiceOrder", record(services=[STORAGE], text=text_of(None, [STORAGE[1]] * 2)))
    closed("marked-withdrawn", "It offers a service and says that it is withdrawn.", "Withdrawn", record(services=[STORAGE], withdrawn=1))
    closed("not-marked-withdrawn", "It offers nothing and does not say so.", "Withdrawn", record(withdrawn=0))
    closed("tag-of-another-service", "It offers storage and is listed under another service.", "Tags", record(services=[STORAGE], tags=tags_of(["relay"])))
    closed("tag-random", "A tag in the place of one that stands for nothing.", "Tags", record(services=[STORAGE], tags=sorted([bytes(16), *tags[1:]])))
    nine = [service(f"s{at}", 81 + at) for at in range(9)]
    closed("nine-services", "Eight tags are all there are.", "Tags", record(services=nine[:8], text=text_of(None, [wire for _, wire in nine])))


EPHEMERAL = seed("ephemeral")


def epoch_body(members=(SEED,), seq=1, issued=490_000, next_update=720, epoch=2, group=GROUP, version=1, slots=None, commitment=None, wrapped=None, wire_epoch=None):
    public = s.x25519(EPHEMERAL, s.NINE)
    if slots is None:
        slots = []
        for member in members:
            node = f.public(member)
            shared = s.x25519(EPHEMERAL, s.montgomery(node))
            key = s.hkdf(b"anteroom v1 key wrap\0", shared, GRID + epoch_bytes(epoch) + public + node, 32)
            slots.append(s.seal(key, bytes(24), wrapped or group))
        slots += [s.hkdf(b"anteroom v1 key filler\0", EPHEMERAL, bytes([index]), 48) for index in range(len(members), 80)]
        slots.sort()
    commitment = commitment or s.hkdf(b"anteroom v1 epoch commitment\0", group, GRID + epoch_bytes(epoch), 32)
    data = b"".join(slots)
    return b"".join((bytes([version]), GRID, number(seq), number(issued), number(next_update), number(epoch if wire_epoch is None else wire_epoch), public, commitment, f.string(data)))


def epochs():
    def accept(name, why, members, **fields):
        values = {"seq": 1, "issued": 490_000, "next_update": 720, "epoch": 2, **fields}
        lines = [("seed", GRID_SEED), ("context", EPOCH), ("ephemeral", EPHEMERAL), ("group-key", GROUP), ("grid", GRID), ("seq", values["seq"]), ("issued-hours", values["issued"]), ("next-update-hours", values["next_update"]), ("epoch", values["epoch"])]
        lines += [("member", member) for member in members]
        vector("key-epoch", f"accept-{name}", why, "accept", lines + parts(epoch_body(members, **fields), GRID_SEED, EPOCH))

    accept("two-members", "Each member's seed opens it.", [SEED, seed("alice")])
    accept("nobody", "Slots alone that stand for nobody.", [])
    full = [seed(f"member {at}") for at in range(80)]
    accept("eighty-members", "As many as may be, every number at its largest.", full, seq=2**64 - 1, issued=2**32 - 1, next_update=2208, epoch=2**32 - 1)

    no = lambda name, why, error, body, by=GRID_SEED, prefix=EPOCH: vector("key-epoch", f"reject-{name}", why, error, [("member", SEED), *parts(body, by, prefix)])
    form = lambda name, why, error, body: no(name, why, f"KeyEpochError.{error}", body)
    good = epoch_body()
    form("too-large", "4033 bytes.", "TooLarge", good + bytes(4033 - 64 - len(good)))
    vector("key-epoch", "reject-too-short", "A signature and nothing that it could be of.", "KeyEpochError.TooShort", [("member", SEED), ("body", b""), ("signature", bytes(64))])
    for version in (0, 2):
        form(f"version-{version}", "The first byte is the version: 1.", "Version", epoch_body(version=version))
    form("malformed-cut", "Without its last byte.", "Malformed", good[:-1])
    form("trailing-byte", "A byte behind the last slot.", "TrailingBytes", good + b"\0")
    form("not-canonical-seq", "A varint with a superfluous last byte of zero.", "NotCanonical", epoch_body(seq=b"\x81\0"))
    form("next-update-zero", "Due within 1 to 2208 hours.", "NextUpdate", epoch_body(next_update=0))
    form("next-update-too-late", "Due within 1 to 2208 hours.", "NextUpdate", epoch_body(next_update=2209))
    form("epoch-0", "Epochs count from 1.", "Epoch", epoch_body(wire_epoch=0))
    slots = [bytes([at]) * 48 for at in range(80)]
    form("seventy-nine-slots", "There are always 80.", "Slots", epoch_body(slots=slots[:79]))
    form("slots-unsorted", "Sorted by their bytes.", "Slots", epoch_body(slots=slots[::-1]))
    form("slot-twice", "Each once.", "Slots", epoch_body(slots=[slots[0], *slots[:79]]))
    no("signature-of-another", "By a key that is not the grid's.", "SignatureError", good, by=SEED)
    for name in ("RevocationList", "SealedRecord"):
        no(f"signature-context-{name}", "Signed for another kind of thing.", "SignatureError", good, prefix=CONTEXTS[name])
    no("left-out", "For somebody else.", "UnwrapError.NotForUs", epoch_body(members=(seed("alice"),)))
    no("another-key", "The slot holds another key than the document commits to.", "UnwrapError.Commitment", epoch_body(wrapped=seed("other group")))


def write_all():
    records()
    epochs()
