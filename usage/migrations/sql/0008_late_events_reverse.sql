DROP VIEW usage_late_event;
