-- add: a batch without a worker
insert into batch (id, owner, is_over, worker, beat, record)
values (:id, :owner, 0, '', 0, :record);

-- one: a batch
select record from batch where id = :id;

-- page: batches, newest first, behind one
select record from batch
where (:owner is null or owner = :owner)
  and (:after = '' or number < (select number from batch where id = :after))
order by number desc limit :limit;

-- free: the oldest that nobody works on
select record from batch
where not is_over and (worker = '' or beat < :silent)
order by number limit 1;

-- held: a batch that a worker has
select record from batch where id = :id and worker = :worker and not is_over;

-- put: another state
update batch set record = :record, is_over = :is_over where id = :id;

-- hold: who has it, and when that was said last
update batch set worker = :worker, beat = :now where id = :id;

-- release: nobody has it
update batch set worker = '', beat = 0 where id = :id and worker = :worker;

-- answer: what came of a line
insert or ignore into answer (batch, line, is_error, record)
values (:batch, :line, :is_error, :record);

-- answered: the lines that have answers
select line from answer where batch = :batch;

-- answers: a page of them
select line, is_error, record from answer
where batch = :batch and is_error = :is_error and line > :after
order by line limit :limit;

-- standing: how many batches are in each status, of those that are not over
select json_extract(cast(record as text), '$.status') as status, count(*)
from batch where not is_over group by status;

-- forget: some of the answers
delete from answer where rowid in (select rowid from answer where batch = :batch limit :limit);

-- known: whether a batch is there that is not over
select 1 from batch where id = :id and not is_over;
