from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccessConfig(AppConfig):
    name = "memoryhub.access"
    label = "access"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from memoryhub.access import quick_requests, sign_in
        from memoryhub.access.roles import grant_roles
        from memoryhub.access.staff import grant_roles_their_permissions

        sign_in.listen()
        quick_requests.drop_idle_receivers()
        # All apps are migrated by the time the first receiver runs, so once is enough.
        post_migrate.connect(grant_roles, sender=self)
        post_migrate.connect(grant_roles_their_permissions, sender=self)
