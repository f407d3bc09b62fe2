"""How the example's base model and Norte's task files are made: grammars, pretraining, data."""
