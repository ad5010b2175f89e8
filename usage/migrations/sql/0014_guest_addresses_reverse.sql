-- The names are aliases of their users, who are found by both.
SELECT 1;
