"""Django's settings, derived from the hub's configuration (see config.py)."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.templatetags.static import static
from psycopg.conninfo import conninfo_to_dict

from memoryhub import __version__
from memoryhub.config import ROOT, get_config
from memoryhub.runtime.database import database_urls
from memoryhub.runtime.secrets import load_secrets

CONFIG = get_config()
SECRETS = load_secrets(CONFIG)

BASE_DIR = ROOT
SECRET_KEY = SECRETS.secret_key
DEBUG = CONFIG.server.debug
ALLOWED_HOSTS = CONFIG.server.allowed_hosts
CSRF_TRUSTED_ORIGINS = CONFIG.server.trusted_origins

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_q",
    "memoryhub.runtime",
    "memoryhub.access",
    "memoryhub.sync",
    "memoryhub.search",
    "memoryhub.registry",
    "sessions_app",
    "agents_app",
    "procedures_app",
]

MIDDLEWARE = [
    "memoryhub.access.middleware.RequestIdMiddleware",
    "memoryhub.csp.ContentSecurityPolicyMiddleware",
    "memoryhub.access.middleware.UnannouncedBodyMiddleware",
    "memoryhub.access.browsers.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "memoryhub.access.browsers.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "memoryhub.access.browsers.ForgeryMiddleware",
    "memoryhub.access.browsers.AuthenticationMiddleware",
    "memoryhub.access.browsers.MessageMiddleware",
    "memoryhub.access.browsers.FrameMiddleware",
    "memoryhub.revealing.RevealHiddenCharactersMiddleware",
    "memoryhub.access.middleware.AdminWallsMiddleware",
]

ROOT_URLCONF = "memoryhub.urls"
WSGI_APPLICATION = "memoryhub.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

OWNER_COMMANDS = {
    "migrate",
    "prepare",
    "makemigrations",
    "sqlmigrate",
    "maintain",
    "build_vector_indexes",
    "backup",
    "restore",
    "first_boot",
    "flush",
}
SYSTEM_COMMANDS = {
    "relay",
    "qcluster",
    "declare_jobs",
    "run_job",
    "create_api_key",
    "prepare_model",
    "reindex",
    "fill_feeds",
}


def database_role() -> str:
    """Which role this process connects as: app, system or owner. The supervisor says it; commands have a default."""
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command in OWNER_COMMANDS:
        return "owner"
    default = "system" if command in SYSTEM_COMMANDS else "app"
    return os.environ.get("MEMORYHUB_DB_ROLE") or default


def database_settings(url: str) -> dict[str, Any]:
    """Django's DATABASES entry for a PostgreSQL URL."""
    parts = {key: str(value) for key, value in conninfo_to_dict(url).items() if value is not None}
    return {
        "ENGINE": "memoryhub.access.postgresql",
        "NAME": parts.pop("dbname", ""),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": parts.pop("port", ""),
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        # What is asked all day is prepared (access/trips.py); behind PgBouncer that needs version 1.21 or later.
        "OPTIONS": {**parts, "application_name": f"memoryhub-{DATABASE_ROLE}", "prepare_threshold": 2},
    }


