-- Makes the view `found`: every key that was named, with its kind and, where the kind has one, its column.
-- Returns nothing. Parameters: none.
CREATE OR REPLACE TEMP VIEW found AS SELECT kind, "column", key FROM named
