"""Cap simulation: a draft of caps, tested against the past and applied as a whole."""
