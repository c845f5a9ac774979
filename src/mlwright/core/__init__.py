"""What everything else rests on: errors, back-ends, configuration, workspace and state."""
