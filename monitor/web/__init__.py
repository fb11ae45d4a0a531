"""What can be seen over HTTP: health, metrics, the console."""
