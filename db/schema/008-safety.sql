-- What keeps one peer from filling or deceiving the server, and what is known of a device that is refused.

-- sessions and refused logins

-- quotas, sealed values, duplicates

-- verdicts of operations

-- conditions of devices and policies
