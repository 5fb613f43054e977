"""Vectors of ids, secret keys, addresses, shelves and signing contexts."""

import hashlib

import formats as f
from write import vector


def seed(label):
    return hashlib.sha256(f"anteroom test vector: {label}".encode()).digest()


CONTEXTS = {
    "ContactRecord": b"anteroom v1 contact record\0",
    "SealedRecord": b"anteroom v1 sealed record\0",
    "Grant": b"anteroom v1 grant\0",
    "RevocationList": b"anteroom v1 revocation list\0",
    "KeyEpoch": b"anteroom v1 key epoch\0",
    "BootPage": b"anteroom v1 boot page\0",
}

# Three addresses of Tor's own specification (rend-spec-v3, "Encoding onion addresses").
TOR = [
    ("pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd", "79bcc625184b05194975c28b66b66b0469f7f6556fb1ac3189a79b40dda32f1f"),
    ("sp3k262uwy4r2k3ycr5awluarykdpag6a7y33jxop4cs2lu5uz5sseqd", "93f6ad7b54b6391d2b78147a0b2e808e143780de07f1bda6ee7f052d2e9da67b"),
    ("xa4r2iadxm55fbnqgwwi5mymqdcofiu3w6rpbtqn7b2dyn7mgwj64jyd", "b8391d2003bb3bd285b035ac8eb30c80c4e2a29bb7a2f0ce0df8743c37ec3593"),
]
# The one of Bitcoin's BIP 155 for I2P, with its hash.
I2P = ("ukeu3k5oycgaauneqgtnvselmt4yemvoilkln7jpvamvfx7dnkdq", "a2894dabaec08c0051a481a6dac88b64f98232ae42d4b6fd2fa81952dfe36a87")


def texts(items):
    return [("text", item) for item in items]


def swapped(text):
    """Two neighbours that differ have changed places."""
    at = next(at for at in range(20, len(text)) if text[at] != text[at + 1])
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def keys_as_text():
    key = f.public(seed("node a"))
    for kind, other in (("node", "grid"), ("grid", "node")):
        good = f.bech32(kind, key)
        lines = []
        for data in (key, bytes(32), b"\xff" * 32):
            lines += [("text", f.bech32(kind, data)), ("bytes", data)]
        vector("id", f"accept-{kind}", "bech32m (BIP 350) of the 32 bytes of a verifying key. The text form knows nothing of curves.", "accept", [("of", kind)] + lines)

        typo = good[:20] + ("q" if good[20] != "q" else "p") + good[21:]
        reject = lambda name, why, error, items: vector("id", f"reject-{kind}-{name}", why, f"IdError.{error}", [("of", kind)] + texts(items))
        reject("checksum", "A wrong, a missing, an additional character; two swapped; the older bech32; a space.", "Checksum", [typo, good[:-1], good + "q", swapped(good), f.bech32(kind, key, f.BECH32), good + " ", " " + good, kind, kind + "1", ""])
        reject("prefix", "Another kind of key, intact.", "WrongPrefix", [f.bech32(other, key), f.bech32(kind + "secret", key), f.bech32("nod", key)])
        reject("length", "Another number of bytes, intact.", "WrongLength", [f.bech32(kind, key[:31]), f.bech32(kind, key + b"\0"), f.bech32(kind, b"")])
        reject("case", "BIP 350 allows all upper case; here one id has one spelling.", "NotCanonical", [good.upper(), good[:-1] + good[-1].upper() if good[-1].isalpha() else good.upper(), kind.upper() + good[4:]])
        reject("padding", "The four bits behind the last byte are zero; the checksum covers them, so that each of these is intact.", "NotCanonical", [f.bech32(kind, key, padding=bits) for bits in range(1, 16)])

        name, data = kind + "secret", seed("node a")
        good = f.bech32(name, data)
        vector("secret", f"accept-{kind}", "bech32m of the 32 bytes of an Ed25519 seed (RFC 8032), and the id that belongs to it.", "accept", [("of", kind), ("text", good), ("seed", data), ("id", f.bech32(kind, key))])
        reject = lambda reason, why, error, items: vector("secret", f"reject-{kind}-{reason}", why, f"SecretError.{error}", [("of", kind)] + texts(items))
        reject("checksum", "A typing error; the older bech32.", "Checksum", [good[:-1], swapped(good), f.bech32(name, data, f.BECH32)])
        reject("prefix", "An id, or the secret key of another kind.", "WrongPrefix", [f.bech32(kind, key), f.bech32(other + "secret", data)])
        reject("length", "31 and 33 bytes.", "WrongLength", [f.bech32(name, data[:31]), f.bech32(name, data + b"\0")])
        reject("canonical", "Upper case; padding bits.", "NotCanonical", [good.upper(), f.bech32(name, data, padding=1)])


