"""The demo: three providers with a past, made through the same domain calls as everything else."""
