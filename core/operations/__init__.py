"""Operations alerts: facts that operations must know, each open until it is settled."""
