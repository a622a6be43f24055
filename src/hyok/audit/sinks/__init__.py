"""Where records and checkpoints are sent besides the trail: strangers to one another, all behind `interface.Sink`."""
