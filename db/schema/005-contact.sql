-- SPDX-License-Identifier: Apache-2.0
-- What changes whenever a device calls, apart from what is known of it: a session that changes nothing writes one short row.
CREATE TABLE contact (
  device_id         INTEGER PRIMARY KEY REFERENCES device ON DELETE CASCADE,
  seen_ms           INTEGER,              -- when it last authenticated itself
  quiet             INTEGER NOT NULL DEFAULT 0, -- sessions in which nothing had to be done (they have no row in session)
  client_nonce      BLOB,                 -- octets the device uses next (protocol.md 7.5)
  client_nonce_prev BLOB,                 -- still accepted once: the answer that carried the new one may have been lost
  server_nonce      BLOB,                 -- octets we use next, also in package 0
  resync_until_ms   INTEGER               -- a trigger with the resynchronisation nonce is out until then
) STRICT;
INSERT INTO contact (device_id, seen_ms, quiet, client_nonce, client_nonce_prev, server_nonce, resync_until_ms)
  SELECT device_id, seen_ms, quiet, client_nonce, client_nonce_prev, server_nonce, resync_until_ms FROM device;
ALTER TABLE device DROP COLUMN seen_ms;
ALTER TABLE device DROP COLUMN quiet;
ALTER TABLE device DROP COLUMN client_nonce;
ALTER TABLE device DROP COLUMN client_nonce_prev;
ALTER TABLE device DROP COLUMN server_nonce;
ALTER TABLE device DROP COLUMN resync_until_ms;
