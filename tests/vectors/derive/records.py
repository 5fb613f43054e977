"""Vectors of signed records."""

import formats as f
from texts import CONTEXTS, I2P, TOR, seed
from write import vector

PREFIX = CONTEXTS["ContactRecord"]
SEED = seed("node a")
NODE = f.public(SEED)
GRID = f.public(seed("grid"))
ONION = bytes.fromhex(TOR[0][1])
HASH = bytes.fromhex(I2P[1])
BLINDED = f.public(seed("i2p"))


def accept(name, why, body, claims):
    """`claims` are lines that a reader of the record must come to, in the order of the record."""
    signature = f.sign(SEED, PREFIX + body)
    pairs = [("seed", SEED), ("context", PREFIX), ("grid", GRID), ("node", NODE), *claims, ("body", body), ("signature", signature)]
    vector("record", f"accept-{name}", why, "accept", pairs)


def reject(name, why, expect, body, signature=None, key_seed=SEED, pairs=()):
    """Unless `signature` is given the record is signed, so that nothing but the reason named is wrong with it."""
    signature = f.sign(key_seed, PREFIX + body) if signature is None else signature
    vector("record", f"reject-{name}", why, expect, [*pairs, ("body", body), ("signature", signature)])


def simple(**fields):
    return f.body(GRID, NODE, **fields)


def one_service(name="storage", version=1, addresses=None, attributes=()):
    return f.service(name, version, [f.wire_onion(ONION, 80)] if addresses is None else addresses, attributes)


def claims(seq, issued, lifetime, *more):
    return [("seq", seq), ("issued-hours", issued), ("lifetime-hours", lifetime), *more]


def accepted():
    accept("withdrawal", "The smallest record: no services, which takes back what the node published.", simple(seq=0, issued=0, lifetime=1), claims(0, 0, 1))
    accept("one-onion", "An ordinary record.", simple(seq=7, services=[one_service()]), claims(7, 490_000, 168, ("service", "storage 1"), ("address", f.onion(ONION, 80))))
    grants = [b"\1", b"\2" * 128, bytes(range(256)), b"\4" * 256]
    name, value = "n" * 32, "Größe: 1 TiB – 0.5 €/月 🧅"
    every = [
        one_service("-", 0, [f.wire_b32(HASH, 0)]),
        one_service("everything", 2**32 - 1, [
            f.wire_onion(ONION, 65535), f.wire_onion(ONION, 1), f.wire_b32(HASH, 443), f.wire_b33(6, 11, BLINDED, 1),
            f.wire_b33(0, 7, BLINDED, 0), f.wire_ip("1.2.3.4", 443), f.wire_ip("2a00:1450::1", 443), f.wire_name("example.org", 443),
        ], [("-", ""), ("a.b-c.0", value), ("k" * 32, "v" * 256)]),
        one_service(name, 300),
    ]
    lines = claims(
        2**64 - 1, 2**32 - 1, 720, ("nickname", "ニックネーム " + "x" * 45), ("service", "- 0"), ("address", f.b32(HASH, 0)),
        ("service", f"everything {2**32 - 1}"), ("address", f.onion(ONION, 65535)), ("address", f.onion(ONION, 1)),
        ("address", f.b32(HASH, 443)), ("address", f.b33(6, 11, BLINDED, 1)), ("address", f.b33(0, 7, BLINDED, 0)),
        ("address", "1.2.3.4:443"), ("address", "[2a00:1450::1]:443"), ("address", "example.org:443"), ("attribute", "-="),
        ("attribute", f"a.b-c.0={value}"), ("attribute", "k" * 32 + "=" + "v" * 256), ("service", f"{name} 300"),
        ("address", f.onion(ONION, 80)), *(("grant", grant) for grant in grants),
    )
    accept("every-field", "Every field in use, each at its largest: all kinds of address, 64 bytes of nickname, 4 grants.", simple(seq=2**64 - 1, issued=2**32 - 1, lifetime=720, nickname=lines[3][1], services=every, grants=grants), lines)
    names = ["archive", "archive-2", "storage", "wiki"]
    accept("several-services", "Sorted by the bytes of the name; a name sorts before its extension. Addresses stand in the operator's order.", simple(services=[one_service(n, i, [f.wire_onion(ONION, 81), f.wire_onion(ONION, 80)]) for i, n in enumerate(names)]), claims(1, 490_000, 168, *(line for i, n in enumerate(names) for line in (("service", f"{n} {i}"), ("address", f.onion(ONION, 81)), ("address", f.onion(ONION, 80))))))
    body, lines = sized(2048)
    accept("maximum-size", "2048 bytes with the signature, the most there may be.", body, lines)
    reject("too-large", "2049 bytes; nothing else is wrong.", "RecordDecodeError.TooLarge", sized(2049)[0])


