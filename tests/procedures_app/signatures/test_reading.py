"""Which line is read, what is masked and what stays."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procedures_app.signatures import read, stored

PYTHON = """2026-03-01 10:00:00,123 ERROR worker Task failed
Traceback (most recent call last):
  File "/srv/app/orders.py", line 12, in load
    return rows[0]
           ~~~~^^^
IndexError: list index out of range

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/srv/app/orders.py", line 30, in <module>
    connect()
psycopg2.OperationalError: could not connect to server: Connection refused
\tIs the server running on host "db.internal" (10.0.0.7) and accepting
\tTCP/IP connections on port 5432?
"""
JAVA = """Exception in thread "main" org.example.AppException: start failed
\tat org.example.Main.main(Main.java:10)
Caused by: java.net.ConnectException: Connection refused (Connection refused)
\tat java.base/java.net.PlainSocketImpl.socketConnect(Native Method)
\t... 12 more
"""
DOTNET = """Unhandled exception. System.AggregateException: One or more errors occurred. (No such host is known.)
 ---> System.Net.Sockets.SocketException (11001): No such host is known.
   at System.Net.Http.ConnectHelper.ConnectAsync(String host)
   --- End of inner exception stack trace ---
"""
ASAN = """=================================================================
==1234==ERROR: AddressSanitizer: heap-use-after-free on address 0x602000000010 at pc 0x4007d4 bp 0x7ff sp 0x7fe
READ of size 4 at 0x602000000010 thread T0
    #0 0x4007d3 in main /tmp/a.c:7
