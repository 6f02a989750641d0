-- What makes a VM's files and images its owner's own.

-- images

-- volumes and wipes

-- sessions