DATABASE_ROLE = database_role()
DATABASE_URLS = database_urls(CONFIG)
DATABASES = {"default": database_settings(getattr(DATABASE_URLS, DATABASE_ROLE))}
#: Role names that the walls grant to, after every migrate.
APP_ROLE = conninfo_to_dict(DATABASE_URLS.app)["user"]
SYSTEM_ROLE = conninfo_to_dict(DATABASE_URLS.system)["user"]

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTHENTICATION_BACKENDS = ["memoryhub.access.sign_in.ThrottledBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LANGUAGE_CODE = "en-us"
USE_I18N = False
FORMAT_MODULE_PATH = "memoryhub.formats"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = CONFIG.server.home / "static"
STATICFILES_DIRS = [ROOT / "memoryhub" / "static"]
WHITENOISE_USE_FINDERS = True

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = CONFIG.server.secure_cookies
SESSION_COOKIE_HTTPONLY = True
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Believed only where a proxy stands in front that sets it: addresses in answers and cookies follow it.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if CONFIG.server.trusted_proxies else None
DATA_UPLOAD_MAX_MEMORY_SIZE = CONFIG.limits.body_kb * 1024
# The editor of procedures is one form: a hundred steps have thousands of fields.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000
LOGIN_URL = "/admin/login/"
LOGIN_REDIRECT_URL = "/admin/"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["memoryhub.access.api.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["memoryhub.access.api.permissions.HasPrincipal"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["memoryhub.access.api.parsers.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "memoryhub.access.api.openapi.HubSchema",
    "EXCEPTION_HANDLER": "memoryhub.access.api.problems.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_METADATA_CLASS": None,
    "URL_FORMAT_OVERRIDE": None,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "MemoryHub",
    "DESCRIPTION": "A governed memory for teams of AI agents.",
    "VERSION": __version__,
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SORT_OPERATION_PARAMETERS": False,
    "ENUM_NAME_OVERRIDES": {
        "LayerEnum": "memoryhub.registry.models.Layer.choices",
        "LayerOrAliasEnum": "memoryhub.registry.api.serializers.LAYERS",
        "LayerFilterEnum": "memoryhub.search.api.inputs.FILTER_LAYERS",
        "ScopeEnum": "memoryhub.registry.models.Scope.choices",
        "ScopeFilterEnum": "memoryhub.search.requests.SCOPES",
        "SearchModeEnum": "memoryhub.search.requests.MODES",
        "SessionStatusEnum": "sessions_app.models.Session.Status",
        "TaskStatusEnum": "sessions_app.models.Task.Status",
        "HandoffStatusEnum": "sessions_app.models.Handoff.Status",
        "StrategyEnum": "agents_app.models.Strategy",
        "OnConflictEnum": "memoryhub.registry.services.drafts.ON_CONFLICT",
        "OnStaleEnum": "memoryhub.registry.services.drafts.ON_STALE",
        "StrategyNameEnum": "memoryhub.registry.services.drafts.STRATEGIES",
        "OutcomeEnum": "memoryhub.registry.api.serializers.OUTCOMES",
        "PushOutcomeEnum": "agents_app.api.feed_inputs.OUTCOMES",
        "SeverityEnum": "agents_app.models.Severity",
        "ConflictKindEnum": "agents_app.models.Conflict.Kind",
        "ConflictStatusEnum": "agents_app.models.Conflict.Status",
        "FeedItemKindEnum": "agents_app.models.FeedItem.Kind",
        "SyncStatusEnum": "agents_app.models.SyncRun.Status",
        "MemoryTypeEnum": "memoryhub.registry.models.entries.MemoryType.choices",
        "SharingActionEnum": "agents_app.models.SharingRule.Action",
        "RunStatusEnum": "procedures_app.models.Run.Status",
        "RunStepStatusEnum": "procedures_app.models.StepRun.Status",
        "StepKindEnum": "procedures_app.models.StepKind",
        "ApprovalKindEnum": "procedures_app.models.Approval.Kind",
        "ApprovalStatusEnum": "procedures_app.models.Approval.Status",
        "EnforcementModeEnum": "procedures_app.models.Mode",
        "OperationStatusEnum": "procedures_app.models.Operation.Status",
        "ProcedureStatusEnum": "procedures_app.models.Procedure.Status",
        "ProcedureFormatEnum": "procedures_app.documents.formats.FORMATS",
        "RenderedFormatEnum": "procedures_app.documents.formats.RENDERED",
    },
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "APPEND_COMPONENTS": {"securitySchemes": {"ApiKey": {"type": "http", "scheme": "bearer"}}},
    "SECURITY": [{"ApiKey": []}],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "memoryhub.openapi.complete_document",
    ],
    "TAGS": [
        {"name": "context", "description": "Memories: stored by key, found, changed, restored."},
        {"name": "session", "description": "Conversations: messages, tasks, facts, hand-offs, snapshots, decisions."},
        {"name": "agents", "description": "Agents: their slices, sharing, conflicts, sync, replicas, change feeds."},
        {"name": "procedures", "description": "Knowledge, work history, operations, procedures and their runs."},
        {"name": "hub", "description": "The hub itself."},
    ],
}

# Measured safe: queue_limit = workers and retry well above timeout run nothing twice. The retry clock starts when a
# task is taken from the table, not when a worker begins it, so as many are taken as can begin at once.
Q_CLUSTER = {
    "name": "memoryhub",
    "orm": "default",
    "workers": CONFIG.jobs.workers,
    "queue_limit": CONFIG.jobs.workers,
    "bulk": 1,
    "timeout": 60,
    "retry": 240,
    "max_attempts": 3,
    "ack_failures": True,
    "catch_up": False,
    "poll": 1,
    "save_limit": 250,
    "label": "Jobs",
}

CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {"django.request": {"level": "ERROR"}, "django-q": {"level": "WARNING"}},
}


def static_file(name: str) -> Callable[[object], str]:
    return lambda request: static(f"memoryhub/{name}")


def live_script(request: HttpRequest) -> str:
    """The script that listens for changes, told where they come from."""
    from memoryhub.stream_address import stream_url  # which reads these settings

    return f"{static('memoryhub/live.js')}?{urlencode({'from': stream_url(request) or ''})}"


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "MemoryHub",
    "SITE_HEADER": "MemoryHub",
    "SITE_SUBHEADER": "Governed memory for agents",
    "SITE_URL": None,
    "SITE_ICON": static_file("logo.svg"),
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": static_file("logo.svg")}],
    "STYLES": [static_file("hub.css")],
    "SCRIPTS": [static_file("hub.js"), live_script],
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_HISTORY": False,
    "DASHBOARD_CALLBACK": "memoryhub.dashboard.dashboard",
    "LOGIN": {"form": "memoryhub.signing_in.SignInForm"},
    "SIDEBAR": {"show_search": True, "command_search": False, "navigation": "memoryhub.navigation.sidebar"},
    "BORDER_RADIUS": "8px",
    # Teal, dark enough for white text on 600 (5.5:1) and light enough for 500 on the dark ground (7:1).
    "COLORS": {
        "primary": {
            "50": "#f0fdfa",
            "100": "#ccfbf1",
            "200": "#99f6e4",
            "300": "#5eead4",
            "400": "#2dd4bf",
            "500": "#14b8a6",
            "600": "#0f766e",
            "700": "#115e59",
            "800": "#134e4a",
            "900": "#0f3d3a",
            "950": "#042f2e",
        }
    },
}