def sized(total):
    """A record of `total` bytes with the signature."""
    attributes = [(f"k{number}", "v" * 256) for number in range(7)]
    for last in range(256):
        pairs = [*attributes, ("k7", "w" * last)]
        body = simple(services=[one_service(attributes=pairs)])
        if len(body) + 64 == total:
            return body, claims(1, 490_000, 168, ("service", "storage 1"), ("address", f.onion(ONION, 80)), *(("attribute", f"{k}={v}") for k, v in pairs))
    raise AssertionError(total)


def structure():
    no = lambda name, why, error, body, **more: reject(name, why, f"RecordDecodeError.{error}", body, **more)
    no("empty", "No bytes at all.", "TooShort", b"", signature=b"")
    no("too-short", "A signature and nothing that it could be of.", "TooShort", b"")
    no("too-short-for-a-signature", "63 bytes.", "TooShort", b"", signature=bytes(63))
    for version in (0, 2, 255):
        no(f"version-{version}", "The first byte is the version: 1.", "Version", simple(version=version))
    whole = simple(seq=300, nickname="n", services=[one_service()], grants=[b"g"])
    for name, kept in (("last-byte", len(whole) - 1), ("last-grant", len(whole) - 2), ("services", 80), ("grid", 1)):
        no(f"malformed-without-{name}", f"Cut off behind {kept} bytes of the body.", "Malformed", whole[:kept])
    no("malformed-option", "A nickname that is neither absent (0) nor there (1).", "Malformed", simple(nickname=b"\2"))
    no("malformed-utf8", "A nickname that is not UTF-8.", "Malformed", simple(nickname=b"\1\2\xc3\x28"))
    no("malformed-utf8-surrogate", "A nickname with a surrogate, which UTF-8 has no form for.", "Malformed", simple(nickname=b"\1\3\xed\xa0\x80"))
    no("malformed-utf8-overlong", "A nickname with an overlong form.", "Malformed", simple(nickname=b"\1\2\xc1\x81"))
    no("malformed-address-kind", "There are six kinds of address, 0 to 5.", "Malformed", simple(services=[one_service(addresses=[b"\6" + ONION + b"\x50"])]))
    no("malformed-port", "A port over 65535.", "Malformed", simple(services=[one_service(addresses=[b"\0" + ONION + b"\x80\x80\x04"])]))
    no("malformed-seq", "A seq of more than 64 bits.", "Malformed", simple(seq=b"\xff" * 9 + b"\x02"))
    no("malformed-varint-without-end", "A varint longer than any number of its type.", "Malformed", simple(seq=b"\x80" * 10 + b"\0"))
    no("malformed-length", "More services than there are bytes.", "Malformed", simple(services=f.varint(2**63)))
    no("trailing-byte", "A byte behind the last field.", "TrailingBytes", simple() + b"\0")
    no("trailing-record", "A second record behind the first.", "TrailingBytes", simple() + simple())
    for field, value in (("seq", b"\x81\0"), ("issued", b"\x81\x80\0"), ("lifetime", b"\x81\0"), ("services", b"\x80\0"), ("grants", b"\x80\0")):
        no(f"not-canonical-{field}", "A varint with a superfluous last byte of zero: a second spelling of the same number.", "NotCanonical", simple(**{field: value}))
    no("not-canonical-nickname-length", "A length as a varint with a superfluous last byte.", "NotCanonical", simple(nickname=b"\1\x81\0n"))
    no("not-canonical-address-kind", "A kind as a varint with a superfluous last byte.", "NotCanonical", simple(services=[one_service(addresses=[b"\x80\0" + ONION + b"\x50"])]))


