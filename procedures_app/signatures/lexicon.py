"""Words with a fixed meaning in error texts: never masked, or read as another word for the same thing."""

from __future__ import annotations


def _numbered(text: str) -> dict[int, str]:
    return {int(number): name for name, *numbers in map(str.split, text.split(",")) for number in numbers}


#: the same failure has another number on Linux, macOS and Windows
ERRNO = _numbered(
    "EPERM 1, ENOENT 2, EIO 5, E2BIG 7, ENOEXEC 8, EBADF 9, EAGAIN 11, ENOMEM 12, EACCES 13, EFAULT 14, EBUSY 16,"
    "EEXIST 17, EXDEV 18, ENOTDIR 20, EISDIR 21, EINVAL 22, EMFILE 24, ETXTBSY 26, EFBIG 27, ENOSPC 28, EROFS 30,"
    "EPIPE 32, ENAMETOOLONG 36 63, ENOTEMPTY 39 66, EADDRINUSE 48 98, EADDRNOTAVAIL 49 99, ENETUNREACH 51 101,"
    "ECONNRESET 54 104, ETIMEDOUT 60 110, ECONNREFUSED 61 111, EHOSTUNREACH 65 113, ECONNABORTED 103, ENOTCONN 107,"
    "EINPROGRESS 115, EDQUOT 122, EAI_NONAME -2, EAI_AGAIN -3, EAI_NODATA -5"
)
WINDOWS_ERRNO = _numbered(
    "ENOENT 2 3, EACCES 5 10013, EBUSY 32, EEXIST 183, ENOEXEC 193, EADDRINUSE 10048, EADDRNOTAVAIL 10049,"
    "ENETUNREACH 10051, ECONNABORTED 10053, ECONNRESET 10054, ETIMEDOUT 10060, ECONNREFUSED 10061,"
    "EHOSTUNREACH 10065, EAI_NONAME 11001, EAI_NODATA 11004"
)

_MEANT = (
    "none nonetype null nil undefined nan true false void object string str int integer float double bool "
    "boolean list dict tuple set bytes bytearray array number symbol bigint function method generator "
    "coroutine async await self this unicode utf-8 utf8 utf-16 ascii latin-1 cp1252 charmap idna gbk "
    "datetime date decimal json yaml xml html http https ssh ssl tls tcp udp dns ftp smtp imap ldap utc "
    "localtime stdin stdout stderr rsa ecdsa ed25519 md5 sha1 sha256 sha384 sha512 x509 x86 x86_64 amd64 "
    "arm64 armv7 aarch64 i386 win32 darwin linux ipv4 ipv6 http2 http3 h2 oauth2 oauth base64 int8 int16 "
    "int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 bfloat16 utf8mb3 utf8mb4 python2 "
    "python3 pip3 s3 ec2 k8s i18n log4j junit4 junit5 jsonb cuda cpu gpu nodejs npm yarn pnpm pip docker "
    "kubectl git cargo maven gradle "
)
#: quoted or not, these are part of what went wrong
MEANT = frozenset(_MEANT.split())

#: hosts are told from dotted names of code by how they end
HOST_ENDINGS = (
    "com|org|net|io|dev|local|internal|localdomain|svc|cloud|app|co|edu|gov|de|uk|fr|nl|eu|us|ru|cn|jp|br|in|ch|at|se|"
    "it|es|pl|lan|home|corp|intranet|test|example|invalid|info|biz|ai|sh|me|tech|xyz|online|site|amazonaws"
)
FILE_ENDINGS = (
    "py|pyc|pyx|js|mjs|cjs|jsx|ts|tsx|vue|svelte|json|yml|yaml|toml|ini|cfg|conf|cnf|env|lock|txt|md|log|csv|tsv|xml|"
    "html|htm|css|scss|less|java|class|jar|war|kt|kts|scala|gradle|go|mod|sum|rs|rb|erb|gemspec|php|cs|csproj|sln|dll|"
    "exe|c|cc|cpp|cxx|h|hh|hpp|o|a|so|dylib|lib|sql|db|sqlite|sqlite3|sh|bash|zsh|ps1|bat|cmd|pem|crt|cer|key|p12|pfx|"
    "sock|pid|tar|gz|tgz|zip|bz2|xz|whl|egg|deb|rpm|apk|img|iso|bin|dat|png|jpg|jpeg|gif|svg|pdf|wasm|proto|tf|tfvars|"
    "tfstate|service|socket|timer|swift|m|mm|ex|exs|erl|hs|ml|lua|pl|pm|r|jl|dart|ipynb|map|node|pack|idx|bak|tmp|swp|"
    "pt|pth|onnx|safetensors|gguf|h5|npz|npy|pkl|parquet"
)

