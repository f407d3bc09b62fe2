-- add: a new job
insert into jobs (id, owner, key, status, wanted, worker, beat, starts, seconds, reserved, began,
                  finished, document)
values (:id, :owner, :key, :status, :wanted, :worker, :beat, :starts, :seconds, :reserved, :began,
        :finished, :document);

-- get: a job
select document, status, wanted, worker, beat, starts, seconds, finished from jobs where id = :id;

-- page: jobs of an owner, newest first, that have all of some metadata, or none at all
select document, status, wanted, worker, beat, starts, seconds, finished
from jobs
where (:owner is null or owner = :owner)
  and (:after = '' or number < (select number from jobs where id = :after))
  and (not :bare or document ->> '$.wish.metadata' = '{}')
  and not exists (
      select 1 from json_each(:metadata) wanted
      where not exists (
          select 1 from json_each(jobs.document, '$.wish.metadata') had
          where had.key = wanted.key and had.value = wanted.value
      )
  )
order by number desc
limit :limit;

-- waiting: how many jobs of an owner have not ended
select count(*) from jobs
where owner = :owner and status not in (select value from json_each(:ended));

-- standing: how many jobs are in each status
select status, count(*) from jobs group by status;

-- spent: seconds that jobs of a key, or of an owner that is none, took or hold
select coalesce(sum(max(seconds, reserved)), 0) from jobs
where began >= :since and (key = :key or (owner = :account and key != :account));

-- move: another status for a job that is in one of some
update jobs
set status = :to, wanted = '', worker = '', beat = null, reserved = 0,
    finished = iif(:ends, :now, finished)
where id = :id and status in (select value from json_each(:of))
returning document, status, wanted, worker, beat, starts, seconds, finished;

-- want: say what the worker of a running job is to do
update jobs set wanted = :wanted where id = :id and status = 'running'
returning document, status, wanted, worker, beat, starts, seconds, finished;

-- take: the next job for a worker; what was left behind goes first
update jobs
set status = :to, worker = :worker, beat = :now, starts = starts + (:to = 'running')
where number = (
    select number from jobs
    where (worker = '' and status in (select value from json_each(:of)))
       or (worker not in ('', :worker) and status = :to
           and (substr(worker, 1, length(:machine)) = :machine or beat < :now - :silent))
    order by worker = '', number
    limit 1
)
returning document, status, wanted, worker, beat, starts, seconds, finished;

-- beat: a worker says that it lives, and how long the job took
update jobs set beat = :now, seconds = :seconds where id = :id and worker = :worker
returning wanted;

-- keep: what is known of a job that a worker has
update jobs
set status = :status, document = :document, seconds = :seconds, reserved = :reserved,
    began = :began, finished = :finished,
    worker = iif(:working, worker, ''), wanted = iif(:working, wanted, '')
where id = :id and worker = :worker and not (:status = 'succeeded' and wanted = 'cancel');

-- tell: an event
insert or ignore into events (id, job, document) values (:id, :job, :document);

-- events: events of a job, newest first
select document from events
where job = :job and (:after = '' or number < (select number from events where id = :after))
order by number desc
limit :limit;

-- later: events of a job, oldest first
select document from events
where job = :job and (:after = '' or number > (select number from events where id = :after))
order by number
limit :limit;

-- mark: a checkpoint
insert or ignore into checkpoints (id, job, document) values (:id, :job, :document);

-- checkpoints: checkpoints of a job, newest first
select document from checkpoints
where job = :job and (:after = '' or number < (select number from checkpoints where id = :after))
order by number desc
limit :limit;
