-- SPDX-License-Identifier: Apache-2.0
-- Times are UTC milliseconds since 1970. Ids never leave the database but for operations, triggers and events.
-- Every table that grows with the fleet has device_id as its leading key.
-- Words are checked with OR and not with IN: SQLite makes a table of a longer list whenever a row is written.

CREATE TABLE authority (                  -- an organisation that manages devices
  authority_id INTEGER PRIMARY KEY,
  name         TEXT NOT NULL UNIQUE,      -- "acme-it": in policies, in /dm/<name>
  server_id    TEXT NOT NULL UNIQUE,      -- ServerID: <= 23 of [A-Za-z0-9.-] (notification-bootstrap.md 9)
  title        TEXT NOT NULL DEFAULT '',  -- for people
  owner        INTEGER NOT NULL DEFAULT 3,-- Domain/Owner on devices: 2 operator, 3 enterprise (virtualization-mo.md c.3.1)
  stamp        INTEGER NOT NULL DEFAULT 1,-- grows with every change that may concern devices
  created_ms   INTEGER NOT NULL
) STRICT;

CREATE TABLE token (                      -- a bearer token of the REST API
  token_id     INTEGER PRIMARY KEY,
  authority_id INTEGER REFERENCES authority, -- NULL = all authorities
  name         TEXT NOT NULL,             -- whose or what for
  role         TEXT NOT NULL CHECK (role = 'viewer' OR role = 'operator' OR role = 'admin' OR role = 'auditor'),
  hash         BLOB NOT NULL UNIQUE,      -- SHA-256 of the token, which is random enough to need no salt
  created_ms   INTEGER NOT NULL,
  expires_ms   INTEGER,                   -- NULL = never
  used_ms      INTEGER                    -- last use, to the minute
) STRICT;

CREATE TABLE device (                     -- one phone as one authority knows it
  device_id      INTEGER PRIMARY KEY,
  authority_id   INTEGER NOT NULL REFERENCES authority,
  name           TEXT NOT NULL,           -- DevInfo/DevId, SyncHdr Source/LocURI: "IMEI:001010000000017"
  title          TEXT NOT NULL DEFAULT '',-- for people
  created_ms     INTEGER NOT NULL,
  seen_ms        INTEGER,                 -- last authenticated message
  user_agent     TEXT,
  remote         TEXT,                    -- address it last called from
  push_channel   TEXT NOT NULL DEFAULT 'none' CHECK (push_channel = 'none' OR push_channel = 'udp' OR push_channel = 'pap'
      OR push_channel = 'sms'),
  push_address   TEXT NOT NULL DEFAULT '',-- udp: host:port
  want_stamp     INTEGER NOT NULL DEFAULT 1, -- authority.stamp when something last changed that concerns it
  have_stamp     INTEGER NOT NULL DEFAULT 0, -- want_stamp at the moment when its plan was last found settled
  settled_token  TEXT,                    -- StateToken it reported when it was settled
  layout_mo      TEXT,                    -- MO identifier it reports for its virtualization object
  mirror_read    INTEGER NOT NULL DEFAULT 0, -- 1: the whole object has been read once
  lists          INTEGER NOT NULL DEFAULT 0, -- "?list=" 0 not tried yet, 1 works, 2 answered with 406 or 404
  large_objects  INTEGER NOT NULL DEFAULT 0, -- 1: takes large objects (DevDetail/LrgObj)
  devinfo_hash   INTEGER NOT NULL DEFAULT 0, -- over DevInfo as last reported: the same again writes nothing
  next_kpi_ms    INTEGER,                 -- from when on its KPIs are read again; NULL = never
  quiet          INTEGER NOT NULL DEFAULT 0, -- sessions in which nothing had to be done (they have no row in session)
  -- Nonces change with every session, so they lie here and not in account: a session that changes nothing writes one row.
  client_nonce   BLOB,                    -- octets the device uses next (protocol.md 7.5)
  client_nonce_prev BLOB,                 -- still accepted once: the answer that carried the new one may have been lost
  server_nonce   BLOB,                    -- octets we use next, also in package 0
  resync_until_ms INTEGER,                -- a trigger with the resynchronisation nonce is out until then
  summary        TEXT NOT NULL DEFAULT 'new', -- new, settled, working, waiting, failed, unreachable
  summary_why    TEXT NOT NULL DEFAULT '',-- for people
  summary_ms     INTEGER,
  next_trigger_no INTEGER NOT NULL DEFAULT 1, -- 16-bit session id of the next trigger (skips 0 and pending ones)
  UNIQUE (authority_id, name)
) STRICT;
CREATE INDEX device_behind ON device (authority_id, device_id) WHERE want_stamp > have_stamp;

