-- SPDX-License-Identifier: Apache-2.0
-- What must survive a power cut on the device. One file, one program.

-- Small values by name: the device's made-up identity, the boot it was last seen in, counters.
CREATE TABLE meta (
    name        TEXT PRIMARY KEY,
    value       TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Accounts at management servers (DMAcc). Secrets only as B64(MD5(name ":" password)), but for the one scheme that needs the password itself.
CREATE TABLE account (
    server_id       TEXT PRIMARY KEY,       -- ServerID, as in ACLs and notifications
    place           INTEGER NOT NULL,       -- order of import; the first one owns the device-wide settings
    node            TEXT NOT NULL,          -- its node name below DMAcc
    url             TEXT NOT NULL,
    title           TEXT NOT NULL,
    client_name     TEXT NOT NULL,
    client_ha1      TEXT NOT NULL,
    client_password TEXT,                   -- only when auth = 'basic'
    server_name     TEXT NOT NULL,
    server_ha1      TEXT NOT NULL,
    auth            TEXT NOT NULL,          -- none basic md5 mac
    client_nonce    BLOB,                   -- decoded octets
    server_nonce    BLOB,
    poll_s          INTEGER NOT NULL        -- seconds, 0 = only when asked to
) STRICT, WITHOUT ROWID;

-- Nodes of the tree that were added, and values, rights and titles that differ from the description.
CREATE TABLE node (
    uri         TEXT PRIMARY KEY,
    added       INTEGER NOT NULL,           -- 1 = the node is there because somebody added it
    value       BLOB,                       -- NULL = the default counts
    acl         TEXT,
    title       TEXT,
    type        TEXT                        -- MIME type or MO identifier, NULL = as described
) STRICT, WITHOUT ROWID;

-- A VM's life as vm.c wrote it (JSON).
CREATE TABLE vm (
    id          TEXT PRIMARY KEY,           -- node name
    record      TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- How far an image is; its description is in node.
CREATE TABLE image (
    id          TEXT PRIMARY KEY,           -- node name
    status      INTEGER NOT NULL,           -- virtualization-mo.md c.9: 10 idle ... 70 ready
    result      INTEGER NOT NULL,           -- code of the last operation
    done_kb     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Operations of the device and of images, running or lately finished (those of VMs are in their records).
CREATE TABLE job (
    id          INTEGER PRIMARY KEY,
    op          TEXT NOT NULL,              -- name in the layout
    owner       TEXT NOT NULL,              -- image or VM, '' = the device
    uri         TEXT NOT NULL,              -- the Exec node, source of the final alert
    correlator  TEXT NOT NULL,
    server_id   TEXT NOT NULL,
    waiting     INTEGER NOT NULL,           -- parts not finished yet
    result      INTEGER NOT NULL,           -- worst code so far; 0 = none yet
    started_ms  INTEGER NOT NULL
) STRICT;

-- Alerts that a server has not acknowledged yet.
CREATE TABLE alert (
    id          INTEGER PRIMARY KEY,
    server_id   TEXT NOT NULL,
    name        TEXT NOT NULL,              -- name in the layout
    source      TEXT NOT NULL,
    format      TEXT NOT NULL,
    mark        TEXT NOT NULL,
    data        TEXT NOT NULL,
    correlator  TEXT NOT NULL,
    raised_ms   INTEGER NOT NULL
) STRICT;
