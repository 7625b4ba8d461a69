"""Why traces and metrics do not appear: checks of the wiring, each with the fix."""
