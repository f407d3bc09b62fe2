"""Which base to finetune: choices from small pilots, beside the truth of full trainings."""
