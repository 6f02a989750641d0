-- What makes a VM's files and images its owner's own.

-- images
ALTER TABLE image ADD COLUMN owner TEXT NOT NULL DEFAULT '';  -- ServerID of the server that added it; '' = of an older agent: who may Exec it

-- volumes and wipes

-- sessions
