"""What a month will come to: what is locked in, what may still come, and how sure that is."""
