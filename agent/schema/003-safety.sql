-- SPDX-License-Identifier: Apache-2.0
-- What makes a VM's files and images its owner's own.

-- images
ALTER TABLE image ADD COLUMN owner TEXT NOT NULL DEFAULT '';  -- ServerID of the server that added it; '' = of an older agent: who may Exec it

-- volumes and wipes

-- sessions

-- Notifications signed with the resynchronisation nonce that were believed: such a signature never ages, so each counts once.
CREATE TABLE push_seen (
    digest      BLOB PRIMARY KEY,           -- MD5 of the trigger, 16 octets
    seen_ms     INTEGER NOT NULL            -- ms since 1970; the oldest go first
) STRICT, WITHOUT ROWID;
