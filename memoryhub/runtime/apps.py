"""The app that carries the commands ``run``, ``backup``, ``restore``."""

from django.apps import AppConfig


class RuntimeConfig(AppConfig):
    name = "memoryhub.runtime"
    label = "runtime"
    verbose_name = "Runtime"
