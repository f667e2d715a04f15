"""What an answer says of a recording: verdict, channels, timeline, segments."""
