"""Real judges beside real people: calibration as published, and means corrected by few labels."""
