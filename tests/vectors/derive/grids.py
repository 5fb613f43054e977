"""Vectors of what a grid signs: grants, chains of them, revocation lists; and invitations."""

import hashlib

import formats as f
from texts import CONTEXTS, I2P, TOR, seed
from write import vector

GRANT, LIST = CONTEXTS["Grant"], CONTEXTS["RevocationList"]
GRID_SEED = seed("grid")
GRID = f.public(GRID_SEED)
ISSUED = 490_000
ALICE, BOB, CAROL, NODE = (seed(name) for name in ("alice", "bob", "carol", "node a"))
ONION = bytes.fromhex(TOR[0][1])
HASH = bytes.fromhex(I2P[1])
TWO_YEARS = 17_568


def number(value):
    return value if isinstance(value, bytes) else f.varint(value)


def grant_body(issuer, subject, kind=0, services=None, introducer=0, depth=0, issued=ISSUED, lifetime=720, version=1, grid=GRID):
    """`issuer` and `subject` are seeds; no issuer is the grid itself. Numbers may be given as bytes, for what no encoder writes."""
    names = services if isinstance(services, bytes) else b"\0" if services is None else b"\1" + f.sequence([f.string(name) for name in services])
    by = b"\0" if issuer is None else b"\1" + f.public(issuer)
    return b"".join((bytes([version]), grid, by, f.public(subject), number(kind), names, number(introducer), bytes([depth]), number(issued), number(lifetime)))


def link(issuer, subject, by=None, **fields):
    """A signed grant; `by` is who signs when it is not the issuer."""
    body = grant_body(issuer, subject, **fields)
    return body + f.sign(by or issuer or GRID_SEED, GRANT + body)


def parts(signed):
    return [("body", signed[:-64]), ("signature", signed[-64:])]


def accept_grant(name, why, issuer, subject, lines, **fields):
    head = [("seed", issuer or GRID_SEED), ("context", GRANT), ("grid", GRID)]
    head += [] if issuer is None else [("issuer", f.public(issuer))]
    vector("grant", f"accept-{name}", why, "accept", [*head, ("subject", f.public(subject)), *lines, *parts(link(issuer, subject, **fields))])


def claims(kind, services, introducer, depth, issued, lifetime):
    names = [("services", "any")] if services is None else [("services", "only"), *(("service", name) for name in services)]
    return [("grant-kind", kind), *names, ("introducer", introducer), ("depth", depth), ("issued-hours", issued), ("lifetime-hours", lifetime)]


