"""The formats of anteroom's records once more, in Python's standard library alone.

It shares no line with the crate, so that a vector tells what the formats are, not what the crate happens to do.
Slow, and not in constant time: for the throw-away keys of test vectors only.
"""

import base64
import hashlib
import ipaddress
import zlib

# ---- Ed25519 (RFC 8032) ----

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def _x(y, sign):
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P:
        return None
    return P - x if x & 1 != sign else x


def add(p, q):
    (x1, y1), (x2, y2) = p, q
    k = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + k, P - 2, P) % P
    y = (y1 * y2 + x1 * x2) * pow(1 - k, P - 2, P) % P
    return x, y


def multiply(scalar, point):
    result = NEUTRAL
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def point_bytes(point):
    x, y = point
    return (y | (x & 1) << 255).to_bytes(32, "little")


def point(data):
    """The point, or None when there is none. A y that is not reduced is taken, as most implementations do."""
    number = int.from_bytes(data, "little")
    y = (number & (1 << 255) - 1) % P
    x = _x(y, number >> 255)
    return None if x is None else (x, y)


NEUTRAL = (0, 1)
BASE = (_x(4 * pow(5, P - 2, P) % P, 0), 4 * pow(5, P - 2, P) % P)


def torsion_of_order_8():
    y = 2
    while True:
        x = _x(y, 0)
        if x is not None:
            candidate = multiply(L, (x, y))
            if multiply(4, candidate) != NEUTRAL:
                return candidate
        y += 1


def expand(seed):
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little") & (1 << 254) - 8 | 1 << 254
    return scalar, digest[32:]


def public(seed):
    return point_bytes(multiply(expand(seed)[0], BASE))


def challenge(r, key, message):
    return int.from_bytes(hashlib.sha512(r + key + message).digest(), "little") % L


def sign(seed, message):
    scalar, nonce_key = expand(seed)
    nonce = int.from_bytes(hashlib.sha512(nonce_key + message).digest(), "little") % L
    r = point_bytes(multiply(nonce, BASE))
    s = (nonce + challenge(r, public(seed), message) * scalar) % L
    return r + s.to_bytes(32, "little")


def equation(key, message, signature):
    """Left minus right side of S·B = R + k·A: the neutral point when it holds, a torsion point when eight times it do."""
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    k = challenge(r, key, message)
    right = add(point(r), multiply(k, point(key)))
    return add(multiply(s, BASE), (P - right[0], right[1]))


# RFC 8032, 7.1, test 2.
_SEED = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
assert public(_SEED).hex() == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
assert sign(_SEED, b"\x72").hex().startswith("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da")
assert equation(public(_SEED), b"\x72", sign(_SEED, b"\x72")) == NEUTRAL

# ---- bech32m (BIP 350) ----

ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
BECH32, BECH32M = 1, 0x2BC830A3


def _polymod(values):
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            if top >> bit & 1:
                check ^= generator
    return check


def bech32(prefix, data, constant=BECH32M, padding=0):
    """`padding`: the bits behind the last byte, zero in every valid id."""
    bits = "".join(f"{byte:08b}" for byte in data)
    free = -len(bits) % 5
    bits += f"{padding:0{free}b}" if free else ""
    values = [int(bits[at : at + 5], 2) for at in range(0, len(bits), 5)]
    head = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    check = _polymod(head + values + [0] * 6) ^ constant
    values += [check >> 5 * (5 - at) & 31 for at in range(6)]
    return prefix + "1" + "".join(ALPHABET[value] for value in values)


# ---- addresses: text ----


def base32(data):
    return base64.b32encode(data).decode().rstrip("=").lower()


def onion_check(key, version=3):
    return hashlib.sha3_256(b".onion checksum" + key + bytes([version])).digest()[:2]


def onion(key, port, version=3, check=None):
    return f"{base32(key + (check or onion_check(key, version)) + bytes([version]))}.onion:{port}"


def b32(digest, port):
    return f"{base32(digest)}.b32.i2p:{port}"


def b33(flags, signature_type, key, port, blinded_type=11):
    mask = zlib.crc32(key).to_bytes(4, "little")
    head = bytes(a ^ b for a, b in zip((flags, signature_type, blinded_type), mask))
    return f"{base32(head + key)}.b32.i2p:{port}"


def ip(text, port):
    address = ipaddress.ip_address(text)
    return f"{address}:{port}" if address.version == 4 else f"[{address}]:{port}"


# ---- the wire form of a record (postcard) ----


def varint(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def string(text):
    data = text if isinstance(text, bytes) else text.encode()
    return varint(len(data)) + data


def sequence(items):
    return varint(len(items)) + b"".join(items)


def wire_onion(key, port):
    return b"\0" + key + varint(port)


def wire_b32(digest, port):
    return b"\1" + digest + varint(port)


def wire_b33(flags, signature_type, key, port):
    return b"\2" + bytes([flags, signature_type]) + key + varint(port)


def wire_ip(text, port):
    packed = ipaddress.ip_address(text).packed
    return (b"\3" if len(packed) == 4 else b"\4") + packed + varint(port)


def wire_name(name, port):
    return b"\5" + string(name) + varint(port)


def service(name, version, addresses, attributes=()):
    pairs = [string(key) + string(value) for key, value in attributes]
    return string(name) + varint(version) + sequence(addresses) + sequence(pairs)


def body(grid, node, seq=1, issued=490_000, lifetime=168, nickname=None, services=(), grants=(), version=1):
    """Every number may also be given as bytes, for what no encoder would write."""
    number = lambda value: value if isinstance(value, bytes) else varint(value)
    label = nickname if isinstance(nickname, bytes) else b"\0" if nickname is None else b"\1" + string(nickname)
    return b"".join((
        bytes([version]), grid, node, number(seq), number(issued), number(lifetime), label,
        services if isinstance(services, bytes) else sequence(services),
        grants if isinstance(grants, bytes) else sequence([string(grant) for grant in grants]),
    ))
