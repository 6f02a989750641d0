-- SPDX-License-Identifier: Apache-2.0
-- The flight recorder: sessions as files that can be replayed. `record`: 1 every session, 0 none, NULL as the authority (then the
-- configuration) says.
ALTER TABLE device ADD COLUMN record INTEGER;
ALTER TABLE authority ADD COLUMN record INTEGER;

CREATE TABLE recording (                  -- what was said in a session and why (syncml/record/replay.h); no secrets
  session_row INTEGER PRIMARY KEY REFERENCES session ON DELETE CASCADE,
  at_ms       INTEGER NOT NULL,           -- when the session ended
  why         TEXT NOT NULL,              -- why it was recorded
  cut         INTEGER NOT NULL,           -- 1: it was longer than a recording may be, the beginning is kept
  bytes       INTEGER NOT NULL,
  data        TEXT NOT NULL
) STRICT;
CREATE INDEX recording_age ON recording (at_ms, bytes);