def onions():
    lines = []
    for (label, key), port in zip(TOR, (1, 8098, 65535)):
        key = bytes.fromhex(key)
        text = f.onion(key, port)
        assert text == f"{label}.onion:{port}"
        lines += [("text", text), ("wire", f.wire_onion(key, port))]
    vector("address", "accept-onion", "The examples of Tor's rend-spec-v3 (the labels are quoted from there). Wire: 0, key, port as varint.", "accept", lines)
    key = bytes.fromhex(TOR[0][1])
    label = TOR[0][0]
    reject = lambda name, why, error, items: vector("address", f"reject-onion-{name}", why, f"AddressError.{error}", texts(items))
    reject("form", "56 characters of lower-case base32 and nothing in front of them: a version 2 address, one character less or more, a digit outside the alphabet, upper case, a subdomain.", "OnionForm", ["expyuzz4wqqyqhjn.onion:80", label[1:] + ".onion:80", "a" + label + ".onion:80", "1" + label[1:] + ".onion:80", label.upper() + ".onion:80", "www." + label + ".onion:80", ".onion:80"])
    wrong = bytes(byte ^ 1 for byte in f.onion_check(key))
    reject("checksum", "A typing error in the key; a wrong checksum.", "OnionChecksum", ["q" + label[1:] + ".onion:80", f.onion(key, 80, check=wrong)])
    reject("version", "Versions 2, 4 and 0, each with the checksum that belongs to it.", "OnionVersion", [f.onion(key, 80, version=version) for version in (2, 4, 0)])
    torsion = f.torsion_of_order_8()
    mixed = f.point_bytes(f.add(f.point(key), torsion))
    assert f.point(b"\2" + bytes(31)) is None
    small = [f.point_bytes(f.multiply(times, torsion)) for times in range(8)]
    # y = 2^255 - 19 + 3 is a second encoding of the point with y = 3, which nobody has the key of.
    second = (f.P + 3).to_bytes(32, "little")
    assert f.point(second) == f.point(b"\3" + bytes(31)) is not None
    reject("key", "What no service can have, with checksum and all: no point of the curve, the eight points of small order, a\npoint of mixed order (Tor's clients refuse it too), a second encoding of a point.", "OnionKey", [f.onion(k, 80) for k in [b"\2" + bytes(31), *small, mixed, second]])


def i2p():
    digest = bytes.fromhex(I2P[1])
    assert f.b32(digest, 0) == I2P[0] + ".b32.i2p:0"
    lines = []
    for port in (0, 443, 65535):
        lines += [("text", f.b32(digest, port)), ("wire", f.wire_b32(digest, port))]
    vector("address", "accept-i2p-b32", "SHA-256 of a destination (the example of BIP 155). Wire: 1, hash, port as varint. Port 0 is I2P's \"any\".", "accept", lines)
    key = f.public(seed("i2p"))
    lines = []
    for flags in (0, 2, 4, 6):
        for signature_type in (7, 11):
            lines += [("text", f.b33(flags, signature_type, key, 80)), ("wire", f.wire_b33(flags, signature_type, key, 80))]
    vector("address", "accept-i2p-b33", "An encrypted lease set: flags, signature type, key, under the CRC-32 of the key (I2P, \"B32 for Encrypted Leasesets\").\nThe type it is blinded to is 11 in the text and is not in the wire form. Wire: 2, flags, type, key, port as varint.", "accept", lines)
    label = I2P[0]
    reject = lambda name, why, error, items: vector("address", f"reject-i2p-{name}", why, f"AddressError.{error}", texts(items))
    reject("form", "52 or 56 characters of lower-case base32: one less or more, a digit outside the alphabet, upper case, a subdomain, and bits behind the last byte of the hash.", "I2pForm", [label[1:] + ".b32.i2p:1", "a" + label + ".b32.i2p:1", "1" + label[1:] + ".b32.i2p:1", label.upper() + ".b32.i2p:1", "www." + label + ".b32.i2p:1", ".b32.i2p:1", label[:-1] + "r.b32.i2p:1"])
    good = f.b33(0, 7, key, 80)
    typo = good[:30] + ("a" if good[30] != "a" else "b") + good[31:]
    reject("checksum", "An encrypted lease set's address with a typing error; with flags that are not in use (two-byte signature types\namong them); with signature types that can't be blinded, or blinded to another type.", "I2pChecksum", [typo] + [f.b33(flags, 7, key, 80) for flags in (1, 8, 0x80)] + [f.b33(0, kind, key, 80) for kind in (0, 1, 8)] + [f.b33(0, 7, key, 80, blinded_type=7)])
    reject("name", "Names from an address book: who resolves them decides where they lead.", "I2pName", ["stats.i2p:80", "i2p:80", label + ".i2p:80", "b32.i2p:80"])


