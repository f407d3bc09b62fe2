-- append: one event behind the last; fails when another process wrote the same position
insert into journal (position, kind, version, body, hash)
values (:position, :kind, :version, :body, :hash);

-- read: every event after a position
select position, kind, version, body, hash
from journal
where position > :after
order by position;

-- head: position and hash of the last event
select position, hash
from journal
order by position desc
limit 1;