def grants():
    accept_grant("by-the-grid", "A first link: the grid's key grants, so no issuer is named.", None, NODE, claims("Lasting", None, "false", 0, ISSUED, 720))
    names = ["-", "n" * 32, "relay", "storage"]
    accept_grant("every-field", "Every field at its largest but the services, which are as many as have room in this one.", ALICE, NODE, claims("Lasting", names, "true", 3, 2**32 - 1, TWO_YEARS), services=names, introducer=1, depth=3, issued=2**32 - 1, lifetime=TWO_YEARS)
    accept_grant("nothing-but-belonging", "No service at all: the key belongs to the grid and offers nothing.", None, NODE, claims("Lasting", [], "false", 0, 0, 1), services=[], issued=0, lifetime=1)
    accept_grant("invitation", "For the one-use key of an invitation: one further link, two weeks at most.", ALICE, BOB, claims("Invitation", ["storage"], "false", 1, ISSUED, 336), kind=1, services=["storage"], depth=1, lifetime=336)
    eight = [f"s{at}" for at in range(8)]
    accept_grant("eight-services", "As many as may be named.", None, NODE, claims("Lasting", eight, "false", 0, ISSUED, 720), services=eight)
    full = ["a" * 16, "b" * 31, "c" * 31]
    signed = link(ALICE, NODE, services=full, depth=3, issued=2**32 - 1, lifetime=TWO_YEARS)
    assert len(signed) == 256, len(signed)
    accept_grant("maximum-size", "256 bytes with the signature.", ALICE, NODE, claims("Lasting", full, "false", 3, 2**32 - 1, TWO_YEARS), services=full, depth=3, issued=2**32 - 1, lifetime=TWO_YEARS)

    no = lambda name, why, error, signed: vector("grant", f"reject-{name}", why, f"GrantDecodeError.{error}", parts(signed))
    no("too-large", "257 bytes; nothing else is wrong.", "TooLarge", link(ALICE, NODE, services=["a" * 17, "b" * 31, "c" * 31], depth=3, issued=2**32 - 1, lifetime=TWO_YEARS))
    no("too-short", "A signature and nothing that it could be of.", "TooShort", bytes(64))
    for version in (0, 2, 255):
        no(f"version-{version}", "The first byte is the version: 1.", "Version", link(None, NODE, version=version))
    whole = grant_body(ALICE, NODE)
    cut = whole[:-1]
    no("malformed-cut", "Without its last byte.", "Malformed", cut + f.sign(ALICE, GRANT + cut))
    no("malformed-kind", "There are two kinds, 0 and 1.", "Malformed", link(None, NODE, kind=2))
    no("malformed-introducer", "Neither no (0) nor yes (1).", "Malformed", link(None, NODE, introducer=2))
    no("malformed-services", "Neither any (0) nor a list (1).", "Malformed", link(None, NODE, services=b"\2"))
    no("malformed-lifetime", "More than 16 bits.", "Malformed", link(None, NODE, lifetime=b"\x80\x80\x04"))
    long = whole + b"\0"
    no("trailing-byte", "A byte behind the last field.", "TrailingBytes", long + f.sign(ALICE, GRANT + long))
    for field, value in (("kind", b"\x80\0"), ("issued", b"\x81\x80\0"), ("lifetime", b"\x81\0"), ("services", b"\1\x80\0")):
        no(f"not-canonical-{field}", "A varint with a superfluous last byte of zero: a second spelling of the same number.", "NotCanonical", link(None, NODE, **{field: value}))
    claim = lambda name, why, error, **fields: no(name, why, f"Claim.{error}", link(None, NODE, **fields))
    claim("lifetime-zero", "A grant holds for 1 to 17568 hours.", "Lifetime", lifetime=0)
    claim("lifetime-over-two-years", "A grant holds for 1 to 17568 hours.", "Lifetime", lifetime=TWO_YEARS + 1)
    claim("service-name", "A name in upper case.", "ServiceName", services=["Storage"])
    claim("services-unsorted", "Sorted by the bytes of the name.", "ServiceOrder", services=["b", "a"])
    claim("services-twice", "Each name once.", "ServiceOrder", services=["a", "a"])
    claim("nine-services", "At most 8 names.", "TooManyServices", services=[f"s{at}" for at in range(9)])
    claim("depth-4", "At most 3 further links.", "Depth", depth=4)
    claim("invitation-depth-0", "Whoever is invited gets a link of their own.", "InvitationDepth", kind=1, depth=0, lifetime=336)
    claim("invitation-depth-2", "Whoever is invited grants to nobody.", "InvitationDepth", kind=1, depth=2, lifetime=336)
    claim("invitation-lifetime", "An invitation holds for at most 336 hours.", "InvitationLifetime", kind=1, depth=1, lifetime=337)


def chain(verdict, name, why, expect, grants, more=(), node=NODE, grid=GRID):
    vector("chain", f"{verdict}-{name}", why, expect, [("grid", grid), ("node", f.public(node)), *(("grant", grant) for grant in grants), *more])


def keys(*seeds):
    return [("key", f.public(one)) for one in seeds]


