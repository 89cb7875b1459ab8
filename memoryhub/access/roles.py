"""What the app and the system role may do. Applied after every migrate, by the owner.

The app role lives behind row-level security; the system role (relay and sweeps) sees every tenant.
Neither owns anything, and neither may rewrite the audit trail.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import connections
from psycopg import sql

# Partitions are left out: row-level security of the parent holds only for access through the parent.
GRANTS = """
DO $$
DECLARE t regclass; f regprocedure;
BEGIN
  FOR t IN SELECT c.oid::regclass FROM pg_class c
           WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
             AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
  LOOP
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO {app}, {system}', t);
  END LOOP;
  FOR t IN SELECT c.oid::regclass FROM pg_class c
           WHERE c.relnamespace = 'public'::regnamespace AND c.relrowsecurity
  LOOP
    EXECUTE format('DROP POLICY IF EXISTS system_all ON %s', t);
    EXECUTE format('CREATE POLICY system_all ON %s TO {system} USING (true) WITH CHECK (true)', t);
  END LOOP;
  -- a function that runs with the owner's rights is nobody else's to call; a restored backup brings no rights along
  FOR f IN SELECT p.oid::regprocedure FROM pg_proc p
           WHERE p.pronamespace = 'public'::regnamespace
             AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
  LOOP
    EXECUTE format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', f);
  END LOOP;
END $$;
GRANT USAGE ON SCHEMA public TO {app}, {system};
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {app}, {system};
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {app}, {system};
REVOKE UPDATE, DELETE ON memory_audit_trail FROM {app}, {system};
REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {app}, {system};
"""


def grant_roles(using: str = "default", **_: Any) -> None:
    """Gives the two roles their rights; a receiver of ``post_migrate``."""
    statement = sql.SQL(GRANTS).format(
        app=sql.Identifier(str(settings.APP_ROLE)), system=sql.Identifier(str(settings.SYSTEM_ROLE))
    )
    connection = connections[using]
    connection.ensure_connection()
    with connection.cursor() as cursor:
        cursor.execute(statement.as_string(connection.connection))
