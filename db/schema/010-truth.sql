-- SPDX-License-Identifier: Apache-2.0
-- A clock that goes on its own a little at each start: how far in all, ahead and back, in ms, less what the server has run since.
ALTER TABLE clock ADD COLUMN leapt_ms INTEGER NOT NULL DEFAULT 0;

-- where a device has its objects
ALTER TABLE device ADD COLUMN mo_root TEXT;   -- root of its virtualization object; NULL = where the layout has it
ALTER TABLE device ADD COLUMN mo_images TEXT; -- of its images' object
