-- SPDX-License-Identifier: Apache-2.0
-- TStamp and VerNo of the tree's nodes. Of nodes older than this step nobody knows when they came or changed.

ALTER TABLE node ADD COLUMN made_ms INTEGER NOT NULL DEFAULT 0;     -- when it was added, ms since 1970; 0 = it was not, or nobody knows
ALTER TABLE node ADD COLUMN changed_ms INTEGER NOT NULL DEFAULT 0;  -- when its value changed last (TStamp); 0 = never
ALTER TABLE node ADD COLUMN version INTEGER NOT NULL DEFAULT 0;     -- VerNo: how often, modulo 65536
