-- SPDX-License-Identifier: Apache-2.0
-- What keeps one peer from filling or deceiving the server, and what is known of a device that is refused.

-- states of operations

-- 'unknown': it went out, its answer was lost, and nothing can tell whether it was done.
DROP INDEX operation_open;
DROP INDEX operation_by_hand;
DROP INDEX operation_over;
ALTER TABLE operation RENAME COLUMN state TO state_before;
ALTER TABLE operation ADD COLUMN state TEXT NOT NULL DEFAULT 'queued'
  CHECK (state = 'queued' OR state = 'notified' OR state = 'sent' OR state = 'accepted' OR state = 'acknowledged'
      OR state = 'verified' OR state = 'failed' OR state = 'cancelled' OR state = 'superseded' OR state = 'expired'
      OR state = 'unknown');
UPDATE operation SET state = state_before;
ALTER TABLE operation DROP COLUMN state_before;
CREATE INDEX operation_open ON operation (device_id, operation_id)
  WHERE (state = 'queued' OR state = 'notified' OR state = 'sent' OR state = 'accepted' OR state = 'acknowledged');
CREATE INDEX operation_by_hand ON operation (device_id, operation_id)       -- what people did to VMs, which policies do not undo
  WHERE by_policy = 0 AND scope = 1 AND state = 'verified';
CREATE INDEX operation_over ON operation (updated_ms)
  WHERE (state = 'verified' OR state = 'failed' OR state = 'cancelled' OR state = 'superseded' OR state = 'expired'
      OR state = 'unknown');

-- sessions and refused logins

ALTER TABLE contact ADD COLUMN challenges_used INTEGER NOT NULL DEFAULT 0; -- syncml/challenge.h: nonces that were answered lately
ALTER TABLE contact DROP COLUMN client_nonce_prev; -- a nonce is answered once: whose answer was lost is challenged
ALTER TABLE contact ADD COLUMN resynchronised INTEGER NOT NULL DEFAULT 0; -- 1: the resynchronisation nonce was answered once with these secrets, and is good no more
ALTER TABLE contact ADD COLUMN certificate_until_ms INTEGER; -- end of the certificate that it showed last; NULL = it showed none

-- Somebody called as this device and was not let in: the last time.
CREATE TABLE refusal (
  device_id   INTEGER PRIMARY KEY REFERENCES device ON DELETE CASCADE,
  at_ms       INTEGER NOT NULL,
  remote      TEXT NOT NULL,              -- address it came from
  why         TEXT NOT NULL,
  times       INTEGER NOT NULL,           -- since_ms to at_ms
  since_ms    INTEGER NOT NULL DEFAULT 0,
  session_row INTEGER                     -- row of the history that all these share
) STRICT;

-- Two hold the identity of this device: sessions of it ended each other, and both went on.
CREATE TABLE contest (
  device_id INTEGER PRIMARY KEY REFERENCES device ON DELETE CASCADE,
  at_ms     INTEGER NOT NULL,             -- the last time
  since_ms  INTEGER NOT NULL,
  times     INTEGER NOT NULL,
  remote    TEXT NOT NULL,                -- addresses of the two
  other     TEXT NOT NULL
) STRICT;

-- quotas, sealed values, duplicates
-- Values of secret nodes rest sealed (server/core/credentials.h) until their operation is over, then they go. 0 open, 1 sealed, 2 gone.
ALTER TABLE operation ADD COLUMN secret INTEGER NOT NULL DEFAULT 0;      -- tree_data
ALTER TABLE operation ADD COLUMN result_sealed TEXT;                     -- what tree_result has only as "***"; kept for a day
ALTER TABLE operation_item ADD COLUMN secret INTEGER NOT NULL DEFAULT 0; -- data
CREATE INDEX operation_sealed ON operation (updated_ms) WHERE result_sealed IS NOT NULL;
CREATE TRIGGER operation_secret_gone AFTER UPDATE OF state ON operation WHEN NEW.by_policy = 0
    AND (NEW.state = 'verified' OR NEW.state = 'failed' OR NEW.state = 'cancelled' OR NEW.state = 'superseded'
      OR NEW.state = 'expired' OR NEW.state = 'unknown') BEGIN
  UPDATE operation SET tree_data = NULL, secret = 2 WHERE operation_id = NEW.operation_id AND secret = 1;
  UPDATE operation_item SET data = NULL, secret = 2 WHERE operation_id = NEW.operation_id AND secret = 1;
END;

ALTER TABLE contact ADD COLUMN booked BLOB;           -- alerts whose answer may not have arrived (server/dm/repeats.h); NULL = none
ALTER TABLE contact ADD COLUMN alerts_left INTEGER;   -- thousandths of alerts that it may still tell; NULL = as many as there are
ALTER TABLE contact ADD COLUMN alerts_ms INTEGER;     -- when that was so
ALTER TABLE contact ADD COLUMN booked_ms INTEGER;     -- when the last of them was booked

