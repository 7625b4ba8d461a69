"""LogQL: parse, check, run."""
