"""The HTTP endpoint that serves the champion."""
