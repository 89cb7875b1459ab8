from django.apps import AppConfig


class RuntimeConfig(AppConfig):
    name = "memoryhub.runtime"
    label = "runtime"
