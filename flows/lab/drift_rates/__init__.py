"""How often the drift check alarms: on stable traffic, new attacks, codecs, noise and gain."""
