-- Nothing to undo: the column goes.
SELECT 1;
