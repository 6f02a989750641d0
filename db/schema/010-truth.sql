-- SPDX-License-Identifier: Apache-2.0
-- A clock that goes on its own a little at each start: how far in all, ahead and back, in ms, less what the server has run since.
ALTER TABLE clock ADD COLUMN leapt_ms INTEGER NOT NULL DEFAULT 0;
