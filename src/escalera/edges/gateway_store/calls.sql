-- add: one call; by place, which takes a fifth less time than by name
insert into calls (id, started, model, key, status, failed, attempts, record, request, answer)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- miss: calls that are not in the log
insert into missing (at, reason, calls) values (:at, :reason, :calls);

-- read: calls that are wanted, in the order in which they began
select record, request, answer
from calls
where (:since is null or started >= :since)
  and (:until is null or started < :until)
  and (:id = '' or id = :id)
  and (:key = '' or key = :key)
  and (:model = '' or model = :model)
  and (:status is null or status = :status or status / 100 = :status)
  and (:failed = 0 or failed = 1)
order by started, number;

-- newest: the same, newest first
select record, request, answer
from calls
where (:since is null or started >= :since)
  and (:until is null or started < :until)
  and (:id = '' or id = :id)
  and (:key = '' or key = :key)
  and (:model = '' or model = :model)
  and (:status is null or status = :status or status / 100 = :status)
  and (:failed = 0 or failed = 1)
order by started desc, number desc
limit :newest;

-- tally: how many calls and attempts there are
select count(*), coalesce(sum(attempts), 0)
from calls
where (:since is null or started >= :since)
  and (:until is null or started < :until)
  and (:id = '' or id = :id)
  and (:key = '' or key = :key)
  and (:model = '' or model = :model)
  and (:status is null or status = :status or status / 100 = :status)
  and (:failed = 0 or failed = 1);

-- missing: how many calls are not in the log, by reason
select reason, sum(calls) from missing group by reason;

-- trim_before: calls that began before a time
delete from calls where started < :before;

-- trim_oldest: a number of calls, oldest first
delete from calls
where number in (select number from calls order by started, number limit :calls);

-- count: all calls
select count(*) from calls;
