"""What was published stays as it was, and what happened in a run is never rewritten: the database sees to it."""

from __future__ import annotations

from django.db import migrations

from memoryhub.access.walls import TenantWall

KEEP = """
CREATE FUNCTION procedures_keep_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.status = 'published' THEN
    RAISE EXCEPTION 'a published version of a procedure stays as it is' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE FUNCTION procedures_keep_step() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE changed uuid[] := CASE TG_OP WHEN 'INSERT' THEN ARRAY[NEW.version_id] WHEN 'DELETE' THEN ARRAY[OLD.version_id]
  ELSE ARRAY[OLD.version_id, NEW.version_id] END;
BEGIN
  IF EXISTS (SELECT FROM procedure_versions WHERE id = ANY (changed) AND status = 'published') THEN
    RAISE EXCEPTION 'the steps of a published version stay as they are' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE FUNCTION procedures_keep_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'what happened in a run is not rewritten' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER keep_version BEFORE UPDATE OR DELETE ON procedure_versions
  FOR EACH ROW EXECUTE FUNCTION procedures_keep_version();
CREATE TRIGGER keep_step BEFORE INSERT OR UPDATE OR DELETE ON procedure_steps
  FOR EACH ROW EXECUTE FUNCTION procedures_keep_step();
CREATE TRIGGER keep_event BEFORE UPDATE ON procedure_run_events
  FOR EACH ROW EXECUTE FUNCTION procedures_keep_event();
"""
FORGET = """
DROP TRIGGER keep_event ON procedure_run_events;
DROP TRIGGER keep_step ON procedure_steps;
DROP TRIGGER keep_version ON procedure_versions;
DROP FUNCTION procedures_keep_event, procedures_keep_step, procedures_keep_version;
"""
TABLES = (
    "knowledge_base",
    "knowledge_solutions",
    "knowledge_versions",
    "knowledge_feedback",
    "captured_errors",
    "memory_operations",
    "work_history",
    "operation_rules",
    "operational_procedures",
    "procedure_versions",
    "procedure_steps",
    "procedure_runs",
    "procedure_step_runs",
    "procedure_approvals",
    "procedure_run_events",
)


class Migration(migrations.Migration):
    dependencies = [("procedures_app", "0001_initial")]

    operations = [migrations.RunSQL(KEEP, FORGET), *(TenantWall(table) for table in TABLES)]
