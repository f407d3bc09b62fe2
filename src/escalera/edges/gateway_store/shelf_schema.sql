-- Finetuned models that can be asked by name; `place` is the order in which they came.
create table models (
    place    integer primary key autoincrement,
    name     text not null unique,
    base     text not null,
    revision text not null,
    adapter  text not null,
    job      text not null,
    created  real not null,
    owner    text not null,
    gate     text not null
) strict;

-- One row: the number of the last change.
create table revision (number integer not null) strict;
insert into revision values (0);