def claimed():
    no = lambda name, why, error, **fields: reject(name, why, f"RecordDecodeError.Claim.{error}", simple(**fields))
    at = lambda name, why, error, address: no(f"address-{name}", why, f"Address.{error}", services=[one_service(addresses=[address])])
    no("lifetime-zero", "A lifetime is 1 to 720 hours.", "Lifetime", lifetime=0)
    no("lifetime-721", "A lifetime is 1 to 720 hours.", "Lifetime", lifetime=721)
    no("nickname-empty", "No nickname is said by its absence.", "Nickname", nickname="")
    no("nickname-65", "65 bytes in 33 characters.", "Nickname", nickname="ö" * 32 + "x")
    for code in (0, 0x1B, 0x0A, 0x7F, 0x85, 0xAD, 0x34F, 0x115F, 0x180E, 0x200B, 0x202E, 0x2028, 0x2066, 0x3164, 0xFE0F, 0xFEFF, 0xFFA0, 0xFFF9, 0x1D173, 0xE0041, 0xE0FFF):
        no(f"nickname-u{code:04x}", f"U+{code:04X}: a control character, one that ends a line, changes direction or can't be seen.", "Nickname", nickname="a" + chr(code) + "b")
    for name, bad in (("empty", ""), ("33", "s" * 33), ("upper-case", "Storage"), ("underscore", "a_b"), ("dot", "a.b"), ("umlaut", "ä")):
        no(f"service-name-{name}", "`[a-z0-9-]{1,32}`", "ServiceName", services=[one_service(bad)])
    no("services-unsorted", "Two services in the wrong order: a second spelling.", "ServiceOrder", services=[one_service("b"), one_service("a")])
    no("services-twice", "One name twice.", "ServiceOrder", services=[one_service("a"), one_service("a", 2)])
    no("no-address", "A service nobody could reach.", "NoAddress", services=[one_service(addresses=[])])
    no("nine-addresses", "Eight are the most.", "TooManyAddresses", services=[one_service(addresses=[f.wire_onion(ONION, port) for port in range(1, 10)])])
    no("address-twice", "The same address twice.", "DuplicateAddress", services=[one_service(addresses=[f.wire_onion(ONION, 1), f.wire_onion(ONION, 2), f.wire_onion(ONION, 1)])])
    at("onion-port-0", "No onion service has port 0.", "Port", f.wire_onion(ONION, 0))
    at("clearnet-port-0", "Nor has a host.", "Port", f.wire_ip("1.2.3.4", 0))
    at("i2p-flags", "Flags that are not in use.", "I2pChecksum", f.wire_b33(1, 7, BLINDED, 1))
    at("i2p-signature-type", "A signature type that can't be blinded.", "I2pChecksum", f.wire_b33(0, 1, BLINDED, 1))
    for name, bad in (("upper-case", "Example.org"), ("ip", "1.2.3.4"), ("ipv6", "2a00:1450::1"), ("final-dot", "example.org."), ("empty", ""), ("escape", "a\x1b.org")):
        at(f"name-{name}", "A name is fully qualified and in lower case; an IP address has a kind of its own.", "ClearnetForm", f.wire_name(bad, 80))
    for name, bad in (("localhost", "localhost"), ("onion", TOR[0][0] + ".onion"), ("i2p", I2P[0] + ".b32.i2p")):
        at(f"name-{name}", "A name that is not global; an onion or I2P address has a kind of its own.", "ClearnetNotGlobal", f.wire_name(bad, 80))
    not_global = {
        "loopback-v4": "127.0.0.1", "private-v4": "192.168.1.1", "shared-v4": "100.64.0.1", "link-local-v4": "169.254.1.1",
        "multicast-v4": "224.0.0.1", "unspecified-v4": "0.0.0.0", "loopback-v6": "::1", "unspecified-v6": "::",
        "unique-local-v6": "fd00::1", "link-local-v6": "fe80::1", "multicast-v6": "ff02::1", "mapped-v4": "::ffff:1.2.3.4",
        "6to4": "2002:102:304::1",
    }
    for name, bad in not_global.items():
        at(f"ip-{name}", f"{bad} is another machine to everybody who reads it, or holds an IPv4 address.", "ClearnetNotGlobal", f.wire_ip(bad, 80))
    attributes = lambda *pairs: [one_service(attributes=pairs)]
    for name, bad in (("empty", ""), ("33", "k" * 33), ("upper-case", "K"), ("equals", "a=b")):
        no(f"attribute-key-{name}", "`[a-z0-9.-]{1,32}`", "AttributeKey", services=attributes((bad, "v")))
    no("attribute-value-257", "256 bytes are the most.", "AttributeValue", services=attributes(("k", "v" * 257)))
    no("attribute-value-escape", "What starts an escape sequence of a terminal.", "AttributeValue", services=attributes(("k", "\x1b[2J")))
    no("attributes-unsorted", "Two attributes in the wrong order: a second spelling.", "AttributeOrder", services=attributes(("b", ""), ("a", "")))
    no("attributes-twice", "One key twice.", "AttributeOrder", services=attributes(("a", "1"), ("a", "2")))
    no("five-grants", "Four are the most.", "TooManyGrants", grants=[b"g"] * 5)
    no("grant-empty", "A grant of no bytes.", "GrantSize", grants=[b""])
    no("grant-257", "256 bytes are the most.", "GrantSize", grants=[b"g" * 257])


