"""Operations' pages of corrections: a form, a confirmation, then the correction itself."""
