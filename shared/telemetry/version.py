"""Version of the library, told to receivers in `telemetry.sdk.version` and the user agent."""

VERSION = "0.1.0"
