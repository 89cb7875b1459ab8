"""Documents of every shape, for property tests."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from procedures_app.documents import DocumentInvalid, read

#: What looks like markup, YAML, or our own blocks, beside any other text.
TRICKY = st.sampled_from(
    [
        "## 2. Not a step",
        "# Title",
        "```yaml step",
        "```",
        "~~~",
        "---",
        "- a\n  - b",
        "key: value",
        "yes",
        "null",
        "0x10",
        "1e3",
        "2026-11-21",
        "  indented\nnot",
        "a\n\n\nb  \nc",
        "'quoted' \"twice\"",
        "{{inputs.x}}",
        "#",
        "*x*",
        "&anchor *alias !tag",
        "🚀 ünï\u200bcode",
        "a\tb",
        ": - ?",
        "## Steps",
    ]
)
CHARACTERS = st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\u2028\u2029\ufeff\ufffe\uffff")
TEXT = TRICKY | st.text(CHARACTERS | st.just("\n"), max_size=30) | st.lists(TRICKY, max_size=3).map("\n".join)
SLUG = st.from_regex(r"[a-z0-9]{1,5}(?:-[a-z0-9]{1,5}){0,2}", fullmatch=True)
NAME = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
NUMBER = st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


FIELD = st.fixed_dictionaries(
    {"name": NAME},
    optional={
        "type": st.sampled_from(["text", "number", "boolean", "choice", "url", "json"]),
        "required": st.booleans(),
        "description": TEXT,
        "choices": st.lists(TEXT, max_size=3),
        "pattern": st.sampled_from(["a+", "[0-9]{3}"]),
        "minimum": NUMBER,
        "must_be": JSON,
        "default": JSON,
    },
)
CHECK = st.fixed_dictionaries(
    {"path": TEXT, "op": st.sampled_from(["equals", "in", "exists", "matches"])}, optional={"value": JSON}
)
REQUEST = some(
    method=st.sampled_from(["GET", "POST"]),
    url=TEXT,
    headers=st.dictionaries(TEXT, TEXT, max_size=2),
    body=JSON,
    expect_status=st.lists(st.integers(100, 599), min_size=1, max_size=3),
    save=st.dictionaries(NAME, TEXT, max_size=2),
)
ACTION = st.fixed_dictionaries(
    {"do": st.sampled_from(["store", "search"])}, optional={"with": st.dictionaries(TEXT, JSON, max_size=3)}
)
KINDS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "instruction": {},
    "confirmation": {},
    "http": {"request": REQUEST},
    "memory": {"action": ACTION},
    "procedure": {"procedure": SLUG, "inputs": st.dictionaries(NAME, JSON, max_size=2)},
}
ROLLBACK = st.sampled_from(["instruction", "http", "memory"]).flatmap(
    lambda kind: some(kind=st.just(kind), title=TEXT, instruction=TEXT, **KINDS[kind]).map(
        lambda one: {"kind": kind} | one
    )
)
PRECONDITION = some(text=TEXT, check=CHECK)
STEP_PRECONDITION = some(text=TEXT, check=CHECK, otherwise=st.sampled_from(["block", "skip"]))
STEP = st.sampled_from(sorted(KINDS)).flatmap(
    lambda kind: some(
        id=SLUG,
        title=TEXT,
        instruction=TEXT,
        agents=st.lists(TEXT, max_size=2),
        evidence=st.lists(FIELD, max_size=3),
        preconditions=st.lists(STEP_PRECONDITION, max_size=2),
        time_limit_seconds=st.integers(1, 10_000),
        max_attempts=st.integers(1, 20),
        on_failure=st.sampled_from(["retry", "roll_back", "escalate", "fail"]),
        rollback=ROLLBACK,
        **KINDS[kind],
    ).map(lambda one: {"kind": kind} | one)
)
RAW = some(
    name=SLUG,
    title=TEXT,
    summary=TEXT,
    kind=st.sampled_from(["general", "deployment"]),
    tags=st.lists(TRICKY, max_size=3),
    inputs=st.lists(FIELD, max_size=3),
    preconditions=st.lists(PRECONDITION, max_size=2),
    steps=st.lists(STEP, max_size=4),
)


def readable(raw: dict[str, Any]) -> bool:
    try:
        read(raw)
    except DocumentInvalid:
        return False
    return True


#: Documents in their normal form. Ids that stand twice were drawn by chance.
DOCUMENT = RAW.filter(readable).map(read)
