-- SPDX-License-Identifier: Apache-2.0
-- One word for each thing: a notification is package 0, a generation counts the changes that concern a device.
ALTER TABLE trigger RENAME TO notification;
ALTER TABLE notification RENAME COLUMN trigger_id TO notification_id;
ALTER TABLE session RENAME COLUMN trigger_id TO notification_id;
ALTER TABLE device RENAME COLUMN next_trigger_no TO next_notification_no; -- 16-bit session id of the next one (skips 0 and pending ones)
DROP INDEX trigger_due;
DROP INDEX trigger_open;
DROP INDEX trigger_device;
CREATE INDEX notification_due ON notification (next_ms) WHERE next_ms IS NOT NULL;
CREATE INDEX notification_open ON notification (device_id, session_no) WHERE state IN ('pending', 'sent');
CREATE INDEX notification_device ON notification (device_id, notification_id);
ALTER TABLE device RENAME COLUMN want_stamp TO generation;            -- authority.stamp when something last changed that concerns it
ALTER TABLE device RENAME COLUMN have_stamp TO observed_generation;   -- generation at the moment when its plan was last found settled
ALTER TABLE device RENAME COLUMN planned_stamp TO planned_generation; -- generation at the moment of its last plan: summary speaks of that
UPDATE event SET type = 'notification' WHERE type = 'trigger';