def signatures():
    no = lambda name, why, body, signature: reject(f"signature-{name}", why, "SignatureError", body, signature)
    body = simple(services=[one_service()])
    message = PREFIX + body
    good = f.sign(SEED, message)
    r, s = good[:32], int.from_bytes(good[32:], "little")
    no("of-another-body", "Made for a seq one lower.", simple(seq=2), f.sign(SEED, PREFIX + simple(seq=1)))
    no("of-another-node", "Made with another node's key.", body, f.sign(seed("node b"), message))
    no("of-the-grid", "Made with the grid's key.", body, f.sign(seed("grid"), message))
    no("without-context", "Made over the body alone.", body, f.sign(SEED, body))
    for name, prefix in CONTEXTS.items():
        if prefix != PREFIX:
            no(f"context-{name}", "Made for another kind of thing.", body, f.sign(SEED, prefix + body))
    no("zero", "64 bytes of zero.", body, bytes(64))
    no("s-plus-l", "S + L: RFC 8032 demands S < L, or every signature had a second spelling.", body, r + (s + f.L).to_bytes(32, "little"))
    no("s-negative", "L - S.", body, r + (f.L - s).to_bytes(32, "little"))
    forged = f.point_bytes(f.multiply(s, f.BASE)) + s.to_bytes(32, "little")
    for name, key in (("small-order-key", b"\1" + bytes(31)), ("small-order-key-second-encoding", (f.P + 1).to_bytes(32, "little"))):
        forged_body = f.body(GRID, key)
        assert f.equation(key, PREFIX + forged_body, forged) == f.NEUTRAL
        no(name, "The key is the neutral point: the equation holds for R = S·B and any message, so anybody can sign.", forged_body, forged)
    scalar = f.expand(SEED)[0]
    small_r = f.point_bytes(f.NEUTRAL)
    small = small_r + (f.challenge(small_r, NODE, message) * scalar % f.L).to_bytes(32, "little")
    assert f.equation(NODE, message, small) == f.NEUTRAL
    no("small-order-r", "R is the neutral point: the equation holds, and a strict verifier refuses.", body, small)
    torsion = f.torsion_of_order_8()
    mixed_r = f.point_bytes(f.add(f.multiply(1234567, f.BASE), torsion))
    s = (1234567 + f.challenge(mixed_r, NODE, message) * scalar) % f.L
    mixed = mixed_r + s.to_bytes(32, "little")
    assert f.multiply(8, f.equation(NODE, message, mixed)) == f.NEUTRAL != f.equation(NODE, message, mixed)
    no("mixed-order-r", "R has a part of order 8: holds only where both sides are multiplied by 8 (cofactored), as some batch verifiers do.", body, mixed)
    key = f.point_bytes(f.add(f.multiply(scalar, f.BASE), torsion))
    mixed_body = f.body(GRID, key)
    nonce, wanted = 1, {"holds": True, "cofactored": False}
    while wanted:
        point = f.point_bytes(f.multiply(nonce, f.BASE))
        k = f.challenge(point, key, PREFIX + mixed_body)
        made = point + ((nonce + k * scalar) % f.L).to_bytes(32, "little")
        if k % 8 == 0 and wanted.pop("holds", None):
            assert f.equation(key, PREFIX + mixed_body, made) == f.NEUTRAL
            why = "The node's key has a part of order 8, and the equation holds as it stands, which it does for one nonce in eight.\nEvery kind of verifier accepts, so this one does."
            vector("record", "accept-mixed-order-key", why, "accept", [("grid", GRID), ("node", key), *claims(1, 490_000, 168), ("body", mixed_body), ("signature", made)])
        if k % 8 == 1 and "cofactored" in wanted:
            del wanted["cofactored"]
            assert f.equation(key, PREFIX + mixed_body, made) == torsion or f.multiply(8, f.equation(key, PREFIX + mixed_body, made)) == f.NEUTRAL
            no("mixed-order-key", "The node's key has a part of order 8: holds only where both sides are multiplied by 8 (cofactored).", mixed_body, made)
        nonce += 1
    off_curve = b"\2" + bytes(31)
    no("key-off-the-curve", "The node's id is no point of the curve.", f.body(GRID, off_curve), good)
    no("r-off-the-curve", "R is no point of the curve.", body, off_curve + good[32:])


def write_all():
    accepted()
    structure()
    claimed()
    signatures()
