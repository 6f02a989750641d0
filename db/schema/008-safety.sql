-- What keeps one peer from filling or deceiving the server, and what is known of a device that is refused.

-- sessions and refused logins

-- quotas, sealed values, duplicates
-- Values of secret nodes rest sealed (server/secrets.h) until their operation is over, then they go. 0 open, 1 sealed, 2 gone.
ALTER TABLE operation ADD COLUMN secret INTEGER NOT NULL DEFAULT 0;      -- tree_data
ALTER TABLE operation ADD COLUMN result_sealed TEXT;                     -- what tree_result has only as "***"; kept for a day
ALTER TABLE operation_item ADD COLUMN secret INTEGER NOT NULL DEFAULT 0; -- data
CREATE INDEX operation_sealed ON operation (updated_ms) WHERE result_sealed IS NOT NULL;
CREATE TRIGGER operation_secret_gone AFTER UPDATE OF state ON operation WHEN NEW.by_policy = 0
    AND (NEW.state = 'verified' OR NEW.state = 'failed' OR NEW.state = 'cancelled' OR NEW.state = 'superseded'
      OR NEW.state = 'expired') BEGIN
  UPDATE operation SET tree_data = NULL, secret = 2 WHERE operation_id = NEW.operation_id AND secret = 1;
  UPDATE operation_item SET data = NULL, secret = 2 WHERE operation_id = NEW.operation_id AND secret = 1;
END;

ALTER TABLE contact ADD COLUMN booked BLOB;           -- alerts whose answer may not have arrived (server/repeats.h); NULL = none
ALTER TABLE contact ADD COLUMN booked_ms INTEGER;     -- when the last of them was booked

-- verdicts of operations

-- conditions of devices and policies
