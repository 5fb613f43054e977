"""Writes vectors that are missing. One that exists is frozen: if it would come out otherwise, that is an error."""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
_derived, _differ = set(), []


def vector(kind, name, why, expect, pairs):
    """`name` starts with accept- or reject-; `why` is a line of comment; `pairs` are the lines behind `expect`."""
    lines = [f"# {line}" for line in why.splitlines()] + [f"kind = {kind}", f"expect = {expect}"]
    for key, value in pairs:
        if isinstance(value, bytes):
            value = value.hex()
        lines.append(f"{key} = {value}" if value != "" else f"{key} =")
    text = "\n".join(lines) + "\n"
    path = ROOT / kind / f"{name}.txt"
    assert path not in _derived, path
    _derived.add(path)
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        print("written", path.relative_to(ROOT))
    elif path.read_bytes() != text.encode():
        _differ.append(path)


def finish():
    for path in _differ:
        print("frozen, and would be different:", path.relative_to(ROOT))
    # Other folders hold vectors of another form, which are not derived here.
    folders = {path.parent for path in _derived}
    for path in sorted({path for folder in folders for path in folder.glob("*.txt")} - _derived):
        print("not derived:", path.relative_to(ROOT))
        _differ.append(path)
    print(len(_derived), "vectors")
    sys.exit(1 if _differ else 0)
