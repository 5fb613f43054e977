"""XChaCha20-Poly1305, HKDF and X25519 once more, in Python's standard library alone; slow, and not in constant time."""

import hashlib
import hmac
import struct

# ---- HKDF-SHA256 (RFC 5869) ----


def hkdf(salt, secret, info, length):
    key = hmac.new(salt, secret, hashlib.sha256).digest()
    out, block, counter = b"", b"", 1
    while len(out) < length:
        block = hmac.new(key, block + info + bytes([counter]), hashlib.sha256).digest()
        out, counter = out + block, counter + 1
    return out[:length]


# RFC 5869, A.1.
assert hkdf(bytes(range(13)), b"\x0b" * 22, bytes(range(0xF0, 0xFA)), 42).hex().startswith("3cb25f25faacd57a90434f64d0362f2a")

# ---- ChaCha20 and Poly1305 (RFC 8439), with the longer nonce (draft-irtf-cfrg-xchacha) ----


def _quarter(s, a, b, c, d):
    rotate = lambda value, by: (value << by | value >> 32 - by) & 0xFFFFFFFF
    s[a] = s[a] + s[b] & 0xFFFFFFFF
    s[d] = rotate(s[d] ^ s[a], 16)
    s[c] = s[c] + s[d] & 0xFFFFFFFF
    s[b] = rotate(s[b] ^ s[c], 12)
    s[a] = s[a] + s[b] & 0xFFFFFFFF
    s[d] = rotate(s[d] ^ s[a], 8)
    s[c] = s[c] + s[d] & 0xFFFFFFFF
    s[b] = rotate(s[b] ^ s[c], 7)


def _rounds(key, tail):
    state = list(struct.unpack("<4I", b"expand 32-byte k") + struct.unpack("<8I", key) + struct.unpack("<4I", tail))
    mixed = state[:]
    for _ in range(10):
        for a, b, c, d in ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15), (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)):
            _quarter(mixed, a, b, c, d)
    return state, mixed


def _block(key, counter, nonce):
    state, mixed = _rounds(key, struct.pack("<I", counter) + nonce)
    return struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(state, mixed)))


def _hchacha(key, nonce):
    mixed = _rounds(key, nonce)[1]
    return struct.pack("<8I", *mixed[:4], *mixed[12:])


def _poly1305(key, message):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for at in range(0, len(message), 16):
        total = (total + int.from_bytes(message[at : at + 16] + b"\1", "little")) * r % (2**130 - 5)
    return (total + int.from_bytes(key[16:], "little") & 2**128 - 1).to_bytes(16, "little")


def seal(key, nonce, text, associated=b""):
    """Ciphertext and authenticator."""
    subkey, short = _hchacha(key, nonce[:16]), bytes(4) + nonce[16:]
    stream = b"".join(_block(subkey, 1 + at // 64, short) for at in range(0, len(text), 64))
    sealed = bytes(a ^ b for a, b in zip(text, stream))
    pad = lambda data: data + bytes(-len(data) % 16)
    lengths = struct.pack("<QQ", len(associated), len(sealed))
    return sealed + _poly1305(_block(subkey, 0, short)[:32], pad(associated) + pad(sealed) + lengths)


# draft-irtf-cfrg-xchacha-03, A.3.1.
assert seal(
    bytes(range(0x80, 0xA0)),
    bytes(range(0x40, 0x58)),
    b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
    bytes.fromhex("50515253c0c1c2c3c4c5c6c7"),
)[-16:].hex() == "c0875924c1c7987947deafd8780acf49"

# ---- X25519 (RFC 7748) ----

P = 2**255 - 19


def x25519(scalar, u):
    k = int.from_bytes(scalar, "little") & (1 << 254) - 8 | 1 << 254
    x1 = int.from_bytes(u, "little") & (1 << 255) - 1
    x2, z2, x3, z3, swap = 1, 0, x1, 1, 0
    for at in reversed(range(255)):
        bit = k >> at & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        da, cb, aa, bb = d * a % P, c * b % P, a * a % P, b * b % P
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % P, x1 * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
    if swap:
        x2, x3, z2, z3 = x3, x2, z3, z2
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


NINE = b"\x09" + bytes(31)


def montgomery(edwards):
    """The u of an Ed25519 key."""
    y = int.from_bytes(edwards, "little") & (1 << 255) - 1
    return ((1 + y) * pow(1 - y, P - 2, P) % P).to_bytes(32, "little")
