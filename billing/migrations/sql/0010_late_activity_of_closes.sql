-- What each earlier close could adjust, as its verification took it until now.
UPDATE billing_monthclose c SET last_late_activity_id = (
    SELECT max(l.id) FROM usage_lateactivity l WHERE l.reported_at <= c.issued_at)
WHERE c.issued_at IS NOT NULL;