def chains():
    first, second, third = link(None, ALICE, depth=3), link(ALICE, BOB, depth=2), link(BOB, CAROL, depth=1)
    last = link(CAROL, NODE)
    accept = lambda name, why, grants, terms: chain("accept", name, why, "accept", grants, terms)
    accept("one-link", "The grid's key grants to the node itself.", [link(None, NODE)], [*keys(NODE), ("issued-hours", ISSUED), ("expires-hours", ISSUED + 720)])
    accept("four-links", "As many as may be.", [first, second, third, last], [*keys(ALICE, BOB, CAROL, NODE), ("issued-hours", ISSUED), ("expires-hours", ISSUED + 720)])
    middle = [link(None, ALICE, depth=2, lifetime=9000), link(ALICE, BOB, depth=1, issued=ISSUED + 5, lifetime=7), link(BOB, NODE, issued=ISSUED + 1)]
    accept("ends-in-the-middle", "It holds from its latest signature to the first end, here both of the link in the middle.", middle, [*keys(ALICE, BOB, NODE), ("issued-hours", ISSUED + 5), ("expires-hours", ISSUED + 12)])
    narrow = [link(None, ALICE, depth=1, services=["relay", "storage"], introducer=1), link(ALICE, NODE, services=["storage"])]
    accept("narrower-rights", "Each link grants what the one before it has, or less.", narrow, [*keys(ALICE, NODE), ("issued-hours", ISSUED), ("expires-hours", ISSUED + 720)])
    invited = [link(None, ALICE, depth=3), link(ALICE, BOB, kind=1, depth=1, lifetime=336), link(BOB, NODE)]
    accept("redeemed-invitation", "Through the one-use key of an invitation.", invited, [*keys(ALICE, BOB, NODE), ("invitation", f.public(BOB)), ("issued-hours", ISSUED), ("expires-hours", ISSUED + 336)])

    no = lambda name, why, error, grants, **more: chain("reject", name, why, error if error == "SignatureError" else f"ChainError.{error}", grants, **more)
    no("empty", "No grant at all.", "Empty", [])
    no("five-links", "Five.", "TooLong", [first, second, third, last, link(NODE, seed("eve"))], node=seed("eve"))
    no("grant-malformed", "A link that is no grant.", "Grant.Version", [first, bytes(100)])
    other = f.public(seed("other grid"))
    no("wrong-grid", "A whole chain of another grid.", "WrongGrid", [link(None, NODE)], grid=other)
    no("wrong-grid-below", "A link of another grid below one of this grid.", "WrongGrid", [first, link(ALICE, NODE, grid=other)])
    no("not-from-the-grid", "Starts below the grid's key.", "NotFromGrid", [link(ALICE, NODE)])
    no("from-the-grid-twice", "A second link by the grid's key.", "NotFromGrid", [first, link(None, NODE)])
    no("swapped-links", "The links of a good chain in another order.", "Broken", [first, third, second, last])
    no("link-left-out", "A good chain without its second link.", "Broken", [first, third, last])
    no("other-node", "For another node than the one that shows it.", "OtherNode", [link(None, ALICE)])
    no("loop", "Alice, Bob, Alice.", "Loop", [first, second, link(BOB, ALICE, depth=1)], node=ALICE)
    no("to-itself", "A key that grants to itself.", "Loop", [first, link(ALICE, ALICE)], node=ALICE)
    no("to-the-grid", "A grant to the grid's own key.", "Loop", [link(None, GRID_SEED)], node=GRID_SEED)
    no("too-deep", "Below a link that allows none.", "TooDeep", [link(None, ALICE), link(ALICE, NODE)])
    no("depth-not-less", "A link allows less than the one before it.", "TooDeep", [link(None, ALICE, depth=1), link(ALICE, NODE, depth=1)])
    no("widened-to-any", "Any service, from one who has a list.", "WidenedRights", [link(None, ALICE, depth=1, services=["storage"]), link(ALICE, NODE)])
    no("widened-by-a-name", "A service its issuer has not got.", "WidenedRights", [link(None, ALICE, depth=1, services=["storage"]), link(ALICE, NODE, services=["relay", "storage"])])
    no("widened-to-introducer", "The right to be an introducer, from one who has not got it.", "WidenedRights", [link(None, ALICE, depth=1), link(ALICE, NODE, introducer=1)])
    no("unredeemed-invitation", "The one-use key of an invitation is no node.", "Unredeemed", [link(None, NODE, kind=1, depth=1, lifetime=336)])
    no("signature-first", "The first link is signed by somebody else.", "SignatureError", [link(None, ALICE, by=BOB, depth=1), link(ALICE, NODE)])
    no("signature-swapped-keys", "A link that names Alice as its issuer and is signed by Bob.", "SignatureError", [link(None, ALICE, depth=1), link(ALICE, NODE, by=BOB)])
    body = grant_body(None, NODE)
    for name in ("ContactRecord", "RevocationList", "BootPage"):
        no(f"signature-context-{name}", "Signed for another kind of thing.", "SignatureError", [body + f.sign(GRID_SEED, CONTEXTS[name] + body)])


