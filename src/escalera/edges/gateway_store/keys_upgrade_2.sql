-- From the form 1 to the form 2: minutes of finetuning.
alter table keys add column minutes integer;
alter table keys add column minutes_window text;
alter table accounts add column minutes integer;
alter table accounts add column minutes_window text;
