-- The users or devices counted right before an event, given by instant and id, or before a local day:
-- those whose only event until then is their addition. Current names are read for the page's rows only.
SELECT e.subject_id, e.subject_name, coalesce(e.effective_at, e.at), e.actor_name, e.via, coalesce(current_row.name, ''),
       current_row.removed_at, page.matching
FROM (
    SELECT id, count(*) OVER () AS matching FROM (
        SELECT min(id) AS id, min(subject_name) AS subject_name
        FROM ({events}) e
        WHERE (at, id) < (%(at)s, %(id)s)
            AND (%(before_day)s::date IS NULL OR at AT TIME ZONE %(zone)s < %(before_day)s::date)
        GROUP BY subject_id HAVING sum(delta) = 1
    ) counted
    WHERE %(search)s = '' OR strpos(lower(subject_name), lower(%(search)s)) > 0
    ORDER BY {order_of_all} LIMIT %(limit)s OFFSET %(offset)s
) page
JOIN usage_usageevent e ON e.id = page.id
LEFT JOIN LATERAL ({current_row} WHERE id = e.subject_id) current_row ON true
ORDER BY {order}
