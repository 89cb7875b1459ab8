from django.db import migrations

# As in 0008, but what follows 'locked' on lines of its own tells the refused one what to wait for: who holds the lock,
# until when, and how many seconds that is.
REFUSAL = """
CREATE OR REPLACE FUNCTION registry_lock_refusal(wanted uuid, act jsonb) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE l memory_locks;
BEGIN
  SELECT * INTO l FROM memory_locks WHERE entry_id = wanted AND holder IS NOT NULL AND expires_at > clock_timestamp();
  IF l.entry_id IS NULL THEN
    RETURN CASE WHEN act->>'fence' IS NOT NULL THEN 'stale_fence' END;
  END IF;
  IF l.holder <> act->>'actor' OR act->>'fence' IS NULL THEN
    RETURN concat_ws(E'\\n', 'locked', l.holder,
                     to_char(l.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                     extract(epoch FROM l.expires_at - clock_timestamp()));
  END IF;
  RETURN CASE WHEN l.fence <> (act->>'fence')::bigint THEN 'stale_fence' END;
END $$;
"""

# Every verb holds the entry's row lock first, as every writer does, and reads the clock after it. So nobody gets the
# lock between a writer's check and its commit, and a place in the queue is a number in order.
VERBS = """
-- Holds the entry's row. False: it is not there any more.
CREATE FUNCTION registry_lock_enter(wanted uuid) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE e memory_context_registry;
BEGIN
  SELECT * INTO e FROM memory_context_registry WHERE id = wanted FOR NO KEY UPDATE;
  RETURN e.id IS NOT NULL AND registry_present(e, true);
END $$;

-- The lock as it stands now: waiters that did not ask again are gone, and a lock that nobody holds goes to the first
-- that waits. It is the waiter's until its place would lapse; asking again makes it last as long as it wants.
CREATE FUNCTION registry_lock_settle(wanted uuid, lapse float8) RETURNS memory_locks LANGUAGE plpgsql AS $$
DECLARE
  l memory_locks;
  w memory_lock_waiters;
  at timestamptz := clock_timestamp();
BEGIN
  DELETE FROM memory_lock_waiters WHERE entry_id = wanted AND asked_at <= at - make_interval(secs => lapse);
  SELECT * INTO l FROM memory_locks WHERE entry_id = wanted;
  IF l.entry_id IS NULL OR (l.holder IS NOT NULL AND l.expires_at > at) THEN RETURN l; END IF;
  SELECT * INTO w FROM memory_lock_waiters WHERE entry_id = wanted ORDER BY id LIMIT 1;
  IF w.id IS NOT NULL THEN
    DELETE FROM memory_lock_waiters WHERE id = w.id;
    UPDATE memory_locks SET holder = w.waiter, fence = fence + 1, acquired_at = at, reason = '',
      expires_at = w.asked_at + make_interval(secs => lapse) WHERE entry_id = wanted RETURNING * INTO l;
  ELSIF l.holder IS NOT NULL THEN
    UPDATE memory_locks SET holder = NULL, acquired_at = NULL, expires_at = NULL, reason = ''
      WHERE entry_id = wanted RETURNING * INTO l;
  END IF;
  RETURN l;
END $$;

-- status: granted, queued, locked, full, or what ``seen`` says where the caller may not lock it.
CREATE FUNCTION registry_lock_acquire(wanted uuid, seen text, p jsonb, OUT status text, OUT fence bigint,
  OUT holder text, OUT expires_at timestamptz, OUT place int, OUT waiting int)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  l memory_locks;
  who text := p->>'actor';
  life interval := make_interval(secs => (p->>'seconds')::float8);
  at timestamptz;
  mine bigint;
BEGIN
  IF seen <> 'writable' THEN status := seen; RETURN; END IF;
  IF NOT registry_lock_enter(wanted) THEN status := 'missing'; RETURN; END IF;
  INSERT INTO memory_locks (entry_id, tenant_id) SELECT r.id, r.tenant_id FROM memory_context_registry r
    WHERE r.id = wanted ON CONFLICT DO NOTHING;
  l := registry_lock_settle(wanted, (p->>'lapse')::float8);
  at := clock_timestamp();
  IF l.holder IS NULL OR l.holder = who THEN
    UPDATE memory_locks SET holder = who, fence = l.fence + (l.holder IS NULL)::int,
      acquired_at = coalesce(l.acquired_at, at), expires_at = at + life, reason = p->>'reason'
      WHERE entry_id = wanted RETURNING * INTO l;
    status := 'granted'; fence := l.fence;
  ELSIF NOT (p->>'wait')::boolean THEN
    status := 'locked';
  ELSE
    UPDATE memory_lock_waiters SET asked_at = at, seconds = (p->>'seconds')::int
      WHERE entry_id = wanted AND waiter = who RETURNING id INTO mine;
    IF mine IS NULL THEN
      IF (SELECT count(*) FROM memory_lock_waiters WHERE entry_id = wanted) >= (p->>'most')::int THEN
        status := 'full';
      ELSE
        INSERT INTO memory_lock_waiters (entry_id, tenant_id, waiter, seconds, queued_at, asked_at)
          VALUES (wanted, l.tenant_id, who, (p->>'seconds')::int, at, at) RETURNING id INTO mine;
      END IF;
    END IF;
    status := coalesce(status, 'queued');
  END IF;
  holder := l.holder; expires_at := l.expires_at;
  SELECT count(*) FILTER (WHERE id <= mine), count(*) INTO place, waiting
    FROM memory_lock_waiters WHERE entry_id = wanted;
END $$;

-- status: granted, or stale_fence where the caller does not hold it (by that number).
CREATE FUNCTION registry_lock_renew(wanted uuid, seen text, p jsonb, OUT status text, OUT fence bigint,
  OUT holder text, OUT expires_at timestamptz, OUT place int, OUT waiting int)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  l memory_locks;
  number bigint := (p->>'fence')::bigint;
BEGIN
  IF seen <> 'writable' THEN status := seen; RETURN; END IF;
  IF NOT registry_lock_enter(wanted) THEN status := 'missing'; RETURN; END IF;
  l := registry_lock_settle(wanted, (p->>'lapse')::float8);
  IF l.holder IS DISTINCT FROM p->>'actor' OR coalesce(number, l.fence) <> l.fence THEN
    status := 'stale_fence'; RETURN;
  END IF;
  UPDATE memory_locks SET expires_at = clock_timestamp() + make_interval(secs => (p->>'seconds')::float8)
    WHERE entry_id = wanted RETURNING * INTO l;
  status := 'granted'; fence := l.fence; holder := l.holder; expires_at := l.expires_at;
  SELECT count(*) INTO waiting FROM memory_lock_waiters WHERE entry_id = wanted;
END $$;

-- status: released, left (it only waited), free (nothing to do: that lock is over), not_holder, stale_fence.
-- ``holder``, ``fence`` and ``expires_at`` are of the lock that was released.
CREATE FUNCTION registry_lock_release(wanted uuid, seen text, p jsonb, OUT status text, OUT fence bigint,
  OUT holder text, OUT expires_at timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  l memory_locks;
  who text := p->>'actor';
  number bigint := (p->>'fence')::bigint;
BEGIN
  IF seen NOT IN ('writable', 'read_only') THEN status := seen; RETURN; END IF;
  IF NOT registry_lock_enter(wanted) THEN status := 'missing'; RETURN; END IF;
  l := registry_lock_settle(wanted, (p->>'lapse')::float8);
  IF number < l.fence THEN status := 'free'; RETURN; END IF;
  IF number > coalesce(l.fence, 0) THEN status := 'stale_fence'; RETURN; END IF;
  IF l.holder = who OR (p ? 'force' AND l.holder IS NOT NULL) THEN
    holder := l.holder; fence := l.fence; expires_at := l.expires_at;
    UPDATE memory_locks SET holder = NULL, acquired_at = NULL, expires_at = NULL, reason = '' WHERE entry_id = wanted;
    PERFORM registry_lock_settle(wanted, (p->>'lapse')::float8);
    status := 'released';
    RETURN;
  END IF;
  DELETE FROM memory_lock_waiters WHERE entry_id = wanted AND waiter = who;
  status := CASE WHEN FOUND THEN 'left' WHEN l.holder IS NOT NULL THEN 'not_holder' ELSE 'free' END;
END $$;

-- Settles up to ``most`` locks that ended or whose waiters lapsed, but not those that somebody is at; gives how many.
CREATE FUNCTION registry_lock_sweep(most int, lapse float8) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  due uuid;
  settled int := 0;
BEGIN
  FOR due IN
    SELECT entry_id FROM memory_locks WHERE holder IS NOT NULL AND expires_at <= clock_timestamp()
    UNION SELECT entry_id FROM memory_lock_waiters WHERE asked_at <= clock_timestamp() - make_interval(secs => lapse)
    LIMIT most
  LOOP
    PERFORM 1 FROM memory_context_registry WHERE id = due FOR NO KEY UPDATE SKIP LOCKED;
    IF FOUND THEN
      PERFORM registry_lock_settle(due, lapse);
      settled := settled + 1;
    END IF;
  END LOOP;
  RETURN settled;
END $$;
"""
DROP = """
DROP FUNCTION registry_lock_sweep, registry_lock_release, registry_lock_renew, registry_lock_acquire,
  registry_lock_settle, registry_lock_enter;
"""


class Migration(migrations.Migration):
    """A lock is asked for, renewed and given back in one call each."""

    dependencies = [("registry", "0010_agents_in_order")]
    operations = [
        # the refusal of 0008 says less and serves the older code as well
        migrations.RunSQL(REFUSAL, migrations.RunSQL.noop),
        migrations.RunSQL(VERBS, DROP),
    ]