"""


@pytest.mark.parametrize(
    ("text", "error_type", "template"),
    [
        (PYTHON, "OperationalError", "could not connect to server: Connection refused"),
        (JAVA, "ConnectException", "Connection refused (Connection refused)"),
        (DOTNET, "SocketException", "(<number>): No such host is known."),
        (
            "TypeError: Cannot read properties of undefined (reading 'map')\n    at App (/srv/App.js:12:5)\n",
            "TypeError",
            "Cannot read properties of undefined (reading <name>)",
        ),
        (
            "panic: runtime error: index out of range [5] with length 3\n\ngoroutine 1 [running]:\nmain.main()\n",
            "",
            "index out of range [<number>] with length <number>",
        ),
        (
            "thread 'main' panicked at src/main.rs:4:10:\nattempt to divide by zero\nnote: run with `RUST_BACKTRACE=1`",
            "",
            "attempt to divide by zero",
        ),
        (
            "app.rb:3:in `total': undefined method `price' for nil:NilClass (NoMethodError)",
            "NoMethodError",
            "undefined method <name> for nil:NilClass",
        ),
        (
            (
                "PHP Fatal error:  Uncaught TypeError: foo(): Argument #1 must be a string in /a/b.php:3\n"
                "Stack trace:\n#0 /a/b.php(9): foo(NULL)\n#1 {main}\n"
            ),
            "TypeError",
            "<name>: Argument #<number> must be a string",
        ),
        (
            ASAN,
            "",
            "AddressSanitizer: heap-use-after-free on address <hex> at pc <hex> bp <hex> sp <hex>",
        ),
        (
            "main.c: In function 'main':\nmain.c:3:5: error: 'count' undeclared (first use in this function)\n",
            "",
            "<name> undeclared (first use in this function)",
        ),
        (
            "   Compiling app v0.1.0\nerror[E0382]: borrow of moved value: `names`\n --> src/main.rs:5:20\n",
            "E0382",
            "error[E0382]: borrow of moved value: <name>",
        ),
        (
            "npm ERR! code ERESOLVE\nnpm ERR! ERESOLVE unable to resolve dependency tree\nnpm ERR! ",
            "ERESOLVE",
            "ERESOLVE unable to resolve dependency tree",
        ),
        (
            (
                '2026-03-01 10:00:00 UTC [8] app@shop ERROR:  duplicate key value violates unique constraint "pkey"'
                "\n2026-03-01 10:00:00.123 UTC [812] app@shop DETAIL:  Key (id)=(7) already exists."
            ),
            "",
            "duplicate key value violates unique constraint <name>",
        ),
        (
            (
                "2026/03/01 12:00:00 [error] 31#31: *9 connect() failed (111: Connection refused) while connecting to "
                'upstream, client: 172.18.0.1, server: , request: "GET / HTTP/1.1"'
            ),
            "ECONNREFUSED",
            "connect() failed (ECONNREFUSED: Connection refused) while connecting to upstream",
        ),
        ('{"level":"error","ts":1.7,"msg":"cannot open /var/lib/x.db"}', "", "cannot open <path>"),
        (
            "KeyError: 'b7'",
            "KeyError",
            "<name>",
        ),
    ],
)
def test_the_line_that_says_what_went_wrong_is_read(text, error_type, template):
    assert (read(text).error_type, read(text).template) == (error_type, template)


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("open 550e8400-e29b-41d4-a716-446655440000 failed", "open <id> failed"),
        ("no route to 10.1.2.3:8080 or [fe80::1]:80", "no route to <host> or <host>"),
        ("cannot read C:\\temp\\a.txt and /var/lib/a b", "cannot read <path> and <path> b"),
        ("GET https://api.example.com/v1/x?y=1 took 12.5 seconds", "<name> <url> took <size>"),
        ("cannot resolve db-1.internal at 2026-03-01T10:00:00Z", "cannot resolve <host> at <time>"),
        ("needs 512 MiB, has 0x7f", "needs <size>, has <hex>"),
        ("the reply was: 'no such table found here'", "the reply was: no such table found here"),
        ("Argument of type 'string' is not assignable", "Argument of type string is not assignable"),
        ("server answered with status code 503", "server answered with status code 503"),
        ("got 502 Bad Gateway", "got 502 Bad Gateway"),
        ("the command exited with code 137", "the command exited with code 137"),
        ("E11000 duplicate key error", "E11000 duplicate key error"),
        ("TS2345: is not assignable", "TS2345: is not assignable"),
        ("ORA-00942: table or view does not exist", "ORA-00942: table or view does not exist"),
        ("failed (SQLSTATE 42P01)", "failed (SQLSTATE 42P01)"),
        ("don't retry, it's over", "don't retry, it's over"),
    ],
)
def test_what_varies_is_masked_and_codes_stay(text, template):
    assert read(text).template == template


@pytest.mark.parametrize(
    "texts",
    [
        (
            "ConnectionRefusedError: [Errno 111] Connection refused",
            "ConnectionRefusedError: [Errno 61] Connection refused",
        ),
        (
            "ModuleNotFoundError: No module named 'numpy'",
            (
                'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\n    import x\n'
                "ModuleNotFoundError: No module named 'x.y'\n"
            ),
        ),
        (
            "sa.exc.OperationalError: (psycopg2.OperationalError) could not connect to server: Connection refused",
            PYTHON,
        ),
        ("src/a.ts(1,5): error TS2345: No overload.", "lib/b.ts:9:1 - error TS2345: No overload."),
        (
            "Error: connect ECONNREFUSED 127.0.0.1:5432",
            "\x1b[31mError: connect ECONNREFUSED ::1:6379\x1b[0m\r\n at x",
        ),
    ],
)
def test_the_like_share_a_signature(texts):
    assert len({read(text).signature for text in texts}) == 1


def test_the_type_may_be_said_beside_the_text():
    bare, named = (
        read("[Errno 111] Connection refused", error_type="builtins.ConnectionRefusedError"),
        read("ConnectionRefusedError: [Errno 111] Connection refused"),
    )
    assert bare == named
    assert read("ValueError: bad", error_type="deploy failed").error_type == "ValueError"
    assert read("it broke", error_type="Exception").error_type == ""


@pytest.mark.parametrize("text", [PYTHON, JAVA, DOTNET, ASAN, "", "KeyError: 'x'", "E11000 duplicate key", "é 12"])
def test_two_columns_give_the_whole_back(text):
    found = read(text)
    assert stored(error_type=found.error_type, template=found.template) == found


def test_a_signature_is_the_same_in_every_process():
    code = "from procedures_app.signatures import read; print(read('KeyError: 7').signature)"
    said = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert said == {read("KeyError: 'x'").signature + "\n"}


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=400), st.text(max_size=60))
def test_any_text_is_read(text, error_type):
    found = read(text, error_type=error_type)
    assert 0 < len(found.signature) <= 120
    assert stored(error_type=found.error_type, template=found.template) == found