EDGES = "1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.3.0 192.88.98.0 192.88.100.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.0 203.0.114.0 223.255.255.255 2000:: 2001:200:: 2001:db7:: 2001:db9:: 2003:: 2a00:1450::1 3fff:1000:: 3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
LOCAL = "0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.0 127.0.0.1 127.255.255.255 169.254.0.0 169.254.255.255 172.16.0.0 172.31.255.255 192.0.0.0 192.0.0.255 192.0.2.1 192.88.99.1 192.168.0.0 192.168.255.255 198.18.0.0 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.0 239.255.255.255 240.0.0.0 255.255.255.255 :: ::1 ::ffff:1.2.3.4 64:ff9b::102:304 100::1 fc00::1 fdff::1 fe80::1 fec0::1 ff02::1 1fff:: 4000:: 2001:: 2001:2::1 2001:10::1 2001:1ff:ffff:: 2001:db8::1 2002:102:304::1 3fff:: 3fff:fff:: 200::1"
NAMES = ["a.io", "example.org", "xn--bcher-kva.example.net", "1a.2-b.c3", "a" * 63 + ".org", ".".join(["a" * 63] * 3 + ["b" * 61])]


def clearnet():
    lines = []
    for name in NAMES:
        lines += [("text", f"{name}:443"), ("wire", f.wire_name(name, 443))]
    vector("address", "accept-clearnet-name", "Fully qualified, lower case, up to 253 characters. Wire: 5, name, port as varint.", "accept", lines)
    lines = []
    for address in EDGES.split():
        lines += [("text", f.ip(address, 443)), ("wire", f.wire_ip(address, 443))]
    vector("address", "accept-clearnet-ip", "The edges of what is global. Wire: 3 and four bytes or 4 and sixteen, port as varint.", "accept", lines)
    reject = lambda name, why, error, items: vector("address", f"reject-{name}", why, f"AddressError.{error}", texts(items))
    reject("clearnet-form", "One address has one spelling: no upper case, leading zeros, shortened or long IPv6, brackets astray, zones, dots at\nan end, other characters, and no name that some resolver takes for a number.", "ClearnetForm", ["Example.org:80", "01.2.3.4:80", "1.2.3.04:80", "1.2.3:80", "1.2.3.4.5:80", "1.2.3.256:80", "0x7f.1:80", "127.1:80", "2130706433:80", "example.org.:80", ".example.org:80", "a..org:80", "a_b.org:80", "-a.org:80", "a-.org:80", "a b.org:80", "bücher.org:80", "a" * 64 + ".org:80", ".".join(["a" * 63] * 3 + ["b" * 62]) + ":80", "2a00:1450::1:80", "[2a00:1450:0::1]:80", "[2A00:1450::1]:80", "[2a00:1450::01]:80", "[2a00:1450::1%eth0]:80", "[2a00:1450::1:80", "[1.2.3.4]:80", "[]:80", ":80", "user@example.org:80", "example.org/:80", "example.0rg:80", "EXAMPLE.ONION:80"])
    reject("clearnet-ip-not-global", "Addresses that mean another machine to everybody who reads them, or that hold an IPv4 address.", "ClearnetNotGlobal", [f.ip(address, 80) for address in LOCAL.split()])
    reject("clearnet-name-not-global", "Names without a dot, and top-level names that are local or reserved.", "ClearnetNotGlobal", ["localhost:80", "host:80"] + [f"host.{top}:80" for top in "localhost local internal lan home corp mail intranet private arpa test invalid example alt".split()] + ["host.home.arpa:80"])
    label = TOR[0][0] + ".onion"
    reject("port", "A number from 1 to 65535 in its one spelling; 0 in I2P alone.", "Port", [label, label + ":", label + ":0", label + ":080", label + ":+80", label + ":-1", label + ":65536", label + ":99999999999", label + ":80 ", label + ":0x50", "1.2.3.4:0", "1.2.3.4", "example.org:0", I2P[0] + ".b32.i2p", I2P[0] + ".b32.i2p:00", "", ":"])


def contexts_and_shelf():
    body = b"what is signed"
    for name, prefix in CONTEXTS.items():
        vector("context", f"accept-{name}", "What is signed is the prefix, then the body.", "accept", [("name", name), ("prefix", prefix), ("seed", seed("node a")), ("body", body), ("signature", f.sign(seed("node a"), prefix + body))])
    grid, node = f.public(seed("grid")), f.public(seed("node a"))
    digest = hashlib.sha256(b"anteroom v1 shelf\0" + grid + node).digest()
    vector("shelf", "accept-shelf", "SHA-256 of a label, the grid and the node: the shelf a lookup names by its first bits.", "accept", [("grid", grid), ("node", node), ("hash", digest)])


def write_all():
    keys_as_text()
    onions()
    i2p()
    clearnet()
    contexts_and_shelf()
