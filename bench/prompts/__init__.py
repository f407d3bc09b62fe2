"""Our prompt search beside GEPA and MIPROv2, on models whose right prompt is known."""
