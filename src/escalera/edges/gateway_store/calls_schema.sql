-- The log of served calls: what is searched for as columns, the record as JSON, bodies apart.
create table calls (
    number   integer primary key,
    id       text    not null,
    started  real    not null,
    model    text    not null,
    key      text    not null,
    status   integer not null,
    failed   integer not null,
    attempts integer not null,
    record   blob    not null,
    request  text    not null,
    answer   text    not null
) strict;
create index calls_started on calls (started);
create index calls_id on calls (id);

-- Calls that were served and are not above: no room for them, or removed by retention.
create table missing (
    at     real    not null,
    reason text    not null,
    calls  integer not null
) strict;
