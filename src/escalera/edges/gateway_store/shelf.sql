-- number: the number of the last change
select number from revision;

-- count: another change
update revision set number = number + 1;

-- all: every model, the oldest first
select name, base, adapter, job, created, owner, gate, revision from models order by place;

-- one: a model by its name
select name, base, adapter, job, created, owner, gate, revision from models where name = :name;

-- put: a model, or what is known of it now
insert into models (name, base, revision, adapter, job, created, owner, gate)
values (:name, :base, :revision, :adapter, :job, :created, :owner, :gate)
on conflict (name) do update set
    revision = excluded.revision,
    job = excluded.job,
    created = excluded.created,
    owner = excluded.owner,
    gate = excluded.gate;

-- remove: a model
delete from models where name = :name;
