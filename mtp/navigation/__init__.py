"""Menu and tabs of every page: `definition` has them all, `context` shows a person theirs."""
