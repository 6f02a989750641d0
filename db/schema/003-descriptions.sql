-- SPDX-License-Identifier: Apache-2.0
-- Device descriptions (DDF) that were uploaded. They are merged over those the server ships, for the devices they are meant for: empty
-- man, mod, mo = all of the authority. A new version is a new row.
CREATE TABLE description (
  description_id INTEGER PRIMARY KEY AUTOINCREMENT,
  authority_id   INTEGER NOT NULL REFERENCES authority,
  name           TEXT NOT NULL,
  man            TEXT NOT NULL,             -- DevInfo/Man of the devices
  mod            TEXT NOT NULL,             -- DevInfo/Mod
  mo             TEXT NOT NULL,             -- MO identifier they report
  objects        TEXT NOT NULL,             -- MO identifiers that it describes, one on a line
  nodes          INTEGER NOT NULL,
  bytes          INTEGER NOT NULL,
  data           BLOB NOT NULL,
  created_ms     INTEGER NOT NULL,
  created_by     TEXT NOT NULL,
  UNIQUE (authority_id, name)
) STRICT;
