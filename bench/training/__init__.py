"""The training engine beside TRL's trainer: tokens per processor second, losses, kills."""
