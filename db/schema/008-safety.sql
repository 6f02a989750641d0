-- What keeps one peer from filling or deceiving the server, and what is known of a device that is refused.

-- sessions and refused logins

-- quotas, sealed values, duplicates
ALTER TABLE contact ADD COLUMN booked BLOB;           -- alerts whose answer may not have arrived (server/repeats.h); NULL = none
ALTER TABLE contact ADD COLUMN booked_ms INTEGER;     -- when the last of them was booked

-- verdicts of operations

-- conditions of devices and policies
