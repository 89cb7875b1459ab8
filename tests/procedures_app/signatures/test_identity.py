"""What two texts may differ in and still be one problem, and what keeps two problems apart."""

from __future__ import annotations

import pytest

from procedures_app.signatures import MARK, read
from procedures_app.signatures.lexicon import LITTLE, TOOLS
from procedures_app.signatures.vocabulary import VOCABULARY


@pytest.mark.parametrize(
    "texts",
    [
        # names that nothing but the vocabulary tells from words
        ("widget frobnix could not be rendered", "widget quuxly could not be rendered"),
        ("An error occurred calling the ListWidgets operation", "An error occurred calling the PutX operation"),
        ("Class App\\Http\\Mailer does not exist", "Class Acme\\Billing\\Invoice does not exist"),
        # inflection and little words
        ("the certificates have expired for the host", "certificate has expired for a host"),
        ("Cannot read property 'a' of undefined", "Cannot read properties of undefined (reading 'b')"),
        # the cause in what was raised around it
        (
            "Max retries exceeded: / (Caused by SSLError(1, '[SSL: BAD] bad: self signed certificate in chain'))",
            "SSL certificate problem: self signed certificate in chain",
        ),
        # tags and brackets around the message
        (
            "(error) SNAPSHOT the replica is not able to persist data",
            "[ErrorReply: SNAPSHOT the replica is not able to persist data]",
            "SNAPSHOT the replica is not able to persist data",
        ),
        ("[plugin:css] Failed to resolve import 'x' from 'y'", "Failed to resolve import 'z' from 'main'"),
        # what stands under a line that only leads on: behind >, after code, in a message of its own
        (
            "Could not determine the dependencies of task ':x'.\n> Could not resolve it.\n   > SDK location not found.",
            "SDK location not found.",
        ),
        (
            "Invalid `db.add()` invocation in\n/a.ts:3:9\n\n 9 db.add(\n\nUnique constraint failed on field: (`id`)",
            "Unique constraint failed on field: (`npi`)",
        ),
        ("Error: P9001\n\nCan't reach database server", "P9001: Can't reach database server"),
        ('Error from server: code=18 [Bad query] message="Cannot execute it"', "Cannot execute it"),
        ("** (Db.ConnectionError) the request was dropped from queue", "the request was dropped from queue"),
        # how it failed, and two ways to write it
        ("unexpectedly found nil while unwrapping a value", "found nil while implicitly unwrapping a value"),
        ("timed out waiting for the condition", "timeout waiting for the condition"),
        # data, and where it was met
        ("duplicate key error: { id: 7 }", "duplicate key error: { name: 'x', at: 'y' }"),
        ("cannot resolve 'a' given input columns: [id, name]", "cannot resolve 'b' given input columns: [t.x, t.y]"),
        ("found nil while unwrapping a value", "found nil while unwrapping a value: file App/main.swift, line 20"),
        # an answer as the client prints all of it
        ("Error code: 418 - {'error': {'message': 'The quota of this project is used up', 'code': 3}}",) * 2
        + ("The quota of this project is used up",),
        # the status, its reason, or both
        (
            "HTTPError: 429 Client Error: Too Many Requests for url: https://a.io/",
            "HTTPError: HTTP Error 429: Too Many Requests",
        ),
        ("The requested URL returned error: 404", "The requested URL returned error: 404 Not Found"),
        # whoever has a full disk needs room
        ("OSError: [Errno 28] No space left on device", "cp: error writing '/backup/a': No space left on device"),
        (
            "Error: listen EADDRINUSE: address already in use",
            "bind() to 0.0.0.0:80 failed (98: Address already in use)",
        ),
        # a code of the program's own, whoever met it
        ("Failed to connect. ORA-00942: table or view does not exist", "ORA-00942: table or view does not exist"),
        ("ORA-00942: table or view does not exist", 'ORA-00942: table or view "HR"."EMPLOYEE" does not exist'),
        ("connect to host a.io port 22: Connection timed out", "connect to host b.io port 2: Operation timed out"),
        ("No route matches [GET] '/a'", "No route matches [POST] '/users'"),
        ("ERROR in ./src/index.js\nModule not found: Can't resolve './a'", "Module not found: Can't resolve 'lodash'"),
    ],
)
def test_one_problem_in_several_texts(texts):
    assert len({read(text).signature for text in texts}) == 1


@pytest.mark.parametrize(
    "texts",
    [
        ("The requested URL returned error: 404", "The requested URL returned error: 403"),
        ("No such customer: 'a'", "No such invoice: 'a'"),
        ("Cannot read properties of undefined (reading 'a')", "Cannot read properties of null (reading 'a')"),
        ("permission denied for table users", "permission denied for schema public"),
        ("ORA-00942: table or view does not exist", "ORA-00904: invalid identifier"),
        ("[Errno 13] Permission denied: '/a'", "[Errno 2] No such file or directory: '/a'"),
        ("Vault is sealed", "Zookeeper is dead"),
        # the first line says only where
        (
            "Qux Error at Lists.txt:5 (find):\n  No compiler was found",
            "Qux Error at Lists.txt:7 (set):\n  Version too old",
        ),
        ("KeyError: 'a'", "ValueError: 'a'"),
    ],
)
def test_several_problems_stay_apart(texts):
    assert len({read(text).signature for text in texts}) == len(texts)


def test_a_signature_says_what_it_is_of_and_by_which_rules():
    assert read("Error: connect ECONNREFUSED 127.0.0.1:5432").signature.startswith(f"connect-econnrefused{MARK}")


def test_the_vocabulary_holds_words_and_no_names():
    assert {"certificate", "connection", "denied", "not", "found"} <= VOCABULARY
    assert not {"kubectl", "mysql", "redis", "nginx"} & VOCABULARY
    assert all(word == word.casefold() and word.isalpha() for word in VOCABULARY)
    assert not LITTLE & TOOLS
