-- add: a file whose bytes are on disk
insert into file (id, name, purpose, size, digest, created, owner, expires)
values (:id, :name, :purpose, :size, :digest, :created, :owner, :expires);

-- taken: the bytes of all files of an owner
select coalesce(sum(size), 0) from file where owner = :owner;

-- one: a file that has not expired
select id, name, purpose, size, digest, created, owner, expires from file
where id = :id and (expires is null or expires > :now);

-- newest: a page, newest first, behind a file
select id, name, purpose, size, digest, created, owner, expires from file
where (:owner is null or owner = :owner)
  and (:purpose is null or purpose = :purpose)
  and (expires is null or expires > :now)
  and (:after = '' or number < (select number from file where id = :after))
order by number desc limit :limit;

-- oldest: a page, oldest first, behind a file
select id, name, purpose, size, digest, created, owner, expires from file
where (:owner is null or owner = :owner)
  and (:purpose is null or purpose = :purpose)
  and (expires is null or expires > :now)
  and (:after = '' or number > (select number from file where id = :after))
order by number limit :limit;

-- remove: a file
delete from file where id = :id;

-- expired: files whose time is over
select id from file where expires <= :now;

-- known: whether there is a file, expired or not
select 1 from file where id = :id;
