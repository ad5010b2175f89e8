"""How the text, the dates and the person’s options of a file are read."""