#: a name that ends so is the name of an error wherever it stands
TYPE_ENDINGS = "Error|Exception|Warning|Failure|Fault|Violation|Interrupt|Timeout|NotFound|DoesNotExist|Refused|Panic"

#: types that say nothing: the message alone tells
EMPTY_TYPES = frozenset({"error", "exception", "err", "fatal", "failure", "throwable", "unknownerror", "unknown"})

#: the system's own words for a code: some programs print one, some the other, some both
PHRASES = {
    "address already in use": "EADDRINUSE",
    "cannot assign requested address": "EADDRNOTAVAIL",
    "connection refused": "ECONNREFUSED",
    "connection reset by peer": "ECONNRESET",
    "connection timed out": "ETIMEDOUT",
    "no route to host": "EHOSTUNREACH",
    "no such file or directory": "ENOENT",
    "the system cannot find the file specified": "ENOENT",
    "permission denied": "EACCES",
    "no space left on device": "ENOSPC",
    "too many open files": "EMFILE",
    "broken pipe": "EPIPE",
    "read-only file system": "EROFS",
    "operation not permitted": "EPERM",
    "name or service not known": "EAI_NONAME",
    "temporary failure in name resolution": "EAI_AGAIN",
    "nodename nor servname provided, or not known": "EAI_NONAME",
    "no such host is known": "EAI_NONAME",
    "no such host": "EAI_NONAME",
    "operation timed out": "ETIMEDOUT",
    "i/o timeout": "ETIMEDOUT",
    "cannot allocate memory": "ENOMEM",
    "resource temporarily unavailable": "EAGAIN",
    "device or resource busy": "EBUSY",
    "disk quota exceeded": "EDQUOT",
    "network is unreachable": "ENETUNREACH",
    "exec format error": "ENOEXEC",
    "input/output error": "EIO",
    "bad file descriptor": "EBADF",
    "directory not empty": "ENOTEMPTY",
    "file name too long": "ENAMETOOLONG",
    "argument list too long": "E2BIG",
    "text file busy": "ETXTBSY",
    "not a directory": "ENOTDIR",
    "is a directory": "EISDIR",
    "file exists": "EEXIST",
}

#: types that only carry what another layer said
CARRIERS = frozenset(
    (
        "OSError",
        "IOError",
        "EnvironmentError",
        "SystemError",
        "RuntimeError",
        "FetchError",
        "AxiosError",
        "RequestError",
    )
)

#: one kind of value instead of another is seldom another problem; nothing instead of a value is
_VALUES = (
    "str string int integer number float double bool boolean list array dict tuple set bytes object any void true "
    "false x86 x86_64 amd64 arm64 armv7 aarch64 i386 md5 sha1 sha256 sha384 sha512 rsa ecdsa ed25519"
)
VALUES = frozenset(_VALUES.split())

#: types that tell nothing without the place where they were raised
PLACED = frozenset(
    ("KeyError", "AssertionError", "NullPointerException", "IllegalStateException", "IllegalArgumentException")
)

#: words that tell nothing
_LITTLE = (
    "a an and are as at be been by for from has have in is it its of on or so tcp that the this to udp was with your "
    "you there were being but into while when which after before because any some these those their do does did will "
    "would should may might about than then also just only via per each other another if we our they them us he she i "
    "me my out up down over error errors err url http https foo bar baz"
)
LITTLE = frozenset(_LITTLE.split())
#: names of tools: what they miss is missed by others too
_TOOLS = "nodejs node npm yarn pnpm pip pip3 docker kubectl git cargo maven gradle python python2 python3 bash"
TOOLS = frozenset(_TOOLS.split())
#: as they stand in a request; in small letters they are words
METHODS = frozenset(("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"))
#: two words with one of these do not tell a problem: found and not
_WEAK = (
    "not no cannot can could unable fail find found such exist invalid missing line column position unknown connect "
    "open read write connection failure"
)
WEAK = frozenset((*_WEAK.split(), *(code.casefold() for code in PHRASES.values())))
#: the same advice helps whoever meets these
DECISIVE = frozenset(("enospc", "erofs", "emfile", "eaddrinuse", "enomem", "edquot"))

#: an answer has a status, its reason or both
REASONS = {
    "400": "Bad Request",
    "401": "Unauthorized",
    "403": "Forbidden",
    "404": "Not Found",
    "405": "Method Not Allowed",
    "409": "Conflict",
    "413": "(?:Request Entity|Payload|Content) Too Large",
    "422": "Unprocessable (?:Entity|Content)",
    "429": "Too Many Requests",
    "500": "Internal Server Error",
    "502": "Bad Gateway",
    "503": "Service (?:Temporarily )?Unavailable",
    "504": "Gateway Time-?out",
}
