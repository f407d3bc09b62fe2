-- Finetuning jobs: what was asked and came of it as a document, and beside it what is asked for.
create table jobs (
    number   integer primary key,
    id       text    not null unique,
    owner    text    not null,
    key      text    not null,
    status   text    not null,
    wanted   text    not null,
    worker   text    not null,
    beat     real,
    starts   integer not null,
    seconds  real    not null,
    reserved real    not null,
    began    real,
    finished real,
    document text    not null
) strict;
create index jobs_owner on jobs (owner, number);
create index jobs_status on jobs (status, number);

create table events (
    number   integer primary key,
    id       text not null unique,
    job      text not null,
    document text not null
) strict;
create index events_job on events (job, number);

create table checkpoints (
    number   integer primary key,
    id       text not null unique,
    job      text not null,
    document text not null
) strict;
create index checkpoints_job on checkpoints (job, number);
