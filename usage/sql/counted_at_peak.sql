-- The users or devices counted right before an event, given by instant and id, or before a local day:
-- those whose only event until then is their addition. Without a search or a sort by name, PostgreSQL leaves
-- out the inner join with names: they are then read for the page's rows only.
SELECT e.subject_id, subject.name, coalesce(e.effective_at, e.at), e.actor_name, e.via, subject.detail,
       subject.removed_at, page.matching
FROM (
    SELECT counted.id, count(*) OVER () AS matching FROM (
        SELECT min(id) AS id, subject_id
        FROM ({events}) e
        WHERE (at, id) < (%(at)s, %(id)s)
            AND (%(before_day)s::date IS NULL OR at AT TIME ZONE %(zone)s < %(before_day)s::date)
        GROUP BY subject_id HAVING sum(delta) = 1
    ) counted
    LEFT JOIN {subjects} ON subject.id = counted.subject_id
    WHERE %(search)s = '' OR strpos(subject.key, %(search)s) > 0
    ORDER BY {order_of_all} LIMIT %(limit)s OFFSET %(offset)s
) page
JOIN usage_usageevent e ON e.id = page.id
LEFT JOIN {subjects} ON subject.id = e.subject_id
ORDER BY {order}