def list_body(seq=1, issued=ISSUED, next_update=720, revoked=(), version=1, grid=GRID):
    entries = revoked if isinstance(revoked, bytes) else f.sequence([key + f.varint(until) for key, until in revoked])
    return b"".join((bytes([version]), grid, number(seq), number(issued), number(next_update), entries))


def signed_list(by=GRID_SEED, prefix=LIST, **fields):
    body = list_body(**fields)
    return body + f.sign(by, prefix + body)


def revocations():
    def accept(name, why, seq, issued, next_update, revoked):
        lines = [("seed", GRID_SEED), ("context", LIST), ("grid", GRID), ("seq", seq), ("issued-hours", issued), ("next-update-hours", next_update)]
        lines += [("revoked", f"{key.hex()} {until}") for key, until in revoked]
        vector("revocations", f"accept-{name}", why, "accept", lines + parts(signed_list(seq=seq, issued=issued, next_update=next_update, revoked=revoked)))

    two = sorted((f.public(one), ISSUED + 1 + at) for at, one in enumerate((ALICE, BOB)))
    accept("empty", "Nobody is out; the next list is due all the same.", 0, 0, 1, [])
    accept("two-keys", "Sorted by key.", 7, ISSUED, 720, two)
    hundred = [(bytes([at]) + bytes(31), 2**32 - 1) for at in range(100)]
    accept("hundred-keys", "As many as may be, every number at its largest.", 2**64 - 1, 2**32 - 2, 2208, hundred)

    no = lambda name, why, error, signed: vector("revocations", f"reject-{name}", why, error if error == "SignatureError" else f"RevocationError.{error}", parts(signed))
    no("too-large", "4033 bytes.", "TooLarge", list_body() + bytes(4033 - len(list_body())))
    no("too-short", "A signature and nothing that it could be of.", "TooShort", bytes(64))
    for version in (0, 2):
        no(f"version-{version}", "The first byte is the version: 1.", "Version", signed_list(version=version))
    cut = list_body()[:-1]
    no("malformed-cut", "Without its last byte.", "Malformed", cut + f.sign(GRID_SEED, LIST + cut))
    no("malformed-length", "More keys than there are bytes.", "Malformed", signed_list(revoked=f.varint(2**40)))
    long = list_body() + b"\0"
    no("trailing-byte", "A byte behind the last key.", "TrailingBytes", long + f.sign(GRID_SEED, LIST + long))
    for field in ("seq", "issued", "next_update"):
        no(f"not-canonical-{field.replace('_', '-')}", "A varint with a superfluous last byte of zero.", "NotCanonical", signed_list(**{field: b"\x81\0"}))
    no("next-update-zero", "Due within 1 to 2208 hours.", "NextUpdate", signed_list(next_update=0))
    no("next-update-too-late", "Due within 1 to 2208 hours.", "NextUpdate", signed_list(next_update=2209))
    no("hundred-and-one-keys", "At most a hundred.", "TooMany", signed_list(revoked=[(bytes([at]) + bytes(31), ISSUED + 1) for at in range(101)]))
    no("unsorted", "Sorted by key.", "Order", signed_list(revoked=two[::-1]))
    no("twice", "Each key once.", "Order", signed_list(revoked=[two[0], two[0]]))
    no("ended", "An entry that ends in the hour the list is of.", "Ended", signed_list(revoked=[(f.public(ALICE), ISSUED)]))
    no("signature-of-another", "By a key that is not the grid's.", "SignatureError", signed_list(by=ALICE))
    for name in ("ContactRecord", "Grant", "BootPage"):
        no(f"signature-context-{name}", "Signed for another kind of thing.", "SignatureError", signed_list(prefix=CONTEXTS[name]))


