"""Requests that nobody would write: good documents with members changed, forms likewise, and JSON at the limits of what is JSON."""

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

Made = TypeVar("Made")
CANARY = "Kanari-4711"
"""Stands in every text made up here, so that it is seen where no text may stand."""
BOUNDARY = "----made-up"
FORM_KIND = f"multipart/form-data; boundary={BOUNDARY}"

text = st.text(st.characters(codec=None, exclude_categories=()), max_size=30).map(CANARY.__add__)
value = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | text
    | st.sampled_from([10**400, -1, "", 2**63]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)

HOSTILE = (
    b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    b'{"a":' + b"[" * 10_000,
    b'{"a":1e999999,"b":-1e999999}',
    b'{"a":' + b"9" * 4_000 + b"}",
    b'{"a":NaN}',
    b'{"a":-Infinity}',
    b'{"a":"\\ud800","b":"\\udfff\\ud800"}',
    b'{"\\ud800":1}',
    b'{"a":1,"a":2}',
    b'{"a":"\xed\xa0\x80"}',
    b'\xef\xbb\xbf{"a":1}',
    '{"a":1}'.encode("utf-16"),
    b"\x1f\x8b\x08\x00" + bytes(40),
    b'{"a":"\0"}',
    b"",
)
"""Bodies, with `a` in the place of a member: nested, huge, doubled, no numbers, no text, packed."""


def drawn(of: st.SearchStrategy[Made], count: int = 25) -> list[Made]:
    """The same ones each time, all at once: for what is asked of a server on the test's own loop."""
    made: list[Made] = []
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large]

    @settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=checks,
    )
    @given(each=of)
    def collect(each: Made) -> None:
        made.append(each)

    collect()
    return made


def changed(good: Mapping[str, Any], *more: str) -> st.SearchStrategy[dict[str, Any]]:
    """This document with up to two of its members, or of `more`, changed or gone."""
    names = st.sampled_from([*good, *more, CANARY])
    changes = st.dictionaries(names, value | st.just(...), min_size=0, max_size=2)
    return changes.map(
        lambda each: {name: said for name, said in {**good, **each}.items() if said is not ...}
    )


def hostile(body: bytes, good: Mapping[str, Any], member: str) -> bytes:
    """One of HOSTILE about this member, with the others of a good document behind it."""
    if not body.endswith(b"}"):
        return body.replace(b'"a"', json.dumps(member).encode())
    rest = json.dumps({name: said for name, said in good.items() if name != member})[1:]
    joint = b"," if len(rest) > 1 else b""
    return body[:-1].replace(b'"a"', json.dumps(member).encode()) + joint + rest.encode()


def form(fields: Mapping[str, Any], file: tuple[str, bytes] | None) -> bytes:
    """A form with these fields, whatever they are, and a file by its name."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{said}\r\n'.encode(
            "utf-8", "surrogatepass"
        )
        for name, said in fields.items()
    ]
    if file is not None:
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{file[0]}"\r\n\r\n'
        parts.append(head.encode("utf-8", "surrogatepass") + file[1] + b"\r\n")
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
