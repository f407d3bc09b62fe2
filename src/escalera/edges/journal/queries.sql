-- append: one event behind the last; fails when another process wrote the same position
insert into journal (position, kind, version, body, hash, request)
values (:position, :kind, :version, :body, :hash, :request);

-- read: every event after a position
select position, kind, version, body, hash
from journal
where position > :after
order by position;

-- bought: answers and grades by the keys of their requests
select position, kind, version, body
from journal
where request in (select value from json_each(:requests));

-- head: position and hash of the last event
select position, hash
from journal
order by position desc
limit 1;