PREFIX = "anteroom-invite"


def invitation_body(secret, grants, introducers, client_key=None, group_key=None, version=1):
    kind = (client_key is not None) + 2 * (group_key is not None)
    keys = bytes([kind]) + (client_key or b"")
    keys += b"" if group_key is None else number(group_key[0]) + group_key[1]
    return bytes([version]) + secret + f.sequence([f.string(grant) for grant in grants]) + f.sequence(introducers) + keys


def invitations():
    onion, i2p = f.wire_onion(ONION, 80), f.wire_b32(HASH, 0)
    invited = [link(None, ALICE, depth=2, services=["storage"]), link(ALICE, BOB, kind=1, depth=1, services=["storage"], lifetime=336)]
    text = lambda *arguments, **more: f.bech32(PREFIX, invitation_body(*arguments, **more))
    client_key = seed("reader")

    def accept(name, why, grants, introducers, addresses, key=None, group=None):
        redeemed = link(BOB, NODE, services=["storage"], issued=ISSUED + 36, lifetime=300)
        pairs = [("text", text(BOB, grants, introducers, key, group)), ("seed", BOB), ("grid", GRID), *(("grant", grant) for grant in grants), *(("introducer", address) for address in addresses)]
        pairs += [] if key is None else [("client-key", key)]
        pairs += [] if group is None else [("group-key", f"{group[0]} {group[1].hex()}")]
        vector("invitation", f"accept-{name}", why, "accept", [*pairs, ("expires-hours", ISSUED + 336), ("node", f.public(NODE)), ("redeemed-hours", ISSUED + 36), ("redeemed", redeemed)])

    accept("by-a-member", "Through Alice, with two introducers and a key for their onion services. Redeemed for a node, 36 hours later.", invited, [onion, i2p], [f.onion(ONION, 80), f.b32(HASH, 0)], client_key)
    accept("by-the-grid", "By the grid's key itself.", [link(None, BOB, kind=1, depth=1, services=["storage"], lifetime=336)], [onion], [f.onion(ONION, 80)])

    by_grid = [link(None, BOB, kind=1, depth=1, services=["storage"], lifetime=336)]
    accept("group-key", "Into a sealed grid.", by_grid, [onion], [f.onion(ONION, 80)], group=(1, seed("group")))
    accept("every-key", "Into a sealed grid whose introducers are for known readers alone; the epoch at its largest.", by_grid, [onion], [f.onion(ONION, 80)], client_key, (2**32 - 1, seed("group")))

    no = lambda name, why, error, *all_texts: vector("invitation", f"reject-{name}", why, f"InvitationError.{error}", [("text", one) for one in all_texts])
    good = text(BOB, invited, [onion])
    typo = good[:200] + ("q" if good[200] != "q" else "p") + good[201:]
    no("checksum", "A wrong character, a missing one, bech32 instead of bech32m, nothing.", "Checksum", typo, good[:-1], f.bech32(PREFIX, invitation_body(BOB, invited, [onion]), f.BECH32), "")
    no("prefix", "The id of a grid; the right bytes under another prefix.", "WrongPrefix", f.bech32("grid", GRID), f.bech32("anteroom-invitation", invitation_body(BOB, invited, [onion])))
    no("version", "The first byte is the version: 1.", "Version", *(text(BOB, invited, [onion], version=version) for version in (0, 2)), f.bech32(PREFIX, b""))
    no("malformed", "Cut off behind the grants; an introducer of no kind.", "Malformed", f.bech32(PREFIX, invitation_body(BOB, invited, [])[:-2]), text(BOB, invited, [b"\6" + HASH + b"\0"]))
    no("trailing-byte", "A byte behind the last field.", "TrailingBytes", f.bech32(PREFIX, invitation_body(BOB, invited, [onion]) + b"\0"))
    short = next(grants for grants in ([link(None, BOB, kind=1, depth=1, services=["s" * size], lifetime=336)] for size in range(1, 5)) if len(invitation_body(BOB, grants, [onion])) * 8 % 5)
    no("not-canonical", "Upper case; bits behind the last byte that are not zero; a length with a superfluous byte.", "NotCanonical", good.upper(), f.bech32(PREFIX, invitation_body(BOB, short, [onion]), padding=1), f.bech32(PREFIX, bytes([1]) + BOB + b"\x82\0" + b"".join(f.string(grant) for grant in invited) + f.sequence([onion]) + b"\0"))
    # Over the length that the checksum covers, whatever is in it.
    no("too-large", "A text of more than 1023 characters.", "TooLarge", f.bech32(PREFIX, bytes([1]) + bytes(700)))
    clearnet = f.wire_ip("1.2.3.4", 80)
    five = [f.wire_onion(ONION, port) for port in range(80, 85)]
    no("introducers", "None, five, one twice, one in the open, one with port 0.", "Introducers", *(text(BOB, [invited[0], invited[1]] if len(some) < 5 else [link(None, BOB, kind=1, depth=1, lifetime=336)], some) for some in ([], five, [onion, onion], [onion, clearnet], [f.wire_onion(ONION, 0)])))
    no("group-key", "A group key of epoch 0.", "GroupKey", text(BOB, by_grid, [onion], group_key=(0, seed("group"))))
    no("keys", "There are four kinds of keys, 0 to 3.", "Malformed", f.bech32(PREFIX, invitation_body(BOB, by_grid, [onion])[:-1] + b"\4"))
    no("no-grant", "Without any grant.", "Chain.Empty", text(BOB, [], [onion]))
    no("other-key", "Grants for another key than its own.", "Chain.OtherNode", text(CAROL, invited, [onion]))
    no("lasting", "Its last grant is not one for an invitation.", "Lasting", text(BOB, [link(None, BOB, depth=1)], [onion]))
    no("signature", "A grant by somebody else.", "Signature.SignatureError", text(BOB, [link(None, BOB, by=CAROL, kind=1, depth=1, lifetime=336)], [onion]))