-- What one device may leave behind (server/store/ceilings.h) is counted, and a path that no tree has any more goes.
CREATE INDEX event_device ON event (authority_id, device, event_id) WHERE device <> '';
CREATE INDEX sample_age ON sample (device_id, at_ms);
CREATE INDEX node_path ON node (path_id);

CREATE TABLE instance (                   -- one row: which database this is; the same stands in the file "<database>.id" beside it
  id        TEXT NOT NULL,                -- 32 hex digits
  moment    TEXT NOT NULL DEFAULT '',     -- 32 hex digits that change at each start and stop and now and then (server/restored.h); also beside it
  copied_ms INTEGER                       -- this is a copy, made then, that nobody has served yet; NULL = it is none
) STRICT;
CREATE TABLE clock (                      -- one row: up to when the clock was believed (server/jobs/retention.h)
  clock_id   INTEGER PRIMARY KEY CHECK (clock_id = 1),
  trusted_ms INTEGER NOT NULL,
  waited_ms  INTEGER NOT NULL DEFAULT 0,  -- how long the server has run since the clock is not believed
  probe_ms   INTEGER NOT NULL DEFAULT 0   -- last write that only tried whether writing works
) STRICT;

-- verdicts of operations

ALTER TABLE operation_item ADD COLUMN changed_by INTEGER; -- operation that wrote there afterwards; 0 = a policy; NULL = nobody
ALTER TABLE device ADD COLUMN careful INTEGER NOT NULL DEFAULT 0; -- 1: its last session ended with commands on their way
ALTER TABLE failure DROP COLUMN stamp;
CREATE TABLE wish (                       -- what the last plan of a device stood on: a failure is forgotten when its wish changes
  device_id INTEGER NOT NULL REFERENCES device ON DELETE CASCADE,
  uri       TEXT NOT NULL,                -- of a VM or an image; '' = the device as a whole
  hash      TEXT NOT NULL,                -- same hash, same wish
  since_ms  INTEGER NOT NULL,
  PRIMARY KEY (device_id, uri)
) STRICT, WITHOUT ROWID;

-- conditions of devices and policies

ALTER TABLE device ADD COLUMN planned_stamp INTEGER NOT NULL DEFAULT 0; -- want_stamp at the moment of its last plan: summary speaks of that
ALTER TABLE device ADD COLUMN poll_ms INTEGER;        -- how often its account tells it to call; NULL = as configured
ALTER TABLE device ADD COLUMN unreachable_ms INTEGER; -- when its last notification was given up unanswered
UPDATE device SET planned_stamp = CASE WHEN summary = 'new' THEN 0 WHEN summary = 'settled' THEN have_stamp ELSE want_stamp END;
UPDATE device SET unreachable_ms = summary_ms, summary = 'working', summary_why = '' WHERE summary = 'unreachable';

ALTER TABLE vm ADD COLUMN crashes INTEGER NOT NULL DEFAULT 0;      -- how many the device counts
ALTER TABLE vm ADD COLUMN crashes_seen INTEGER NOT NULL DEFAULT 0; -- how many of them somebody has acknowledged
ALTER TABLE vm ADD COLUMN crash_time TEXT NOT NULL DEFAULT '';     -- of the last one, as the device says it
ALTER TABLE vm ADD COLUMN crash_why TEXT NOT NULL DEFAULT '';      -- its cause, a word of the layout
CREATE INDEX vm_crashed ON vm (device_id, vm) WHERE crashes > crashes_seen;

-- what policies set and which VMs they gave, so that it can be taken back

CREATE TABLE policy_set (                 -- what a policy of this authority wrote, and no person since
  device_id INTEGER NOT NULL REFERENCES device ON DELETE CASCADE,
  path_id   INTEGER NOT NULL,             -- of path, whose rows are never deleted
  value     TEXT,                         -- as it was written; NULL = an instance's own node, which was added
  earlier   TEXT,                         -- what was written before that, in case the device did not take the later one
  PRIMARY KEY (device_id, path_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX policy_set_path ON policy_set (path_id); -- an address that is named here is not swept
CREATE TABLE policy_vm (                  -- a VM that a policy gave a device, until what its onLeave says is done
  device_id INTEGER NOT NULL REFERENCES device ON DELETE CASCADE,
  policy_id INTEGER NOT NULL REFERENCES policy,
  vm        TEXT NOT NULL,
  goal      INTEGER NOT NULL DEFAULT 0,   -- 1: the policy gives it a state
  left_ms   INTEGER NOT NULL DEFAULT 0,   -- when it was first seen that the policy holds no longer; 0 = it holds
  PRIMARY KEY (device_id, policy_id, vm)
) STRICT, WITHOUT ROWID;
CREATE INDEX policy_vm_policy ON policy_vm (policy_id, device_id);
-- A change of a policy reaches a fleet a slice at a time, as one of a description does (006).
ALTER TABLE replan ADD COLUMN policy_id INTEGER REFERENCES policy;     -- NULL = a description; man, mod, mo are empty then
ALTER TABLE replan ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;     -- of the policy; 0 = it was deleted

-- Attributes are written to their table; the view is for reading.
DROP TRIGGER attribute_set;
DROP TRIGGER attribute_delete;
