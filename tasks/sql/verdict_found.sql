-- Makes the view `found`: every key that was named, with its kind and, where the kind has one, its column.
-- Returns nothing. Parameters: none.
CREATE OR REPLACE TEMP VIEW found AS
SELECT named.kind, named."column", paired.key FROM named JOIN paired ON paired.rowid = named.pair
