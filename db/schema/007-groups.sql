-- SPDX-License-Identifier: Apache-2.0
-- Commands to the tree that go together, and what was done for one of "acl"; when operations that wait for a time are due.

ALTER TABLE operation ADD COLUMN tree_type TEXT;      -- kind "tree": MIME type, or the object's identifier of a new node
ALTER TABLE operation ADD COLUMN wake_ms INTEGER;     -- when its device is to be called for it; NULL = was called, or at once

CREATE TABLE operation_item (             -- a command of an Atomic or a Sequence; of "acl" each list read, and the one written
  operation_id INTEGER NOT NULL REFERENCES operation ON DELETE CASCADE,
  seq          INTEGER NOT NULL,          -- from 1 on
  command      TEXT NOT NULL,
  uri          TEXT NOT NULL DEFAULT '',
  format       TEXT,
  type         TEXT,
  data         TEXT,
  code         INTEGER NOT NULL DEFAULT 0,-- last Status; 0 = none came
  result       TEXT,                      -- JSON list of {uri, format, value}
  seen_code    INTEGER NOT NULL DEFAULT 0,-- what a look afterwards was answered
  seen         TEXT,                      -- the value it found
  seen_ms      INTEGER NOT NULL DEFAULT 0,-- when; 0 = not looked since it was sent
  PRIMARY KEY (operation_id, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX operation_wake ON operation (wake_ms) WHERE wake_ms IS NOT NULL;
CREATE INDEX operation_over ON operation (updated_ms)
  WHERE (state = 'verified' OR state = 'failed' OR state = 'cancelled' OR state = 'superseded' OR state = 'expired');
