"""Operations' pages of corrections: a form, a confirmation of what can't be undone, and the act."""
