"""The sections of the configuration: every setting with its type, unit, default and what is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator, model_validator

ROOT = Path(__file__).resolve().parent.parent
LAST_PORT = 65535


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_default=True)


class Server(Section):
    home: Path = Field(ROOT / "var", description="Folder of everything the hub keeps: database, model, secrets, logs.")
    host: str = Field("127.0.0.1", description="Address the web server binds to.")
    port: int = Field(8000, ge=1, le=65535, description="TCP port of the web server.")
    stream_port: int | None = Field(
        None, ge=0, le=65535, description="TCP port of the live stream; unset means the one after `port`, 0 no stream."
    )
    stream_url: str = Field(
        "",
        pattern=r"^(https?://[^/\s?#]+(/[^\s?#]*)?)?$",
        description="Address of the live stream behind a proxy; unset means stream_port on the host that was asked.",
    )
    stream_listeners: int = Field(
        4000, ge=1, le=100_000, description="Most live listeners at a time; each needs an open file."
    )
    workers: int = Field(0, ge=0, le=64, description="Web processes; 0 means one a core.")
    threads: int = Field(
        4, ge=1, le=16, description="Requests that a web process answers at a time; each keeps a database connection."
    )
    allowed_hosts: list[str] = Field(["*"], description="Host names that requests may name.")
    trusted_origins: list[str] = Field(
        [], description="Origins (with scheme) allowed to post to the admin behind a proxy."
    )
    trusted_proxies: int = Field(
        0, ge=0, le=5, description="Number of reverse proxies whose X-Forwarded-For is believed."
    )
    secure_cookies: bool = Field(False, description="Send cookies over HTTPS only; turn on behind TLS.")
    debug: bool = Field(False, description="Django's debug pages; never in production.")

    @property
    def live_port(self) -> int:
        """The port of the live stream; 0 where there is none."""
        if self.stream_port is not None:
            return self.stream_port
        return self.port + 1 if self.port < LAST_PORT else 0

    @field_validator("home")
    @classmethod
    def absolute(cls, home: Path) -> Path:
        # the hub's processes work in another directory than the shell that started them
        return home.expanduser().resolve()


class Database(Section):
    url: SecretStr | None = Field(
        None, description="PostgreSQL >= 16 of the application role; unset means the embedded server."
    )
    migration_url: SecretStr | None = Field(
        None, description="The same database as its owner, for migrations and upkeep."
    )
    system_url: SecretStr | None = Field(
        None, description="The same database as the system role, for relay and jobs; made by the owner if unset."
    )
    shared_memory_percent: int = Field(
        10, ge=1, le=50, description="Share of the machine's memory (percent) for the embedded server's buffers."
    )
    statement_timeout_ms: int = Field(
        30_000, ge=100, description="Longest statement of a web request, in milliseconds."
    )


class Limits(Section):
    body_kb: int = Field(1024, ge=16, le=65_536, description="Largest request body, in KiB.")
    value_kb: int = Field(256, ge=1, le=16_384, description="Largest value of an entry, in KiB of JSON.")
    json_depth: int = Field(64, ge=4, le=500, description="Deepest nesting of a JSON body.")
    batch: int = Field(500, ge=1, le=500, description="Most items in one batch call.")
    page: int = Field(200, ge=1, le=200, description="Most rows of a list page.")
    key_length: int = Field(512, ge=16, le=2048, description="Longest key or id, in characters.")


class Rates(Section):
    per_key_per_minute: int = Field(
        120_000, ge=0, description="Requests a minute for one API key; 0 turns the limit off."
    )
    per_ip_per_minute: int = Field(
        600, ge=0, description="Failed or keyless requests a minute from one address; 0 turns the limit off."
    )
    sign_ins_per_minute: int = Field(
        10, ge=0, description="Attempts a minute to sign in to the admin from one address; 0 turns the limit off."
    )
    lease_block: int = Field(
        500, ge=1, le=100_000, description="Requests that a web process leases at a time; the most it may overshoot."
    )


class Access(Section):
    key_cache_seconds: float = Field(
        5, ge=0, le=5, description="How long a looked-up key is remembered, so how long a revoked one may still live."
    )
    idempotency_hours: int = Field(24, ge=1, le=720, description="How long an Idempotency-Key is remembered, in hours.")
    webhook_secret: SecretStr | None = Field(None, description="Signs requests to external stores.")


class Lifecycle(Section):
    ephemeral_seconds: int = Field(300, ge=1, description="An ephemeral entry ends this long after its last use.")
    session_idle_hours: int = Field(
        24, ge=1, description="A session, and its session-layer entries, end after this long without activity."
    )
    short_term_days: int = Field(30, ge=1, description="Default life of a short_term entry, in days.")
    purge_after_days: int = Field(
        30, ge=1, description="An expired short_term entry is purged this long after it was archived."
    )
    tombstone_days: int = Field(30, ge=1, description="A deleted entry can be restored for this long.")
    half_life_days: float = Field(30, gt=0, description="Half-life of an entry's strength at stability 1, in days.")
    stability_per_use: float = Field(
        0.1, ge=0, description="Growth of the half-life factor per logarithmic unit of uses."
    )
    archive_below: float = Field(
        0.02, ge=0, le=1, description="A short_term or long_term entry weaker than this is archived."
    )
    reinforcements_to_long_term: int = Field(3, ge=1, description="Reinforcements that turn short_term into long_term.")
    access_log_days: int = Field(90, ge=1, description="Daily partitions of the access log kept, in days.")
    handoff_timeout_minutes: int = Field(60, ge=1, description="A pending hand-off turns back after this long.")


class HttpStore(Section):
    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,40}$", description="Name of the store, shown in the outbox.")
    url: str = Field(pattern=r"^https?://", description="Address that receives each change as a POST.")
    timeout_seconds: float = Field(5, gt=0, le=60, description="Longest wait for its answer, in seconds.")
    connections: int = Field(4, ge=1, le=32, description="Requests that may be on their way to it at a time.")


class Sync(Section):
    poll_ms: int = Field(100, ge=10, le=10_000, description="Pause of an idle relay between looks, in milliseconds.")
    batch: int = Field(64, ge=1, le=1000, description="Deliveries that the relay claims at a time.")
    max_attempts: int = Field(8, ge=1, le=50, description="Failures after which a delivery is parked for a human.")
    backoff_base_seconds: float = Field(1, gt=0, description="First pause after a failure; doubles each time.")
    backoff_max_seconds: float = Field(300, gt=0, description="Longest pause between attempts.")
    claim_seconds: int = Field(60, ge=5, description="A claimed delivery is free again after this long.")
    backlog_warn_seconds: int = Field(
        60, ge=1, description="Health is degraded when the oldest due delivery is older than this."
    )
    keep_days: int = Field(7, ge=1, description="Processed sync events are kept this long, in days.")
    http_stores: list[HttpStore] = Field([], description="External stores that hear of every change.")


RetentionDays = Annotated[int, Field(ge=1, le=36_500)]


class Agents(Section):
    sync_interval_seconds: int = Field(
        60, ge=60, le=86_400, description="Pause between the sync runs of an agent, in seconds."
    )
    conflict_strategy: Literal[
        "latest_wins", "highest_importance", "agent_priority", "merge_content", "manual_review"
    ] = Field("latest_wins", description="How a conflict is resolved where neither the call nor the agent says.")
    retention_days: dict[str, RetentionDays] = Field(
        {},
        description="Days that the short_term memories of an agent live, by its name; read when its profile is made.",
    )
    lock_max_seconds: int = Field(3600, ge=1, description="Longest time for which a lock can be asked, in seconds.")
    lock_seconds: int = Field(300, ge=1, description="A lock ends after this long, if it is not renewed.")
    lock_waiters: int = Field(100, ge=0, le=10_000, description="Most callers that wait for one lock.")
    waiter_lapse_seconds: int = Field(
        10, ge=1, description="Who waits for a lock and does not ask again for this long loses the place."
    )
    review_hold_seconds: int = Field(600, ge=30, description="A reviewer may hold a disputed entry for this long.")
    find_disagreements: bool = Field(
        True, description="Look for duplicates and contradictions among memories that some agent reads both of."
    )
    disagreement_confidence: float = Field(
        0.65, ge=0.5, le=1, description="A duplicate or contradiction is reported from this probability on."
    )
    disagreement_delay_seconds: int = Field(
        60, ge=0, le=3600, description="A memory is compared with its neighbors this long after it was written."
    )
    remove_duplicates_from: float = Field(
        1.0,
        ge=0.9,
        le=1,
        description="Duplicates of at least this probability are removed without asking; 1 asks always.",
    )
    feed_keep_days: int = Field(
        90, ge=1, description="What left an agent's slice stays in its change feed for this long, in days."
    )

    @field_validator("conflict_strategy", mode="before")
    @classmethod
    def in_lower_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("lock_seconds")
    @classmethod
    def not_above_the_longest(cls, value: int, info: ValidationInfo) -> int:
        longest = info.data.get("lock_max_seconds")
        if longest is not None and value > longest:
            raise ValueError(f"must not be above agents.lock_max_seconds, which is {longest}")
        return value


class Notices(Section):
    min_severity: Literal["critical", "high", "medium", "low"] = Field(
        "critical", description="New and escalated conflicts at least this severe are told to staff."
    )
    ageing_hours: float = Field(
        48,
        ge=0,
        le=8760,
        description="An open conflict or approval older than this is told to staff, as one past due; 0: never.",
    )
    hub_url: str = Field(
        "", pattern=r"^(https?://[^/]+.*)?$", description="Address of this hub in links; http://host:port if empty."
    )
    email_recipients: list[str] = Field(
        [], description="Addresses that get notices by e-mail; none: no e-mails. Assignees get theirs in any case."
    )
    email_from: str = Field("memoryhub@localhost", description="Sender of the e-mails.")
    smtp_host: str = Field("", description="Mail server; empty: no e-mails.")
    smtp_port: int = Field(587, ge=1, le=65535, description="TCP port of the mail server.")
    smtp_user: str = Field("", description="Account at the mail server; empty: none is needed.")
    smtp_password: SecretStr | None = Field(
        None, description="Its password; keep it in the environment, not in a file."
    )
    smtp_tls: Literal["starttls", "tls", "off"] = Field(
        "starttls", description="How the connection to the mail server is encrypted."
    )
    smtp_timeout_seconds: float = Field(10, gt=0, le=60, description="Longest wait for the mail server, in seconds.")
    webhook_url: str = Field(
        "", pattern=r"^(https?://.+)?$", description="Gets each notice as a signed POST; empty: none."
    )
    webhook_timeout_seconds: float = Field(5, gt=0, le=60, description="Longest wait for its answer, in seconds.")

    @field_validator("email_recipients")
    @classmethod
    def are_addresses(cls, recipients: list[str]) -> list[str]:
        wrong = [one for one in recipients if "@" not in one or any(c.isspace() or c in ",;<>" for c in one)]
        if wrong:
            raise ValueError("plain e-mail addresses are needed, such as ops@example.org")
        return recipients


class RemoteEmbeddings(Section):
    url: str = Field(
        "", description="Address of an OpenAI-compatible API, without the '/embeddings' at its end; https://host/v1."
    )
    api_key: SecretStr | None = Field(
        None, description="Sent as a bearer token; keep it in the environment, not in a file."
    )
    model: str = Field("", max_length=200, description="Name of the model, as the endpoint knows it.")
    dimension: int = Field(0, ge=0, le=16_000, description="Numbers of one of its vectors; other answers are refused.")
    shorten: bool = Field(
        False, description="Ask for vectors of that dimension, where a model can make shorter ones than its own."
    )
    batch_size: int = Field(64, ge=1, le=2048, description="Most texts in one request.")
    batch_characters: int = Field(100_000, ge=1000, description="Most characters in one request with several texts.")
    connections: int = Field(4, ge=1, le=32, description="Requests of the relay that may be on their way at a time.")
    text_characters: int = Field(8000, ge=200, le=16_384, description="A text is cut after this many characters.")
    connect_timeout_seconds: float = Field(5, gt=0, le=30, description="Longest wait for a connection, in seconds.")
    read_timeout_seconds: float = Field(10, gt=0, le=30, description="Longest wait for the relay's answer, in seconds.")
    query_timeout_ms: int = Field(
        250, ge=10, le=300, description="Longest wait of a search, in milliseconds; then it answers by keyword."
    )
    attempts: int = Field(
        3, ge=1, le=10, description="Tries of the relay before it gives a batch back to the outbox for later."
    )

    @field_validator("url")
    @classmethod
    def plain_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise ValueError("an address such as https://api.example.org/v1 is needed")
        if parts.username or parts.password:
            raise ValueError("the address may hold no password; set MEMORYHUB_SEARCH__REMOTE__API_KEY instead")
        return url

    @field_validator("api_key")
    @classmethod
    def fits_a_header(cls, key: SecretStr | None) -> SecretStr | None:
        text = key.get_secret_value() if key else ""
        if not (text.isascii() and text.isprintable()) or " " in text:
            raise ValueError("a key has no spaces, line breaks or special characters")
        return key if text else None


class Search(Section):
    embedder: Literal["local", "remote", "hashing", "off"] = Field(
        "local",
        description="local: the bundled model; remote: the endpoint of search.remote; "
        "hashing: deterministic, for tests; off: keyword only.",
    )
    candidate_cap: int = Field(20_000, ge=100, le=1_000_000, description="Most rows that are compared exactly.")
    fuzzy_similarity: float = Field(
        0.4, ge=0.3, le=1, description="Share of trigrams that a word has in common with the one meant, in mode fuzzy."
    )
    embed_batch: int = Field(64, ge=1, le=256, description="Texts embedded at a time by the relay.")
    embed_threads: int = Field(
        0, ge=0, le=64, description="Threads by which the bundled model embeds many texts; 0 means one for two cores."
    )
    context_words: int = Field(
        40, ge=0, le=200, description="Words before a message that its second vector is made with; 0 for none."
    )
    hashing_dimension: int = Field(256, ge=16, le=4000, description="Numbers of a vector of the hashing embedder.")
    switch_by_itself: bool = Field(
        True, description="Search with a changed model as soon as all is embedded by it; off: a person switches."
    )
    former_days: int = Field(
        7, ge=1, le=365, description="Days for which the vectors of a former model are kept, to go back to it."
    )
    query_cache: int = Field(2000, ge=0, le=100_000, description="Query embeddings remembered per process.")
    log_queries: bool = Field(True, description="Write searches to the access log.")
    remote: RemoteEmbeddings = Field(
        default_factory=RemoteEmbeddings, description="An OpenAI-compatible endpoint that makes the embeddings."
    )
    index_check_seconds: int = Field(
        300, ge=5, le=86_400, description="Pause between looks for tenants that need a vector index of their own."
    )
    index_memory_mb: int = Field(
        1024,
        ge=64,
        le=65_536,
        description="Memory for building one vector index, in MiB; 200,000 vectors of 384 numbers take about 350.",
    )

    @field_validator("embedder", mode="before")
    @classmethod
    def yaml_off(cls, value: object) -> object:
        # YAML reads a bare off as false
        return "off" if value is False else value

    @field_validator("remote", mode="before")
    @classmethod
    def yaml_empty(cls, value: object) -> object:
        # a section whose keys are all commented out
        return {} if value is None else value

    @model_validator(mode="after")
    def remote_is_described(self) -> Search:
        missing = [name for name in ("url", "model", "dimension") if not getattr(self.remote, name)]
        if self.embedder == "remote" and missing:
            names = ", ".join(f"search.remote.{name}" for name in missing)
            raise ValueError(f"search.embedder is 'remote', so {names} must be set")
        return self


class Ranking(Section):
    dense_weight: float = Field(
        0.55, ge=0, le=1, description="Weight of the semantic leg in a hybrid search; the rest is keyword."
    )
    depth: int = Field(70, ge=10, le=1000, description="Best rows taken from each leg before fusing.")
    bm25_k1: float = Field(0.9, ge=0, le=5, description="BM25: how soon repeating a word stops to count.")
    bm25_b: float = Field(0.4, ge=0, le=1, description="BM25: how much long texts are held back.")
    author_weight: float = Field(0.25, ge=0, le=2, description="Added when the query names who wrote it.")
    date_weight: float = Field(0.3, ge=0, le=2, description="Added when it is of a date that the query names.")
    time_weight: float = Field(0.12, ge=0, le=2, description="Added when the query asks when, and a message says so.")
    question_penalty: float = Field(0.1, ge=0, le=2, description="Taken from messages between people that ask.")
    address_penalty: float = Field(
        0.08, ge=0, le=2, description="Taken from messages between people that speak of 'you' and not of 'I'."
    )
    neighbor_weight: float = Field(0.15, ge=0, le=1, description="Share that a message lends to the one beside it.")
    session_weight: float = Field(0.2, ge=0, le=1, description="Share that the best of a session lends to the rest.")
    short_message_words: int = Field(
        60, ge=0, description="Neighbors lend in sessions whose messages have at most this many words on average."
    )
    recency_half_life_days: float = Field(30, gt=0, description="Age at which the boost 'recency' is one half (days).")


class Jobs(Section):
    workers: int = Field(2, ge=1, le=16, description="Processes of the job cluster.")
    heartbeat_stale_seconds: int = Field(
        120,
        ge=90,
        description="The watchdog restarts the jobs when their heartbeat, one a minute, is older (seconds).",
    )
