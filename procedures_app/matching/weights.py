"""Made by ``python -m benchmarks.fit_matching`` from the development half of the labelled errors."""

#: with a cosine of embeddings
WITH_COSINE = (
    0.378,  # same_type
    -0.642,  # other_type
    1.236,  # same_code
    -0.405,  # other_code
    0.376,  # shared
    1.271,  # covered
    2.385,  # covered_rare
    0.158,  # in_order
    0.318,  # ending
    1.048,  # trigrams
    0.269,  # trigrams_and_shared
    -1.271,  # left_on_both
    0.829,  # left_on_one
    -1.797,  # thin
    0.077,  # thin_and_same_type
    2.168,  # cosine
    -6.227,  # constant
)
#: steepness and shift
CALIBRATION_WITH_COSINE = (1.115, 0.078)
#: of the likeliest: steepness, its lead, shift
FIRST_WITH_COSINE = (0.746, 0.27, -0.225)
#: without one
WORDS_ONLY = (
    0.653,  # same_type
    -0.464,  # other_type
    1.376,  # same_code
    -0.299,  # other_code
    0.508,  # shared
    1.531,  # covered
    2.525,  # covered_rare
    0.165,  # in_order
    0.198,  # ending
    1.34,  # trigrams
    0.412,  # trigrams_and_shared
    -1.531,  # left_on_both
    0.921,  # left_on_one
    -2.117,  # thin
    0.079,  # thin_and_same_type
    0.0,  # cosine
    -5.713,  # constant
)
#: steepness and shift
CALIBRATION_WORDS_ONLY = (1.126, 0.15)
#: of the likeliest: steepness, its lead, shift
FIRST_WORDS_ONLY = (0.678, 0.513, -0.861)
#: how often two errors with the same signature are the same problem
SAME_SIGNATURE = 0.96
#: of words in at least two labelled problems
RARITY: dict[str, float] = {
    "after": 5.26,
    "already": 4.56,
    "argument": 5.26,
    "attempting": 5.26,
    "attribute": 4.56,
    "because": 5.26,
    "bind": 5.26,
    "block": 4.56,
    "borrow": 4.85,
    "bound": 5.26,
    "branch": 5.26,
    "build": 5.26,
    "called": 4.85,
    "can": 4.85,
    "can't": 5.26,
    "cannot": 3.24,
    "change": 5.26,
    "char": 5.26,
    "client": 4.85,
    "code": 5.26,
    "codec": 5.26,
    "column": 4.56,
    "command": 5.26,
    "conflict": 5.26,
    "connect": 4.16,
    "connection": 4.56,
    "connectivity": 5.26,
    "constraint": 4.56,
    "container": 4.85,
    "could": 4.16,
    "create": 4.85,
    "current": 5.26,
    "daemon": 5.26,
    "defined": 5.26,
    "delete": 5.26,
    "detected": 4.85,
    "did": 5.26,
    "directive": 5.26,
    "docker": 5.26,
    "does": 4.34,
    "driver": 5.26,
    "eacce": 4.16,
    "econnrefused": 4.85,
    "end": 5.26,
    "endpoint": 5.26,
    "enoent": 4.0,
    "error": 4.16,
    "es": 5.26,
    "etimedout": 5.26,
    "exceeded": 5.26,
    "exec": 4.85,
    "exist": 4.0,
    "exit": 5.26,
    "expected": 4.85,
    "expecting": 5.26,
    "external": 5.26,
    "failed": 2.86,
    "failure": 5.26,
    "file": 3.87,
    "find": 4.56,
    "float": 5.26,
    "following": 5.26,
    "foreign": 5.26,
    "found": 3.75,
    "function": 4.56,
    "getaddrinfo": 5.26,
    "git": 5.26,
    "got": 4.85,
    "header": 4.85,
    "host": 4.85,
    "import": 4.16,
    "index": 4.56,
    "install": 4.56,
    "int": 4.85,
    "invalid": 5.26,
    "json": 5.26,
    "key": 4.56,
    "large": 5.26,
    "limit": 4.56,
    "line": 4.56,
    "list": 4.85,
    "listen": 4.85,
    "local": 5.26,
    "many": 5.26,
    "matching": 5.26,
    "memory": 5.26,
    "merge": 4.85,
    "missing": 4.85,
    "module": 4.0,
    "must": 5.26,
    "mutable": 5.26,
    "name": 4.34,
    "named": 5.26,
    "no": 3.75,
    "nonetype": 4.85,
    "not": 2.42,
    "null": 5.26,
    "object": 4.0,
    "oci": 5.26,
    "only": 4.85,
    "open": 4.85,
    "os": 5.26,
    "out": 4.56,
    "overwritten": 5.26,
    "package": 4.56,
    "password": 5.26,
    "port": 5.26,
    "position": 4.85,
    "process": 4.34,
    "programming": 5.26,
    "propertie": 5.26,
    "property": 4.85,
    "proxy": 5.26,
    "pull": 5.26,
    "py": 5.26,
    "python": 5.26,
    "r": 5.26,
    "reached": 4.85,
    "read": 4.56,
    "reading": 4.56,
    "reason": 5.26,
    "reference": 4.56,
    "relation": 4.85,
    "repository": 4.56,
    "request": 4.85,
    "require": 4.85,
    "required": 5.26,
    "requirement": 4.85,
    "resource": 5.26,
    "response": 5.26,
    "role": 5.26,
    "run": 5.26,
    "runc": 5.26,
    "running": 4.85,
    "runtime": 5.26,
    "s": 4.85,
    "sent": 5.26,
    "service": 5.26,
    "set": 5.26,
    "shim": 5.26,
    "socket": 5.26,
    "solve": 5.26,
    "start": 4.56,
    "starting": 5.26,
    "statement": 4.85,
    "str": 5.26,
    "subscriptable": 5.26,
    "successfully": 5.26,
    "table": 4.85,
    "task": 5.26,
    "too": 4.56,
    "type": 4.56,
    "unable": 4.34,
    "undeclared": 5.26,
    "undefined": 5.26,
    "unexpected": 4.56,
    "unknown": 4.56,
    "unpack": 5.26,
    "unsupported": 5.26,
    "update": 4.85,
    "upstream": 4.34,
    "use": 4.16,
    "user": 5.26,
    "userland": 5.26,
    "valid": 5.26,
    "value": 3.87,
    "version": 4.85,
    "violate": 4.56,
    "watch": 5.26,
    "while": 3.87,
    "would": 5.26,
    "you": 4.56,
    "your": 4.85,
}
