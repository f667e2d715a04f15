"""What each kind of client sends and gets: one codec a dialect, which knows no socket."""
