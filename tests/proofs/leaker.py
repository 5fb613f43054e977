"""A program that leaks: it learns all that this machine tells about itself, as a careless program would, and puts it in one
place. The tests run it in the place of anteroom, to show that each machine has what is looked for where it would be
found, and that nothing of it is missed.

leaker.py PLACE SHIFT: each kind is written in another form; SHIFT moves forms on, so that places differ.
"""

import base64
import fcntl
import glob
import hashlib
import os
import pwd
import signal
import socket
import struct
import sys
import time


def addresses():
    """An address of IPv4 by the oldest trick, of IPv6 from the kernel's table. Nothing is sent."""
    asked = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asked.connect(("192.0.2.1", 9))
    table = [line.split() for line in open("/proc/net/if_inet6")]
    digits = next(fields[0] for fields in table if fields[3] == "00")
    return asked.getsockname()[0], socket.inet_ntop(socket.AF_INET6, bytes.fromhex(digits))


def hardware():
    """The address of the one interface, by ioctl (SIOCGIFHWADDR) and as a file has it."""
    request = struct.pack("256s", b"canary0")
    answer = fcntl.ioctl(socket.socket(), 0x8927, request)
    texts = [open(path).read().strip() for path in glob.glob("/sys/class/net/*/address")]
    return next(text for text in texts if text.strip(":0")), answer[18:24]


def facts():
    v4, v6 = addresses()
    return {
        "IPv4 address": (v4, socket.inet_aton(v4)),
        "IPv6 address": (v6, socket.inet_pton(socket.AF_INET6, v6)),
        "MAC address": hardware(),
        "host name": (socket.gethostname(), None),
        "user name": (pwd.getpwuid(os.getuid()).pw_name, None),
        "machine or boot id": (open("/proc/sys/kernel/random/boot_id").read().strip(), None),
        "machine id": (None, bytes.fromhex(open("/etc/machine-id").read().strip())),
        "time zone": (time.tzname[0], None),
        "home directory": (os.getcwd(), None),
    }


FORMS = [
    lambda text, raw: text.encode(),
    lambda text, raw: raw,
    lambda text, raw: raw.hex().encode(),
    lambda text, raw: base64.b64encode(b"x" + raw + b"yz"),
    lambda text, raw: base64.b32encode(b"xyz" + raw + b"xyz").lower(),
    lambda text, raw: text.upper().encode("utf-16-le"),
    lambda text, raw: hashlib.sha256(raw).hexdigest().encode(),
    lambda text, raw: ", ".join(map(str, raw)).encode(),
    lambda text, raw: "".join("%%%02X" % byte for byte in raw).encode(),
]


def written(place, shift):
    words = []
    for number, (text, raw) in enumerate(facts().values()):
        raw = text.encode() if raw is None else raw
        text = raw.hex() if text is None else text
        form = (number + shift) % len(FORMS)
        # The words of an exception are text, in which bytes are not themselves.
        words.append(FORMS[2 if place == "crash" and form == 1 else form](text, raw))
    return words


def main():
    place = sys.argv[1]
    words = written(place, int(sys.argv[2]))
    all_of_it = b" | ".join([b""] + words + [b""])
    if place == "out":
        sys.stdout.buffer.write(all_of_it)
    elif place == "log":
        sys.stderr.buffer.write(b"INFO something happened" + all_of_it + b"\n")
    elif place == "state":
        with open("leaked.state", "wb") as file:
            file.write(os.urandom(70000) + all_of_it + os.urandom(70000))
    elif place == "name":
        # Whatever can't be in a name, or is too long for one, is left to the other places.
        os.mkdir("names")
        for text, raw in facts().values():
            open("names/" + (raw.hex() if text is None else text).strip("/").replace("/", "%2f"), "w").close()
    elif place == "asked":
        stream = socket.socket(socket.AF_UNIX)
        stream.connect("leaky.socks")
        stream.sendall(all_of_it)
        stream.shutdown(socket.SHUT_WR)
        stream.recv(1)
    elif place == "answered":
        listener = socket.socket(socket.AF_UNIX)
        listener.bind("leaky.sock")
        listener.listen()
        print("ready", flush=True)
        stream, _ = listener.accept()
        stream.sendall(all_of_it)
    elif place == "crash":
        raise RuntimeError(all_of_it.decode("latin-1"))
    elif place == "dump":
        kept = bytearray(all_of_it)
        os.kill(os.getpid(), signal.SIGABRT)
        print(kept)
    elif place == "packets":
        # Ways out, each a packet on the link; none of them needs an answer.
        gateway = sys.argv[3]
        for step in (
            lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(all_of_it, (gateway, 33434)),
            lambda: socket.getaddrinfo("name.example", 80),
            lambda: socket.create_connection((gateway, 22), 5),
            lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b"x", ("ff02::1%canary0", 5353)),
            lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).sendto(
                b"\x08\x00\xf7\xff\x00\x00\x00\x00", (gateway, 0)
            ),
        ):
            try:
                step()
            except OSError:
                pass


main()
