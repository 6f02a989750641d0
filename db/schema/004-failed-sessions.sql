-- SPDX-License-Identifier: Apache-2.0
-- What went wrong lately is asked of the whole fleet; these sessions are few.
CREATE INDEX session_failed ON session (session_row) WHERE outcome IN ('aborted', 'refused', 'lost');
