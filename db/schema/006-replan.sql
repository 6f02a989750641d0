-- SPDX-License-Identifier: Apache-2.0
-- Devices that shall be planned anew because a description that is meant for them came or went: a slice of them at a time
-- (server/store/replan.c), so that no request and no commit waits for a fleet.
CREATE TABLE replan (
  replan_id    INTEGER PRIMARY KEY AUTOINCREMENT,
  authority_id INTEGER NOT NULL REFERENCES authority,
  man          TEXT NOT NULL,             -- as in description: empty = any
  mod          TEXT NOT NULL,
  mo           TEXT NOT NULL,
  stamp        INTEGER NOT NULL,          -- authority.stamp of the change
  why          TEXT NOT NULL,             -- for people
  after        INTEGER NOT NULL DEFAULT 0 -- device_id up to which it is done
) STRICT;
