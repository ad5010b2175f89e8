"""What a draft set of caps would have done: replayed over the past, and applied as a whole."""