CREATE TABLE account (                    -- credentials, both directions (protocol.md 7); nonces are in device
  device_id        INTEGER PRIMARY KEY REFERENCES device ON DELETE CASCADE,
  client_name      TEXT NOT NULL,         -- CLCRED AAuthName
  client_ha1       BLOB NOT NULL,         -- sealed B64(MD5(name:password)); AES-256-GCM, bound to "device name/client"
  server_name      TEXT NOT NULL,         -- SRVCRED AAuthName = ServerID
  server_ha1       BLOB NOT NULL,         -- sealed likewise, bound to "device name/server"
  auth             TEXT NOT NULL DEFAULT 'md5' CHECK (auth = 'basic' OR auth = 'md5' OR auth = 'mac')
) STRICT;

CREATE TABLE attribute_row (              -- attributes that no node of the mirror holds
  device_id INTEGER NOT NULL REFERENCES device ON DELETE CASCADE,
  name      TEXT NOT NULL,                -- "label.department" (ours), "devinfo.man", "devdetail.fwv" (the device reported)
  value     TEXT NOT NULL,
  PRIMARY KEY (device_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE path (                       -- addresses of the fleet's trees, each once
  path_id INTEGER PRIMARY KEY,
  uri     TEXT NOT NULL UNIQUE            -- canonical: "./Virtualization/VM/corp/State"
) STRICT;

CREATE TABLE node (                       -- the mirror: a device's tree as last known. No foreign keys: they would be checked with every row
  device_id INTEGER NOT NULL,             -- of device; the trigger below cascades
  path_id   INTEGER NOT NULL,             -- of path, whose rows are never deleted
  format    INTEGER NOT NULL,             -- enum ddf_format
  known     INTEGER NOT NULL,             -- 0 reported, 1 acknowledged, 2 stale
  value     TEXT,                         -- of an interior node: its child list ("a/b/c") when the device gave one, else NULL
  at_ms     INTEGER NOT NULL,             -- when last reported or acknowledged
  PRIMARY KEY (device_id, path_id)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER device_nodes AFTER DELETE ON device BEGIN
  DELETE FROM node WHERE device_id = OLD.device_id;
END;

CREATE TABLE fact (                       -- which nodes of the device's object are attributes; made from the layouts at each start
  path_id INTEGER PRIMARY KEY,
  name    TEXT NOT NULL                   -- "hypervisor.arch"
) STRICT;
CREATE INDEX fact_name ON fact (name);

-- What selectors look at. Facts lie in the mirror and are not kept twice.
CREATE VIEW attribute (device_id, name, value) AS
  SELECT device_id, name, value FROM attribute_row
  UNION ALL
  SELECT n.device_id, f.name, n.value FROM fact f CROSS JOIN node n ON n.path_id = f.path_id WHERE n.value IS NOT NULL;
CREATE TRIGGER attribute_set INSTEAD OF INSERT ON attribute BEGIN
  INSERT INTO attribute_row (device_id, name, value) VALUES (NEW.device_id, NEW.name, NEW.value)
    ON CONFLICT (device_id, name) DO UPDATE SET value = NEW.value;
END;
CREATE TRIGGER attribute_delete INSTEAD OF DELETE ON attribute BEGIN
  DELETE FROM attribute_row WHERE device_id = OLD.device_id AND name = OLD.name;
END;

CREATE TABLE vm (                         -- one row a VM, made from the mirror for lists and pages
  device_id   INTEGER NOT NULL REFERENCES device ON DELETE CASCADE,
  vm          TEXT NOT NULL,              -- node name: "corp"
  title       TEXT NOT NULL DEFAULT '',   -- Name
  state       INTEGER NOT NULL DEFAULT 0, -- virtualization-mo.md c.5.1
  lock_state  INTEGER NOT NULL DEFAULT 0,
  reason      INTEGER NOT NULL DEFAULT 0, -- c.5.5
  verified    INTEGER NOT NULL DEFAULT 0, -- 1: state was reported after the last change
  state_ms    INTEGER,                    -- when the state was learnt
  image       TEXT NOT NULL DEFAULT '',   -- ImageID
  summary     TEXT NOT NULL DEFAULT '',   -- settled, working, waiting, failed
  summary_why TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (device_id, vm)
) STRICT, WITHOUT ROWID;

CREATE TABLE sample (                     -- one reading of a VM's KPIs
  device_id INTEGER NOT NULL REFERENCES device ON DELETE CASCADE,
  vm        TEXT NOT NULL,
  at_ms     INTEGER NOT NULL,             -- KPI/SampleTime
  data      TEXT NOT NULL,                -- JSON object: layout's KPI name -> number or text
  PRIMARY KEY (device_id, vm, at_ms)
) STRICT, WITHOUT ROWID;

CREATE TABLE policy (
  policy_id    INTEGER PRIMARY KEY,
  authority_id INTEGER NOT NULL REFERENCES authority,
  name         TEXT NOT NULL,
  revision     INTEGER NOT NULL,          -- the one in force
  deleted_ms   INTEGER,                   -- VMs stay as they are; history stays readable
  created_ms   INTEGER NOT NULL,
  UNIQUE (authority_id, name)
) STRICT;

CREATE TABLE policy_revision (
  policy_id  INTEGER NOT NULL REFERENCES policy,
  revision   INTEGER NOT NULL,            -- 1, 2, 3 ...
  document   TEXT NOT NULL,               -- as it was sent, comments and all
  hash       TEXT NOT NULL,               -- SHA-256 of its canonical JSON: applying the same again makes no revision
  created_ms INTEGER NOT NULL,
  created_by TEXT NOT NULL,               -- token's name
  PRIMARY KEY (policy_id, revision)
) STRICT, WITHOUT ROWID;

CREATE TABLE assignment (                 -- which policy holds for which device and how far it is
  device_id  INTEGER NOT NULL REFERENCES device ON DELETE CASCADE,
  policy_id  INTEGER NOT NULL REFERENCES policy,
  revision   INTEGER NOT NULL,            -- the one the state speaks of
  truth      INTEGER NOT NULL,            -- of the selector: 1 true, 2 unknown (enum pol_truth)
  state      TEXT NOT NULL CHECK (state = 'pending' OR state = 'working' OR state = 'waiting' OR state = 'settled'
      OR state = 'failed'),
  why        TEXT NOT NULL DEFAULT '',
  at_ms      INTEGER NOT NULL,
  PRIMARY KEY (device_id, policy_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX assignment_policy ON assignment (policy_id, state, device_id);

CREATE TABLE operation (                  -- one thing somebody, or the plan, asked for once
  operation_id INTEGER PRIMARY KEY AUTOINCREMENT,
  device_id    INTEGER NOT NULL REFERENCES device ON DELETE CASCADE,
  kind         TEXT NOT NULL,             -- layout operation ("lock", "provision"), or "tree"
  by_policy    INTEGER NOT NULL,          -- 1: made by the plan
  scope        INTEGER NOT NULL,          -- enum ddf_scope
  owner        TEXT NOT NULL DEFAULT '',  -- VM or image node name
  args         TEXT NOT NULL DEFAULT '',  -- "start=1;force=1"
  tree_command TEXT, tree_uri TEXT, tree_format TEXT, tree_data TEXT,   -- kind "tree"
  tree_result  TEXT,                      -- JSON list of {uri, format, value}
  correlator   TEXT NOT NULL,
  state        TEXT NOT NULL CHECK (state = 'queued' OR state = 'notified' OR state = 'sent' OR state = 'accepted'
      OR state = 'acknowledged' OR state = 'verified' OR state = 'failed' OR state = 'cancelled'
      OR state = 'superseded' OR state = 'expired'),
  code         INTEGER NOT NULL DEFAULT 0,-- raw status or result code of the last step
  reason       TEXT NOT NULL DEFAULT '',  -- for people: what happened, or what it waits for
  percent      INTEGER NOT NULL DEFAULT -1,
  tries        INTEGER NOT NULL DEFAULT 0,
  created_by   TEXT NOT NULL,             -- token's name, or "policy <name>"
  created_ms   INTEGER NOT NULL,
  updated_ms   INTEGER NOT NULL,
  not_before_ms INTEGER NOT NULL DEFAULT 0,
  expires_ms   INTEGER NOT NULL DEFAULT 0,
  UNIQUE (device_id, correlator)
) STRICT;
CREATE INDEX operation_open ON operation (device_id, operation_id)
  WHERE (state = 'queued' OR state = 'notified' OR state = 'sent' OR state = 'accepted' OR state = 'acknowledged');
CREATE INDEX operation_device ON operation (device_id, operation_id);
CREATE INDEX operation_by_hand ON operation (device_id, operation_id)       -- what people did to VMs, which policies do not undo
  WHERE by_policy = 0 AND scope = 1 AND state = 'verified';

CREATE TABLE operation_step (             -- how it got there
  operation_id INTEGER NOT NULL REFERENCES operation ON DELETE CASCADE,
  seq          INTEGER NOT NULL,
  at_ms        INTEGER NOT NULL,
  state        TEXT NOT NULL,
  code         INTEGER NOT NULL,
  reason       TEXT NOT NULL,
  PRIMARY KEY (operation_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE failure (                    -- plan steps that failed: tried a few times, then set aside
  device_id INTEGER NOT NULL REFERENCES device ON DELETE CASCADE,
  key       TEXT NOT NULL,                -- struct pol_step.key
  code      INTEGER NOT NULL,
  tries     INTEGER NOT NULL,
  retry_ms  INTEGER NOT NULL,             -- 0 = not until the policy or the device changes
  stamp     INTEGER NOT NULL,             -- device.want_stamp then: a newer wish forgets the failure
  why       TEXT NOT NULL,
  at_ms     INTEGER NOT NULL,
  PRIMARY KEY (device_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE trigger (                    -- a notification (package 0) that asks a device to call
  trigger_id   INTEGER PRIMARY KEY AUTOINCREMENT,
  device_id    INTEGER NOT NULL REFERENCES device ON DELETE CASCADE,
  session_no   INTEGER NOT NULL,          -- 1..65535
  state        TEXT NOT NULL CHECK (state = 'pending' OR state = 'sent' OR state = 'answered' OR state = 'failed'
      OR state = 'cancelled'),
  why          TEXT NOT NULL,             -- what for: "policy corporate-workspace revision 2"
  channel      TEXT NOT NULL,
  address      TEXT NOT NULL,
  tries        INTEGER NOT NULL DEFAULT 0,
  created_ms   INTEGER NOT NULL,
  sent_ms      INTEGER,                   -- last time
  answered_ms  INTEGER,                   -- when the session it asked for began
  next_ms      INTEGER,                   -- when it is sent (again); NULL = no more
  error        TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX trigger_due ON trigger (next_ms) WHERE next_ms IS NOT NULL;
CREATE INDEX trigger_open ON trigger (device_id, session_no) WHERE state IN ('pending', 'sent');
CREATE INDEX trigger_device ON trigger (device_id, trigger_id);

CREATE TABLE session (                    -- what happened when a device called
  session_row  INTEGER PRIMARY KEY AUTOINCREMENT,
  device_id    INTEGER NOT NULL REFERENCES device ON DELETE CASCADE,
  session_id   TEXT NOT NULL,             -- as in SyncHdr
  trigger_id   INTEGER,                   -- the trigger that caused it
  started_ms   INTEGER NOT NULL,
  ended_ms     INTEGER,
  messages     INTEGER NOT NULL DEFAULT 0,
  outcome      TEXT NOT NULL DEFAULT 'open', -- open, done, aborted, refused, lost
  why          TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX session_device ON session (device_id, session_row);

CREATE TABLE image (                      -- a guest's disk or kernel bundle; the file lies under its SHA-256
  image_id     INTEGER PRIMARY KEY,
  authority_id INTEGER NOT NULL REFERENCES authority,
  name         TEXT NOT NULL,
  version      TEXT NOT NULL,             -- dotted numbers
  guest_type   TEXT NOT NULL,
  arch         TEXT NOT NULL,
  format       TEXT NOT NULL,             -- raw, qcow2, bundle
  sha256       TEXT NOT NULL,             -- lower-case hex
  size_bytes   INTEGER NOT NULL,
  node_name    TEXT NOT NULL,             -- ImageID and node name on devices, <= 16 characters
  secret       TEXT NOT NULL,             -- part of its download URL that cannot be guessed
  created_ms   INTEGER NOT NULL,
  created_by   TEXT NOT NULL,
  UNIQUE (authority_id, name, version)
) STRICT;
CREATE INDEX image_sha256 ON image (sha256);

CREATE TABLE event (                      -- what the live stream tells, in order
  event_id     INTEGER PRIMARY KEY AUTOINCREMENT,
  authority_id INTEGER NOT NULL,
  at_ms        INTEGER NOT NULL,
  type         TEXT NOT NULL,             -- device, vm, kpi, operation, policy, trigger, image, session
  device       TEXT NOT NULL DEFAULT '',  -- device name
  data         TEXT NOT NULL              -- JSON object, what has changed
) STRICT;

CREATE TABLE audit (                      -- append-only, chained
  audit_id     INTEGER PRIMARY KEY AUTOINCREMENT,
  authority_id INTEGER,
  at_ms        INTEGER NOT NULL,
  who          TEXT NOT NULL,             -- token's name
  action       TEXT NOT NULL,             -- "policy.apply"
  target       TEXT NOT NULL,             -- "policies/corporate-workspace"
  before_json  TEXT,
  after_json   TEXT,
  hash         BLOB NOT NULL              -- SHA-256 over the row before's hash and this row's fields
) STRICT;

CREATE TABLE idempotency (                -- answers kept for a day, so that a repeated request acts once
  token_id   INTEGER NOT NULL,
  key        TEXT NOT NULL,
  request    TEXT NOT NULL,               -- method, path and SHA-256 of the body
  status     INTEGER NOT NULL,
  reply      TEXT NOT NULL,
  at_ms      INTEGER NOT NULL,
  PRIMARY KEY (token_id, key)
) STRICT, WITHOUT ROWID;