def bundle(grants):
    return b"".join(len(grant).to_bytes(2, "big") + grant for grant in grants)


def bundles():
    four = [link(None, ALICE, depth=3), link(ALICE, BOB, depth=2), link(BOB, CAROL, depth=1), link(CAROL, NODE)]
    accept = lambda name, why, grants: vector("bundle", f"accept-{name}", why, "accept", [("bytes", bundle(grants)), ("grid", GRID), ("node", f.public(NODE)), *(("grant", grant) for grant in grants)])
    accept("one-grant", "By the grid's key itself.", [link(None, NODE)])
    accept("four-grants", "As many as may be.", four)
    no = lambda name, why, error, data: vector("bundle", f"reject-{name}", why, f"BundleError.{error}", [("bytes", data)])
    no("too-large", "A byte more than four grants of 256 bytes and their lengths.", "TooLarge", b"\0" * 1033)
    no("cut-off", "The last byte of the last grant is missing.", "CutOff", bundle(four)[:-1])
    no("chain", "A good chain without its first grant.", "Chain.NotFromGrid", bundle(four[1:]))
    no("empty", "Not one grant.", "Chain.Empty", b"")
    no("half-a-length", "One byte behind the last grant.", "CutOff", bundle([link(None, NODE)]) + b"\0")


def client_secrets():
    invited = [link(None, BOB, kind=1, depth=1, lifetime=336)]
    for name, key in [("first", ONION), ("second", f.public(CAROL))]:
        client_key = seed("reader")
        text = f.bech32(PREFIX, invitation_body(BOB, invited, [f.wire_onion(key, 80)], client_key))
        secret = hashlib.sha256(b"anteroom client key v1" + client_key + key).digest()
        why = "The secret for one onion service: SHA-256 of a context, the key of the invitation, and the key of the service."
        vector("client-secret", f"accept-{name}", why, "accept", [("text", text), ("service", f.onion(key, 80)), ("secret", secret)])


def write_all():
    grants()
    chains()
    revocations()
    invitations()
    bundles()
    client_secrets()
