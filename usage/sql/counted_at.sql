-- Who was counted right before an event of the log, named by instant and id: those with one event
-- until then, their addition. Names are those the log has of then.
SELECT subject_id, min(subject_name) AS subject_name, min(at) AS added_at,
       min(actor_name) AS actor_name, min(via) AS via
FROM usage_usageevent
WHERE organization_id = %(organization_id)s AND metric = %(metric)s AND (at, id) < (%(at)s, %(id)s)
GROUP BY subject_id
HAVING sum(delta) = 1 AND strpos(lower(min(subject_name)), lower(%(search)s)) > 0
